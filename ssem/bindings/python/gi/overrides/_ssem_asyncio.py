# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Lets coroutines of asyncio await an acquire without blocking the loop."""

import atexit
import itertools
import operator
import os
import threading

from gi.repository import Gio, GLib, GObject

from ..module import get_introspection_module
from ._ssem_errors import (CANCELLED, GIO_DOMAIN, is_gio_error, make_lost_error,
                           raise_from_thread, to_public_error)
from ._ssem_values import FOREVER_USEC

Ssem = get_introspection_module('Ssem')

_acquire_async = Ssem.SystemSemaphore.acquire_async
_acquire_finish = Ssem.SystemSemaphore.acquire_finish
_release = Ssem.SystemSemaphore.release

# What may have missed its wake-up looks again after this time.
POLL_SECONDS = 0.5

# Calls its argument, without executing Python code itself.
call = operator.methodcaller('__call__')

# GLib has this message, and its translations.
_GLIB_DOMAIN = 'glib20'
_CANCELLED_MESSAGE = 'Operation was cancelled'


# The owner of a block is the calling thread.
THIS_THREAD = 0

_LOCAL = frozenset(map(int, (Ssem.Backend.SHARED_MEMORY, Ssem.Backend.SYSV, Ssem.Backend.WINDOWS,
                             Ssem.Backend.POSIX)))


def is_local(semaphore):
    """Returns whether the backend is on this machine, so that nothing can be lost."""
    attributes = vars(semaphore)
    known = attributes.get('_is_local')
    if known is None:
        backend = int(semaphore.get_backend())
        known = backend in _LOCAL
        # An object that is not open yet has no backend. An open one keeps its backend.
        if backend != Ssem.Backend.DEFAULT:
            attributes['_is_local'] = known
    return known


def release_unwanted(semaphore, n):
    """Releases units that the caller of an acquire did not get."""
    try:
        _release(semaphore, n)
    except GLib.Error:
        # The semaphore no longer exists, so there is nothing to release.
        pass
    except RuntimeError as error:
        raise to_public_error(error)


class _AwaitThread:
    """Runs a thread with a main context while coroutines wait for requests.

    GLib delivers results to a main context, and a program with an asyncio loop usually runs no main
    context.

    PyGObject keeps a callback and its arguments until some thread creates the next callback. If
    other threads run while PyGObject drops the arguments, PyGObject may crash. Therefore a
    callback gets the number of a request, not the request itself.
    """

    def __init__(self):
        self.is_shut_down = False
        self.has_forked = False
        self.numbers = itertools.count()
        self.requests = {}
        self.reset()
        os.register_at_fork(after_in_parent=self.begin_polling, after_in_child=self.reset)
        atexit.register(self.shut_down)

    def reset(self):
        """Sets the state without thread and requests, initially and in a child of fork ().

        The child does not have the thread, so no result would ever wake its copies of the
        coroutines. Therefore this method wakes them.
        """
        requests, self.requests = self.requests, {}
        self.lock = threading.Lock()
        self.context = None
        self.thread = None
        for request in requests.values():
            request.wake()

    def begin_polling(self):
        """Starts timers that wake the asyncio loops; runs after each fork () in the parent.

        Parent and child share the epoll object of a loop. A child that closes its copy of the loop
        may unregister the file descriptor that wakes the parent's loop. The timers wake it instead.
        """
        self.has_forked = True
        for request in [*self.requests.values()]:
            if not request.loop.is_closed():
                request.loop.call_soon_threadsafe(request.poll)

    def submit(self, request):
        """Makes the thread start the request; starts the thread if necessary."""
        if self.has_forked:
            request.poll()
        with self.lock:
            if self.is_shut_down:
                raise RuntimeError('cannot await an acquire while the interpreter shuts down')
            if self.context is None:
                context = GLib.MainContext.new()
                thread = threading.Thread(target=self.run, args=(context,), name='ssem-await',
                                          daemon=True)
                thread.start()
                self.context, self.thread = context, thread
            number = next(self.numbers)
            self.requests[number] = request
            source = GLib.Idle()
            source.set_callback(self.start_request, number)
            source.attach(self.context)
            # Dropping a source locks its context. Drop the source now: self.lock prevents the
            # thread from dropping the context first.
            del source

    def start_request(self, number):
        self.requests[number].start(number)
        return GLib.SOURCE_REMOVE

    def remove_request(self, number):
        with self.lock:
            return self.requests.pop(number)

    def call_in_thread(self, function, number):
        with self.lock:
            if self.context is None:
                return
            source = GLib.Idle()
            source.set_callback(function, number)
            source.attach(self.context)
            del source

    def run(self, context):
        context.push_thread_default()
        while True:
            context.iteration(True)
            with self.lock:
                if not self.requests:
                    self.context = None
                    break
        context.pop_thread_default()

    def shut_down(self):
        """Ends the thread. If it returned to Python code after the shutdown, Python would crash."""
        with self.lock:
            self.is_shut_down = True
            requests, thread = [*self.requests.values()], self.thread
        for request in requests:
            request.interrupt()
        if thread is not None:
            thread.join()


