# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Adapts the Ssem module to Python.

PyGObject loads this file for `from gi.repository import Ssem`. The file adds default arguments,
`with` blocks, time-outs in seconds, `await`, and an exception class for each error code.

Signal handlers must not lose units. CPython runs the Python handlers of signals, such as Ctrl-C, in
the main thread. A handler can run when a Python function begins, after a call, and at a jump
backwards. A handler cannot run within any other instruction. If a handler raises an exception right
after a call that acquired units, the result of the call is lost, and with it the units. Therefore
an acquire and the use of its result are one instruction that is not a call:

- reading an item: `if _try_one[semaphore]:` calls try_acquire_one () in C;
- assigning to an item: `_try_units[semaphore] = n` calls try_acquire () in C;
- unpacking an iterator: `held, = map(function, (argument,))` calls the function.

An acquire that raises the exception of a handler holds nothing.

Calls must be fast. A call through PyGObject takes about twenty times as long as the C function, and
each argument adds up to a fifth of that. Therefore acquire () and release () of one unit first call
a method without arguments, which never raises. If that method returns False, nothing has happened,
and the general method follows. The general method succeeds, or raises the reason.

Values must arrive unchanged. PyGObject truncates a key at its first null character, drops the
fraction of a number, and accepts any number as a mode. Therefore this file checks all arguments
first. It refuses a value that PyGObject would change, before anything happens.
"""

import atexit
import collections
import functools
import itertools
import math
import operator
import os
import queue
import sys
import threading
import time
import _thread

from gi.repository import Gio, GLib, GObject

from ..module import get_introspection_module
from ..overrides import override

Ssem = get_introspection_module('Ssem')

# PyGObject creates a class at its first look-up. If a signal handler raises an exception meanwhile,
# the class stays incomplete forever. Therefore all classes that are needed later are created here.
for _name in dir(Ssem):
    getattr(Ssem, _name)
_CREATED = [Gio.AsyncResult, Gio.Cancellable, Gio.Task, GLib.Idle, GLib.MainContext, GObject.GEnum,
            GObject.Object]

__all__ = []

# The methods of the library, before the class below overrides them.
_acquire_timeout = Ssem.SystemSemaphore.acquire_timeout
_try_acquire = Ssem.SystemSemaphore.try_acquire
_release = Ssem.SystemSemaphore.release
_release_one = Ssem.SystemSemaphore.release_one

_OPEN = Ssem.AccessMode.OPEN
_DEFAULT = Ssem.Backend.DEFAULT
_FOREVER_USEC = -1
_MAX_USEC = 2**62

# Compared by identity, so that only the int 1 matches, not True or 1.0.
_ONE = 1

# A signal that arrives just before a wait begins does not end that wait. Its handler runs after
# this time, because longer waits are divided.
_POLL_SECONDS = 0.5

# The library has the same messages, and translations for them.
_TRANSLATION_DOMAIN = 'ssem-1'
_TIMED_OUT_MESSAGE = 'Timed out while waiting for units of the semaphore “%s”'
_INVALID_MODE_MESSAGE = 'Unknown access mode %d'
_INVALID_BACKEND_MESSAGE = 'Unknown backend %d'
# GLib has this message.
_GLIB_DOMAIN = 'glib20'
_CANCELLED_MESSAGE = 'Operation was cancelled'

# Calls its argument, without Python code in between.
_call = operator.methodcaller('__call__')


class _TryOne:
    """Reading the item `semaphore` acquires one unit: True, or False if none is available."""

    __getitem__ = staticmethod(Ssem.SystemSemaphore.try_acquire_one)


class _TryUnits:
    """Assigning `n` to the item `semaphore` acquires `n` units, or raises like try_acquire ()."""

    __setitem__ = staticmethod(_try_acquire)


_try_one = _TryOne()
_try_units = _TryUnits()


# --- Errors ---------------------------------------------------------------------------------------

class Error(GLib.Error):
    """An error of the domain `Ssem.SystemSemaphoreError`. Each error code has a subclass."""


class PermissionDeniedError(Error):
    pass


class InvalidKeyError(Error):
    pass


class AlreadyExistsError(Error):
    pass


class NotFoundError(Error):
    pass


class OutOfResourcesError(Error):
    pass


class UnknownError(Error):
    pass


class LostError(Error):
    pass


_DOMAIN = GLib.quark_to_string(Ssem.SystemSemaphoreError.quark())
_GIO_DOMAIN = GLib.quark_to_string(Gio.io_error_quark())
_CANCELLED, _INVALID_ARGUMENT, _TIMED_OUT, _WOULD_BLOCK = map(int, (
    Gio.IOErrorEnum.CANCELLED, Gio.IOErrorEnum.INVALID_ARGUMENT, Gio.IOErrorEnum.TIMED_OUT,
    Gio.IOErrorEnum.WOULD_BLOCK))
_CLASSES = {
    Ssem.SystemSemaphoreError.PERMISSION_DENIED: PermissionDeniedError,
    Ssem.SystemSemaphoreError.KEY_ERROR: InvalidKeyError,
    Ssem.SystemSemaphoreError.ALREADY_EXISTS: AlreadyExistsError,
    Ssem.SystemSemaphoreError.NOT_FOUND: NotFoundError,
    Ssem.SystemSemaphoreError.OUT_OF_RESOURCES: OutOfResourcesError,
    Ssem.SystemSemaphoreError.UNKNOWN_ERROR: UnknownError,
    Ssem.SystemSemaphoreError.LOST: LostError,
}
__all__ += ['Error', *(cls.__name__ for cls in _CLASSES.values())]


def _is_gio_error(error, *codes):
    """Returns whether the error has one of these codes of Gio.IOErrorEnum."""
    return isinstance(error, GLib.Error) and error.domain == _GIO_DOMAIN and error.code in codes


def _to_public_error(error):
    """Returns the exception for callers in place of `error`, a RuntimeError that PyGObject raised.

    A GLib.Error gets the class of its error code. Another RuntimeError may hide the exception of a
    signal handler. PyGObject converts a GError in Python code. If a handler raises an exception
    there, PyGObject prints that exception, and raises a RuntimeError instead. In this case, returns
    the handler's exception.
    """
    if isinstance(error, GLib.Error):
        if error.domain == _DOMAIN:
            error.__class__ = _CLASSES.get(error.code, Error)
        return error
    if str(error) != 'Converting the GError failed':
        return error
    handler_error = sys.last_value
    # These attributes are for a debugger after the end of a program. They would keep alive all
    # objects that the frames of the traceback refer to.
    for name in ['last_exc', 'last_type', 'last_value', 'last_traceback']:
        if hasattr(sys, name):
            delattr(sys, name)
    return handler_error


def _with_public_errors(function):
    """Makes a function raise what _to_public_error () returns."""
    @functools.wraps(function, assigned=['__name__', '__doc__'])
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except RuntimeError as error:
            raise _to_public_error(error)
    return wrapper


def _raise_from_thread(error):
    """Raises the error of another thread, without its traceback.

    The old traceback, or a variable that refers to the error from a frame of the new traceback,
    would keep the semaphore alive until the garbage collector runs.
    """
    try:
        raise error.with_traceback(None)
    finally:
        del error


# --- Values ---------------------------------------------------------------------------------------

# A key that is too long, so that the library refuses it.
_INVALID_KEY = 'x' * 1025


def _to_key(key):
    """Returns the key. Text that cannot be a key becomes another key that the library refuses. The
    error is then the library's own, and get_error () returns it too."""
    if not isinstance(key, str):
        raise TypeError(f'the key of a semaphore must be a str, not {type(key).__name__}')
    # PyGObject would use the result of __str__ () of a subclass.
    key = str.__str__(key)
    try:
        key.encode()
    except UnicodeEncodeError:
        return _INVALID_KEY
    return _INVALID_KEY if '\0' in key else key


