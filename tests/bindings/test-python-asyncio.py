# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Awaited acquires with asyncio and anyio: order, errors, blocks, cancellation and time-outs."""

import asyncio
import functools
import gc
import os
import random
import threading
import time
import unittest
import unittest.mock
import warnings

from gi.repository import Gio, GLib

import tap
from bindings import (CANCELLED, INVALID_ARGUMENT, LONG_SECONDS, MAXIMUM, STORM_SECONDS,
                      OverrideCase, Ssem, in_loop)
from semaphores import wait_until

try:
    import anyio
except ImportError:
    anyio = None

SHORT_SECONDS = 0.01


class Case(OverrideCase):
    async def until_alone(self):
        """Waits until all other tasks have ended."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*tasks, return_exceptions=True)

    def assertIdle(self, semaphore, value):
        """Checks that no thread waits, and that the value is as expected."""
        self.assertEqual(self.n_waiting(), 0)
        self.assertEqual(semaphore.get_value(), value)


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
    async def test_time_out_in_seconds(self):
        semaphore = self.new(2)
        self.assertIs(await semaphore.acquire_async(timeout=LONG_SECONDS), True)
        self.assertIs(await semaphore.acquire_async(timeout=0), True)
        for timeout in [0, -1, SHORT_SECONDS]:
            self.assertIs(await semaphore.acquire_async(1, timeout=timeout), False)
        self.assertRaises(TypeError, semaphore.acquire_async, timeout='1')
        self.assertRaises(TypeError, semaphore.acquire_async, 1, None, print, timeout=1)
        task = asyncio.create_task(semaphore.acquire_async(2, timeout=LONG_SECONDS))
        await self.until_waiting()
        semaphore.release(2)
        self.assertIs(await task, True)
        self.assertIdle(semaphore, 0)

    @in_loop
    async def test_opening(self):
        opened = await Ssem.SystemSemaphore.open_async(self.key, 3, Ssem.AccessMode.CREATE)
        self.assertIs(type(opened), Ssem.SystemSemaphore)
        self.assertEqual((opened.get_key(), opened.get_value()), (self.key, 3))
        again = await Ssem.SystemSemaphore.open_async(key=self.key, undo=False)
        self.assertEqual((again.get_undo(), again.get_value()), (False, 3))
        with self.assertRaises(Ssem.NotFoundError):
            await Ssem.SystemSemaphore.open_async(self.key + '2',
                                                  mode=Ssem.AccessMode.OPEN_EXISTING)
        with self.assertRaises(Ssem.InvalidKeyError):
            await Ssem.SystemSemaphore.open_async('a\0b')
        for wrong in [{'key': 1}, {'initial_value': '1'}, {'colour': 1}]:
            with self.assertRaises(TypeError):
                await Ssem.SystemSemaphore.open_async(**{'key': self.key, **wrong})

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


    def test_other_callbacks_in_a_main_loop(self):
        loop = GLib.MainLoop()
        found = []

        def opened_cb(source, result):
            found.append(Ssem.SystemSemaphore.new_finish(result))
            found[0].acquire_timeout_async(2, GLib.USEC_PER_SEC * 600, None, acquired_cb, 'data')

        def acquired_cb(semaphore, result, data):
            found.append((semaphore.acquire_timeout_finish(result), data))
            semaphore.acquire_timeout_async(2, 1000, None, timed_out_cb)

        def timed_out_cb(semaphore, result):
            try:
                semaphore.acquire_timeout_finish(result)
            except GLib.Error as error:
                found.append(error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.TIMED_OUT))
            loop.quit()

        Ssem.SystemSemaphore.new_async(self.key, 3, Ssem.AccessMode.OPEN, None, opened_cb)
        loop.run()
        self.assertEqual(found[1:], [(True, 'data'), True])
        self.assertEqual(found[0].get_value(), 1)
        for arguments in [(self.key, 0.5, 0), (1, 1, 0), (self.key, 1, 'OPEN')]:
            self.assertRaises(TypeError, Ssem.SystemSemaphore.new_async, *arguments, None, print)
        self.assertRaises(TypeError, found[0].acquire_timeout_async, 1, 0.5, None, print)
        found[0].run_dispose()


class Coroutine(Case):
    """Without a callback, acquire_async () returns a coroutine, whether a loop runs or not."""

    def test_run(self):
        semaphore = self.new(3)
        for arguments in [(), (1,), (1, Gio.Cancellable())]:
            coroutine = semaphore.acquire_async(*arguments)
            self.assertTrue(asyncio.iscoroutine(coroutine))
            value = semaphore.get_value()
            self.assertIs(self.run_async(coroutine), True)
            self.assertEqual(semaphore.get_value(), value - 1)
        self.assertEqual(semaphore.get_value(), 0)

    def test_from_another_thread(self):
        semaphore = self.new(1)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        future = asyncio.run_coroutine_threadsafe(semaphore.acquire_async(), loop)
        self.assertIs(future.result(LONG_SECONDS), True)
        self.assertEqual(semaphore.get_value(), 0)

        # Cancelling from another thread works too.
        future = asyncio.run_coroutine_threadsafe(semaphore.acquire_async(), loop)
        self.wait_for_waiters(1)
        future.cancel()
        asyncio.run_coroutine_threadsafe(self.until_alone(), loop).result(LONG_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        semaphore.release()
        self.assertIdle(semaphore, 1)

    def test_task_of_a_loop_that_does_not_run_yet(self):
        semaphore = self.new(2)
        loop = asyncio.new_event_loop()
        self.addCleanup(loop.close)
        tasks = [loop.create_task(semaphore.acquire_async()) for _ in range(2)]
        self.assertEqual(semaphore.get_value(), 2)
        self.assertEqual(loop.run_until_complete(asyncio.gather(*tasks)), [True, True])
        self.assertEqual(semaphore.get_value(), 0)

    @in_loop
    async def test_never_awaited(self):
        semaphore = self.new(1)
        coroutine = semaphore.acquire_async()
        coroutine.close()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            coroutine = semaphore.acquire_async()
            del coroutine
            gc.collect()
        self.assertIn('was never awaited', str(caught[0].message))
        asyncio.create_task(semaphore.acquire_async()).cancel()
        await asyncio.sleep(0)
        semaphore.acquire_async().close()
        self.assertIdle(semaphore, 1)

    def test_beside_a_main_loop_of_glib(self):
        """A coroutine acquires nothing before it is awaited, even while GLib's main loop runs."""
        semaphore = self.new(1)
        context = GLib.MainContext.default()
        coroutine = semaphore.acquire_async(1, None, None)
        while context.iteration(False):
            pass
        self.assertTrue(asyncio.iscoroutine(coroutine))
        coroutine.close()
        self.assertEqual(semaphore.get_value(), 1)