_await_thread = _AwaitThread()


def _acquired_cb(semaphore, result, number):
    _await_thread.remove_request(number).finish(semaphore, result)


class _Request:
    """An acquire that a coroutine awaits.

    The acquire ends in the await thread. The units then belong to the coroutine. If the coroutine
    has ended before, the request releases the units. A child of fork () must not use the locks in
    its copy of the request, because the parent's thread may have held them.
    """

    def __init__(self, semaphore, n, loop):
        self.process = os.getpid()
        # The box contains the semaphore until the coroutine takes over the units, or the request
        # releases them.
        self.box = [semaphore]
        self.n = n
        self.loop = loop
        self.interruption = Gio.Cancellable()
        self.future = loop.create_future()
        self.lock = threading.Lock()
        self.has_timed_out = False
        self.is_abandoned = False
        # The outcome is None before the end of the acquire, then True or the error.
        self.outcome = None
        self.fencing_token = 0

    def is_in_same_process(self):
        return os.getpid() == self.process

    def start(self, number):
        try:
            _acquire_async(self.box[0], self.n, self.interruption, _acquired_cb, number)
        except BaseException as error:
            _await_thread.remove_request(number)
            self.deliver(error.with_traceback(None))

    def finish(self, semaphore, result):
        try:
            outcome = _acquire_finish(semaphore, result)
            # Only this thread finishes requests, so it is the token of this one.
            self.fencing_token = semaphore.get_fencing_token()
            self.deliver(outcome)
        except GLib.Error as error:
            self.deliver(to_public_error(error).with_traceback(None))

    def deliver(self, outcome):
        """Wakes the coroutine, or releases the units if the coroutine has ended."""
        with self.lock:
            self.outcome = outcome
            is_abandoned = self.is_abandoned
        if not is_abandoned:
            try:
                self.loop.call_soon_threadsafe(self.wake)
            except RuntimeError:
                # The loop is closed, so the coroutine never continues.
                is_abandoned = True
        if is_abandoned:
            self.release_units()

    def wake(self):
        if not self.future.done() and not self.loop.is_closed():
            self.future.set_result(None)

    def poll(self):
        """Wakes the loop at intervals until the request ends. See _AwaitThread.begin_polling ()."""
        if not self.future.done():
            self.loop.call_later(POLL_SECONDS, self.poll)

    def interrupt(self):
        if self.is_in_same_process():
            self.interruption.cancel()
        else:
            self.wake()

    def time_out(self):
        self.has_timed_out = True
        self.interrupt()

    def release_units(self):
        """Releases the units, if any, unless another call empties the box first."""
        try:
            semaphore = self.box.pop()
        except IndexError:
            return
        if self.outcome is True:
            release_unwanted(semaphore, self.n)

    def abandon(self):
        """Ends the request of a coroutine that ends with an exception."""
        if not self.is_in_same_process():
            return
        self.interruption.cancel()
        with self.lock:
            self.is_abandoned = True
            is_over = self.outcome is not None
        if is_over:
            self.release_units()

    def take_error(self):
        """Returns the reason why the request has no units."""
        self.box.clear()
        outcome, self.outcome = self.outcome, None
        if self.is_in_same_process():
            return outcome
        # The units belong to the parent, so for the child the request counts as cancelled.
        message = GLib.dgettext(_GLIB_DOMAIN, _CANCELLED_MESSAGE)
        return GLib.Error(message, GIO_DOMAIN, CANCELLED)


async def acquire_awaited(semaphore, n, cancellable, timeout_usec=FOREVER_USEC, tokens=None):
    """Acquires units in a coroutine. Returns True, or False after a time-out.

    Adds the fencing token of this acquire to the list `tokens`.
    """
    # A loop of asyncio runs this coroutine, so asyncio is loaded already. An import at the top of
    # this file would slow down programs that await nothing.
    import asyncio

    loop = asyncio.get_running_loop()
    request = _Request(semaphore, n, loop)
    timer = None
    handler = 0
    cancellation = None
    try:
        try:
            if cancellable is not None:
                handler = GObject.Object.connect(cancellable, 'cancelled',
                                                 lambda source: request.interrupt())
                if cancellable.is_cancelled():
                    request.interrupt()
            if timeout_usec >= 0:
                timer = loop.call_later(timeout_usec / GLib.USEC_PER_SEC, request.time_out)
            _await_thread.submit(request)
            # A cancelled task waits until its request has ended, so that the task holds nothing
            # afterwards. If the task is cancelled again meanwhile, keep the first CancelledError:
            # asyncio.timeout () and anyio expect the error that they caused.
            while not request.future.done():
                try:
                    await asyncio.shield(request.future)
                except asyncio.CancelledError as error:
                    cancellation = cancellation or error
                    request.interrupt()
        finally:
            if timer is not None:
                timer.cancel()
            if handler and request.is_in_same_process():
                GObject.Object.disconnect(cancellable, handler)
        if cancellation is not None:
            raise cancellation
        if request.outcome is True and request.is_in_same_process():
            if tokens is not None:
                tokens.append(request.fencing_token)
            _, = map(call, (request.box.clear,))
            return True
    except BaseException:
        request.abandon()
        raise
    finally:
        # The traceback of `cancellation` refers to this frame. Avoid a reference cycle.
        del cancellation

    error = request.take_error()
    if request.has_timed_out and is_gio_error(error, CANCELLED):
        return False
    try:
        raise_from_thread(error)
    finally:
        del error


