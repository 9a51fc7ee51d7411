# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The override module for Python: defaults, time-outs, exceptions and blocks."""

import math
import os
import time

from gi.repository import Gio, GLib

import tap
from bindings import CANCELLED, INVALID_ARGUMENT, LONG_SECONDS, MAXIMUM, OverrideCase, Ssem
from semaphores import BACKEND, list_keys, wait_until

CODES = Ssem.SystemSemaphoreError
BUSY = Gio.IOErrorEnum.BUSY
CLASSES = {
    CODES.PERMISSION_DENIED: Ssem.PermissionDeniedError,
    CODES.KEY_ERROR: Ssem.InvalidKeyError,
    CODES.ALREADY_EXISTS: Ssem.AlreadyExistsError,
    CODES.NOT_FOUND: Ssem.NotFoundError,
    CODES.OUT_OF_RESOURCES: Ssem.OutOfResourcesError,
    CODES.UNKNOWN_ERROR: Ssem.UnknownError,
    CODES.LOST: Ssem.LostError,
}


class Construction(OverrideCase):
    def test_positional(self):
        semaphore = self.new(3)
        self.assertTrue(os.path.exists(self.path))
        self.assertEqual(semaphore.get_value(), 3)
        self.assertIs(type(semaphore), Ssem.SystemSemaphore)

    def test_defaults(self):
        semaphore = Ssem.SystemSemaphore(self.key)
        self.find_set()
        self.assertEqual(semaphore.get_mode(), Ssem.AccessMode.OPEN)
        self.assertEqual(semaphore.get_value(), 0)

    def test_properties_by_name(self):
        semaphore = Ssem.SystemSemaphore(key=self.key, initial_value=2, undo=False,
                                         backend=Ssem.Backend.SYSV)
        self.find_set(self.path if BACKEND == 'sysv' else
                      os.path.join(self.directory, list_keys(self.directory)[0]))
        self.assertEqual(semaphore.get_value(), 2)
        self.assertIs(semaphore.get_undo(), False)
        self.assertEqual(semaphore.get_backend(), Ssem.Backend.SYSV)

    def test_new(self):
        semaphore = Ssem.SystemSemaphore.new(self.key, 2, Ssem.AccessMode.OPEN)
        self.find_set()
        self.assertIs(type(semaphore), Ssem.SystemSemaphore)
        self.assertIs(semaphore.acquire(), True)
        self.assertEqual(Ssem.SystemSemaphore.new(self.key).get_value(), 1)

    def test_native_key(self):
        path = os.path.join(self.directory, 'native %')
        native_key = f'systemv:{self.directory}/native %25'
        for make in [lambda: Ssem.SystemSemaphore(native_key=native_key, initial_value=2),
                     lambda: Ssem.SystemSemaphore.new_for_native_key(native_key, 2)]:
            semaphore = make()
            self.assertIs(type(semaphore), Ssem.SystemSemaphore)
            self.assertTrue(os.path.exists(path))
            self.assertEqual(semaphore.get_native_key(), native_key)
            self.assertEqual(semaphore.props.native_key, native_key)
            self.assertIsNone(semaphore.get_key())
            self.assertEqual(semaphore.get_backend(), Ssem.Backend.SYSV)
            self.assertIs(semaphore.get_undo(), True)
            with semaphore:
                self.assertEqual(make().get_value(), 1)
            info = Ssem.SemaphoreInfo.query_native(native_key)
            self.assertEqual((info.get_native_key(), info.get_value()), (native_key, 2))
            self.assertIs(Ssem.semaphore_reset_native(native_key, 0), True)
            with self.assertRaisesRegex(TimeoutError, 'native %25'), semaphore.hold(timeout=0):
                pass
            self.assertFails(BUSY, Ssem.semaphore_remove_leftover_native, native_key)
            semaphore = None
            self.assertFalse(os.path.exists(path))
        self.assertFails(CODES.NOT_FOUND, Ssem.semaphore_remove_leftover_native,
                         native_key)
        with self.assertRaises(Ssem.InvalidKeyError):
            Ssem.SystemSemaphore(native_key='market')
        self.assertFails(INVALID_ARGUMENT,
                         lambda: Ssem.SystemSemaphore(self.key, native_key=native_key))

    def test_native_key_of_a_key(self):
        semaphore = self.new(2)
        native_key = semaphore.get_native_key()
        if BACKEND != 'sysv':
            self.assertIsNone(native_key)
            return
        self.assertEqual(native_key, 'systemv:' + self.path)
        os.environ['TMPDIR'] = self.directory
        self.assertEqual(Ssem.native_key_for_qt(self.key), native_key)
        self.assertEqual(Ssem.SystemSemaphore(native_key=native_key).get_value(), 2)

    def test_names_of_qt(self):
        posix = Ssem.Backend.POSIX
        safe = Ssem.QtNaming.PLATFORM_SAFE
        self.assertEqual(Ssem.native_key_for_qt('market', posix, safe), 'posix:/market')
        self.assertEqual(Ssem.native_key_for_qt('market', naming=safe), 'posix:/market')
        # From sha1sum.
        self.assertEqual(Ssem.native_key_for_qt('market', posix), 'posix:/qipc_systemsem_market'
                         '5c9f73af73334ffe350c60ec076e5744db0ecda3')
        self.assertFails(INVALID_ARGUMENT, Ssem.native_key_for_qt, 'market',
                         Ssem.Backend.SHARED_MEMORY)

    def test_no_key(self):
        for arguments in [(), ('',), (None, 3)]:
            with self.assertRaises(Ssem.InvalidKeyError):
                Ssem.SystemSemaphore(*arguments)

    def test_attributes(self):
        semaphore = self.new(3)
        semaphore.acquire()
        self.assertEqual((semaphore.key, semaphore.value, semaphore.initial_value), (self.key, 2, 3))
        self.assertEqual((semaphore.mode, semaphore.undo, semaphore.address),
                         (Ssem.AccessMode.CREATE, True, None))
        self.assertEqual(semaphore.backend, semaphore.get_backend())
        self.assertEqual(semaphore.native_key, semaphore.get_native_key())
        for name in ['key', 'value', 'backend']:
            self.assertRaises(AttributeError, setattr, semaphore, name, None)
        semaphore.run_dispose()
        self.assertFails(CODES.NOT_FOUND, lambda: semaphore.value)

    def test_repr(self):
        semaphore = self.new(3)
        semaphore.acquire()
        self.assertRaises(GLib.Error, semaphore.release, 0)
        nick = semaphore.backend.value_nick
        self.assertEqual(repr(semaphore),
                         f"<Ssem.SystemSemaphore key='{self.key}' value=2 backend={nick}>")
        # The last error of the object is still there.
        self.assertEqual(semaphore.get_error(), CODES.UNKNOWN_ERROR)
        semaphore.run_dispose()
        self.assertEqual(repr(semaphore), f"<Ssem.SystemSemaphore key='{self.key}' backend={nick}>")
        native_key = f'systemv:{self.directory}/native'
        semaphore = Ssem.SystemSemaphore(native_key=native_key, initial_value=1)
        self.assertEqual(repr(semaphore), f"<Ssem.SystemSemaphore native_key='{native_key}' "
                         'value=1 backend=sysv>')

    def test_information_without_a_backend(self):
        semaphore = self.new(3)
        self.assertEqual(Ssem.SemaphoreInfo.query(self.key).get_value(), 3)
        self.assertEqual(repr(Ssem.SemaphoreInfo.list()),
                         f"[<Ssem.SemaphoreInfo key='{self.key}' value=3 "
                         f"backend={semaphore.backend.value_nick}>]")

    def test_no_subclass(self):
        with self.assertRaisesRegex(TypeError, 'final'):
            class Subclass(Ssem.SystemSemaphore):
                pass

    def test_set_key(self):
        semaphore = self.new(3)
        semaphore.set_key(self.key + '2')
        self.assertRemoved()
        self.key += '2'
        self.find_set()
        self.assertEqual(semaphore.get_value(), 0)

    def test_removed_with_the_last_reference(self):
        """No call leaves a reference that keeps the semaphore alive."""
        semaphore = self.new(1)
        with semaphore, self.assertRaises(TimeoutError), semaphore.hold(timeout=0):
            pass
        thread = self.once_waiting(semaphore.release, 1)
        self.assertIs(semaphore.acquire(2), True)
        thread.join()
        with self.assertRaises(GLib.Error):
            semaphore.acquire(0)
        semaphore = thread = None
        # This must not need the garbage collector: no call has left a reference cycle.
        wait_until(lambda: not os.path.exists(self.path), 'the semaphore is removed')


