# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Awaited acquires with asyncio and anyio: cancellation, time-outs and fork ()."""

import asyncio
import functools
import gc
import threading
import unittest
import warnings

from gi.repository import Gio, GLib

import tap
from bindings import LONG_SECONDS, BindingCase, Ssem, in_loop
from semaphores import wait_until

try:
    import anyio
except ImportError:
    anyio = None

SHORT_SECONDS = 0.01


class Case(BindingCase):
    open = Ssem.SystemSemaphore

    async def until_alone(self):
        """Waits until all other tasks have ended."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*tasks, return_exceptions=True)

    def assertIdle(self, semaphore, value):
        """Checks that no thread waits, and that the value is as expected."""
        self.assertEqual(self.n_waiting(), 0)
        self.assertEqual(semaphore.get_value(), value)


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


class Forked(Case):
    """A child of fork () has a copy of a coroutine, but not the await thread, and no units."""

    BEGINNING = '''
import asyncio, os, signal, sys, threading, time
import gi
gi.require_version('Ssem', '1')
from gi.repository import Gio, GLib, Ssem
semaphore = Ssem.SystemSemaphore(sys.argv[1])

def fork(child, *arguments):
    """Calls a function in a child. Returns the exit status, which is the function's result."""
    pid = os.fork()
    if pid == 0:
        sys.exit(child(*arguments))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

async def fork_and_wait(child):
    pid = os.fork()
    if pid == 0:
        sys.exit(await child())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def is_quiet():
    """Returns whether all other threads sleep. A running thread may hold a lock of GLib, which a
    child would find locked forever."""
    mine = str(threading.get_native_id())
    try:
        states = [open(f'/proc/self/task/{thread}/stat').read().rpartition(')')[2].split()[0]
                  for thread in os.listdir('/proc/self/task') if thread != mine]
    except OSError:
        return False    # a thread has just ended
    return set(states) == {'S'}

async def begin(n=1):
    task = asyncio.create_task(semaphore.acquire_async(n))
    await asyncio.sleep(0)
    while not (count_waiters() and is_quiet()):
        await asyncio.sleep(0.001)
    return task

def count_waiters():
    return Ssem.SemaphoreInfo.query(sys.argv[1]).get_n_waiters()
'''

    def run_forking(self, code):
        """Returns the words that a program prints. The program must succeed."""
        # GLib's own allocator does not survive a fork while another thread uses it.
        done = self.run_program(self.BEGINNING + code, G_SLICE='always-malloc')
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertRemoved()
        return done.stdout.split()

    def test_exit(self):
        written = self.run_forking('''
async def run():
    tasks = [await begin(), await begin(2)]
    print(fork(lambda: 7))
    semaphore.release(3)
    print(*await asyncio.gather(*tasks), semaphore.get_value())
    # A task that starts after a fork works too.
    task = await begin()
    print(fork(lambda: 8))
    semaphore.release()
    print(await task, semaphore.get_value())
    # The loop cancels the other task when it ends.
    await begin()
asyncio.run(run())
print(semaphore.get_value())
''')
        self.assertEqual(written, ['7', 'True', 'True', '0', '8', 'True', '0', '0'])

    def test_child_that_goes_on(self):
        """The awaiting coroutine gets an error. The child may use the semaphore as any process."""
        written = self.run_forking('''
async def child():
    try:
        await task
    except GLib.Error as error:
        assert error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED)
        semaphore.release()
        assert semaphore.acquire() and not semaphore.try_acquire()
        return 7

async def run():
    global task
    task = await begin(2)
    print(await fork_and_wait(child))
asyncio.run(run())
print(semaphore.get_value())
''')
        self.assertEqual(written, ['7', '0'])

    def test_units_of_the_parent(self):
        """Units that arrive before the fork stay the parent's, even if the coroutine has not
        continued since then."""
        written = self.run_forking('''
async def child():
    try:
        await task
    except GLib.Error as error:
        assert error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED)
        return 7

async def run():
    global task
    for end in [lambda: fork(lambda: 7), lambda: fork(task.cancel), lambda: fork_and_wait(child)]:
        task = await begin()
        semaphore.release()
        # The request has ended, and its thread too.
        while threading.active_count() > 1:
            time.sleep(0.001)
        status = end()
        print(status if isinstance(status, int) else await status)
        print(semaphore.get_value(), await task, semaphore.get_value())
asyncio.run(run())
''')
        self.assertEqual(written, ['7', '0', 'True', '0', '1', '0', 'True', '0',
                                   '7', '0', 'True', '0'])

    WAITING = '''
def handle(number, frame):
    print('child', fork(child), flush=True)
    semaphore.release()

def disturb():
    while count_waiters() == 0:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGUSR1)

signal.signal(signal.SIGUSR1, handle)
threading.Thread(target=disturb).start()
'''

    def test_exit_in_a_handler(self):
        """A handler forks while the main thread waits in a blocking acquire."""
        written = self.run_forking(self.WAITING + '''
def child():
    return 7
print(semaphore.acquire(), semaphore.get_value())
''')
        self.assertEqual(written, ['child', '7', 'True', '0'])

    def test_handler_that_returns_in_the_child(self):
        """The child continues the wait as a process of its own."""
        written = self.run_forking(self.WAITING + '''
def handle(number, frame):
    global pid
    pid = os.fork()
signal.signal(signal.SIGUSR1, handle)

pid = None

def release():
    while pid is None or count_waiters() < 2:
        time.sleep(0.001)
    semaphore.release(2)

threading.Thread(target=release).start()
held = semaphore.acquire()
if pid == 0:
    sys.exit(7 if held else 1)
print(held, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), semaphore.get_value())
''')
        self.assertEqual(written, ['True', '7', '1'])


tap.main()