class Cancelled(Case):
    def catch(self, awaitable, play):
        """Returns the arguments of the CancelledError in a task that `play` cancels."""
        caught = []

        async def wait():
            try:
                raise ZeroDivisionError
            except ZeroDivisionError:
                try:
                    await awaitable
                except asyncio.CancelledError as error:
                    caught.append((error.args, error.__context__))
                    raise

        async def run():
            task = asyncio.create_task(wait())
            await self.until_waiting()
            await play(task)
            with self.assertRaises(asyncio.CancelledError) as outer:
                await task
            self.assertEqual(outer.exception.args, caught[0][0])
            self.assertTrue(task.cancelled())

        self.run_async(run())
        (arguments, context), = caught
        self.assertIsInstance(context, ZeroDivisionError)
        return arguments

    def test_message(self):
        """The CancelledError keeps the message and the context of the cancellation."""
        semaphore = self.new(1)

        async def cancel(task):
            task.cancel('no more of it')

        for awaitable in [semaphore.acquire_async(2), semaphore.hold(2).__aenter__(),
                          semaphore.hold(2, LONG_SECONDS).__aenter__()]:
            self.assertEqual(self.catch(awaitable, cancel), ('no more of it',))
            self.assertIdle(semaphore, 1)

    def test_the_first_of_several(self):
        """A second cancellation does not replace the first one."""
        semaphore = self.new(1)

        async def cancel(task):
            task.cancel('first')
            # The task has received this cancellation, and waits until its request has ended.
            await asyncio.sleep(0)
            task.cancel('second')

        self.assertEqual(self.catch(semaphore.acquire_async(2), cancel), ('first',))
        self.assertIdle(semaphore, 1)

    @in_loop
    async def test_timeout(self):
        """asyncio.timeout () finds its own cancellation, and the count of the task is 0 again."""
        semaphore = self.new(1)
        task = asyncio.current_task()
        with self.assertRaises(TimeoutError):
            async with asyncio.timeout(SHORT_SECONDS):
                await semaphore.acquire_async(2)
        self.assertEqual(task.cancelling(), 0)
        for timeout in [None, LONG_SECONDS]:
            with self.assertRaises(TimeoutError):
                async with asyncio.timeout(LONG_SECONDS):
                    async with asyncio.timeout(SHORT_SECONDS):
                        async with semaphore.hold(2, timeout):
                            self.fail('not held')
            self.assertEqual(task.cancelling(), 0)
        # If the hold times out first, its own exception is raised.
        with self.assertRaisesRegex(TimeoutError, self.key):
            async with asyncio.timeout(LONG_SECONDS):
                async with semaphore.hold(2, SHORT_SECONDS):
                    self.fail('not held')
        self.assertEqual(task.cancelling(), 0)
        self.assertIdle(semaphore, 1)
        async with asyncio.timeout(LONG_SECONDS):
            self.assertIs(await semaphore.acquire_async(), True)

    @in_loop
    async def test_task_group(self):
        """A task group that fails cancels its tasks, which then hold nothing."""
        semaphore = self.new(1)

        async def fail():
            await self.until_waiting()
            raise ZeroDivisionError

        async def hold(timeout):
            async with semaphore.hold(2, timeout):
                self.fail('not held')

        with self.assertRaises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(semaphore.acquire_async(2)),
                         group.create_task(hold(None)), group.create_task(hold(LONG_SECONDS)),
                         group.create_task(fail())]
        failed, = caught.exception.exceptions
        self.assertIsInstance(failed, ZeroDivisionError)
        self.assertTrue(all(task.cancelled() for task in tasks[:-1]))
        self.assertIdle(semaphore, 1)

    @in_loop
    async def test_hold_that_times_out(self):
        """A time-out of a hold does not cancel the task, and does not hide a cancellation."""
        semaphore = self.new(1)

        async def hold():
            async with semaphore.hold(2, SHORT_SECONDS):
                self.fail('not held')

        for n_steps in range(30):
            task = asyncio.create_task(hold())
            # The cancellation comes at another step of the task in each round.
            while self.n_waiting() == 0 and not task.done():
                await asyncio.sleep(0)
            while self.n_waiting() > 0:
                await asyncio.sleep(0)
            for _ in range(n_steps):
                await asyncio.sleep(0)
            is_late = task.done() or not task.cancel()
            with self.assertRaises(TimeoutError if is_late else asyncio.CancelledError):
                await task
            self.assertIdle(semaphore, 1)