class Units(OverrideCase):
    def test_defaults(self):
        semaphore = self.new(2)
        self.assertIs(semaphore.acquire(), True)
        self.assertIs(semaphore.try_acquire(), True)
        self.assertIs(semaphore.try_acquire(), False)
        self.assertIs(semaphore.release(), True)
        self.assertIs(semaphore.release(4), True)
        self.assertEqual(semaphore.get_value(), 5)
        self.assertIs(semaphore.acquire(3), True)
        self.assertIs(semaphore.acquire(n=2), True)
        self.assertEqual(semaphore.get_value(), 0)

    def test_timeout(self):
        semaphore = self.new(1)
        before = time.monotonic()
        self.assertIs(semaphore.acquire(2, timeout=0.05), False)
        self.assertGreaterEqual(time.monotonic() - before, 0.05)
        for timeout in [0, -1, 1e-9]:
            self.assertIs(semaphore.acquire(2, timeout), False)
        self.assertIs(semaphore.acquire(1, math.inf), True)
        self.assertEqual(semaphore.get_value(), 0)
        with self.assertRaises(ValueError):
            semaphore.acquire(1, math.nan)

    def test_timeout_in_a_thread(self):
        """A thread other than the main one blocks in the library itself."""
        semaphore = self.new(0)
        results = []
        self.in_thread(lambda: results.append(semaphore.acquire(timeout=0.01))).join()
        self.assertEqual(results, [False])

    def test_units_that_come_in_time(self):
        semaphore = self.new(0)
        for timeout in [None, LONG_SECONDS, math.inf]:
            self.once_waiting(semaphore.release, 2)
            self.assertIs(semaphore.acquire(2, timeout), True)
        self.assertEqual(semaphore.get_value(), 0)

    def test_acquire_timeout_raises(self):
        """This method has the errors of the library: it does not return False."""
        semaphore = self.new(0)
        for timeout_usec, code in [(0, Gio.IOErrorEnum.WOULD_BLOCK),
                                   (1000, Gio.IOErrorEnum.TIMED_OUT)]:
            self.assertFails(code, semaphore.acquire_timeout, 1, timeout_usec)

    def test_cancel(self):
        semaphore = self.new(2)
        cancellable = Gio.Cancellable()
        self.assertIs(semaphore.acquire(1, None, cancellable), True)
        self.once_waiting(cancellable.cancel)
        with self.failing(CANCELLED):
            semaphore.acquire(2, cancellable=cancellable)
        # A cancelled acquire fails even if a unit is available.
        for timeout in [None, 0, LONG_SECONDS]:
            self.assertFails(CANCELLED, semaphore.acquire, 1, timeout, cancellable)
        self.assertEqual(semaphore.get_value(), 1)

    def test_cancel_in_a_thread(self):
        semaphore = self.new(0)
        cancellable = Gio.Cancellable()
        results = []
        thread = self.in_thread(lambda: results.append(
            self.assertFails(CANCELLED, semaphore.acquire, 1, None, cancellable)))
        self.wait_for_waiters(1)
        cancellable.cancel()
        thread.join()
        self.assertEqual(len(results), 1)

    def test_other_threads_run(self):
        """A blocking acquire does not hold the lock of the interpreter."""
        semaphore = self.new(0)
        counted = []
        thread = self.once_waiting(lambda: (counted.extend(range(1000)), semaphore.release()))
        semaphore.acquire()
        self.assertEqual(len(counted), 1000)
        thread.join()

    def test_many_threads(self):
        semaphore = self.new(0)
        threads = [self.in_thread(semaphore.acquire) for _ in range(5)]
        self.wait_for_waiters(5)
        semaphore.release(5)
        for thread in threads:
            thread.join()
        self.assertEqual(semaphore.get_value(), 0)


