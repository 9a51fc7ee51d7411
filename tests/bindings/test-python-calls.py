# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The calls in Python, which are in an extension in C or in a fallback: what they accept, objects
that are no semaphores, references and memory, and signals that interrupt nothing.
"""

import contextlib
import ctypes
import gc
import inspect
import os
import signal
import sys
import threading

from gi.repository import Gio, GLib, GObject

import tap
from bindings import CALLS, CANCELLED, INVALID_ARGUMENT, LONG_SECONDS, OverrideCase, Ssem

SIGNATURES = {
    'acquire': '(n=1, timeout=None, cancellable=None)',
    'try_acquire': '(n=1)',
    'acquire_timeout': '(n, timeout_usec, cancellable=None)',
    'release': '(n=1)',
    'hold': '(n=1, timeout=None, cancellable=None)',
}


class Calls(OverrideCase):
    def test_only_one_of_the_two_is_loaded(self):
        loaded = {name for name in sys.modules if name.startswith('gi.overrides._ssem_')}
        self.assertEqual('gi.overrides._ssem_calls' in loaded, CALLS == 'extension')
        self.assertEqual('gi.overrides._ssem_fallback' in loaded, CALLS == 'fallback')

    def test_signatures(self):
        semaphore = self.new(1)
        for name, signature in SIGNATURES.items():
            with self.subTest(call=name):
                call = getattr(semaphore, name)
                self.assertEqual(str(inspect.signature(call)), signature)
                self.assertGreater(len(call.__doc__), 20)

    def test_names_of_arguments(self):
        semaphore = self.new(3)
        self.assertIs(semaphore.acquire(n=2, timeout=0, cancellable=None), True)
        self.assertIs(semaphore.acquire(1, cancellable=Gio.Cancellable(), timeout=1), True)
        self.assertIs(semaphore.try_acquire(n=1), False)
        self.assertIs(semaphore.release(n=3), True)
        self.assertIs(semaphore.acquire_timeout(timeout_usec=0, n=3), True)
        self.assertIs(semaphore.release(3), True)
        self.assertIs(semaphore.acquire_interruptible(3, -1), True)
        self.assertIs(semaphore.release(3), True)
        with semaphore.hold(n=2, cancellable=None, timeout=0):
            self.assertEqual(semaphore.get_value(), 1)

    def test_wrong_arguments(self):
        semaphore = self.new(3)
        for name, signature in SIGNATURES.items():
            call = getattr(semaphore, name)
            n_parameters = signature.count(',') + 1
            for arguments, keywords in [((1,) * (n_parameters + 1), {}), ((1,), {'n': 1}),
                                        ((1,), {'m': 1})]:
                with self.subTest(call=name, arguments=arguments, keywords=keywords):
                    self.assertRaises(TypeError, call, *arguments, **keywords)
        for arguments, keywords in [((), {}), ((1,), {}), ((), {'timeout_usec': 1})]:
            self.assertRaises(TypeError, semaphore.acquire_timeout, *arguments, **keywords)
        self.assertEqual(semaphore.get_value(), 3)

    def test_time_in_parts(self):
        """The main thread waits in parts, which do not shorten the time, and returns no error."""
        semaphore = self.new(0)
        before = GLib.get_monotonic_time()
        self.assertIs(semaphore.acquire(1, 0.3), False)
        self.assertGreaterEqual(GLib.get_monotonic_time() - before, 300000)
        self.assertFails(Gio.IOErrorEnum.TIMED_OUT, semaphore.acquire_timeout, 1, 220000)
        self.once_waiting(semaphore.release)
        self.assertIs(semaphore.acquire(1, LONG_SECONDS), True)

    def test_signal_that_does_not_interrupt(self):
        """The handler in C runs in another thread, and Python's handler in the main thread soon."""
        semaphore = self.new(0)
        old = signal.signal(signal.SIGUSR1, lambda *unused: semaphore.release())
        self.addCleanup(signal.signal, signal.SIGUSR1, old)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        self.addCleanup(signal.pthread_sigmask, signal.SIG_UNBLOCK, [signal.SIGUSR1])

        def send():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
            signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

        self.once_waiting(send)
        self.assertIs(semaphore.acquire(), True)

    def test_other_backends(self):
        """The extension keeps the interpreter's lock only for backends that it knows."""
        done = self.run_program('''
import os, sys
import gi
gi.require_version('Ssem', '1')
from gi.repository import Ssem
semaphore = Ssem.SystemSemaphore(sys.argv[1], 3)
assert os.listdir(os.environ['SSEM_RUNTIME_DIR'])[0].startswith('ssem-memory-')
semaphore.acquire()
semaphore.acquire(2, timeout=1)
print(semaphore.acquire(1, timeout=0), semaphore.try_acquire(), semaphore.acquire(1, 1e-3))
semaphore.release(3)
with semaphore, semaphore.hold(2):
    print(semaphore.get_value())
print(semaphore.get_value())
''', SSEM_BACKEND='memory',
            SSEM_MODULE_DIR=os.path.join(os.environ['G_TEST_BUILDDIR'], 'modules'))
        self.assertEqual((done.stderr, done.stdout.split()),
                         ('', ['False', 'False', 'False', '0', '3']))

    def run_beside_thread(self, backend, calls, n_rounds):
        """Runs `calls` repeatedly: `n_rounds` times, or until another thread has run (with None).

        The other thread runs when the main thread gives up the interpreter's lock. The interpreter
        itself takes the lock from no thread for 1,000 seconds.
        """
        done = self.run_program('''
import itertools, sys, threading
import gi
gi.require_version('Ssem', '1')
from gi.repository import Ssem
key, calls, n_rounds = sys.argv[1:]
semaphore = Ssem.SystemSemaphore(key, 1)
calls = compile(calls, 'calls', 'exec')
exec(calls)
sys.setswitchinterval(1000)
gate = threading.Lock()
runs = []
def run():
    with gate:
        runs.append(True)
with gate:
    thread = threading.Thread(target=run)
    thread.start()
for _ in range(int(n_rounds)) if n_rounds else iter(lambda: bool(runs), True):
    exec(calls)
print(len(runs))
thread.join()
''', calls, str(n_rounds or ''), SSEM_BACKEND=backend,
            SSEM_MODULE_DIR=os.path.join(os.environ['G_TEST_BUILDDIR'], 'modules'))
        self.assertEqual(done.stderr, '')
        return int(done.stdout)

    def test_interpreters_lock(self):
        """The extension keeps the interpreter's lock in operations that take a short time."""
        if CALLS == 'fallback':
            self.skipTest('the fallback gives up the lock in each call of the library')
        few = """
semaphore.acquire(); semaphore.try_acquire(); semaphore.release(); semaphore.release(2)
semaphore.try_acquire(2); semaphore.acquire(2, timeout=0)
with semaphore: pass
with semaphore.hold(): pass
"""
        many = 'semaphore.release(1000); semaphore.try_acquire(1000)'
        for backend in 'shared-memory', 'sysv', 'posix':
            with self.subTest(backend=backend):
                self.assertEqual(self.run_beside_thread(backend, few, 3000), 0)
        self.assertEqual(self.run_beside_thread('memory', few, None), 1)
        self.assertEqual(self.run_beside_thread('posix', many, None), 1)
        self.assertEqual(self.run_beside_thread('shared-memory', many, 3000), 0)

    def test_other_interpreters(self):
        """The extension serves one interpreter of a process, and refuses the others in order.

        PyGObject itself does not work in them, so the test loads the extension's file alone.
        """
        if CALLS == 'fallback':
            self.skipTest('the fallback is written in Python')
        done = self.run_program('''
import sys
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
import gi
gi.require_version('Ssem', '1')
from gi.repository import Ssem
import gi.overrides._ssem_calls as _ssem_calls
interpreter = interpreters.create()
interpreters.run_string(interpreter, """
import importlib.util
spec = importlib.util.spec_from_file_location('_ssem_calls', %r)
try:
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    print('loaded')
except ImportError as error:
    print(error, flush=True)
""" % _ssem_calls.__file__)
semaphore = Ssem.SystemSemaphore(sys.argv[1], 1)
print(semaphore.acquire())
''')
        self.assertIn(done.stdout, ['another interpreter of this process uses _ssem_calls\nTrue\n',
                                    # Python 3.12 and later may refuse before the extension does.
                                    'module _ssem_calls does not support loading in '
                                    'subinterpreters\nTrue\n'], done.stderr)


