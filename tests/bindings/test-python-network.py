# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Addresses, fencing tokens and losses in Python, with the backend "memory" of the tests."""

import asyncio
import os
import pathlib
import shutil
import signal
import tempfile
import threading
import unittest

from gi.repository import Gio, GLib

import tap
from bindings import CALLS, CANCELLED, LONG_SECONDS, OverrideCase, Ssem, in_loop
from semaphores import wait_until


class Case(OverrideCase):
    """A loss is the process's, so each test that loses has the only semaphores."""

    def setUp(self):
        super().setUp()
        os.environ['SSEM_BACKEND'] = 'memory'
        os.environ['SSEM_MEMORY_LOSES'] = PIPE

    def open(self, initial_value=3, **properties):
        return Ssem.SystemSemaphore(self.key, initial_value, **properties)

    def lose(self, *semaphores):
        """Loses what this process holds, and waits until the semaphores know it."""
        counts = [semaphore.get_n_losses() for semaphore in semaphores]
        with open(PIPE, 'w', encoding='ascii') as pipe:
            pipe.write('x')
        for semaphore, count in zip(semaphores, counts):
            wait_until(lambda: semaphore.get_n_losses() == count + 1, 'a loss')

    def assertValue(self, semaphore, value):
        # The first operation after a loss says it.
        try:
            semaphore.get_value()
        except Ssem.LostError:
            pass
        self.assertEqual(semaphore.get_value(), value)


class Address(Case):
    def test_property(self):
        here, there = self.open(address='here'), self.open(address='there')
        here.acquire()
        self.assertEqual((here.get_value(), there.get_value()), (2, 3))
        self.assertEqual((here.props.address, there.get_address()), ('here', 'there'))
        self.assertIsNone(self.open().get_address())

    def test_refused(self):
        with self.assertRaises(GLib.Error):
            self.open(backend=Ssem.Backend.SYSV, address='here')
        for call in [lambda: Ssem.SemaphoreInfo.list_at(Ssem.Backend.SYSV, 'here'),
                     lambda: Ssem.semaphore_info_query_at(self.key, Ssem.Backend.SYSV, 'here'),
                     lambda: Ssem.semaphore_remove_leftover_at(self.key, Ssem.Backend.SYSV, 'here'),
                     lambda: Ssem.semaphore_reset_at(self.key, 1, Ssem.Backend.SYSV, 'here')]:
            with self.assertRaisesRegex(GLib.Error, 'here'):
                call()

    def test_wrong_values(self):
        for address, error in [(b'here', TypeError), (1, TypeError), ('he\0re', ValueError),
                               ('\udc80', UnicodeEncodeError)]:
            with self.assertRaises(error):
                self.open(address=address)


class Token(Case):
    def test_of_each_acquire(self):
        semaphore = self.open()
        self.assertEqual(semaphore.get_fencing_token(), 0)
        tokens = []
        for acquire in [semaphore.acquire, semaphore.try_acquire, lambda: semaphore.acquire(1, 1)]:
            self.assertTrue(acquire())
            tokens.append(semaphore.get_fencing_token())
        self.assertEqual(tokens, sorted(set(tokens)))
        self.assertGreater(tokens[0], 0)

    def test_of_holds(self):
        semaphore = self.open()
        with semaphore.hold() as _, semaphore.hold() as _:
            pass
        first, second = semaphore.hold(), semaphore.hold()
        with first, second:
            self.assertGreater(first.get_fencing_token(), 0)
            self.assertGreater(second.get_fencing_token(), first.get_fencing_token())

    @in_loop
    async def test_of_tasks(self):
        """Each task has the token of its own, though all requests end before a task goes on."""
        semaphore = self.open(0)
        tokens = {}

        async def work(name):
            hold = semaphore.hold()
            async with hold:
                tokens[name] = hold.get_fencing_token()
        tasks = []
        for name in range(3):
            tasks.append(asyncio.ensure_future(work(name)))
            await asyncio.sleep(0.05)   # the order of the requests
        semaphore.release(3)
        await asyncio.gather(*tasks)
        self.assertEqual(len(set(tokens.values())), 3)
        self.assertEqual(list(tokens.values()), sorted(tokens.values()))

    def test_none_on_this_machine(self):
        os.environ['SSEM_BACKEND'] = ''
        semaphore = self.open()
        hold = semaphore.hold()
        with hold:
            self.assertEqual((hold.get_fencing_token(), semaphore.get_fencing_token()), (0, 0))
        self.assertEqual(semaphore.get_n_losses(), 0)


