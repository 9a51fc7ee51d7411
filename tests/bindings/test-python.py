# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The library in Python, through the typelib alone, without the override module."""

import gc
import os
import signal
import sys
import threading
import unittest

from gi.repository import Gio, GLib, GObject

import tap
from bindings import CANCELLED, CHOSEN, INVALID_ARGUMENT, MAXIMUM, BindingCase, Ssem
from semaphores import BACKEND, key_file

SOURCES = os.path.join(os.environ['G_TEST_SRCDIR'], 'bindings')
BUILT = os.path.join(os.environ['G_TEST_BUILDDIR'], 'bindings')
HOLDERS = {
    'Python': [sys.executable, os.path.join(SOURCES, 'holder.py')],
    'JavaScript': ['gjs', '-m', os.path.join(SOURCES, 'holder.js')],
    'Vala': [os.path.join(BUILT, 'holder-vala')],
}
ERRORS = Ssem.SystemSemaphoreError
MINUTE_USEC = 60 * GLib.USEC_PER_SEC


class Objects(BindingCase):
    def test_new(self):
        semaphore = self.new(3)
        self.assertEqual(semaphore.get_key(), self.key)
        self.assertEqual(semaphore.get_initial_value(), 3)
        self.assertEqual(semaphore.get_mode(), Ssem.AccessMode.CREATE)
        self.assertIs(semaphore.get_undo(), True)
        self.assertEqual(semaphore.get_backend(), CHOSEN)
        self.assertEqual(semaphore.get_value(), 3)
        self.assertTrue(os.path.exists(self.path))
        semaphore = None
        self.assertRemoved()

    def test_properties(self):
        semaphore = self.new(3)
        for name in ['key', 'initial_value', 'mode', 'undo', 'backend']:
            with self.subTest(name=name):
                getter = getattr(semaphore, 'get_' + name)
                self.assertEqual(semaphore.get_property(name.replace('_', '-')), getter())
                self.assertEqual(getattr(semaphore.props, name), getter())
                flags = semaphore.find_property(name.replace('_', '-')).flags
                self.assertTrue(flags & GObject.ParamFlags.CONSTRUCT_ONLY)

    def test_opened_by_the_first_operation(self):
        """Without the override module, the constructor of GObject opens nothing."""
        semaphore = Ssem.SystemSemaphore(key=self.key, initial_value=2)
        self.assertFalse(os.path.exists(self.path))
        self.assertEqual(semaphore.get_backend(), Ssem.Backend.DEFAULT)
        semaphore.acquire(1, None)
        self.find_set()
        self.assertEqual(semaphore.get_backend(), CHOSEN)
        self.assertEqual(semaphore.get_value(), 1)
        self.assertEqual(self.new(0, Ssem.AccessMode.OPEN).get_value(), 1)

    def test_built_without_a_key(self):
        semaphore = Ssem.SystemSemaphore()
        self.assertIsNone(semaphore.get_key())
        self.assertFails(ERRORS.KEY_ERROR, semaphore.acquire, 1, None)
        self.assertFails(ERRORS.KEY_ERROR, semaphore.get_value)
        semaphore.set_key(self.key, 1, Ssem.AccessMode.OPEN)
        semaphore.acquire(1, None)

    def test_initable(self):
        semaphore = Ssem.SystemSemaphore(key=self.key, initial_value=2, undo=False)
        self.assertTrue(semaphore.init(None))
        self.find_set()
        self.assertIs(semaphore.props.undo, False)
        self.assertEqual(semaphore.props.backend, CHOSEN)
        self.assertFails(ERRORS.KEY_ERROR, Ssem.SystemSemaphore(key='').init, None)
        cancellable = Gio.Cancellable()
        cancellable.cancel()
        self.assertFails(CANCELLED, Ssem.SystemSemaphore(key=self.key).init, cancellable)

    def test_async_initable(self):
        loop = GLib.MainLoop()
        semaphore = Ssem.SystemSemaphore(key=self.key, initial_value=2)
        results = []

        def done_cb(source, result):
            results.append(source.init_finish(result))
            loop.quit()

        semaphore.init_async(GLib.PRIORITY_DEFAULT, None, done_cb)
        loop.run()
        self.assertEqual(results, [True])
        self.find_set()
        self.assertTrue(os.path.exists(self.path))
        self.assertEqual(semaphore.get_backend(), CHOSEN)
        # The thread that has opened it may have a reference still.
        semaphore.run_dispose()

    def test_list_model(self):
        loop = GLib.MainLoop()
        semaphore = self.new(3)
        model = Ssem.SemaphoreList.new(CHOSEN)
        model.set_interval_usec(0)
        errors, values = [], []
        model.connect('refreshed', lambda source, error: (errors.append(error), loop.quit()))
        loop.run()
        item, = model
        self.assertEqual((item.props.key, item.props.value), (self.key, 3))
        self.assertEqual(item.props.info.get_key(), self.key)
        item.connect('notify::value', lambda source, pspec: values.append(source.props.value))
        semaphore.acquire(2, None)
        model.refresh()
        loop.run()
        self.assertEqual(values, [1])
        self.assertEqual(errors, [None, None])

    def test_set_key_notifies(self):
        semaphore = self.new(1)
        heard = []
        semaphore.connect('notify', lambda source, pspec: heard.append(pspec.name))
        semaphore.set_key(self.key + '2', 2, Ssem.AccessMode.OPEN)
        # With shared memory, there is no native key before and after.
        native = ['native-key'] if CHOSEN == Ssem.Backend.SYSV else []
        self.assertEqual(sorted(heard), ['initial-value', 'key', 'mode', *native])
        self.assertRemoved()
        self.key += '2'
        self.find_set()
        self.assertEqual(semaphore.get_key(), self.key)
        self.assertEqual(semaphore.get_value(), 2)
        heard.clear()
        semaphore.set_key(self.key, 3, Ssem.AccessMode.OPEN)
        self.assertEqual(heard, ['initial-value'])

    def test_backends(self):
        supported = [backend for backend in map(Ssem.Backend, range(5))
                     if Ssem.backend_is_supported(backend)]
        self.assertIn(CHOSEN, supported)
        self.assertIn(Ssem.Backend.SYSV, supported)
        self.assertIn(Ssem.Backend.DEFAULT, supported)
        self.assertNotIn(Ssem.Backend.WINDOWS, supported)
        self.assertTrue(Ssem.Backend.is_supported(Ssem.Backend.SYSV))
        self.assertFails(Gio.IOErrorEnum.NOT_SUPPORTED,
                         Ssem.SystemSemaphore(key=self.key, backend=Ssem.Backend.WINDOWS).init)

    def test_each_backend_has_its_own_keys(self):
        """The same key names another semaphore in another backend."""
        backends = [Ssem.Backend.SHARED_MEMORY, Ssem.Backend.SYSV]
        semaphores = [Ssem.SystemSemaphore(key=self.key, backend=backend, initial_value=3)
                      for backend in backends]
        for number, semaphore in enumerate(semaphores):
            semaphore.acquire(1 + number, None)
            self.find_set(key_file(self.directory, self.key, 'sysv'))
        self.assertEqual([semaphore.get_backend() for semaphore in semaphores], backends)
        self.assertEqual([semaphore.get_value() for semaphore in semaphores], [2, 1])
        chosen = self.new(0, Ssem.AccessMode.OPEN)
        self.assertEqual(chosen.get_value(), semaphores[backends.index(CHOSEN)].get_value())