class Objects(OverrideCase):
    """A wrong object is refused."""

    def calls(self):
        cls = Ssem.SystemSemaphore
        return [cls.acquire, cls.try_acquire, cls.release, cls.hold, cls.__enter__, cls.__exit__,
                lambda self: cls.acquire_timeout(self, 1, 0)]

    def test_no_object(self):
        """The object of a wrapper exists from GObject's constructor on."""
        wrapper = Ssem.SystemSemaphore.__new__(Ssem.SystemSemaphore)
        for call in self.calls():
            with self.assertRaises((RuntimeError, IndexError)):
                call(wrapper).__enter__()

    def test_other_objects(self):
        if CALLS == 'fallback':
            self.skipTest('a function in Python does not check its first argument')
        for value in [None, 3, object(), GObject.Object(), Gio.Cancellable(), Ssem.SystemSemaphore]:
            for call in self.calls():
                self.assertRaises(TypeError, call, value)
            self.assertRaises(TypeError, Ssem.SystemSemaphore._Hold, value)

    def test_disposed(self):
        semaphore = self.new(3)
        hold = semaphore.hold()
        hold.__enter__()
        semaphore.run_dispose()
        for call in [semaphore.acquire, semaphore.try_acquire, semaphore.release,
                     semaphore.__enter__, semaphore.hold().__enter__,
                     lambda: hold.__exit__(None, None, None)]:
            self.assertFails(Ssem.SystemSemaphoreError.NOT_FOUND, call)

    def test_block_that_was_not_entered(self):
        semaphore = self.new(3)
        for block in [semaphore, semaphore.hold()]:
            self.assertRaises(IndexError, block.__exit__, None, None, None)
        self.assertEqual(semaphore.get_value(), 3)

    def test_holds_of_the_library(self):
        semaphore = self.new(3)
        hold = Ssem.Hold.new(semaphore, 2)
        self.assertEqual(semaphore.get_value(), 1)
        self.assertEqual(hold.get_fencing_token(), 0)
        for _ in range(2):
            self.assertIs(hold.release(), True)
            self.assertEqual(semaphore.get_value(), 3)
        semaphore.acquire()
        hold = Ssem.Hold.adopt(semaphore)
        del hold
        gc.collect()
        self.assertEqual(semaphore.get_value(), 3)
        self.assertFails(INVALID_ARGUMENT, Ssem.Hold.new, semaphore, 0)
        cancellable = Gio.Cancellable()
        cancellable.cancel()
        self.assertFails(CANCELLED, Ssem.Hold.new, semaphore, 1, cancellable)
        self.assertRaises(TypeError, Ssem.Hold.new, semaphore, 1, 1)
        self.assertRaises(ValueError, Ssem.Hold.adopt, semaphore, 0)
        self.assertRaises(TypeError, Ssem.Hold.adopt, semaphore, 0.5)

    def test_hold_of_another_class(self):
        semaphore = self.new(3)
        with Ssem.SystemSemaphore._Hold(semaphore, 2) as entered:
            self.assertIs(entered, semaphore)
            self.assertEqual(semaphore.get_value(), 1)
        if CALLS == 'extension':
            wrong = [object, int, 'Hold', None]
            old = Ssem.SystemSemaphore._Hold
            self.addCleanup(setattr, Ssem.SystemSemaphore, '_Hold', old)
            for cls in wrong:
                Ssem.SystemSemaphore._Hold = cls
                self.assertRaises(TypeError, semaphore.hold)


