# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What makes Ssem a module that Python programs feel at home with.

PyGObject loads this file by itself with `from gi.repository import Ssem`. It adds defaults, `with`,
time-outs in seconds, `await`, and an exception class for each error code.

How signals are kept from losing units: CPython runs the handlers of signals, Ctrl-C's among them, in
the main thread, after a call or a jump backwards in Python code, and never in the midst of another
instruction. So what must not be torn apart from its result is no call: it is a look at an item,
`if _taking_one[semaphore]:`, an assignment to one, `_taking[semaphore] = n`, or one that unpacks an
iterator, `held, = map(function, (argument,))`, and all that happens in it happens in C. An acquire
that raises what a handler raised holds nothing.

How an acquire and a release are kept short: PyGObject spends twenty times as long on a call as the
call takes, up to a fifth of it on an argument. So a single unit is taken and given back by a method without
arguments, which throws nothing. Where that answers `False` nothing has happened, and the long way, which
follows, succeeds or tells why not.

How values are kept as they are: PyGObject cuts a key at its first null character, drops the
fraction of a number, and takes any number for a mode. So the arguments of a program are checked here
first. What cannot be passed on unchanged is refused before anything happens.
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

# PyGObject makes a class when it is first looked up. Where the handler of a signal raises
# meanwhile, the class stays half-made for good. So all that is needed later is made now.
for _name in dir(Ssem):
    getattr(Ssem, _name)
_MADE = [Gio.AsyncResult, Gio.Cancellable, Gio.Task, GLib.Idle, GLib.MainContext, GObject.GEnum,
         GObject.Object]

__all__ = []

_acquire_timeout = Ssem.SystemSemaphore.acquire_timeout
_try_acquire = Ssem.SystemSemaphore.try_acquire
_release = Ssem.SystemSemaphore.release
_release_one = Ssem.SystemSemaphore.release_one

_OPEN = Ssem.AccessMode.OPEN
_DEFAULT = Ssem.Backend.DEFAULT
_FOREVER_USEC = -1
_MAX_USEC = 2**62

# As an object, which only an int that is 1 can be: neither True nor 1.0.
_ONE = 1

# A signal that comes in the instant before a wait begins does not end it; the next look does.
_LOOK_SECONDS = 0.5

# The library says the same, and its translations have it.
_TRANSLATION_DOMAIN = 'ssem-1'
_IN_VAIN = 'The semaphore “%s” did not have that many units in time'
_NO_MODE = '%d is not the number of an access mode'
_NO_BACKEND = '%d is not the number of a backend'
# And this is GLib's.
_GLIB_DOMAIN = 'glib20'
_CANCELLED_SENTENCE = 'Operation was cancelled'

_call = operator.methodcaller('__call__')


class _TakingOne:
    """The item of a semaphore is whether that has just given a unit."""

    __getitem__ = staticmethod(Ssem.SystemSemaphore.try_acquire_one)


class _Taking:
    """Assigning `n` to the item of a semaphore takes `n` units, or raises as try_acquire () does."""

    __setitem__ = staticmethod(_try_acquire)


_taking_one = _TakingOne()
_taking = _Taking()


# --- Errors ---------------------------------------------------------------------------------------

class Error(GLib.Error):
    """Any error of the domain `Ssem.SystemSemaphoreError`; each code has a class of its own."""


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
}
__all__ += ['Error', *(cls.__name__ for cls in _CLASSES.values())]


def _specific(error):
    """The same error, as one of the class of its code."""
    if error.domain == _DOMAIN:
        error.__class__ = _CLASSES.get(error.code, Error)
    return error


def _is_gio(error, *codes):
    return error.domain == _GIO_DOMAIN and error.code in codes


def _of_handler(error):
    """What the handler of a signal raised while PyGObject made an error of a call that had failed. It
    does so in Python; it prints what comes out of that and raises a RuntimeError in its place."""
    if str(error) != 'Converting the GError failed':
        return error
    raised = sys.last_value
    # They are for what ended a program, and would keep what the frames of the call refer to.
    for name in ['last_exc', 'last_type', 'last_value', 'last_traceback']:
        if hasattr(sys, name):
            delattr(sys, name)
    return raised


def _with_specific_errors(function):
    @functools.wraps(function, assigned=['__name__', '__doc__'])
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except GLib.Error as error:
            raise _specific(error)
        except RuntimeError as error:
            raise _of_handler(error)
    return wrapper


