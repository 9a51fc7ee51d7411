# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The calls of a semaphore in Python, for installations without the extension `_ssem_calls`.

This file has the same names as the extension, and makes the same promises, but is slower.

Signal handlers
===============

CPython runs the Python handlers of signals, such as Ctrl-C, in the main thread. A handler runs when
a Python function begins, after a call, or at a jump backwards. Some blocking C functions also run
handlers. If a handler raises an exception right after a call that acquired units, the result of the
call and the units are lost. Therefore a single instruction, which is not a call, acquires the units
and uses the result:

- reading an item: `if _try_one[semaphore]:` calls try_acquire_one () in C;
- assigning to an item: `_try_units[semaphore] = n` calls try_acquire () in C;
- unpacking an iterator: `held, = map(function, (argument,))` calls the function.

If an acquire raises the exception of a handler, it has acquired no units.

acquire_interruptible () of the library is no help here. PyGObject converts its error in Python
code. The handler of the signal would run there, and PyGObject prints an exception that is raised
there.

Speed
=====

A call through PyGObject takes about twenty times as long as the C function, and each argument adds
up to a fifth of that time. Therefore acquire () and release () of one unit first call a method
without arguments, which never raises. If this method returns False, it has changed nothing. Then
acquire () or release () calls the method with arguments, which succeeds or raises an exception with
the reason.
"""

import collections
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
from ._ssem_asyncio import POLL_SECONDS, call, release_unwanted
from ._ssem_errors import (TIMED_OUT, WOULD_BLOCK, is_gio_error, raise_from_thread,
                           to_public_error)
from ._ssem_values import to_cancellable, to_int32, to_int64, to_usec

Ssem = get_introspection_module('Ssem')

_acquire_timeout = Ssem.SystemSemaphore.acquire_timeout
_release = Ssem.SystemSemaphore.release
_release_one = Ssem.SystemSemaphore.release_one

# Code compares arguments with _ONE by identity: only the int 1 matches, not True or 1.0.
_ONE = 1


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


_try_one = _TryOne()
_try_units = _TryUnits()


# --- Waiting --------------------------------------------------------------------------------------

def _iterate_calls(entries):
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


def _now_usec():
    return time.monotonic_ns() // 1000


def _acquire_interruptibly(semaphore, n, timeout_usec, cancellable):
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
    stop_thread = _iterate_calls([{process: functools.partial(decisions.put, False)},
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
        held, = map(_acquire_interruptibly, (semaphore,), (n,), (timeout_usec,), (cancellable,))
        return held
    try:
        raise_from_thread(outcome)
    finally:
        del outcome


# --- The calls ------------------------------------------------------------------------------------

class _Calls:

    def acquire(self, n=1, timeout=None, cancellable=None):
        """Acquires `n` units together, and blocks until they are available.

        Returns `True`, or `False` if the units are not available within `timeout` seconds. Raises
        an exception for any other failure. In the main thread, signal handlers run meanwhile:
        Ctrl-C raises `KeyboardInterrupt`.
        """
        if n is _ONE and timeout is None and cancellable is None and _try_one[self]:
            return True
        n, timeout_usec = to_int32(n), to_usec(timeout)
        to_cancellable(cancellable)
        try:
            if cancellable is None:
                try:
                    _try_units[self] = n
                    return True
                except GLib.Error as error:
                    if timeout_usec == 0 or not is_gio_error(error, WOULD_BLOCK):
                        raise
            held, = map(_acquire_interruptibly, (self,), (n,), (timeout_usec,), (cancellable,))
            return held
        except RuntimeError as error:
            if timeout is not None and is_gio_error(error, TIMED_OUT, WOULD_BLOCK):
                return False
            raise to_public_error(error)

    def try_acquire(self, n=1):
        """Acquires `n` units together without blocking. Returns `False` if there are fewer."""
        if n is not _ONE:
            n = to_int32(n)
        try:
            _try_units[self] = n
            return True
        except RuntimeError as error:
            if is_gio_error(error, WOULD_BLOCK):
                return False
            raise to_public_error(error)

    def acquire_timeout(self, n, timeout_usec, cancellable=None):
        """Acquires `n` units together within `timeout_usec` microseconds, or raises an exception."""
        n, timeout_usec = to_int32(n), to_int64(timeout_usec)
        to_cancellable(cancellable)
        try:
            held, = map(_acquire_interruptibly, (self,), (n,), (timeout_usec,), (cancellable,))
            return held
        except RuntimeError as error:
            raise to_public_error(error)

    # All acquires run Python's signal handlers, so that none has to return for them.
    acquire_interruptible = acquire_timeout

    def release(self, n=1):
        """Adds `n` units, and wakes waiters if enough units are free for them."""
        if n is _ONE and _release_one(self):
            return True
        n = to_int32(n)
        try:
            return _release(self, n)
        except RuntimeError as error:
            raise to_public_error(error)

    def hold(self, n=1, timeout=None, cancellable=None):
        """Returns a context manager that holds units: `with semaphore.hold(2, timeout=1.5):`.

        Entering the block raises `TimeoutError` if the units are not available within `timeout`
        seconds.
        """
        return self._Hold(self, n, timeout, cancellable)

    def _get_entered(self):
        """Returns the list with the process ID of each entered block.

        A child of fork () holds no units of its parent, so it must not release them when it leaves
        a block. This method creates the list, because PyGObject does not call `__init__()` for an
        object that C code creates.
        """
        return vars(self).setdefault('_entered', [])

    def _note_entry(self):
        self._get_entered().append(os.getpid())

    def __enter__(self):
        note = map(self._get_entered().append, (os.getpid(),))
        _, = map(self.acquire, (1,))
        _, = note
        return self

    def __exit__(self, *unused):
        if self._get_entered().pop() == os.getpid():
            self.release(1)


def add_calls(cls):
    """Gives the calls of a semaphore to a class."""
    for name, function in vars(_Calls).items():
        if callable(function):
            setattr(cls, name, function)


class Hold:
    """Holds units during a `with` block."""

    # If a signal handler runs in a destructor written in Python, Python only prints the handler's
    # exception. Therefore the destructor is a C function. Until __init__ () ends, this function is
    # `tuple`, which does nothing.
    _release_all = tuple
    __del__ = property(operator.attrgetter('_release_all'))

    def __init__(self, semaphore, n=1, timeout=None, cancellable=None):
        self._semaphore = semaphore
        self._n = to_int32(n)
        self._timeout = timeout
        self._timeout_usec = to_usec(timeout)
        self._cancellable = to_cancellable(cancellable)
        # This list has a dictionary for each entered block. The dictionary maps the ID of the
        # process to the function that releases the units.
        self._entered = []
        # A signal handler may raise an exception before the first line of __exit__ (). The
        # destructor then releases the units.
        self._release_all = functools.partial(collections.deque, _iterate_calls(self._entered), 0)

    def _prepare_entry(self):
        """Returns an iterator whose first step notes an entered block."""
        entry = {os.getpid(): functools.partial(_release, self._semaphore, self._n)}
        return map(self._entered.append, (entry,))

    def __enter__(self):
        note = self._prepare_entry()
        held, = map(self._semaphore.acquire, (self._n,), (self._timeout,), (self._cancellable,))
        if not held:
            self._raise_timeout()
        _, = note
        return self._semaphore

    def __exit__(self, *unused):
        release = self._entered[-1].get(os.getpid())
        if release is None:
            self._entered.pop()
            return
        try:
            _, _ = map(call, (self._entered.pop, release))
        except RuntimeError as error:
            raise to_public_error(error)
