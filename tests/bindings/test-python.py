# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The library as a program in Python sees it, through the typelib alone."""

import gc
import os
import sys
import threading

import gi

gi.require_version('Ssem', '1')
from gi.repository import Gio, GLib, GObject, Ssem  # noqa: E402

import tap  # noqa: E402
from semaphores import BACKEND, MAXIMUMS, KeyFolderCase, key_file  # noqa: E402

SOURCES = os.path.join(os.environ['G_TEST_SRCDIR'], 'bindings')
BUILT = os.path.join(os.environ['G_TEST_BUILDDIR'], 'bindings')
HOLDERS = {
    'Python': [sys.executable, os.path.join(SOURCES, 'holder.py')],
    'JavaScript': ['gjs', '-m', os.path.join(SOURCES, 'holder.js')],
    'Vala': [os.path.join(BUILT, 'holder-vala')],
}
ERRORS = Ssem.SystemSemaphoreError
GIO_CANCELLED = ('g-io-error-quark', Gio.IOErrorEnum.CANCELLED)
CHOSEN = {'shared-memory': Ssem.Backend.SHARED_MEMORY, 'sysv': Ssem.Backend.SYSV}[BACKEND]
MAXIMUM = MAXIMUMS[BACKEND]
MINUTE_USEC = 60 * GLib.USEC_PER_SEC


class Case(KeyFolderCase):
    def setUp(self):
        super().setUp()
        # Objects that a traceback or a cycle keeps alive would keep the key's file, too.
        self.addCleanup(gc.collect)

    def new(self, initial_value=0, mode=Ssem.AccessMode.CREATE):
        semaphore = Ssem.SystemSemaphore.new(self.key, initial_value, mode)
        self.find_set()
        return semaphore

    def assertFails(self, domain, code, call, *arguments):
        with self.assertRaises(GLib.Error) as caught:
            call(*arguments)
        error = caught.exception
        self.assertTrue(error.matches(domain, code), repr(error))
        self.assertNotEqual(error.message, '')
        return error.message

    def assertSsemError(self, code, call, *arguments):
        return self.assertFails(ERRORS.quark(), code, call, *arguments)

    def assertGioError(self, code, call, *arguments):
        return self.assertFails(Gio.io_error_quark(), code, call, *arguments)


class Objects(Case):
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

    def test_built_from_properties_opens_itself(self):
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
        self.assertSsemError(ERRORS.KEY_ERROR, semaphore.acquire, 1, None)
        self.assertSsemError(ERRORS.KEY_ERROR, semaphore.get_value)
        semaphore.set_key(self.key, 1, Ssem.AccessMode.OPEN)
        semaphore.acquire(1, None)

    def test_initable(self):
        semaphore = Ssem.SystemSemaphore(key=self.key, initial_value=2, undo=False)
        self.assertTrue(semaphore.init(None))
        self.find_set()
        self.assertIs(semaphore.props.undo, False)
        self.assertEqual(semaphore.props.backend, CHOSEN)
        self.assertSsemError(ERRORS.KEY_ERROR, Ssem.SystemSemaphore(key='').init, None)
        cancellable = Gio.Cancellable()
        cancellable.cancel()
        self.assertGioError(Gio.IOErrorEnum.CANCELLED,
                            Ssem.SystemSemaphore(key=self.key).init, cancellable)

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

    def test_set_key_notifies(self):
        semaphore = self.new(1)
        heard = []
        semaphore.connect('notify', lambda source, pspec: heard.append(pspec.name))
        semaphore.set_key(self.key + '2', 2, Ssem.AccessMode.OPEN)
        self.assertEqual(sorted(heard), ['initial-value', 'key', 'mode'])
        self.assertRemoved()
        self.key += '2'
        self.find_set()
        self.assertEqual(semaphore.get_key(), self.key)
        self.assertEqual(semaphore.get_value(), 2)
        heard.clear()
        semaphore.set_key(self.key, 3, Ssem.AccessMode.OPEN)
        self.assertEqual(heard, ['initial-value'])

    def test_backends(self):
        supported = [backend for backend in map(Ssem.Backend, range(4))
                     if Ssem.backend_is_supported(backend)]
        self.assertIn(CHOSEN, supported)
        self.assertIn(Ssem.Backend.SYSV, supported)
        self.assertIn(Ssem.Backend.DEFAULT, supported)
        self.assertNotIn(Ssem.Backend.WINDOWS, supported)
        self.assertTrue(Ssem.Backend.is_supported(Ssem.Backend.SYSV))
        self.assertGioError(Gio.IOErrorEnum.NOT_SUPPORTED,
                            Ssem.SystemSemaphore(key=self.key, backend=Ssem.Backend.WINDOWS).init)

    def test_each_backend_has_its_own_keys(self):
        backends = [Ssem.Backend.SHARED_MEMORY, Ssem.Backend.SYSV]
        semaphores = [Ssem.SystemSemaphore(key=self.key, backend=backend, initial_value=3)
                      for backend in backends]
        for number, semaphore in enumerate(semaphores):
            semaphore.acquire(1 + number, None)
            self.find_set(key_file(self.folder, self.key, 'sysv'))
        self.assertEqual([semaphore.get_backend() for semaphore in semaphores], backends)
        self.assertEqual([semaphore.get_value() for semaphore in semaphores], [2, 1])
        chosen = self.new(0, Ssem.AccessMode.OPEN)
        self.assertEqual(chosen.get_value(), semaphores[backends.index(CHOSEN)].get_value())


