# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Acquires units, and loses none if a signal handler raises an exception.

CPython runs the Python handlers of signals, such as Ctrl-C, in the main thread. A handler runs when
a Python function begins, after a call, or at a jump backwards. Some blocking C functions also run
handlers. If a handler raises an exception right after a call that acquired units, the result of the
call and the units are lost. Therefore a single instruction, which is not a call, acquires the units
and uses the result:

- reading an item: `if try_one[semaphore]:` calls try_acquire_one () in C;
- assigning to an item: `try_units[semaphore] = n` calls try_acquire () in C;
- unpacking an iterator: `held, = map(function, (argument,))` calls the function.

If an acquire raises the exception of a handler, it has acquired no units.
"""

import functools
import itertools
import operator
import os
import threading
import time
# `queue` has the same classes, but loads more modules whenever a program imports Ssem.
from _queue import Empty, SimpleQueue
from _thread import allocate_lock, start_new_thread

from gi.repository import Gio, GLib, GObject

from ..module import get_introspection_module
from ._ssem_errors import raise_from_thread, to_public_error

Ssem = get_introspection_module('Ssem')

_acquire_timeout = Ssem.SystemSemaphore.acquire_timeout
_release = Ssem.SystemSemaphore.release

FOREVER_USEC = -1

# A signal that arrives just before a wait begins does not end the wait. Therefore each wait ends
# after this time and begins again. The handler runs in between.
POLL_SECONDS = 0.5

# Calls its argument, without executing Python code itself.
call = operator.methodcaller('__call__')


class _TryOne:
    """Acquires one unit when code reads the item `semaphore`.

    The item is True, or False if no unit is available.
    """

    __getitem__ = staticmethod(Ssem.SystemSemaphore.try_acquire_one)


class _TryUnits:
    """Acquires `n` units, or raises like try_acquire (), when code assigns `n` to an item.

    The index of the item is the semaphore.
    """

    __setitem__ = staticmethod(Ssem.SystemSemaphore.try_acquire)


try_one = _TryOne()
try_units = _TryUnits()


def iterate_calls(entries):
    """Returns an iterator that calls a C function in each step, without Python code in between.

    Each entry is a dictionary from process IDs to functions. The iterator calls the function of the
    current process. It skips an entry without a function for this process.
    """
    return map(call, filter(None, map(dict.get, entries, map(call, itertools.repeat(os.getpid)))))


def _run_acquire_thread(box, n, timeout_usec, cancellables, results, decisions, finished):
    """Acquires units in a new thread, because Python runs signal handlers only in the main thread.

    The thread puts True or the error into `results`. If the main thread then puts True into
    `decisions`, the main thread takes over the units. Otherwise this thread releases them.

    The program may end as soon as the main thread has the result. A thread must not drop a GObject
    while Python shuts down. Therefore this thread refers to the semaphore only through `box`, and
    the main thread empties `box` when it accepts the result. This thread has no reference to the
    error either, because the error's new traceback refers to the main thread's frames.
    """
    try:
        outcomes = [_acquire_or_return_error(box[0], n, timeout_usec, *cancellables)]
        is_acquired = outcomes[0] is True
        cancellables.clear()
        results.put(outcomes.pop())
        if is_acquired and decisions.get() is not True:
            release_unwanted(box[0], n)
    finally:
        finished.release()


def _acquire_or_return_error(semaphore, n, timeout_usec, cancellable, interruption):
    """Returns True, or the error. Either cancellable cancels the acquire."""
    handler = 0
    try:
        if cancellable is not None:
            handler = GObject.Object.connect(cancellable, 'cancelled',
                                             lambda source: interruption.cancel())
            if cancellable.is_cancelled():
                interruption.cancel()
        _acquire_timeout(semaphore, n, timeout_usec, interruption)
        return True
    except BaseException as error:
        return error.with_traceback(None)
    finally:
        if handler:
            GObject.Object.disconnect(cancellable, handler)


def release_unwanted(semaphore, n):
    """Releases units that the caller of an acquire did not get."""
    try:
        _release(semaphore, n)
    except GLib.Error:
        # The semaphore no longer exists, so there is nothing to release.
        pass
    except RuntimeError as error:
        raise to_public_error(error)


def _now_usec():
    return time.monotonic_ns() // 1000


def acquire_interruptibly(semaphore, n, timeout_usec, cancellable):
    """Acquires units like acquire_timeout () of the library, and runs signal handlers meanwhile.

    In the main thread, a handler may end the wait with an exception. Therefore another thread
    blocks in the library, and the main thread waits for the result. The signal settings of the
    process do not change. A handler may fork. The child does not have the other thread. If the
    handler raises no exception in the child, the child starts a new wait.
    """
    if threading.get_ident() != threading.main_thread().ident:
        return _acquire_timeout(semaphore, n, timeout_usec, cancellable)

    process = os.getpid()
    deadline_usec = _now_usec() + timeout_usec
    # The thread gets the semaphore in a list. Emptying the list drops the thread's reference.
    box = [semaphore]
    interruption = Gio.Cancellable()
    cancellables = [cancellable, interruption]
    results, decisions = SimpleQueue(), SimpleQueue()
    finished = allocate_lock()
    finished.acquire()
    arguments = box, n, timeout_usec, cancellables, results, decisions, finished
    accept = map(call, (functools.partial(decisions.put, True), box.clear))
    # A child of fork () has no thread to stop, so only this process makes these calls.
    stop_thread = iterate_calls([{process: functools.partial(decisions.put, False)},
                                 {process: interruption.cancel}, {process: finished.acquire}])
    started = []
    outcome = None
    try:
        started += map(start_new_thread, (_run_acquire_thread,), (arguments,))
        while outcome is None:
            try:
                outcome = results.get(timeout=POLL_SECONDS)
            except Empty:
                if os.getpid() != process:
                    break
        if outcome is True:
            _, _ = accept
            return True
    except BaseException:
        if started:
            [*stop_thread]
        box.clear()
        raise
    box.clear()
    if outcome is None:
        # This process is a child of fork (). Wait for the rest of the time.
        if timeout_usec > 0:
            timeout_usec = max(deadline_usec - _now_usec(), 0)
        held, = map(acquire_interruptibly, (semaphore,), (n,), (timeout_usec,), (cancellable,))
        return held
    try:
        raise_from_thread(outcome)
    finally:
        del outcome