class Signal(Case):
    def test_with_the_error(self):
        semaphore = self.open()
        errors = []
        semaphore.connect('lost', lambda source, error: errors.append((source, error)))
        semaphore.acquire()
        self.lose()
        while not errors:
            GLib.MainContext.default().iteration(True)
        [(source, error)] = errors
        self.assertIs(source, semaphore)
        self.assertTrue(error.matches(Ssem.SystemSemaphoreError.quark(),
                                      Ssem.SystemSemaphoreError.LOST))
        self.assertIn(self.key, error.message)
        with self.assertRaises(Ssem.LostError):
            semaphore.release()


class Wait(Case):
    """A wait in the main thread runs the handlers of Python."""

    def after_alarm(self, handler):
        before = signal.signal(signal.SIGALRM, handler)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, 0.05)

    def test_ends_with_an_exception(self):
        class Interrupted(Exception):
            pass

        def interrupt(*unused):
            raise Interrupted
        semaphore = self.open(0)
        for timeout in [None, LONG_SECONDS]:
            self.after_alarm(interrupt)
            with self.assertRaises(Interrupted):
                semaphore.acquire(1, timeout)
            semaphore.release()
            self.assertEqual(semaphore.get_value(), 1)
            semaphore.acquire()

    def test_goes_on(self):
        semaphore = self.open(0)
        self.after_alarm(lambda *unused: semaphore.release())
        self.assertTrue(semaphore.acquire())
        self.assertEqual(semaphore.get_value(), 0)

    def test_times_out(self):
        semaphore = self.open(1)
        self.assertFalse(semaphore.acquire(2, 0.01))
        self.assertTrue(semaphore.acquire(1, 0.01))
        with self.assertRaisesRegex(GLib.Error, self.key) as caught:
            semaphore.acquire_timeout(1, 1)
        self.assertTrue(caught.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.TIMED_OUT))

    def test_is_cancelled(self):
        semaphore = self.open(0)
        cancellable = Gio.Cancellable()
        self.after_alarm(lambda *unused: cancellable.cancel())
        for _ in range(2):
            with self.failing(CANCELLED):
                semaphore.acquire(cancellable=cancellable)
        semaphore.release()
        self.assertEqual(semaphore.get_value(), 1)

    def test_in_a_child(self):
        semaphore = self.open(0)
        children = []

        def fork(*unused):
            children.append(os.fork())
            if children[0] == 0:
                semaphore.release()
        self.after_alarm(fork)
        semaphore.acquire()
        # Each of the two has the unit once, in either order.
        semaphore.release()
        if children[0] == 0:
            os._exit(0)
        self.assertEqual(os.waitpid(children[0], 0), (children[0], 0))

    @unittest.skipUnless(CALLS == 'extension', 'the fallback waits in another thread')
    def test_is_one_request(self):
        """Signals do not make it queue again, behind those of other processes."""
        semaphore = self.open(0)
        waiting = pathlib.Path('/proc/self/task')
        threads = set()

        def look(*unused):
            threads.add(tuple(task.name for task in waiting.iterdir()
                              if (task / 'comm').read_text() == 'ssem-memory\n'))
            if n_alarms.pop() == 0:
                semaphore.release()
            else:
                signal.setitimer(signal.ITIMER_REAL, 0.02)
        n_alarms = [0, 1, 2, 3]
        self.after_alarm(look)
        semaphore.acquire()
        # One thread of the backend served the request all the time. The first alarm may have come
        # before the request.
        [[_]] = threads - {()}


