# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The override module for Python: defaults, time-outs, exceptions, blocks, signals and `await`."""

import asyncio
import gc
import math
import os
import random
import re
import signal
import sys
import threading
import time
import unittest.mock

from gi.repository import Gio, GLib

import tap
from bindings import (CANCELLED, INVALID_ARGUMENT, LONG_SECONDS, MAXIMUM, BindingCase, Ssem,
                      in_loop)
from semaphores import BACKEND, wait_until

CODES = Ssem.SystemSemaphoreError
CLASSES = {
    CODES.PERMISSION_DENIED: Ssem.PermissionDeniedError,
    CODES.KEY_ERROR: Ssem.InvalidKeyError,
    CODES.ALREADY_EXISTS: Ssem.AlreadyExistsError,
    CODES.NOT_FOUND: Ssem.NotFoundError,
    CODES.OUT_OF_RESOURCES: Ssem.OutOfResourcesError,
    CODES.UNKNOWN_ERROR: Ssem.UnknownError,
    CODES.LOST: Ssem.LostError,
}
STORM_SECONDS = 10 if os.environ.get('SSEM_TEST_THOROUGH') else 1


class Interrupted(Exception):
    """The exception that a signal handler raises."""


class Case(BindingCase):
    open = Ssem.SystemSemaphore


class Construction(Case):
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
                      os.path.join(self.folder, os.listdir(self.folder)[0]))
        self.assertEqual(semaphore.get_value(), 2)
        self.assertIs(semaphore.get_undo(), False)
        self.assertEqual(semaphore.get_backend(), Ssem.Backend.SYSV)

    def test_new(self):
        semaphore = Ssem.SystemSemaphore.new(self.key, 2, Ssem.AccessMode.OPEN)
        self.find_set()
        self.assertIs(type(semaphore), Ssem.SystemSemaphore)
        self.assertIs(semaphore.acquire(), True)
        self.assertEqual(Ssem.SystemSemaphore.new(self.key).get_value(), 1)

    def test_no_key(self):
        for arguments in [(), ('',), (None, 3)]:
            with self.assertRaises(Ssem.InvalidKeyError):
                Ssem.SystemSemaphore(*arguments)

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


class Units(Case):
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


class Errors(Case):
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
        os.environ[self.variable] = os.path.join(self.folder, 'none')
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


class Blocks(Case):
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