def _raise_alone(error):
    """For an error of another thread. Its traceback, and a variable in a frame of the traceback that
    is to come, would keep the semaphore until the garbage collector comes."""
    try:
        raise error.with_traceback(None)
    finally:
        del error


# --- Values ---------------------------------------------------------------------------------------

# Longer than any key.
_NO_KEY = 'x' * 1025


def _to_key(key):
    """The key; or one that the library refuses, in place of text that cannot be passed on. So the
    error is the library's own, and get_error () answers it, too."""
    if not isinstance(key, str):
        raise TypeError(f'the key of a semaphore is a str, not {type(key).__name__}')
    # PyGObject would take what the __str__ () of a derived class answers.
    key = str.__str__(key)
    try:
        key.encode()
    except UnicodeEncodeError:
        return _NO_KEY
    return _NO_KEY if '\0' in key else key


def _to_number(value, n_bits):
    if isinstance(value, bool):
        raise TypeError('a bool is not taken for a number')
    number = operator.index(value)
    if not -2**(n_bits - 1) <= number < 2**(n_bits - 1):
        raise OverflowError(f'{number} is not a number of {n_bits} bits')
    return number


def _to_int32(value):
    # Before all that takes longer.
    if type(value) is int and -2**31 <= value < 2**31:
        return value
    return _to_number(value, 32)


def _to_int64(value):
    return _to_number(value, 64)


def _to_bool(value):
    if not isinstance(value, bool):
        raise TypeError(f'expected a bool, not {type(value).__name__}')
    return value


def _to_enum(cls, sentence, value):
    if isinstance(value, cls):
        return value
    if isinstance(value, GObject.GEnum):
        raise TypeError(f'expected a {cls.__name__}, not a {type(value).__name__}')
    number = _to_int32(value)
    try:
        return cls(number)
    except ValueError:
        message = GLib.dgettext(_TRANSLATION_DOMAIN, sentence) % number
        raise GLib.Error(message, _GIO_DOMAIN, _INVALID_ARGUMENT) from None


_to_mode = functools.partial(_to_enum, Ssem.AccessMode, _NO_MODE)
_to_backend = functools.partial(_to_enum, Ssem.Backend, _NO_BACKEND)


def _to_cancellable(cancellable):
    if cancellable is not None and not isinstance(cancellable, Gio.Cancellable):
        raise TypeError(f'expected a Gio.Cancellable or None, not {type(cancellable).__name__}')
    return cancellable


def _to_usec(timeout):
    """From seconds, which may have a fraction or be infinite."""
    if timeout is None:
        return _FOREVER_USEC
    if isinstance(timeout, bool):
        raise TypeError('a bool is not taken for a time')
    if timeout <= 0:
        return 0
    return math.ceil(min(timeout * GLib.USEC_PER_SEC, _MAX_USEC))


# --- Waiting where signals may come ---------------------------------------------------------------

def _calls_here(entries):
    """Each step of the iterator calls a function in C: the one that an item has for this process.
    An item is a dictionary, with the process that may call the function as its key."""
    return map(_call, filter(None, map(dict.get, entries, map(_call, itertools.repeat(os.getpid)))))


def _acquire_for_main(box, n, timeout_usec, controls, results, verdicts, finished):
    """Runs in a thread, where no handler of a signal ever runs. The units belong to this thread
    until the main one has said that it takes them.

    As soon as the main thread knows the result the program may end, and a thread must not let go of
    a GObject in a Python that ends: from then on this one refers to none, nor to the error, which
    will have the main thread's frames in its traceback.
    """
    try:
        outcomes = [_acquire_or_catch(box[0], n, timeout_usec, *controls)]
        is_acquired = outcomes[0] is True
        controls.clear()
        results.put(outcomes.pop())
        if is_acquired and verdicts.get() is not True:
            _give_back(box[0], n)
    finally:
        finished.release()


def _acquire_or_catch(semaphore, n, timeout_usec, cancellable, interruption):
    """True, or the error; the caller's cancellable ends it, and so does the interruption."""
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


def _give_back(semaphore, n):
    try:
        _release(semaphore, n)
    except GLib.Error:
        # The semaphore is gone, and the units with it.
        pass
    except RuntimeError as error:
        raise _of_handler(error)


