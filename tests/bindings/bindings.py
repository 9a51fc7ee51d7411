# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Fixtures for the tests in Python, with and without the override module."""

import asyncio
import contextlib
import functools
import gc
import os
import subprocess
import sys
import threading
import types

import gi

gi.require_version('Ssem', '1')
from gi.repository import Gio, GLib, Ssem  # noqa: E402

from semaphores import BACKEND, MAXIMUMS, KeyDirectoryCase, wait_until  # noqa: E402

# Which of the two makes the calls in Python: "extension" or "fallback". It is not set for tests of the
# typelib alone.
CALLS = os.environ.get('SSEM_TEST_CALLS')
CHOSEN = {'shared-memory': Ssem.Backend.SHARED_MEMORY, 'sysv': Ssem.Backend.SYSV}[BACKEND]
MAXIMUM = MAXIMUMS[BACKEND]
DOMAINS = {Gio.IOErrorEnum: Gio.io_error_quark(),
           Ssem.SystemSemaphoreError: Ssem.SystemSemaphoreError.quark()}
CANCELLED = Gio.IOErrorEnum.CANCELLED
INVALID_ARGUMENT = Gio.IOErrorEnum.INVALID_ARGUMENT

# A time-out that must not expire: the test has ended long before.
LONG_SECONDS = 50

# How long a test repeats a race.
STORM_SECONDS = 10 if os.environ.get('SSEM_TEST_THOROUGH') else 1


def in_loop(function):
    """Makes a test of a coroutine, which runs in a loop of asyncio."""
    @functools.wraps(function)
    def test(self):
        self.run_async(function(self))
    return test


class BindingCase(KeyDirectoryCase):
    open = staticmethod(Ssem.SystemSemaphore.new)

    def setUp(self):
        super().setUp()
        # A traceback or a reference cycle may keep a semaphore alive, and thereby the key's file.
        self.addCleanup(gc.collect)

    def new(self, initial_value=0, mode=Ssem.AccessMode.CREATE):
        semaphore = self.open(self.key, initial_value, mode)
        self.find_set()
        return semaphore

    @contextlib.contextmanager
    def failing(self, code):
        """Expects an error with a code of Ssem.SystemSemaphoreError or Gio.IOErrorEnum."""
        with self.assertRaises(GLib.Error) as caught:
            yield caught
        self.assertTrue(caught.exception.matches(DOMAINS[type(code)], code), caught.exception)
        self.assertNotEqual(caught.exception.message, '')

    def assertFails(self, code, call, *arguments):
        """Calls a function that must fail with this code. Returns the error."""
        with self.failing(code) as caught:
            call(*arguments)
        return caught.exception

    def in_thread(self, function, *arguments):
        """Calls a function in a thread, which must end before the test does."""
        thread = threading.Thread(target=function, args=arguments)
        thread.start()
        self.addCleanup(thread.join)
        return thread

    def once_waiting(self, function, *arguments):
        """Calls a function in a thread, as soon as a thread waits for units."""
        def run():
            self.wait_for_waiters(1)
            function(*arguments)
        return self.in_thread(run)

    async def until_waiting(self):
        while self.n_waiting() == 0:
            await asyncio.sleep(0.001)

    def run_async(self, coroutine):
        result = asyncio.run(coroutine)
        # The thread that serves awaited acquires ends with the last of them.
        wait_until(lambda: threading.active_count() == 1, 'all threads end')
        return result

    def run_program(self, code, *arguments, **environment):
        """Runs a program in Python, with the key and more arguments. It writes at once: a child would
        write what its parent has not written yet."""
        return subprocess.run([sys.executable, '-u', '-c', code, self.key, *arguments],
                              capture_output=True, text=True, timeout=LONG_SECONDS, check=False,
                              env={**os.environ, **environment})


class OverrideCase(BindingCase):
    """A test of the override module for Python, which has a constructor with arguments."""

    open = Ssem.SystemSemaphore

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        is_in_python = isinstance(Ssem.SystemSemaphore.acquire, types.FunctionType)
        assert ('fallback' if is_in_python else 'extension') == CALLS, 'the wrong calls are tested'