class Units(Case):
    def test_acquire_and_release(self):
        semaphore = self.new(3)
        self.assertIs(semaphore.acquire(2, None), True)
        self.assertEqual(semaphore.get_value(), 1)
        self.assertIs(semaphore.try_acquire(1), True)
        self.assertGioError(Gio.IOErrorEnum.WOULD_BLOCK, semaphore.try_acquire, 1)
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
        self.assertGioError(Gio.IOErrorEnum.TIMED_OUT, semaphore.acquire_timeout, 1, 50000, None)
        self.assertGreaterEqual(GLib.get_monotonic_time() - before, 50000)
        self.assertGioError(Gio.IOErrorEnum.WOULD_BLOCK, semaphore.acquire_timeout, 1, 0, None)

    def test_a_blocked_acquire_lets_other_threads_run(self):
        semaphore = self.new(0)
        waiter = threading.Thread(target=lambda: semaphore.acquire(1, None))
        waiter.start()
        self.wait_for_waiters(1)
        semaphore.release(1)
        waiter.join()
        self.assertEqual(semaphore.get_value(), 0)

    def test_cancelling_a_blocked_acquire(self):
        semaphore = self.new(0)
        cancellable = Gio.Cancellable()
        ends = []

        def wait():
            try:
                semaphore.acquire(1, cancellable)
            except GLib.Error as error:
                ends.append(error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED))

        waiter = threading.Thread(target=wait)
        waiter.start()
        self.wait_for_waiters(1)
        cancellable.cancel()
        waiter.join()
        self.assertEqual(ends, [True])


class Errors(Case):
    def test_key_error(self):
        new = Ssem.SystemSemaphore.new
        for key in ['', 'k' * 1025]:
            self.assertSsemError(ERRORS.KEY_ERROR, new, key, 1, Ssem.AccessMode.OPEN)

    def test_not_found(self):
        message = self.assertSsemError(ERRORS.NOT_FOUND, self.new, 1, Ssem.AccessMode.OPEN_EXISTING)
        self.assertIn(self.key, message)

    def test_already_exists(self):
        semaphore = self.new(1)
        self.assertSsemError(ERRORS.ALREADY_EXISTS, self.new, 1, Ssem.AccessMode.CREATE_EXCLUSIVE)
        self.assertEqual(semaphore.get_value(), 1)

    def test_permission_denied(self):
        os.symlink('/dev/null', self.path)
        self.assertSsemError(ERRORS.PERMISSION_DENIED, self.new)
        os.unlink(self.path)

    def test_out_of_resources(self):
        semaphore = self.new(MAXIMUM)
        self.assertSsemError(ERRORS.OUT_OF_RESOURCES, semaphore.release, 1)
        self.assertEqual(semaphore.get_value(), MAXIMUM)
        if MAXIMUM < GLib.MAXINT:
            self.assertSsemError(ERRORS.OUT_OF_RESOURCES, self.new, MAXIMUM + 1)

    def test_invalid_argument(self):
        semaphore = self.new(1)
        for n in [0, -1]:
            self.assertGioError(Gio.IOErrorEnum.INVALID_ARGUMENT, semaphore.acquire, n, None)
            self.assertGioError(Gio.IOErrorEnum.INVALID_ARGUMENT, semaphore.release, n)
        self.assertGioError(Gio.IOErrorEnum.INVALID_ARGUMENT, self.new, -1)

    def test_last_error(self):
        semaphore = self.new(0)
        self.assertEqual(semaphore.get_error(), ERRORS.NO_ERROR)
        self.assertEqual(semaphore.get_error_string(), '')
        message = self.assertGioError(Gio.IOErrorEnum.WOULD_BLOCK, semaphore.try_acquire, 1)
        self.assertEqual(semaphore.get_error(), ERRORS.UNKNOWN_ERROR)
        self.assertEqual(semaphore.get_error_string(), message)
        semaphore.release(MAXIMUM)
        self.assertEqual(semaphore.get_error_string(), '')
        message = self.assertSsemError(ERRORS.OUT_OF_RESOURCES, semaphore.release, 1)
        self.assertEqual(semaphore.get_error(), ERRORS.OUT_OF_RESOURCES)
        self.assertEqual(semaphore.get_error_string(), message)
        semaphore.get_value()
        self.assertEqual(semaphore.get_error(), ERRORS.NO_ERROR)