class Memory(OverrideCase):
    """Calls keep no references and no memory, whether they succeed or not."""

    def call_all(self, semaphore, cancellable):
        semaphore.acquire()
        semaphore.release()
        semaphore.acquire(2, 1.5, cancellable)
        semaphore.release(2)
        with semaphore, semaphore.hold(1, 0, cancellable):
            pass
        semaphore.hold().__enter__()
        semaphore.try_acquire(9)
        semaphore.acquire(9, 1e-5)
        semaphore.acquire(9, 0, cancellable)
        for call in [lambda: semaphore.acquire(0), lambda: semaphore.release(0),
                     lambda: semaphore.acquire_timeout(9, 1),
                     lambda: semaphore.acquire_timeout(9, 0, cancellable),
                     lambda: semaphore.acquire(None), lambda: semaphore.acquire(1, 'x'),
                     lambda: semaphore.acquire(1, None, 3), lambda: semaphore.acquire(m=1),
                     lambda: semaphore.hold(9, 0).__enter__(), lambda: semaphore.hold(1.5),
                     lambda: semaphore.__exit__(None, None, None)]:
            with contextlib.suppress(GLib.Error, TypeError, TimeoutError, IndexError):
                call()
                self.fail('no error')

    def test_references(self):
        semaphore = self.new(3)
        cancellable = Gio.Cancellable()
        objects = [semaphore, cancellable, type(semaphore),
                   type(semaphore)._Hold]
        self.call_all(semaphore, cancellable)
        gc.collect()
        before = [sys.getrefcount(value) for value in objects]
        for _ in range(100):
            self.call_all(semaphore, cancellable)
        gc.collect()
        self.assertEqual([sys.getrefcount(value) for value in objects], before)
        self.assertEqual(semaphore.get_value(), 3)

    def test_memory(self):
        if not hasattr(ctypes.CDLL(None), 'mallinfo2'):
            self.skipTest('the C library does not say how much memory is in use')
        mallinfo = ctypes.CDLL(None).mallinfo2
        # The eighth of the ten fields is the number of bytes in use.
        mallinfo.restype = type('Mallinfo', (ctypes.Structure,),
                                {'_fields_': [(f'f{i}', ctypes.c_size_t) for i in range(10)]})
        semaphore = self.new(3)
        cancellable = Gio.Cancellable()

        def count(n):
            for _ in range(n):
                self.call_all(semaphore, cancellable)
            gc.collect()
            return mallinfo().f7, sys.getallocatedblocks()

        n_rounds = 1000
        counts = [count(n_rounds) for _ in range(4)]
        growths = [[after - before for before, after in zip(*pair)]
                   for pair in zip(counts, counts[1:])]
        # A leak of one call would be a block, and at least 16 bytes, in each round. What the
        # interpreter keeps for later grows once in a while, but not each time.
        self.assertLess(min(n_blocks for _, n_blocks in growths), n_rounds)
        self.assertLess(min(n_bytes for n_bytes, _ in growths), 16 * n_rounds)

    def test_cycle(self):
        """The garbage collector releases the units of a block that is never left."""
        semaphore = self.new(3)
        other = self.open(self.key, 0)
        semaphore.block = semaphore.hold(2)
        semaphore.block.__enter__()
        self.assertEqual(other.get_value(), 1)
        semaphore = None
        gc.collect()
        self.assertEqual(other.get_value(), 3)

    def test_cancelled(self):
        semaphore = self.new(3)
        cancellable = Gio.Cancellable()
        cancellable.cancel()
        self.assertFails(CANCELLED, semaphore.acquire, 1, None, cancellable)
        self.assertFails(CANCELLED, semaphore.hold(1, None, cancellable).__enter__)
        self.assertEqual(semaphore.get_value(), 3)


tap.main()
