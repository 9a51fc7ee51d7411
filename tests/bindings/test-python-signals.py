# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Signal handlers that run while the main thread of a Python program acquires units."""

import os
import random
import re
import signal
import sys
import time

from gi.repository import Gio

import tap
from bindings import CALLS, LONG_SECONDS, STORM_SECONDS, OverrideCase
from semaphores import wait_until


class Interrupted(Exception):
    """The exception that a signal handler raises."""


class Signals(OverrideCase):
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

    def check_value(self, semaphore, n_free, n, held):
        """Checks the value after an acquire of `n` units, and releases them.

        CPython may run a handler between the end of a function in C and the use of its result. So
        with the extension an acquire may seem to raise the handler's exception, and has acquired
        the units nevertheless, as with threading.Lock.
        """
        n_held = n_free - semaphore.get_value()
        self.assertIn(n_held, [n] if held else [0, n] if CALLS == 'extension' else [0])
        if n_held:
            semaphore.release(n_held)

    def test_race_with_a_release(self):
        """Either the acquire gets the units, or the handler raises: never both, never neither."""
        self.handle(signal.SIGUSR1, self.raise_interrupted)
        semaphore = self.new(0)
        moves = [semaphore.release, lambda: os.kill(os.getpid(), signal.SIGUSR1)]

        def play():
            # The moves come before the main thread waits in some rounds, during its wait in others.
            for move in random.sample(moves, 2):
                # Each call lets the main thread run.
                for _ in range(random.randrange(100)):
                    semaphore.get_value()
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
            self.check_value(semaphore, 1, 1, held)
            semaphore.acquire()
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
                held = self.acquire_armed(semaphore, n)
                self.check_value(semaphore, 2, n, held)

    def pass_armed(self, block):
        """Enters and leaves a block, unless a handler's exception comes in between."""
        try:
            self.is_armed = True
            with block:
                pass
            self.is_armed = False
        except Interrupted:
            pass

    def get_safe_blocks(self, semaphore, n):
        """Returns functions for blocks that lose no units to a handler's exception."""
        yield lambda: semaphore.hold(n)
        # The fallback's __exit__ () is written in Python, so that a handler may run before its first
        # line. Python 3.9 runs one before any __exit__ ().
        if CALLS == 'extension' and sys.version_info >= (3, 10):
            yield lambda: semaphore

    def test_blocks_without_waiting(self):
        """A signal arrives at any instant of a block, and its units come back all the same."""
        self.handle(signal.SIGALRM, self.raise_interrupted)
        semaphore = self.new(2)
        self.addCleanup(signal.setitimer, signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
        deadline = time.monotonic() + STORM_SECONDS
        while self.n_handled < 1000 or time.monotonic() < deadline:
            for make in self.get_safe_blocks(semaphore, 2):
                self.pass_armed(make())
                self.assertEqual(semaphore.get_value(), 2)

    def test_blocks_with_a_release(self):
        """A signal arrives together with the unit for which a block waits."""
        self.handle(signal.SIGUSR1, self.raise_interrupted)
        semaphore = self.new(0)
        moves = [semaphore.release, lambda: os.kill(os.getpid(), signal.SIGUSR1)]
        deadline = time.monotonic() + STORM_SECONDS
        while self.n_handled < 20 or time.monotonic() < deadline:
            for make in self.get_safe_blocks(semaphore, 1):
                before = self.n_handled
                begin = random.choice([self.in_thread, self.once_waiting])
                thread = begin(lambda: [move() for move in random.sample(moves, 2)])
                self.pass_armed(make())
                thread.join()
                wait_until(lambda: self.n_handled > before, 'the signal is handled')
                self.assertEqual(semaphore.get_value(), 1)
                semaphore.acquire()

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


tap.main()