def _to_integer(value, n_bits):
    if isinstance(value, bool):
        raise TypeError('expected a number, not a bool')
    number = operator.index(value)
    if not -2**(n_bits - 1) <= number < 2**(n_bits - 1):
        raise OverflowError(f'{number} does not fit into {n_bits} bits')
    return number


def _to_int32(value):
    # The fast path for the usual case.
    if type(value) is int and -2**31 <= value < 2**31:
        return value
    return _to_integer(value, 32)


def _to_int64(value):
    return _to_integer(value, 64)


def _to_bool(value):
    if not isinstance(value, bool):
        raise TypeError(f'expected a bool, not {type(value).__name__}')
    return value


def _to_enum(cls, message, value):
    """Returns the member of the enumeration `cls`, which may be given as a number."""
    if isinstance(value, cls):
        return value
    if isinstance(value, GObject.GEnum):
        raise TypeError(f'expected a {cls.__name__}, not a {type(value).__name__}')
    number = _to_int32(value)
    try:
        return cls(number)
    except ValueError:
        message = GLib.dgettext(_TRANSLATION_DOMAIN, message) % number
        raise GLib.Error(message, _GIO_DOMAIN, _INVALID_ARGUMENT) from None


_to_mode = functools.partial(_to_enum, Ssem.AccessMode, _INVALID_MODE_MESSAGE)
_to_backend = functools.partial(_to_enum, Ssem.Backend, _INVALID_BACKEND_MESSAGE)