class Units(BindingCase):
    def test_acquire_and_release(self):
        semaphore = self.new(3)
        self.assertIs(semaphore.acquire(2, None), True)
        self.assertEqual(semaphore.get_value(), 1)
        self.assertIs(semaphore.try_acquire(1), True)
        self.assertFails(Gio.IOErrorEnum.WOULD_BLOCK, semaphore.try_acquire, 1)
        self.assertIs(semaphore.release(5), True)
        self.assertEqual(semaphore.get_value(), 5)
        self.assertIs(semaphore.acquire_timeout(5, 0, None), True)
        self.assertIs(semaphore.try_acquire_one(), False)
        self.assertIs(semaphore.release_one(), True)
        self.assertIs(semaphore.try_acquire_one(), True)
        self.assertEqual(semaphore.get_value(), 0)

    def test_timeout(self):
        semaphore = self.new(0)
        before = GLib.get_monotonic_time()
        self.assertFails(Gio.IOErrorEnum.TIMED_OUT, semaphore.acquire_timeout, 1, 50000, None)
        self.assertGreaterEqual(GLib.get_monotonic_time() - before, 50000)
        self.assertFails(Gio.IOErrorEnum.WOULD_BLOCK, semaphore.acquire_timeout, 1, 0, None)

    def test_interruptible(self):
        """A signal handler in C ends the wait; Python then runs the handler of the program."""
        semaphore = self.new(1)
        self.assertIs(semaphore.acquire_interruptible(1, -1, None), True)
        self.assertFails(Gio.IOErrorEnum.TIMED_OUT, semaphore.acquire_interruptible, 1, 1000, None)

        def interrupt():
            # A signal that comes before the wait does not end it.
            while not is_over.is_set():
                os.kill(os.getpid(), signal.SIGUSR1)

        is_over = threading.Event()
        handled = []
        old = signal.signal(signal.SIGUSR1, lambda number, frame: handled.append(number))
        self.addCleanup(signal.signal, signal.SIGUSR1, old)
        thread = self.once_waiting(interrupt)
        try:
            semaphore.acquire_interruptible(1, -1, None)
        except GLib.Error as error:
            is_over.set()
            self.assertTrue(error.matches(GLib.file_error_quark(), GLib.FileError.INTR), error)
        else:
            self.fail('not interrupted')
        thread.join()
        self.assertGreater(len(handled), 0)
        self.assertEqual(semaphore.get_value(), 0)

    def test_a_blocked_acquire_lets_other_threads_run(self):
        """PyGObject releases the lock of the interpreter during a call."""
        semaphore = self.new(0)
        waiter = self.in_thread(semaphore.acquire, 1, None)
        self.wait_for_waiters(1)
        semaphore.release(1)
        waiter.join()
        self.assertEqual(semaphore.get_value(), 0)

    def test_cancelling_a_blocked_acquire(self):
        semaphore = self.new(0)
        cancellable = Gio.Cancellable()
        self.once_waiting(cancellable.cancel)
        self.assertFails(CANCELLED, semaphore.acquire, 1, cancellable)