def in_anyio(function):
    """Makes a test of a coroutine, which anyio runs."""
    @functools.wraps(function)
    def test(self):
        self.run_anyio(function, self)
    return test


@unittest.skipIf(anyio is None, 'there is no anyio')
class AnyIO(Case):
    def run_anyio(self, *arguments):
        anyio.run(*arguments)
        wait_until(lambda: threading.active_count() == 1, 'all threads end')

    def awaitables(self, semaphore):
        return [lambda: semaphore.acquire_async(2), lambda: semaphore.hold(2).__aenter__(),
                lambda: semaphore.hold(2, LONG_SECONDS).__aenter__()]

    @in_anyio
    async def test_scopes(self):
        """The cancel scopes of anyio end acquires and holds, also with a shield and nested."""
        semaphore = self.new(1)
        for make in self.awaitables(semaphore):
            with anyio.move_on_after(SHORT_SECONDS) as scope:
                await make()
                self.fail('not held')
            self.assertTrue(scope.cancel_called)
            self.assertIdle(semaphore, 1)
            with self.assertRaises(TimeoutError):
                with anyio.fail_after(SHORT_SECONDS):
                    await make()
            self.assertIdle(semaphore, 1)
            with anyio.fail_after(LONG_SECONDS):
                with anyio.move_on_after(SHORT_SECONDS, shield=True) as scope:
                    await make()
                self.assertTrue(scope.cancel_called)
                # The outer scope is not cancelled.
                await anyio.sleep(0)
            with anyio.move_on_after(SHORT_SECONDS) as scope:
                with anyio.fail_after(LONG_SECONDS):
                    await make()
                self.fail('cancelled')
            self.assertTrue(scope.cancel_called)
            self.assertIdle(semaphore, 1)
        with anyio.fail_after(LONG_SECONDS):
            self.assertIs(await semaphore.acquire_async(), True)

    @in_anyio
    async def test_task_group(self):
        """Each task has stopped waiting before it gets the cancellation."""
        semaphore = self.new(1)
        ends = []

        async def wait(make):
            try:
                await make()
            except asyncio.CancelledError:
                ends.append(self.n_waiting())
                raise

        async with anyio.create_task_group() as group:
            for make in self.awaitables(semaphore):
                group.start_soon(wait, make)
            await self.until_waiting()
            group.cancel_scope.cancel()
        self.assertEqual(len(ends), 3)
        self.assertIdle(semaphore, 1)

    def test_run(self):
        semaphore = self.new(1)
        self.run_anyio(semaphore.acquire_async)
        self.assertEqual(semaphore.get_value(), 0)


tap.main()