def _to_cancellable(cancellable):
    if cancellable is not None and not isinstance(cancellable, Gio.Cancellable):
        raise TypeError(f'expected a Gio.Cancellable or None, not {type(cancellable).__name__}')
    return cancellable


def _to_usec(timeout):
    """Converts seconds, which may have a fraction or be infinite, to microseconds."""
    if timeout is None:
        return _FOREVER_USEC
    if isinstance(timeout, bool):
        raise TypeError('expected a number of seconds, not a bool')
    if timeout <= 0:
        return 0
    return math.ceil(min(timeout * GLib.USEC_PER_SEC, _MAX_USEC))


# --- Blocking acquires ----------------------------------------------------------------------------

def _iterate_calls(entries):
    """Returns an iterator that calls a C function in each step, without Python code in between.

    Each entry is a dictionary from process IDs to functions. The iterator calls the function of the
    current process, and skips an entry that has none.
    """
    return map(_call, filter(None, map(dict.get, entries, map(_call, itertools.repeat(os.getpid)))))


def _run_acquire_thread(box, n, timeout_usec, cancellables, results, decisions, finished):
    """Acquires units in a thread of its own, where Python never runs a signal handler.

    The thread puts True or the error into `results`. The units belong to the thread until the main
    thread puts True into `decisions`.

    The program may end as soon as the main thread has the result, and a thread must not drop a
    GObject while Python shuts down. Therefore the thread itself refers to no GObject when it
    reports the result: the main thread empties `box`. The thread does not refer to the error
    either, whose new traceback refers to the main thread's frames.
    """
    try:
        outcomes = [_acquire_or_return_error(box[0], n, timeout_usec, *cancellables)]
        is_acquired = outcomes[0] is True
        cancellables.clear()
        results.put(outcomes.pop())
        if is_acquired and decisions.get() is not True:
            _release_unwanted(box[0], n)
    finally:
        finished.release()


def _acquire_or_return_error(semaphore, n, timeout_usec, cancellable, interruption):
    """Returns True, or the error. Both cancellables cancel the acquire."""
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


def _release_unwanted(semaphore, n):
    """Releases units that the caller of an acquire did not get."""
    try:
        _release(semaphore, n)
    except GLib.Error:
        # The semaphore no longer exists, and the units with it.
        pass
    except RuntimeError as error:
        raise _to_public_error(error)


def _now_usec():
    return time.monotonic_ns() // 1000


def _acquire_interruptibly(semaphore, n, timeout_usec, cancellable):
    """Acquires units like acquire_timeout () of the library, and runs signal handlers meanwhile.

    In the main thread, a handler may end the wait with an exception. Therefore the main thread does
    not block in the library: it waits for another thread that does. The signal settings of the
    process do not change. A handler may fork. The child has no such thread, so the child either
    leaves by an exception or starts a wait of its own.
    """
    if threading.get_ident() != threading.main_thread().ident:
        return _acquire_timeout(semaphore, n, timeout_usec, cancellable)

    process = os.getpid()
    deadline_usec = _now_usec() + timeout_usec
    # The thread gets the semaphore in a list, so that emptying the list drops the thread's
    # reference.
    box = [semaphore]
    interruption = Gio.Cancellable()
    cancellables = [cancellable, interruption]
    results, decisions = queue.SimpleQueue(), queue.SimpleQueue()
    finished = _thread.allocate_lock()
    finished.acquire()
    arguments = box, n, timeout_usec, cancellables, results, decisions, finished
    accept = map(_call, (functools.partial(decisions.put, True), box.clear))
    # A child of fork () has no thread to stop, so these calls are for this process only.
    stop_thread = _iterate_calls([{process: functools.partial(decisions.put, False)},
                                  {process: interruption.cancel}, {process: finished.acquire}])
    started = []
    outcome = None
    try:
        started += map(_thread.start_new_thread, (_run_acquire_thread,), (arguments,))
        while outcome is None:
            try:
                outcome = results.get(timeout=_POLL_SECONDS)
            except queue.Empty:
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
        # This is a child: it waits for the rest of the time.
        if timeout_usec > 0:
            timeout_usec = max(deadline_usec - _now_usec(), 0)
        held, = map(_acquire_interruptibly, (semaphore,), (n,), (timeout_usec,), (cancellable,))
        return held
    try:
        _raise_from_thread(outcome)
    finally:
        del outcome