def _now_usec():
    return time.monotonic_ns() // 1000


def _wait(semaphore, n, timeout_usec, cancellable):
    """What acquire_timeout () of the library does; in the main thread, where the handlers of signals
    run meanwhile and may end it with an exception.

    The main thread does not block in the library, but beside a thread that does. That changes
    nothing of how the process treats signals. A handler may fork: the child has no such thread, and
    either leaves by an exception or waits for itself.
    """
    if threading.get_ident() != threading.main_thread().ident:
        return _acquire_timeout(semaphore, n, timeout_usec, cancellable)

    process = os.getpid()
    deadline_usec = _now_usec() + timeout_usec
    # The thread finds the semaphore in here, so that it keeps no reference once that is emptied.
    box = [semaphore]
    interruption = Gio.Cancellable()
    controls = [cancellable, interruption]
    results, verdicts = queue.SimpleQueue(), queue.SimpleQueue()
    finished = _thread.allocate_lock()
    finished.acquire()
    arguments = box, n, timeout_usec, controls, results, verdicts, finished
    claim = map(_call, (functools.partial(verdicts.put, True), box.clear))
    abandon = _calls_here([{process: functools.partial(verdicts.put, False)},
                           {process: interruption.cancel}, {process: finished.acquire}])
    started = []
    outcome = None
    try:
        started += map(_thread.start_new_thread, (_acquire_for_main,), (arguments,))
        while outcome is None:
            try:
                outcome = results.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if os.getpid() != process:
                    break
        if outcome is True:
            _, _ = claim
            return True
    except BaseException:
        if started:
            [*abandon]
        box.clear()
        raise
    box.clear()
    if outcome is None:
        if timeout_usec > 0:
            timeout_usec = max(deadline_usec - _now_usec(), 0)
        held, = map(_wait, (semaphore,), (n,), (timeout_usec,), (cancellable,))
        return held
    try:
        _raise_alone(outcome)
    finally:
        del outcome


# --- Awaiting -------------------------------------------------------------------------------------

class _Service:
    """A thread with a main context, for as long as any acquire is awaited: there GLib delivers the
    results, since a program with asyncio's loop runs no loop of GLib's.

    PyGObject keeps a callback, and what it was given, until any thread makes another one, and goes
    wrong if other threads run while it lets go of them. So callbacks get numbers, not requests.
    """

    def __init__(self):
        self.is_over = False
        self.has_forked = False
        self.numbers = itertools.count()
        self.requests = {}
        self.forget()
        os.register_at_fork(after_in_parent=self.look, after_in_child=self.forget)
        atexit.register(self.end)

    def forget(self):
        """In a child of fork (), too. It does not have the thread, so the coroutines that wait for
        the thread's work there would never go on."""
        requests, self.requests = self.requests, {}
        self.lock = threading.Lock()
        self.context = None
        self.thread = None
        for request in requests.values():
            request.wake()

    def look(self):
        """A child that closes its copy of asyncio's loop may take away from the parent's what wakes
        it: both have the same epoll. From now on a timer does that."""
        self.has_forked = True
        for request in [*self.requests.values()]:
            if not request.loop.is_closed():
                request.loop.call_soon_threadsafe(request.look)

    def submit(self, request):
        """Has the thread start it."""
        if self.has_forked:
            request.look()
        with self.lock:
            if self.is_over:
                raise RuntimeError('cannot await an acquire any more, as the interpreter shuts down')
            if self.context is None:
                context = GLib.MainContext.new()
                thread = threading.Thread(target=self.run, args=(context,), name='ssem-await',
                                          daemon=True)
                thread.start()
                self.context, self.thread = context, thread
            number = next(self.numbers)
            self.requests[number] = request
            source = GLib.Idle()
            source.set_callback(self.start, number)
            source.attach(self.context)
            # Now, while the lock keeps the thread from dropping the context: GLib locks that.
            del source

    def start(self, number):
        self.requests[number].start(number)
        return GLib.SOURCE_REMOVE

    def take(self, number):
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

    def end(self):
        """Before Python goes: a thread that came back into it from GLib then would crash."""
        with self.lock:
            self.is_over = True
            requests, thread = [*self.requests.values()], self.thread
        for request in requests:
            request.interrupt()
        if thread is not None:
            thread.join()


_service = _Service()


