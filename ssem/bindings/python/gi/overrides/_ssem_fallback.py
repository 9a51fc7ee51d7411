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
the reason. With a backend on a network the first call alone would get the error of a loss.
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
from ._ssem_asyncio import POLL_SECONDS, THIS_THREAD, call, is_local, release_unwanted
from ._ssem_errors import (TIMED_OUT, WOULD_BLOCK, is_gio_error, make_lost_error,
                           raise_from_thread, to_public_error)
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


# --- Blocks ---------------------------------------------------------------------------------------

class _Entry:
    """What a block notes at its beginning.

    A child of fork () holds no units of its parent, so it must not release them when it leaves a
    block. With a backend on a network, a block whose units were lost must not release them either.
    Threads and tasks do not leave their blocks in the order in which they have entered them. So an
    entry has an owner: a thread, or the id () of a task. Where nothing can be lost, all entries are
    alike.
    """

    def __init__(self, semaphore, owner, release=None):
        self.process = os.getpid()
        self.owner = _get_owner(semaphore, owner)
        # The call that releases the units of a hold.
        self.release = release
        self.count_losses(semaphore)

    def count_losses(self, semaphore):
        self.n_losses = 0 if is_local(semaphore) else semaphore.get_n_losses()

    def is_foreign(self):
        return self.process != os.getpid()

    def is_lost(self, semaphore):
        return not is_local(semaphore) and semaphore.get_n_losses() != self.n_losses


def _get_owner(semaphore, owner):
    if is_local(semaphore):
        return 0
    return threading.get_ident() if owner == THIS_THREAD else owner


def _find_entry(entries, semaphore, owner):
    """Returns the index of the last entry of the owner; else of the last one."""
    owner = _get_owner(semaphore, owner)
    for i in range(len(entries) - 1, -1, -1):
        if entries[i].owner == owner:
            return i
    return -1


def _take_entry(entries, semaphore, owner):
    return entries.pop(_find_entry(entries, semaphore, owner))


# --- The calls ------------------------------------------------------------------------------------

class _Calls:

    def acquire(self, n=1, timeout=None, cancellable=None):
        """Acquires `n` units together, and blocks until they are available.

        Returns `True`, or `False` if the units are not available within `timeout` seconds. Raises
        an exception for any other failure. In the main thread, signal handlers run meanwhile:
        Ctrl-C raises `KeyboardInterrupt`.
        """
        if n is _ONE and timeout is None and cancellable is None and is_local(self) and \
                _try_one[self]:
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
        if n is _ONE and is_local(self) and _release_one(self):
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
        """Returns the list with the entry of each entered block.

        This method creates the list, because PyGObject does not call `__init__()` for an object
        that C code creates.
        """
        return vars(self).setdefault('_entered', [])

    def _note_entry(self, owner):
        self._get_entered().append(_Entry(self, owner))

    def __enter__(self):
        entry = _Entry(self, THIS_THREAD)
        note = map(self._get_entered().append, (entry,))
        _, = map(self.acquire, (1,))
        _, = note
        entry.count_losses(self)
        return self

    def __exit__(self, *unused):
        self._leave(THIS_THREAD)

    def _leave(self, owner):
        entry = _take_entry(self._get_entered(), self, owner)
        if entry.is_foreign():
            return
        if entry.is_lost(self):
            raise make_lost_error(self)
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
        # This list has the entry of each entered block.
        self._entered = []
        self._fencing_token = 0
        # A signal handler may raise an exception before the first line of __exit__ (). The
        # destructor then releases the units.
        releases = map(operator.attrgetter('release'), self._entered)
        self._release_all = functools.partial(collections.deque, _iterate_calls(releases), 0)

    def _prepare_entry(self, owner):
        """Returns an iterator whose first step notes a block that the owner has entered."""
        release = functools.partial(_release, self._semaphore, self._n)
        entry = _Entry(self._semaphore, owner)
        if not is_local(self._semaphore):
            release = functools.partial(_release_unless_lost, self._semaphore, self._n, entry)
        entry.release = {os.getpid(): release}
        note = self._entered.append if is_local(self._semaphore) else self._note_new_entry
        return map(note, (entry,))

    def _note_new_entry(self, entry):
        # A loss during the wait was none of this block's units.
        entry.count_losses(self._semaphore)
        self._entered.append(entry)

    def __enter__(self):
        note = self._prepare_entry(THIS_THREAD)
        held, = map(self._semaphore.acquire, (self._n,), (self._timeout,), (self._cancellable,))
        if not held:
            self._raise_timeout()
        _, = note
        if not is_local(self._semaphore):
            self._fencing_token = self._semaphore.get_fencing_token()
        return self._semaphore

    def __exit__(self, *unused):
        self._leave(THIS_THREAD)

    def _leave(self, owner):
        i = _find_entry(self._entered, self._semaphore, owner)
        release = self._entered[i].release.get(os.getpid())
        if release is None:
            self._entered.pop(i)
            return
        if self._entered[i].is_lost(self._semaphore):
            self._entered.pop(i)
            raise make_lost_error(self._semaphore)
        try:
            _, _ = map(call, (functools.partial(self._entered.pop, i), release))
        except RuntimeError as error:
            raise to_public_error(error)


def _release_unless_lost(semaphore, n, entry):
    """A release of units that the process does not hold would create units."""
    if not entry.is_lost(semaphore):
        _release(semaphore, n)