# --- Awaited acquires -----------------------------------------------------------------------------

class _AwaitThread:
    """Runs a thread with a main context while coroutines wait for requests.

    GLib delivers results to a main context, and a program with an asyncio loop usually runs none.

    PyGObject keeps a callback and its arguments until some thread creates the next callback. It may
    crash if other threads run while it drops them. Therefore callbacks get the number of a request,
    not the request.
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
        """Forgets the thread and its requests, initially and in a child of fork ().

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
        """Makes timers wake the asyncio loops, from the first fork () on.

        Parent and child share the epoll object of a loop. A child that closes its copy of the loop
        may unregister the file descriptor that wakes the parent's loop.
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
            # Dropping a source locks its context. The source must go now, while the lock prevents
            # the thread from dropping the context.
            del source

    def start_request(self, number):
        self.requests[number].start(number)
        return GLib.SOURCE_REMOVE

    def remove_request(self, number):
        with self.lock:
            return self.requests.pop(number)

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
        """Ends the thread, because returning to Python after its shutdown would crash."""
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

    The acquire ends in the await thread. The units belong to the coroutine, or to the request if
    the coroutine has ended before. A child of fork () must not use the locks in its copy, because
    the parent's thread may have held them.
    """

    def __init__(self, semaphore, n, loop):
        self.process = os.getpid()
        # Holds the semaphore until the coroutine or the request takes charge of the units.
        self.box = [semaphore]
        self.n = n
        self.loop = loop
        self.interruption = Gio.Cancellable()
        self.future = loop.create_future()
        self.lock = threading.Lock()
        self.has_timed_out = False
        self.is_abandoned = False
        # None, True, or the error.
        self.outcome = None

    def is_in_same_process(self):
        return os.getpid() == self.process

    def start(self, number):
        try:
            _Base.acquire_async(self.box[0], self.n, self.interruption, _acquired_cb, number)
        except BaseException as error:
            _await_thread.remove_request(number)
            self.deliver(error.with_traceback(None))

    def finish(self, semaphore, result):
        try:
            self.deliver(_Base.acquire_finish(semaphore, result))
        except GLib.Error as error:
            self.deliver(_to_public_error(error).with_traceback(None))

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
            self.loop.call_later(_POLL_SECONDS, self.poll)

    def interrupt(self):
        if self.is_in_same_process():
            self.interruption.cancel()
        else:
            self.wake()

    def time_out(self):
        self.has_timed_out = True
        self.interrupt()

    def release_units(self):
        """Releases the units, if any, unless another call has taken charge of them."""
        try:
            semaphore = self.box.pop()
        except IndexError:
            return
        if self.outcome is True:
            _release_unwanted(semaphore, self.n)

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
        # The units of the parent's request do not belong to the child.
        message = GLib.dgettext(_GLIB_DOMAIN, _CANCELLED_MESSAGE)
        return GLib.Error(message, _GIO_DOMAIN, _CANCELLED)


async def _acquire_awaited(semaphore, n, cancellable, timeout_usec=_FOREVER_USEC):
    """Acquires units in a coroutine. Returns True, or False after a time-out."""
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
            # afterwards. If the task is cancelled again meanwhile, the first CancelledError counts:
            # asyncio.timeout () and anyio expect their own.
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
            _, = map(_call, (request.box.clear,))
            return True
    except BaseException:
        request.abandon()
        raise
    finally:
        # The traceback of the cancellation refers to this frame: avoid a cycle.
        del cancellation

    error = request.take_error()
    if request.has_timed_out and _is_gio_error(error, _CANCELLED):
        return False
    try:
        _raise_from_thread(error)
    finally:
        del error


# --- Holding --------------------------------------------------------------------------------------