class Block(Case):
    def test_raises_at_its_end(self):
        for hold in [lambda semaphore: semaphore, lambda semaphore: semaphore.hold(1)]:
            semaphore = self.open()
            with self.assertRaisesRegex(Ssem.LostError, self.key):
                with hold(semaphore):
                    self.lose(semaphore)
                    self.assertValue(semaphore, 2)
            # What was lost was not released.
            self.assertEqual(semaphore.get_value(), 2)
            with hold(semaphore):
                self.assertEqual(semaphore.get_value(), 1)
            self.assertEqual(semaphore.get_value(), 2)
            semaphore.release()

    def test_keeps_the_error_of_the_block(self):
        semaphore = self.open()
        with self.assertRaises(Ssem.LostError) as caught:
            with semaphore:
                self.lose(semaphore)
                raise KeyError('its own')
        self.assertIsInstance(caught.exception.__context__, KeyError)

    def test_of_another_thread(self):
        """Blocks are not left in the order in which they were entered."""
        for hold in [lambda semaphore: semaphore, lambda semaphore: semaphore.hold(1)]:
            semaphore = self.open()
            shared = hold(semaphore)
            is_lost, may_end = threading.Event(), threading.Event()
            raised = []

            def work():
                try:
                    with shared:
                        self.lose(semaphore)
                        self.assertValue(semaphore, 2)
                        is_lost.set()
                        may_end.wait()
                except Ssem.LostError as error:
                    raised.append(error)
            thread = threading.Thread(target=work)
            thread.start()
            is_lost.wait()
            with shared:
                self.assertEqual(semaphore.get_value(), 1)
                may_end.set()
                thread.join()
                self.assertEqual(len(raised), 1)
                self.assertEqual(semaphore.get_value(), 1)
            self.assertEqual(semaphore.get_value(), 2)
            semaphore.release()


class Task(Case):
    @in_loop
    async def test_is_cancelled(self):
        for hold in [lambda semaphore: semaphore, lambda semaphore: semaphore.hold(1)]:
            semaphore = self.open()
            was_cancelled = False
            with self.assertRaisesRegex(Ssem.LostError, self.key):
                async with hold(semaphore):
                    self.lose()
                    try:
                        await asyncio.get_running_loop().create_future()
                    except asyncio.CancelledError:
                        was_cancelled = True
                        raise
            self.assertTrue(was_cancelled)
            # The task goes on, and holds nothing.
            await asyncio.sleep(0)
            if hasattr(asyncio.Task, 'cancelling'):
                self.assertEqual(asyncio.current_task().cancelling(), 0)
            self.assertValue(semaphore, 2)
            semaphore.release()

    @in_loop
    async def test_may_be_left_alone(self):
        semaphore = self.open()
        semaphore.cancel_on_loss = False
        with self.assertRaises(Ssem.LostError):
            async with semaphore:
                self.lose(semaphore)
                # Whatever would cancel the task has had its time.
                for _ in range(3):
                    await asyncio.sleep(0.01)
                self.assertValue(semaphore, 2)
        self.assertEqual(semaphore.get_value(), 2)

    @in_loop
    async def test_only_those_in_a_block(self):
        """The loss cancels each task in a block once, and no other."""
        semaphore = self.open()
        entered = []

        async def work():
            async with semaphore.hold():
                entered.append(True)
                await asyncio.get_running_loop().create_future()

        has_left, may_end = asyncio.Event(), asyncio.Event()

        async def idle():
            async with semaphore.hold():
                pass
            has_left.set()
            await may_end.wait()
            return 'done'
        tasks = [asyncio.ensure_future(work()), asyncio.ensure_future(work())]
        other = asyncio.ensure_future(idle())
        await has_left.wait()
        while len(entered) < 2:
            await asyncio.sleep(0.001)
        self.lose()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        may_end.set()
        self.assertEqual([type(result) for result in results], [Ssem.LostError] * 2)
        self.assertEqual(await other, 'done')

    @in_loop
    async def test_guards_end_with_their_blocks(self):
        semaphore = self.open()
        async with semaphore, semaphore.hold():
            self.assertTrue(any(thread.name == 'ssem-await' for thread in threading.enumerate()))
        while any(thread.name == 'ssem-await' for thread in threading.enumerate()):
            await asyncio.sleep(0.001)
        self.assertEqual(semaphore.get_value(), 3)


directory = tempfile.mkdtemp(prefix='ssem-test-')
# The backend reads it from its first use on.
PIPE = os.path.join(directory, 'losses')
os.mkfifo(PIPE)
try:
    tap.main()
finally:
    shutil.rmtree(directory)