class Async(Case):
    def setUp(self):
        super().setUp()
        self.loop = GLib.MainLoop()
        self.ends = []

    def ask(self, semaphore, n, cancellable=None, name=None):
        def done_cb(source, result):
            try:
                self.ends.append((name, source.acquire_finish(result)))
            except GLib.Error as error:
                # Not the error itself: its traceback keeps the object.
                self.ends.append((name, (error.domain, error.code)))
            self.loop.quit()
        semaphore.acquire_async(n, cancellable, done_cb)

    def run_until(self, number):
        while len(self.ends) < number:
            self.loop.run()

    def test_in_order(self):
        semaphore = self.new(0)
        for name, n in [('first', 2), ('second', 1), ('third', 1)]:
            self.ask(semaphore, n, name=name)
        self.wait_for_waiters(1)
        semaphore.release(4)
        self.run_until(3)
        self.assertEqual(self.ends, [('first', True), ('second', True), ('third', True)])
        self.assertEqual(semaphore.get_value(), 0)

    def test_at_once(self):
        semaphore = self.new(1)
        self.ask(semaphore, 1)
        self.assertEqual(self.ends, [])
        self.run_until(1)
        self.assertEqual(self.ends, [(None, True)])

    def test_cancel(self):
        semaphore = self.new(0)
        cancellables = {name: Gio.Cancellable() for name in ['served', 'queued', 'late']}
        for name, cancellable in cancellables.items():
            self.ask(semaphore, 1, cancellable, name)
        self.wait_for_waiters(1)
        for number, name in enumerate(['queued', 'served'], 1):
            cancellables[name].cancel()
            self.run_until(number)
            self.assertEqual(self.ends[-1], (name, GIO_CANCELLED))
        self.assertEqual(semaphore.get_value(), 0)
        semaphore.release(1)
        self.run_until(3)
        self.assertEqual(self.ends[-1], ('late', True))
        self.assertEqual(semaphore.get_value(), 0)

    def test_invalid_argument(self):
        self.ask(self.new(1), 0)
        self.run_until(1)
        failure = ('g-io-error-quark', Gio.IOErrorEnum.INVALID_ARGUMENT)
        self.assertEqual(self.ends, [(None, failure)])


class Death(Case):
    def test_killed_holders_give_back(self):
        for language, command in HOLDERS.items():
            with self.subTest(language=language):
                semaphore = self.new(2)
                holder = self.start(*command, self.key, '2')
                self.assertEqual(holder.read_line(), 'holding')
                self.assertEqual(semaphore.get_value(), 0)
                waiter = threading.Thread(
                    target=lambda: semaphore.acquire_timeout(2, MINUTE_USEC, None))
                waiter.start()
                self.wait_for_waiters(1)
                holder.kill()
                waiter.join()
                self.assertEqual(semaphore.get_value(), 0)
                semaphore = None

    def test_holders_that_leave_give_back(self):
        for language, command in HOLDERS.items():
            with self.subTest(language=language):
                semaphore = self.new(1)
                holder = self.start(*command, self.key, '1')
                self.assertEqual(holder.read_line(), 'holding')
                holder.leave()
                self.assertEqual(semaphore.get_value(), 1)
                semaphore = None



class Infos(Case):
    def test_what_is_told(self):
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

        # What the array had, stays.
        infos = [info for info in Ssem.SemaphoreInfo.list(Ssem.Backend.DEFAULT)]
        gc.collect()
        self.assertEqual([info.get_key() for info in infos], [self.key])
        semaphore = None

    def test_mending(self):
        semaphore = self.new(5)
        self.assertGioError(Gio.IOErrorEnum.BUSY, Ssem.semaphore_remove_leftover, self.key, CHOSEN)
        self.assertTrue(Ssem.semaphore_reset(self.key, 7, CHOSEN))
        self.assertEqual(semaphore.get_value(), 7)
        semaphore = None
        self.assertSsemError(ERRORS.NOT_FOUND, Ssem.SemaphoreInfo.query, self.key, CHOSEN)


tap.main()