class Hold:
    """Units for the length of a `with` or `async with` block. See `SystemSemaphore.hold()`.

    A child of `fork()` that leaves the block releases nothing, because the child holds nothing.
    """

    # The destructor is a C function: in a destructor written in Python, a signal handler may run,
    # and Python only prints the handler's exception. The destructor does nothing until __init__ ()
    # ends.
    _release_all = tuple
    __del__ = property(operator.attrgetter('_release_all'))

    def __init__(self, semaphore, n, timeout, cancellable):
        self._semaphore = semaphore
        self._n = _to_int32(n)
        self._timeout = timeout
        self._timeout_usec = _to_usec(timeout)
        self._cancellable = _to_cancellable(cancellable)
        # A dictionary for each entered block: from the ID of the process to the function that
        # releases the units.
        self._entered = []
        # A signal handler may raise an exception before the first line of __exit__ (). The
        # destructor then releases the units.
        self._release_all = functools.partial(collections.deque, _iterate_calls(self._entered), 0)

    def _prepare_entry(self):
        """Returns an iterator that notes the entry in one step."""
        entry = {os.getpid(): functools.partial(_release, self._semaphore, self._n)}
        return map(self._entered.append, (entry,))

    def _raise_timeout(self):
        message = GLib.dgettext(_TRANSLATION_DOMAIN, _TIMED_OUT_MESSAGE)
        raise TimeoutError(message % self._semaphore.get_key())

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
            _, _ = map(_call, (self._entered.pop, release))
        except RuntimeError as error:
            raise _to_public_error(error)

    async def __aenter__(self):
        note = self._prepare_entry()
        held = False
        # Acquire available units even if the time-out is shorter than a request takes.
        if self._timeout is not None:
            held, = map(self._semaphore.acquire, (self._n,), (0,), (self._cancellable,))
        if not held and self._timeout_usec != 0:
            held = await _acquire_awaited(self._semaphore, self._n, self._cancellable,
                                          self._timeout_usec)
        if not held:
            self._raise_timeout()
        _, = note
        return self._semaphore

    async def __aexit__(self, *unused):
        self.__exit__()


__all__.append('Hold')


# --- The class ------------------------------------------------------------------------------------

_Base = Ssem.SystemSemaphore