# --- The loss of units ----------------------------------------------------------------------------

class _Guard:
    """Cancels the task in an `async with` block when the units are lost.

    The signal "lost" arrives in the main context in which an object was made. A program with an
    asyncio loop usually runs no main context. Therefore a guard has an object of its own for the
    same key, made in the await thread. It exists before the units are acquired, so that no loss is
    missed.
    """

    def __init__(self, semaphore, loop, task):
        self.semaphore = semaphore
        self.loop = loop
        self.task = task
        self.process = os.getpid()
        self.future = loop.create_future()
        self.number = None
        self.watched = None
        self.error = None
        self.is_over = False
        self.has_cancelled = False

    async def open(self):
        try:
            _await_thread.submit(self)
            await self.future
        except BaseException:
            self.close()
            raise
        if self.error is not None:
            raise_from_thread(self.error)

    def start(self, number):
        self.number = number
        if self.is_over:
            _await_thread.remove_request(number)
            return
        try:
            self.watched = Ssem.SystemSemaphore(
                key=self.semaphore.get_key(), mode=Ssem.AccessMode.OPEN_EXISTING,
                backend=self.semaphore.get_backend(), address=self.semaphore.get_address())
            self.watched.init(None)
            self.watched.connect('lost', _lost_cb, number)
        except GLib.Error as error:
            self.watched = None
            self.error = to_public_error(error).with_traceback(None)
            _await_thread.remove_request(number)
        self.call_in_loop(self.wake)

    def call_in_loop(self, function):
        try:
            self.loop.call_soon_threadsafe(function)
        except RuntimeError:
            # The loop is closed, so the block is never left.
            self.close()

    def wake(self):
        if not self.future.done() and not self.loop.is_closed():
            self.future.set_result(None)

    def poll(self):
        """Wakes the loop at intervals. See _AwaitThread.begin_polling ()."""
        if not self.is_over:
            self.loop.call_later(POLL_SECONDS, self.poll)

    def interrupt(self):
        self.close()

    def lose(self):
        """Cancels the task, which waits inside the block; in the loop."""
        if not self.is_over:
            self.has_cancelled = True
            self.task.cancel()

    def close(self):
        """Ends the guard. A child of fork () has only a copy of it."""
        self.is_over = True
        if os.getpid() == self.process and self.number is not None:
            _await_thread.call_in_thread(_close_guard_cb, self.number)

    def leave(self):
        """Ends the guard at the end of the block; takes back that it has cancelled the task."""
        self.close()
        if self.has_cancelled and hasattr(self.task, 'uncancel'):
            self.task.uncancel()


def _lost_cb(semaphore, error, number):
    guard = _await_thread.requests.get(number)
    if guard is not None:
        guard.call_in_loop(guard.lose)


def _close_guard_cb(number):
    guard = _await_thread.requests.get(number)
    if guard is not None:
        guard.watched = None
        _await_thread.remove_request(number)
    return GLib.SOURCE_REMOVE


async def enter_guarded(semaphore):
    """Begins a block. Returns the guard, or None where there is nothing to guard against."""
    import asyncio

    if is_local(semaphore) or not semaphore.cancel_on_loss:
        return None
    guard = _Guard(semaphore, asyncio.get_running_loop(), asyncio.current_task())
    await guard.open()
    return guard


def get_task():
    """Returns the number of the current task, which owns a block."""
    import asyncio

    try:
        return id(asyncio.current_task())
    except RuntimeError:
        # A child of fork () has no running loop.
        return THIS_THREAD


def leave_guarded(guard, leave, owner):
    """Ends a block: `leave` releases the units, or raises LostError."""
    if guard is not None:
        guard.leave()
    leave(owner)
    if guard is not None and guard.has_cancelled:
        raise make_lost_error(guard.semaphore)