class Errors(OverrideCase):
    def assertSpecific(self, code, call, *arguments):
        """Checks that an error has the class of its code."""
        error = self.assertFails(code, call, *arguments)
        self.assertIs(type(error), CLASSES[code])
        self.assertIsInstance(error, Ssem.Error)
        self.assertIsInstance(error, GLib.Error)

    def test_each_code(self):
        semaphore = self.new(MAXIMUM)
        mode = Ssem.AccessMode
        for make in [Ssem.SystemSemaphore, Ssem.SystemSemaphore.new]:
            self.assertSpecific(CODES.KEY_ERROR, make, 'k' * 1025)
            self.assertSpecific(CODES.NOT_FOUND, make, self.key + '!', 0, mode.OPEN_EXISTING)
            self.assertSpecific(CODES.ALREADY_EXISTS, make, self.key, 0, mode.CREATE_EXCLUSIVE)
        self.assertSpecific(CODES.OUT_OF_RESOURCES, semaphore.release)
        self.assertSpecific(CODES.KEY_ERROR, semaphore.set_key, '')

    def test_functions(self):
        info = Ssem.SemaphoreInfo
        backend = Ssem.Backend.DEFAULT
        calls = [info.query, Ssem.semaphore_remove_leftover,
                 lambda key, backend: Ssem.semaphore_reset(key, 0, backend)]
        for call in calls:
            self.assertSpecific(CODES.NOT_FOUND, call, self.key, backend)
            self.assertSpecific(CODES.KEY_ERROR, call, '', backend)
        semaphore = self.new(1)
        self.assertEqual(info.query(self.key, backend).get_value(), 1)
        self.assertIn(self.key, [found.get_key() for found in info.list(backend)])
        self.assertIs(Ssem.semaphore_reset(self.key, 2, backend), True)
        self.assertEqual(semaphore.get_value(), 2)
        os.environ[self.variable] = os.path.join(self.directory, 'none')
        self.assertSpecific(CODES.NOT_FOUND, info.list, backend)

    def test_permission_denied(self):
        os.symlink('/dev/null', self.path)
        self.assertSpecific(CODES.PERMISSION_DENIED, self.new)
        os.unlink(self.path)

    def test_not_found_while_in_use(self):
        """set_key () of another thread ends an acquire."""
        semaphore = self.new(1)
        key = self.key + '2'
        thread = self.once_waiting(semaphore.set_key, key)
        self.assertSpecific(CODES.NOT_FOUND, semaphore.acquire, 2)
        thread.join()
        self.key = key
        self.find_set()
        self.assertEqual(semaphore.get_value(), 0)

    def test_a_class_for_each_code(self):
        codes = {value for name, value in vars(CODES).items() if name.isupper()}
        self.assertEqual(codes - {CODES.NO_ERROR}, set(CLASSES))
        self.assertEqual(set(Ssem.Error.__subclasses__()), set(CLASSES.values()))

    def test_arguments(self):
        semaphore = self.new(1)
        for call in [semaphore.acquire, semaphore.try_acquire, semaphore.release]:
            self.assertFails(INVALID_ARGUMENT, call, 0)
            self.assertRaises(OverflowError, call, 2**31)
            self.assertRaises(TypeError, call, 'one')
        self.assertEqual(semaphore.get_value(), 1)