class SystemSemaphore(_Base):
    """A counting semaphore that processes share by a key.

    `SystemSemaphore(key, initial_value=0, mode=Ssem.AccessMode.OPEN)` opens the semaphore, or
    raises an exception. The properties `undo` and `backend` are keyword arguments. The class is
    final.
    """

    # The names in PySide and PyQt.
    Open = Ssem.AccessMode.OPEN
    Create = Ssem.AccessMode.CREATE

    @_with_public_errors
    def __init__(self, key=None, initial_value=0, mode=_OPEN, *, undo=True, backend=_DEFAULT):
        super().__init__(key=None if key is None else _to_key(key),
                         initial_value=_to_int32(initial_value), mode=_to_mode(mode),
                         undo=_to_bool(undo), backend=_to_backend(backend))
        self.init(None)

    def __init_subclass__(cls, **unused):
        raise TypeError('Ssem.SystemSemaphore is final and has no subclasses: keep a semaphore in '
                        'an attribute instead')

    @staticmethod
    @_with_public_errors
    def new(key, initial_value=0, mode=_OPEN):
        return _Base.new(_to_key(key), _to_int32(initial_value), _to_mode(mode))

    @_with_public_errors
    def init(self, cancellable=None):
        return _Base.init(self, _to_cancellable(cancellable))

    @_with_public_errors
    def set_key(self, key, initial_value=0, mode=_OPEN):
        return _Base.set_key(self, _to_key(key), _to_int32(initial_value), _to_mode(mode))

    def acquire(self, n=1, timeout=None, cancellable=None):
        """Acquires `n` units together, and blocks until they are available.

        Returns `True`, or `False` if `timeout`, in seconds, is over. Raises an exception for any
        other failure. In the main thread, signal handlers run meanwhile: Ctrl-C raises
        `KeyboardInterrupt`. After an exception, the process holds none of these units.
        """
        if n is _ONE and timeout is None and cancellable is None and _try_one[self]:
            return True
        n, timeout_usec = _to_int32(n), _to_usec(timeout)
        _to_cancellable(cancellable)
        try:
            if cancellable is None:
                try:
                    _try_units[self] = n
                    return True
                except GLib.Error as error:
                    if timeout_usec == 0 or not _is_gio_error(error, _WOULD_BLOCK):
                        raise
            held, = map(_acquire_interruptibly, (self,), (n,), (timeout_usec,), (cancellable,))
            return held
        except RuntimeError as error:
            if timeout is not None and _is_gio_error(error, _TIMED_OUT, _WOULD_BLOCK):
                return False
            raise _to_public_error(error)

    def try_acquire(self, n=1):
        """Acquires `n` units together without blocking. Returns `False` if there are fewer."""
        if n is not _ONE:
            n = _to_int32(n)
        try:
            _try_units[self] = n
            return True
        except RuntimeError as error:
            if _is_gio_error(error, _WOULD_BLOCK):
                return False
            raise _to_public_error(error)

    @_with_public_errors
    def acquire_timeout(self, n, timeout_usec, cancellable=None):
        n, timeout_usec = _to_int32(n), _to_int64(timeout_usec)
        _to_cancellable(cancellable)
        held, = map(_acquire_interruptibly, (self,), (n,), (timeout_usec,), (cancellable,))
        return held

    def acquire_async(self, n=1, cancellable=None, callback=None, *user_data):
        """Acquires `n` units together when they are available, without blocking the caller.

        Without a callback, returns a coroutine for asyncio: `await semaphore.acquire_async(2)`. The
        coroutine acquires nothing before it is awaited. A task that is cancelled while it waits
        holds nothing.
        """
        n = _to_int32(n)
        _to_cancellable(cancellable)
        if callback is None:
            return _acquire_awaited(self, n, cancellable)
        return _Base.acquire_async(self, n, cancellable, callback, *user_data)

    @_with_public_errors
    def acquire_finish(self, result):
        return _Base.acquire_finish(self, result)

    def release(self, n=1):
        """Adds `n` units, and wakes the waiters that they can serve."""
        if n is _ONE and _release_one(self):
            return True
        n = _to_int32(n)
        try:
            return _release(self, n)
        except RuntimeError as error:
            raise _to_public_error(error)

    @_with_public_errors
    def get_value(self):
        return _Base.get_value(self)

    def hold(self, n=1, timeout=None, cancellable=None):
        """Returns a context manager that holds units: `with semaphore.hold(2, timeout=1.5):`.

        Entering the block raises `TimeoutError` if the units are not available within `timeout`
        seconds.
        """
        return Hold(self, n, timeout, cancellable)

    def _get_entered(self):
        """Returns the list with the process ID of each entered block.

        A child of fork () that leaves a block holds nothing. The list is created here, because
        PyGObject does not call `__init__()` for an object that C code creates.
        """
        return vars(self).setdefault('_entered', [])

    def __enter__(self):
        note = map(self._get_entered().append, (os.getpid(),))
        _, = map(self.acquire, (1,))
        _, = note
        return self

    def __exit__(self, *unused):
        if self._get_entered().pop() == os.getpid():
            self.release(1)

    async def __aenter__(self):
        await _acquire_awaited(self, 1, None)
        self._get_entered().append(os.getpid())
        return self

    async def __aexit__(self, *unused):
        self.__exit__()


SystemSemaphore = override(SystemSemaphore)
__all__.append('SystemSemaphore')


# --- Inspection and repair ------------------------------------------------------------------------

@_with_public_errors
def backend_is_supported(backend):
    return Ssem.backend_is_supported(_to_backend(backend))


@_with_public_errors
def semaphore_info_list(backend=_DEFAULT):
    return Ssem.semaphore_info_list(_to_backend(backend))


@_with_public_errors
def semaphore_info_count_others(backend=_DEFAULT):
    return Ssem.semaphore_info_count_others(_to_backend(backend))


@_with_public_errors
def semaphore_info_query(key, backend=_DEFAULT):
    return Ssem.semaphore_info_query(_to_key(key), _to_backend(backend))


@_with_public_errors
def semaphore_remove_leftover(key, backend=_DEFAULT):
    return Ssem.semaphore_remove_leftover(_to_key(key), _to_backend(backend))


@_with_public_errors
def semaphore_reset(key, value, backend=_DEFAULT):
    return Ssem.semaphore_reset(_to_key(key), _to_int32(value), _to_backend(backend))


# The library has most of these functions under a second name.
Ssem.Backend.is_supported = staticmethod(backend_is_supported)
Ssem.SemaphoreInfo.list = staticmethod(semaphore_info_list)
Ssem.SemaphoreInfo.count_others = staticmethod(semaphore_info_count_others)
Ssem.SemaphoreInfo.query = staticmethod(semaphore_info_query)
__all__ += ['backend_is_supported', 'semaphore_info_count_others', 'semaphore_info_list',
            'semaphore_info_query', 'semaphore_remove_leftover', 'semaphore_reset']