def _done_cb(semaphore, result, number):
    _service.take(number).finish(semaphore, result)


class _Request:
    """An acquire that a coroutine awaits. It ends in the service's thread; what it got belongs to
    the coroutine, unless that has gone.

    A child of fork () leaves its copy alone: the parent's thread may have held the locks in it.
    """

    def __init__(self, semaphore, n, loop):
        self.process = os.getpid()
        # Empty once somebody has taken charge of the units.
        self.box = [semaphore]
        self.n = n
        self.loop = loop
        self.interruption = Gio.Cancellable()
        self.future = loop.create_future()
        self.lock = threading.Lock()
        self.is_late = False
        self.is_abandoned = False
        self.outcome = None

    def is_here(self):
        return os.getpid() == self.process

    def start(self, number):
        try:
            _Base.acquire_async(self.box[0], self.n, self.interruption, _done_cb, number)
        except BaseException as error:
            _service.take(number)
            self.deliver(error.with_traceback(None))

    def finish(self, semaphore, result):
        try:
            self.deliver(_Base.acquire_finish(semaphore, result))
        except GLib.Error as error:
            self.deliver(_specific(error).with_traceback(None))

    def deliver(self, outcome):
        with self.lock:
            self.outcome = outcome
            is_abandoned = self.is_abandoned
        if not is_abandoned:
            try:
                self.loop.call_soon_threadsafe(self.wake)
            except RuntimeError:
                # The loop was closed meanwhile, and nobody is left to be told.
                is_abandoned = True
        if is_abandoned:
            self.give_back()

    def wake(self):
        if not self.future.done() and not self.loop.is_closed():
            self.future.set_result(None)

    def look(self):
        if not self.future.done():
            self.loop.call_later(_LOOK_SECONDS, self.look)

    def interrupt(self):
        if self.is_here():
            self.interruption.cancel()
        else:
            self.wake()

    def expire(self):
        self.is_late = True
        self.interrupt()

    def give_back(self):
        try:
            semaphore = self.box.pop()
        except IndexError:
            return
        if self.outcome is True:
            _give_back(semaphore, self.n)

    def abandon(self):
        """For a coroutine that ends with an exception."""
        if not self.is_here():
            return
        self.interruption.cancel()
        with self.lock:
            self.is_abandoned = True
            is_over = self.outcome is not None
        if is_over:
            self.give_back()

    def end(self):
        """Why nothing is held."""
        self.box.clear()
        outcome, self.outcome = self.outcome, None
        if self.is_here():
            return outcome
        # What the parent process awaits is not the child's.
        message = GLib.dgettext(_GLIB_DOMAIN, _CANCELLED_SENTENCE)
        return GLib.Error(message, _GIO_DOMAIN, _CANCELLED)


async def _acquire_awaited(semaphore, n, cancellable, timeout_usec=_FOREVER_USEC):
    """True, or False if the time is over."""
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
                timer = loop.call_later(timeout_usec / GLib.USEC_PER_SEC, request.expire)
            _service.submit(request)
            # A task that is cancelled waits for the end of its request, so that it holds nothing
            # then. However often that happens, the first cancellation is the one to go on with:
            # asyncio.timeout () and anyio count them and look for their own.
            while not request.future.done():
                try:
                    await asyncio.shield(request.future)
                except asyncio.CancelledError as error:
                    cancellation = cancellation or error
                    request.interrupt()
        finally:
            if timer is not None:
                timer.cancel()
            if handler and request.is_here():
                GObject.Object.disconnect(cancellable, handler)
        if cancellation is not None:
            raise cancellation
        if request.outcome is True and request.is_here():
            _, = map(_call, (request.box.clear,))
            return True
    except BaseException:
        request.abandon()
        raise
    finally:
        # Its traceback refers to this frame.
        del cancellation

    outcome = request.end()
    if request.is_late and _is_gio(outcome, _CANCELLED):
        return False
    try:
        _raise_alone(outcome)
    finally:
        del outcome


# --- Holding --------------------------------------------------------------------------------------