class Blocks(OverrideCase):
    def test_with(self):
        semaphore = self.new(1)
        with semaphore as entered:
            self.assertIs(entered, semaphore)
            self.assertEqual(semaphore.get_value(), 0)
        self.assertEqual(semaphore.get_value(), 1)
        with self.assertRaises(ZeroDivisionError), semaphore:
            1 / 0
        self.assertEqual(semaphore.get_value(), 1)

    def test_hold(self):
        """A hold acquires in each entered block, not when it is made."""
        semaphore = self.new(3)
        hold = semaphore.hold(2, timeout=LONG_SECONDS)
        self.assertEqual(semaphore.get_value(), 3)
        for _ in range(2):
            with hold as entered:
                self.assertIs(entered, semaphore)
                self.assertEqual(semaphore.get_value(), 1)
            self.assertEqual(semaphore.get_value(), 3)
        with semaphore.hold(), semaphore.hold():
            self.assertEqual(semaphore.get_value(), 1)
        with self.assertRaises(ZeroDivisionError), semaphore.hold(3):
            1 / 0
        self.assertEqual(semaphore.get_value(), 3)

    def test_hold_that_times_out(self):
        semaphore = self.new(1)
        error = self.assertFails(Gio.IOErrorEnum.TIMED_OUT, semaphore.acquire_timeout, 2, 1)
        for timeout in [0, 0.01]:
            with self.assertRaises(TimeoutError) as caught, semaphore.hold(2, timeout=timeout):
                self.fail('not held')
            # The library's message, for which translations exist.
            self.assertEqual(str(caught.exception), error.message)
        cancellable = Gio.Cancellable()
        cancellable.cancel()
        with self.failing(CANCELLED), semaphore.hold(cancellable=cancellable):
            self.fail('not held')
        self.assertEqual(semaphore.get_value(), 1)

    def test_child_that_leaves_the_block(self):
        """A forked child that leaves the block must not release units."""
        semaphore = self.new(3)
        for block in [semaphore, semaphore.hold(1)]:
            with block:
                child = os.fork()
                if child:
                    self.assertEqual(os.waitpid(child, 0), (child, 0))
                    self.assertEqual(semaphore.get_value(), 2)
                else:
                    with block:
                        pass
            if not child:
                # The child holds nothing, so leaving the block has released nothing.
                os._exit(0 if semaphore.get_value() == 2 else 1)
            self.assertEqual(semaphore.get_value(), 3)

    def test_blocks_of_an_object_from_c(self):
        """__init__ () of the class does not run for an object that new () creates."""
        semaphore = Ssem.SystemSemaphore.new(self.key, 2)
        self.find_set()
        with semaphore, semaphore:
            self.assertEqual(semaphore.get_value(), 0)
        self.assertEqual(semaphore.get_value(), 2)

    def test_hold_that_is_dropped(self):
        """The destructor releases the units of a block that is never left."""
        semaphore = self.new(3)
        hold = semaphore.hold(2)
        hold.__enter__()
        self.assertEqual(semaphore.get_value(), 1)
        hold = None
        self.assertEqual(semaphore.get_value(), 3)