class Signals(Case):
    """Signal handlers, which run in the main thread, during an acquire of the main thread."""

    def setUp(self):
        super().setUp()
        self.n_handled = 0
        self.is_armed = False

    def handle(self, number, handler):
        old = signal.signal(number, handler)
        self.addCleanup(signal.signal, number, old)

    def raise_interrupted(self, *unused):
        self.n_handled += 1
        if self.is_armed:
            self.is_armed = False
            raise Interrupted

    def interrupt_once_waiting(self, number=signal.SIGINT):
        return self.once_waiting(os.kill, os.getpid(), number)

    def test_keyboard_interrupt(self):
        """Ctrl-C ends each kind of blocking acquire with Python's own exception."""
        self.handle(signal.SIGINT, signal.default_int_handler)
        semaphore = self.new(2)
        cancellable = Gio.Cancellable()
        calls = {
            'acquire': lambda: semaphore.acquire(3),
            'timeout': lambda: semaphore.acquire(3, timeout=LONG_SECONDS),
            'cancellable': lambda: semaphore.acquire(3, cancellable=cancellable),
            'acquire_timeout': lambda: semaphore.acquire_timeout(3, -1),
            'hold': lambda: semaphore.hold(3).__enter__(),
        }
        for name, call in calls.items():
            with self.subTest(call=name):
                self.interrupt_once_waiting()
                with self.assertRaises(KeyboardInterrupt):
                    call()
                # The interrupted acquire has ended, and not only its caller.
                self.assertEqual(self.n_waiting(), 0)
                self.assertEqual(semaphore.get_value(), 2)
        self.assertFalse(cancellable.is_cancelled())
        semaphore.acquire(2)
        self.interrupt_once_waiting()
        with self.assertRaises(KeyboardInterrupt), semaphore:
            self.fail('not held')
        self.assertEqual(semaphore.get_value(), 0)

    def test_signal_settings_do_not_change(self):
        """A wait installs no handler, no mask and no wake-up descriptor."""
        self.handle(signal.SIGINT, signal.default_int_handler)
        semaphore = self.new(0)

        def read_settings():
            with open('/proc/self/status', encoding='ascii') as status:
                return dict(re.findall(r'(?m)^(Sig(?:Blk|Ign|Cgt)):\t(\w+)$', status.read()))

        def check():
            found.append((signal.getsignal(signal.SIGINT), read_settings()['SigCgt']))
            semaphore.release()

        before = read_settings()
        found = []
        self.once_waiting(check)
        semaphore.acquire()
        self.assertEqual(found, [(signal.default_int_handler, before['SigCgt'])])
        self.assertEqual(read_settings(), before)
        self.assertEqual(signal.set_wakeup_fd(-1), -1)

    def test_handler_that_returns(self):
        """A handler runs during the wait, which then continues."""
        self.handle(signal.SIGUSR1, self.raise_interrupted)
        semaphore = self.new(0)

        def disturb():
            for number in range(3):
                os.kill(os.getpid(), signal.SIGUSR1)
                wait_until(lambda: self.n_handled > number, 'the handler runs during the wait')
            semaphore.release()

        self.once_waiting(disturb)
        self.assertIs(semaphore.acquire(), True)
        self.assertEqual(self.n_handled, 3)
        self.assertEqual(semaphore.get_value(), 0)

    def test_handler_that_releases(self):
        semaphore = self.new(0)
        self.handle(signal.SIGUSR1, lambda *unused: semaphore.release())
        self.interrupt_once_waiting(signal.SIGUSR1)
        self.assertIs(semaphore.acquire(), True)

    def acquire_armed(self, semaphore, n):
        """Returns whether the units are held: not if the acquire raised a handler's exception."""
        held = False
        try:
            self.is_armed = True
            semaphore.acquire(n)
            held = True
            self.is_armed = False
        except Interrupted:
            pass
        return held

    def test_race_with_a_release(self):
        """Either the acquire gets the units, or the handler raises: never both, never neither."""
        self.handle(signal.SIGUSR1, self.raise_interrupted)
        semaphore = self.new(0)
        moves = [semaphore.release, lambda: os.kill(os.getpid(), signal.SIGUSR1)]

        def play():
            # The moves come before the main thread waits in some rounds, during its wait in others.
            for _ in range(random.randrange(3000)):
                pass
            for move in random.sample(moves, 2):
                move()

        ends = set()
        deadline = time.monotonic() + STORM_SECONDS
        # Both the units and the handler must have won at least once.
        while len(ends) < 2 or time.monotonic() < deadline:
            before = self.n_handled
            thread = self.in_thread(play)
            held = self.acquire_armed(semaphore, 1)
            thread.join()
            wait_until(lambda: self.n_handled > before, 'the signal is handled')
            self.assertEqual(semaphore.get_value(), 0 if held else 1)
            if not held:
                semaphore.try_acquire()
            ends.add(held)

    def test_race_without_waiting(self):
        """A signal arrives at any instant of an acquire that finds its units available."""
        self.handle(signal.SIGALRM, self.raise_interrupted)
        semaphore = self.new(2)
        self.addCleanup(signal.setitimer, signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
        deadline = time.monotonic() + STORM_SECONDS
        while self.n_handled < 1000 or time.monotonic() < deadline:
            for n in [1, 2]:
                if self.acquire_armed(semaphore, n):
                    semaphore.release(n)
                self.assertEqual(semaphore.get_value(), 2)


class Awaiting(Case):
    @in_loop
    async def test_await(self):
        semaphore = self.new(2)
        self.assertIs(await semaphore.acquire_async(), True)
        self.assertIs(await semaphore.acquire_async(1), True)
        self.assertEqual(semaphore.get_value(), 0)
        task = asyncio.create_task(semaphore.acquire_async(2, None))
        await asyncio.sleep(0)
        semaphore.release(2)
        self.assertIs(await task, True)
        self.assertEqual(semaphore.get_value(), 0)

    @in_loop
    async def test_the_loop_runs_meanwhile(self):
        semaphore = self.new(0)

        async def release():
            await self.until_waiting()
            semaphore.release(3)

        await asyncio.gather(semaphore.acquire_async(1), semaphore.acquire_async(2), release())
        self.assertEqual(semaphore.get_value(), 0)

    @in_loop
    async def test_many_in_order(self):
        """Awaited acquires are served in the order of their requests."""
        semaphore = self.new(0)
        order = []

        async def wait(number):
            await semaphore.acquire_async()
            order.append(number)

        tasks = [asyncio.create_task(wait(number)) for number in range(200)]
        await asyncio.sleep(0)
        semaphore.release(200)
        await asyncio.gather(*tasks)
        self.assertEqual(order, list(range(200)))
        self.assertEqual(semaphore.get_value(), 0)

    @in_loop
    async def test_cancelled_task(self):
        semaphore = self.new(1)
        task = asyncio.create_task(semaphore.acquire_async(2))
        await self.until_waiting()
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        self.assertEqual(self.n_waiting(), 0)
        self.assertEqual(semaphore.get_value(), 1)
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(semaphore.acquire_async(2), 0.01)
        self.assertEqual(semaphore.get_value(), 1)

    @in_loop
    async def test_cancelled_while_it_is_served(self):
        """A cancelled task either holds the unit, or has not taken it."""
        semaphore = self.new(0)

        async def play_round():
            task = asyncio.create_task(semaphore.acquire_async())
            await asyncio.sleep(0)
            thread = self.in_thread(semaphore.release)
            for _ in range(random.randrange(20)):
                await asyncio.sleep(0)
            task.cancel()
            try:
                held = await task
            except asyncio.CancelledError:
                held = False
            thread.join()
            self.assertEqual(semaphore.get_value(), 0 if held else 1)
            if not held:
                semaphore.try_acquire()
            return held

        ends = set()
        deadline = time.monotonic() + STORM_SECONDS
        while len(ends) < 2 or time.monotonic() < deadline:
            ends.add(await play_round())

    @in_loop
    async def test_cancellable(self):
        semaphore = self.new(0)
        cancellable = Gio.Cancellable()
        asyncio.get_running_loop().call_later(0.01, cancellable.cancel)
        for _ in range(2):
            with self.failing(CANCELLED):
                await semaphore.acquire_async(1, cancellable)
        self.assertEqual(semaphore.get_value(), 0)

    @in_loop
    async def test_errors(self):
        semaphore = self.new(1)
        with self.failing(INVALID_ARGUMENT):
            await semaphore.acquire_async(0)
        with self.assertRaises(TypeError):
            await semaphore.acquire_async('one')
        if MAXIMUM < GLib.MAXINT:
            with self.assertRaises(Ssem.OutOfResourcesError):
                await semaphore.acquire_async(MAXIMUM + 1)

    @in_loop
    async def test_blocks(self):
        semaphore = self.new(2)
        async with semaphore as entered:
            self.assertIs(entered, semaphore)
            self.assertEqual(semaphore.get_value(), 1)
            for timeout in [-1, 0, 0.01]:
                with self.assertRaisesRegex(TimeoutError, self.key):
                    async with semaphore.hold(2, timeout=timeout):
                        self.fail('not held')
        for timeout in [-1, 0, 1e-6, LONG_SECONDS]:
            async with semaphore.hold(2, timeout=timeout):
                self.assertEqual(semaphore.get_value(), 0)
            self.assertEqual(semaphore.get_value(), 2)

    @in_loop
    async def test_block_that_is_cancelled(self):
        semaphore = self.new(1)
        cancellable = Gio.Cancellable()
        cancellable.cancel()
        for timeout in [None, 0, LONG_SECONDS]:
            with self.failing(CANCELLED):
                async with semaphore.hold(timeout=timeout, cancellable=cancellable):
                    self.fail('not held')
        self.assertEqual(semaphore.get_value(), 1)

    @in_loop
    async def test_child_that_leaves_the_block(self):
        semaphore = self.new(1)
        async with semaphore:
            child = os.fork()
            if child:
                self.assertEqual(os.waitpid(child, 0), (child, 0))
        if not child:
            os._exit(semaphore.get_value())
        self.assertEqual(semaphore.get_value(), 1)

    @in_loop
    async def test_no_thread(self):
        """A failed start of the await thread does not break the next acquire."""
        semaphore = self.new(1)
        with unittest.mock.patch('threading.Thread.start', side_effect=RuntimeError('none')), \
             self.assertRaisesRegex(RuntimeError, 'none'):
            await semaphore.acquire_async()
        self.assertIs(await semaphore.acquire_async(), True)

    def test_loop_that_is_closed(self):
        """The units for a coroutine whose loop is closed are released."""
        semaphore = self.new(0)
        loop = asyncio.new_event_loop()

        async def begin():
            task = asyncio.create_task(semaphore.acquire_async())
            await asyncio.sleep(0)
            return task

        task = loop.run_until_complete(begin())
        self.wait_for_waiters(1)
        loop.close()
        semaphore.release()
        wait_until(lambda: threading.active_count() == 1, 'the request is over')
        self.assertEqual(semaphore.get_value(), 1)
        self.assertFalse(task.done())
        # The task was never awaited to its end, and would print a warning.
        loop.set_exception_handler(lambda loop, context: None)
        del task
        gc.collect()
        self.assertEqual(semaphore.get_value(), 1)

    def test_callback_in_a_main_loop(self):
        semaphore = self.new(1)
        loop = GLib.MainLoop()
        ends = []

        def done_cb(source, result, data):
            ends.append((source.acquire_finish(result), data))
            loop.quit()

        self.assertIsNone(semaphore.acquire_async(1, None, done_cb, 'data'))
        loop.run()
        self.assertEqual(ends, [(True, 'data')])

        def failed_cb(source, result):
            ends.append(self.assertFails(INVALID_ARGUMENT, source.acquire_finish, result))
            loop.quit()

        semaphore.acquire_async(0, None, failed_cb)
        loop.run()
        self.assertNotIsInstance(ends[1], Ssem.Error)


class Exit(Case):
    """A program may exit right after a wait, or during one."""

    BEGINNING = '''
import asyncio, atexit, sys, threading

@atexit.register
def print_threads():
    """Runs after the exit functions of the module, because it was registered earlier."""
    print([thread.name for thread in threading.enumerate()])
    if late:
        asyncio.run(late())

late = None
import gi
gi.require_version('Ssem', '1')
from gi.repository import GLib, Ssem
semaphore = Ssem.SystemSemaphore(sys.argv[1], 1)
'''

    def run_to_exit(self, code):
        """Returns the output and the error messages of a program that must succeed."""
        done = self.run_program(self.BEGINNING + code)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRemoved()
        return done.stdout, done.stderr

    def test_thread_that_lingers(self):
        """The await thread ends before Python shuts down: returning to Python later would crash."""
        written = self.run_to_exit('''
may_go = threading.Event()
pop, join = GLib.MainContext.pop_thread_default, threading.Thread.join
GLib.MainContext.pop_thread_default = lambda context: may_go.wait() and pop(context)
threading.Thread.join = lambda thread: may_go.set() or join(thread)

async def run():
    await semaphore.acquire_async()
asyncio.run(run())
''')
        self.assertEqual(written, ("['MainThread']\n", ''))

    def test_still_awaited(self):
        """A program may exit while a coroutine waits."""
        written, _ = self.run_to_exit('''
async def run():
    global task
    task = asyncio.create_task(semaphore.acquire_async(2))
    await asyncio.sleep(0)
loop = asyncio.new_event_loop()
loop.run_until_complete(run())
''')
        self.assertEqual(written, "['MainThread']\n")

    def test_too_late(self):
        """An acquire in an exit function fails instead of waiting forever."""
        _, wrong = self.run_to_exit('''
async def late():
    await semaphore.acquire_async()
''')
        self.assertIn('RuntimeError: cannot await an acquire while', wrong)

    def test_thread_of_a_blocking_acquire(self):
        """The thread has dropped its references before the acquire ends, even if it still runs."""
        semaphore = self.new(0)
        cancellable = Gio.Cancellable()
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(LONG_SECONDS)
        before = sys.getrefcount(cancellable)
        self.once_waiting(semaphore.release)
        self.assertIs(semaphore.acquire(1, None, cancellable), True)
        self.assertEqual(sys.getrefcount(cancellable), before)


class Manual(Case):
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