class Hold:
    """What `SystemSemaphore.hold()` answers: units for the length of a `with` or `async with`.

    A child of `fork()` that leaves the block, too, releases nothing, because it holds nothing.
    """

    # A destructor in C. In one written in Python, the handler of a signal may run, and Python only
    # prints what that raises. Until the construction is over, this one does nothing.
    _drop = tuple
    __del__ = property(operator.attrgetter('_drop'))

    def __init__(self, semaphore, n, timeout, cancellable):
        self._semaphore = semaphore
        self._n = _to_int32(n)
        self._timeout = timeout
        self._timeout_usec = _to_usec(timeout)
        self._cancellable = _to_cancellable(cancellable)
        # For each time that the block was entered, the process that did it and how it gives back.
        self._entered = []
        # An exception out of a signal's handler may come before the first line of __exit__ ().
        self._drop = functools.partial(collections.deque, _calls_here(self._entered), 0)

    def _note(self):
        """An iterator, so that a single step makes the note."""
        entry = {os.getpid(): functools.partial(_release, self._semaphore, self._n)}
        return map(self._entered.append, (entry,))

    def _fail(self):
        message = GLib.dgettext(_TRANSLATION_DOMAIN, _IN_VAIN)
        raise TimeoutError(message % self._semaphore.get_key())

    def __enter__(self):
        note = self._note()
        held, = map(self._semaphore.acquire, (self._n,), (self._timeout,), (self._cancellable,))
        if not held:
            self._fail()
        _, = note
        return self._semaphore

    def __exit__(self, *unused):
        release = self._entered[-1].get(os.getpid())
        if release is None:
            self._entered.pop()
            return
        leave = map(_call, (self._entered.pop, release))
        try:
            _, _ = leave
        except GLib.Error as error:
            raise _specific(error)
        except RuntimeError as error:
            raise _of_handler(error)

    async def __aenter__(self):
        note = self._note()
        held = False
        # However short the time is, what is there now is taken.
        if self._timeout is not None:
            held, = map(self._semaphore.acquire, (self._n,), (0,), (self._cancellable,))
        if not held and self._timeout_usec != 0:
            held = await _acquire_awaited(self._semaphore, self._n, self._cancellable,
                                          self._timeout_usec)
        if not held:
            self._fail()
        _, = note
        return self._semaphore

    async def __aexit__(self, *unused):
        self.__exit__()


__all__.append('Hold')


# --- The class ------------------------------------------------------------------------------------

_Base = Ssem.SystemSemaphore