class Errors(BindingCase):
    def test_key_error(self):
        new = Ssem.SystemSemaphore.new
        for key in ['', 'k' * 1025]:
            self.assertFails(ERRORS.KEY_ERROR, new, key, 1, Ssem.AccessMode.OPEN)

    def test_not_found(self):
        error = self.assertFails(ERRORS.NOT_FOUND, self.new, 1, Ssem.AccessMode.OPEN_EXISTING)
        self.assertIn(self.key, error.message)

    def test_already_exists(self):
        semaphore = self.new(1)
        self.assertFails(ERRORS.ALREADY_EXISTS, self.new, 1, Ssem.AccessMode.CREATE_EXCLUSIVE)
        self.assertEqual(semaphore.get_value(), 1)

    def test_permission_denied(self):
        os.symlink('/dev/null', self.path)
        self.assertFails(ERRORS.PERMISSION_DENIED, self.new)
        os.unlink(self.path)

    def test_out_of_resources(self):
        semaphore = self.new(MAXIMUM)
        self.assertFails(ERRORS.OUT_OF_RESOURCES, semaphore.release, 1)
        self.assertEqual(semaphore.get_value(), MAXIMUM)
        if MAXIMUM < GLib.MAXINT:
            self.assertFails(ERRORS.OUT_OF_RESOURCES, self.new, MAXIMUM + 1)

    def test_invalid_argument(self):
        semaphore = self.new(1)
        for n in [0, -1]:
            self.assertFails(INVALID_ARGUMENT, semaphore.acquire, n, None)
            self.assertFails(INVALID_ARGUMENT, semaphore.release, n)
        self.assertFails(INVALID_ARGUMENT, self.new, -1)

    def test_last_error(self):
        """A failure sets the last error, and the next success resets it."""
        semaphore = self.new(0)
        self.assertEqual(semaphore.get_error(), ERRORS.NO_ERROR)
        self.assertEqual(semaphore.get_error_string(), '')
        error = self.assertFails(Gio.IOErrorEnum.WOULD_BLOCK, semaphore.try_acquire, 1)
        self.assertEqual(semaphore.get_error(), ERRORS.UNKNOWN_ERROR)
        self.assertEqual(semaphore.get_error_string(), error.message)
        semaphore.release(MAXIMUM)
        self.assertEqual(semaphore.get_error_string(), '')
        error = self.assertFails(ERRORS.OUT_OF_RESOURCES, semaphore.release, 1)
        self.assertEqual(semaphore.get_error(), ERRORS.OUT_OF_RESOURCES)
        self.assertEqual(semaphore.get_error_string(), error.message)
        semaphore.get_value()
        self.assertEqual(semaphore.get_error(), ERRORS.NO_ERROR)


class Async(BindingCase):
    def setUp(self):
        super().setUp()
        self.loop = GLib.MainLoop()
        self.results = []

    def start_acquire(self, semaphore, n, cancellable=None, name=None):
        def done_cb(source, result):
            try:
                self.results.append((name, source.acquire_finish(result)))
            except GLib.Error as error:
                # The traceback of the error itself would keep the semaphore alive.
                self.results.append((name, (error.domain, error.code)))
            self.loop.quit()
        semaphore.acquire_async(n, cancellable, done_cb)

    def run_until(self, n_results):
        while len(self.results) < n_results:
            self.loop.run()

    def test_in_order(self):
        semaphore = self.new(0)
        for name, n in [('first', 2), ('second', 1), ('third', 1)]:
            self.start_acquire(semaphore, n, name=name)
        self.wait_for_waiters(1)
        semaphore.release(4)
        self.run_until(3)
        self.assertEqual(self.results, [('first', True), ('second', True), ('third', True)])
        self.assertEqual(semaphore.get_value(), 0)

    def test_units_that_are_available(self):
        semaphore = self.new(1)
        self.start_acquire(semaphore, 1)
        # The callback never runs inside the call.
        self.assertEqual(self.results, [])
        self.run_until(1)
        self.assertEqual(self.results, [(None, True)])

    def test_cancel(self):
        semaphore = self.new(0)
        cancellables = {name: Gio.Cancellable() for name in ['served', 'queued', 'late']}
        for name, cancellable in cancellables.items():
            self.start_acquire(semaphore, 1, cancellable, name)
        self.wait_for_waiters(1)
        for number, name in enumerate(['queued', 'served'], 1):
            cancellables[name].cancel()
            self.run_until(number)
            self.assertEqual(self.results[-1], (name, ('g-io-error-quark', CANCELLED)))
        self.assertEqual(semaphore.get_value(), 0)
        semaphore.release(1)
        self.run_until(3)
        self.assertEqual(self.results[-1], ('late', True))
        self.assertEqual(semaphore.get_value(), 0)

    def test_invalid_argument(self):
        self.start_acquire(self.new(1), 0)
        self.run_until(1)
        self.assertEqual(self.results, [(None, ('g-io-error-quark', INVALID_ARGUMENT))])