class Manual(OverrideCase):
    """The examples in PySide's manual of QSystemSemaphore, with our import and class name."""

    PROGRAM = '''
        from PySide.QtCore import QSystemSemaphore
        sem = QSystemSemaphore("market", 3, QSystemSemaphore.Create)    # 3
        sem.acquire()                                                   # 2
        sem.acquire()                                                   # 1
        sem.acquire()                                                   # 0
        sem.release()                                                   # 1
        sem.release(2)                                                  # 3
        sem = QSystemSemaphore("market", 5, QSystemSemaphore.Create)    # 5
        sem.acquire(5)                                                  # 0
        sem.release(5)                                                  # 5
        sem.release(10)                                                 # 15
    '''

    def test_programs(self):
        program = self.PROGRAM
        program = program.replace('from PySide.QtCore import QSystemSemaphore',
                                  'from gi.repository import Ssem')
        program = program.replace('QSystemSemaphore', 'Ssem.SystemSemaphore')
        self.key = 'market'
        names = {}
        steps = []
        for line in filter(None, map(str.strip, program.splitlines())):
            statement, _, value = line.partition('#')
            exec(statement, names)
            if value:
                self.find_set()
                self.assertEqual(names['sem'].get_value(), int(value), statement)
                steps.append(statement)
        self.assertEqual(len(steps), 10)


tap.main()