class SystemSemaphore(_Base):
    """A counting semaphore that processes share by a key.

    `SystemSemaphore(key, initial_value=0, mode=Ssem.AccessMode.OPEN)` opens it at once, or raises.
    The properties `undo` and `backend` can be given by name. The class is final.
    """

    # As a program that comes from PySide or PyQt writes them.
    Open = Ssem.AccessMode.OPEN
    Create = Ssem.AccessMode.CREATE

    @_with_specific_errors
    def __init__(self, key=None, initial_value=0, mode=_OPEN, *, undo=True, backend=_DEFAULT):
        super().__init__(key=None if key is None else _to_key(key),
                         initial_value=_to_int32(initial_value), mode=_to_mode(mode),
                         undo=_to_bool(undo), backend=_to_backend(backend))
        self.init(None)

    def __init_subclass__(cls, **unused):
        raise TypeError('Ssem.SystemSemaphore is final and has no subclasses: keep a semaphore in an '
                        'attribute instead')

    @staticmethod
    @_with_specific_errors
    def new(key, initial_value=0, mode=_OPEN):
        return _Base.new(_to_key(key), _to_int32(initial_value), _to_mode(mode))

    @_with_specific_errors
    def init(self, cancellable=None):
        return _Base.init(self, _to_cancellable(cancellable))

    @_with_specific_errors
    def set_key(self, key, initial_value=0, mode=_OPEN):
        return _Base.set_key(self, _to_key(key), _to_int32(initial_value), _to_mode(mode))

    def acquire(self, n=1, timeout=None, cancellable=None):
        """Takes `n` units together, and blocks until that many are there.

        Answers `True`, or `False` if `timeout`, in seconds, is over; raises on everything else. In
        the main thread, the handlers of signals run meanwhile: Ctrl-C raises `KeyboardInterrupt`.
        An acquire that raised holds nothing.
        """
        if n is _ONE and timeout is None and cancellable is None and _taking_one[self]:
            return True
        n, timeout_usec = _to_int32(n), _to_usec(timeout)
        _to_cancellable(cancellable)
        try:
            if cancellable is None:
                try:
                    _taking[self] = n
                    return True
                except GLib.Error as error:
                    if timeout_usec == 0 or not _is_gio(error, _WOULD_BLOCK):
                        raise
            held, = map(_wait, (self,), (n,), (timeout_usec,), (cancellable,))
            return held
        except GLib.Error as error:
            if timeout is not None and _is_gio(error, _TIMED_OUT, _WOULD_BLOCK):
                return False
            raise _specific(error)
        except RuntimeError as error:
            raise _of_handler(error)

    def try_acquire(self, n=1):
        """Takes `n` units together if they are there: `True`, or `False` if they are not."""
        if n is not _ONE:
            n = _to_int32(n)
        try:
            _taking[self] = n
            return True
        except GLib.Error as error:
            if _is_gio(error, _WOULD_BLOCK):
                return False
            raise _specific(error)
        except RuntimeError as error:
            raise _of_handler(error)

    @_with_specific_errors
    def acquire_timeout(self, n, timeout_usec, cancellable=None):
        n, timeout_usec = _to_int32(n), _to_int64(timeout_usec)
        _to_cancellable(cancellable)
        held, = map(_wait, (self,), (n,), (timeout_usec,), (cancellable,))
        return held

    def acquire_async(self, n=1, cancellable=None, callback=None, *user_data):
        """Takes `n` units together as soon as that many are there, without blocking the caller.

        Without a callback, answers a coroutine for asyncio: `await semaphore.acquire_async(2)`. It
        takes nothing before it is awaited. A task that is cancelled meanwhile holds nothing.
        """
        n = _to_int32(n)
        _to_cancellable(cancellable)
        if callback is None:
            return _acquire_awaited(self, n, cancellable)
        return _Base.acquire_async(self, n, cancellable, callback, *user_data)

    @_with_specific_errors
    def acquire_finish(self, result):
        return _Base.acquire_finish(self, result)

    def release(self, n=1):
        """Adds `n` units, and wakes whoever waits for them."""
        if n is _ONE and _release_one(self):
            return True
        n = _to_int32(n)
        try:
            return _release(self, n)
        except GLib.Error as error:
            raise _specific(error)
        except RuntimeError as error:
            raise _of_handler(error)

    @_with_specific_errors
    def get_value(self):
        return _Base.get_value(self)

    def hold(self, n=1, timeout=None, cancellable=None):
        """Units for the length of a block: `with semaphore.hold(2, timeout=1.5):`.

        Raises `TimeoutError` if `timeout`, in seconds, is over before they are there.
        """
        return Hold(self, n, timeout, cancellable)

    def _get_entered(self):
        """For each block that was entered, the process that did it: a child that leaves it holds
        nothing. PyGObject doesn't call `__init__()` for an object that C has made."""
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


# --- Looking, and repairing -----------------------------------------------------------------------

@_with_specific_errors
def backend_is_supported(backend):
    return Ssem.backend_is_supported(_to_backend(backend))


@_with_specific_errors
def semaphore_info_list(backend=_DEFAULT):
    return Ssem.semaphore_info_list(_to_backend(backend))


@_with_specific_errors
def semaphore_info_count_others(backend=_DEFAULT):
    return Ssem.semaphore_info_count_others(_to_backend(backend))


@_with_specific_errors
def semaphore_info_query(key, backend=_DEFAULT):
    return Ssem.semaphore_info_query(_to_key(key), _to_backend(backend))


@_with_specific_errors
def semaphore_remove_leftover(key, backend=_DEFAULT):
    return Ssem.semaphore_remove_leftover(_to_key(key), _to_backend(backend))


@_with_specific_errors
def semaphore_reset(key, value, backend=_DEFAULT):
    return Ssem.semaphore_reset(_to_key(key), _to_int32(value), _to_backend(backend))


# The library has most of them under two names.
Ssem.Backend.is_supported = staticmethod(backend_is_supported)
Ssem.SemaphoreInfo.list = staticmethod(semaphore_info_list)
Ssem.SemaphoreInfo.count_others = staticmethod(semaphore_info_count_others)
Ssem.SemaphoreInfo.query = staticmethod(semaphore_info_query)
__all__ += ['backend_is_supported', 'semaphore_info_count_others', 'semaphore_info_list',
            'semaphore_info_query', 'semaphore_remove_leftover', 'semaphore_reset']