class Death(BindingCase):
    """The units of a holder come back, whatever language the holder is written in."""

    def start_holder(self, command, n):
        holder = self.start(*command, self.key, str(n))
        self.assertEqual(holder.read_line(), 'holding')
        return holder

    def test_killed_holder(self):
        for language, command in HOLDERS.items():
            with self.subTest(language=language):
                semaphore = self.new(2)
                holder = self.start_holder(command, 2)
                self.assertEqual(semaphore.get_value(), 0)
                waiter = self.in_thread(semaphore.acquire_timeout, 2, MINUTE_USEC, None)
                self.wait_for_waiters(1)
                holder.kill()
                waiter.join()
                self.assertEqual(semaphore.get_value(), 0)
                semaphore = waiter = None

    def test_holder_that_exits(self):
        for language, command in HOLDERS.items():
            with self.subTest(language=language):
                semaphore = self.new(1)
                self.start_holder(command, 1).leave()
                self.assertEqual(semaphore.get_value(), 1)
                semaphore = None


class Infos(BindingCase):
    def test_query_and_list(self):
        semaphore = self.new(5)
        semaphore.acquire(2, None)
        info = Ssem.SemaphoreInfo.query(self.key, Ssem.Backend.DEFAULT)
        self.assertEqual((info.get_key(), info.get_backend(), info.get_value()),
                         (self.key, CHOSEN, 3))
        self.assertEqual((info.get_initial_value(), info.get_n_waiters(), info.is_leftover()),
                         (5, 0, False))
        if BACKEND == 'shared-memory':
            [holder] = info.get_holders()
            self.assertEqual((holder.get_pid(), holder.get_units()), (os.getpid(), 2))
            self.assertGreater(holder.get_since().to_unix(), 0)
            self.assertEqual((info.get_units_held(), info.get_n_attached()), (2, 1))
        else:
            self.assertEqual(info.get_units_held(), -1)

        # Each element outlives the array that the library returned.
        infos = [info for info in Ssem.SemaphoreInfo.list(Ssem.Backend.DEFAULT)]
        gc.collect()
        self.assertEqual([info.get_key() for info in infos], [self.key])
        semaphore = None

    @unittest.skipUnless(Ssem.Backend.is_supported(Ssem.Backend.POSIX), 'no POSIX semaphores')
    def test_posix(self):
        """The system forgets who holds and who waits."""
        semaphore = Ssem.SystemSemaphore(key=self.key, initial_value=2, backend=Ssem.Backend.POSIX)
        semaphore.init()
        semaphore.acquire(2, None)
        self.assertFalse(semaphore.get_undo())
        self.assertFails(Gio.IOErrorEnum.TIMED_OUT, semaphore.acquire_timeout, 1, 1000, None)
        info = Ssem.SemaphoreInfo.query(self.key, Ssem.Backend.POSIX)
        self.assertEqual((info.get_value(), info.get_n_attached(), info.get_n_waiters(),
                          info.get_units_held(), info.get_holders()), (0, 1, -1, -1, []))
        self.assertFails(Gio.IOErrorEnum.NOT_SUPPORTED, Ssem.semaphore_reset, self.key, 7,
                         Ssem.Backend.POSIX)
        semaphore = None

    def test_repair(self):
        semaphore = self.new(5)
        self.assertFails(Gio.IOErrorEnum.BUSY, Ssem.semaphore_remove_leftover, self.key, CHOSEN)
        self.assertTrue(Ssem.semaphore_reset(self.key, 7, CHOSEN))
        self.assertEqual(semaphore.get_value(), 7)
        semaphore = None
        self.assertFails(ERRORS.NOT_FOUND, Ssem.SemaphoreInfo.query, self.key, CHOSEN)


tap.main()
