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
"""

import atexit
import functools
import itertools
import math
import operator
import os
import queue
import sys
import threading
import _thread

from gi.repository import Gio, GLib, GObject

from ..module import get_introspection_module
from ..overrides import override

Ssem = get_introspection_module('Ssem')

__all__ = []

_acquire_timeout = Ssem.SystemSemaphore.acquire_timeout
_try_acquire = Ssem.SystemSemaphore.try_acquire
_release = Ssem.SystemSemaphore.release
_release_one = Ssem.SystemSemaphore.release_one

_OPEN = Ssem.AccessMode.OPEN
_FOR_EVER_USEC = -1
_MAX_USEC = 2**62

# A signal that comes in the instant before a wait begins does not end it; the next look does.
_LOOK_SECONDS = 0.5

# The library says the same, and its translations have it.
_TRANSLATION_DOMAIN = 'ssem-1'
_IN_VAIN = 'The semaphore “%s” did not have that many units in time'

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


class KeyError(Error):
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
_CLASSES = {
    Ssem.SystemSemaphoreError.PERMISSION_DENIED: PermissionDeniedError,
    Ssem.SystemSemaphoreError.KEY_ERROR: KeyError,
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


# --- Waiting where signals may come ---------------------------------------------------------------

def _to_usec(timeout):
    if timeout is None:
        return _FOR_EVER_USEC
    if timeout <= 0:
        return 0
    return math.ceil(min(timeout * GLib.USEC_PER_SEC, _MAX_USEC))


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


def _wait(semaphore, n, timeout_usec, cancellable):
    """What acquire_timeout () of the library does; in the main thread, where the handlers of signals
    run meanwhile and may end it with an exception.

    The main thread does not block in the library, but beside a thread that does. That changes
    nothing of how the process treats signals.
    """
    if threading.get_ident() != threading.main_thread().ident:
        return _acquire_timeout(semaphore, n, timeout_usec, cancellable)

    # The thread finds the semaphore in here, so that it keeps no reference once that is emptied.
    box = [semaphore]
    interruption = Gio.Cancellable()
    controls = [cancellable, interruption]
    results, verdicts = queue.SimpleQueue(), queue.SimpleQueue()
    finished = _thread.allocate_lock()
    finished.acquire()
    arguments = box, n, timeout_usec, controls, results, verdicts, finished
    claim = map(_call, (functools.partial(verdicts.put, True), box.clear))
    abandon = map(_call, (functools.partial(verdicts.put, False), interruption.cancel,
                          finished.acquire))
    started = []
    outcome = None
    try:
        started += map(_thread.start_new_thread, (_acquire_for_main,), (arguments,))
        while outcome is None:
            try:
                outcome = results.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                pass
        if outcome is True:
            _, _ = claim
            return True
    except BaseException:
        if started:
            [*abandon]
        box.clear()
        raise
    box.clear()
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
        self.numbers = itertools.count()
        self.forget()
        os.register_at_fork(after_in_child=self.forget)
        atexit.register(self.end)

    def forget(self):
        """In a child of fork (), too, which has neither the thread nor its requests."""
        self.lock = threading.Lock()
        self.context = None
        self.thread = None
        self.requests = {}

    def submit(self, request):
        """Has the thread start it."""
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
            request.interruption.cancel()
        if thread is not None:
            thread.join()


_service = _Service()


def _done_cb(semaphore, result, number):
    _service.take(number).finish(semaphore, result)


class _Request:
    """An acquire that a coroutine awaits. It ends in the service's thread; what it got belongs to
    the coroutine, unless that has gone."""

    def __init__(self, semaphore, n, loop):
        self.semaphore = semaphore
        self.n = n
        self.loop = loop
        self.interruption = Gio.Cancellable()
        self.future = loop.create_future()
        self.lock = threading.Lock()
        self.is_abandoned = False
        self.outcome = None

    def start(self, number):
        try:
            _Base.acquire_async(self.semaphore, self.n, self.interruption, _done_cb, number)
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
        if not self.future.done():
            self.future.set_result(None)

    def end(self):
        self.semaphore = None
        outcome, self.outcome = self.outcome, None
        return outcome

    def give_back(self):
        with self.lock:
            semaphore, self.semaphore = self.semaphore, None
        if semaphore is not None and self.outcome is True:
            _give_back(semaphore, self.n)

    def abandon(self):
        """For a coroutine that is closed and cannot wait for the end."""
        self.interruption.cancel()
        with self.lock:
            self.is_abandoned = True
            is_over = self.outcome is not None
        if is_over:
            self.give_back()


async def _acquire_awaited(semaphore, n, cancellable):
    import asyncio

    request = _Request(semaphore, n, asyncio.get_running_loop())
    handler = 0
    is_cancelled = False
    try:
        if cancellable is not None:
            handler = GObject.Object.connect(cancellable, 'cancelled',
                                             lambda source: request.interruption.cancel())
            if cancellable.is_cancelled():
                request.interruption.cancel()
        _service.submit(request)
        # A task that is cancelled waits for the end of its request, so that it holds nothing then.
        while not request.future.done():
            try:
                await asyncio.shield(request.future)
            except asyncio.CancelledError:
                is_cancelled = True
                request.interruption.cancel()
    except BaseException:
        request.abandon()
        raise
    finally:
        if handler:
            GObject.Object.disconnect(cancellable, handler)

    if is_cancelled:
        request.give_back()
        raise asyncio.CancelledError
    outcome = request.end()
    if outcome is True:
        return True
    try:
        _raise_alone(outcome)
    finally:
        del outcome


def _is_asyncio_running():
    asyncio = sys.modules.get('asyncio')
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


# --- Holding --------------------------------------------------------------------------------------

class Hold:
    """What `SystemSemaphore.hold()` answers: units for the length of a `with` or `async with`.

    A child of `fork()` that leaves the block, too, releases nothing, because it holds nothing.
    """

    def __init__(self, semaphore, n, timeout, cancellable):
        self._semaphore = semaphore
        self._n = n
        self._timeout = timeout
        self._cancellable = cancellable
        # For each time that the block was entered, the process that did it.
        self._entered = []

    def _fail(self):
        message = GLib.dgettext(_TRANSLATION_DOMAIN, _IN_VAIN)
        raise TimeoutError(message % self._semaphore.get_key())

    def __enter__(self):
        note = map(self._entered.append, (os.getpid(),))
        held, = map(self._semaphore.acquire, (self._n,), (self._timeout,), (self._cancellable,))
        if not held:
            self._fail()
        _, = note
        return self._semaphore

    def __exit__(self, *unused):
        if self._entered[-1] != os.getpid():
            self._entered.pop()
            return
        leave = map(_call, (self._entered.pop,
                            functools.partial(_release, self._semaphore, self._n)))
        try:
            _, _ = leave
        except GLib.Error as error:
            raise _specific(error)

    def __del__(self):
        # An exception out of a signal's handler may come before the first line of __exit__ ().
        for process in self._entered:
            if process == os.getpid():
                _give_back(self._semaphore, self._n)

    async def __aenter__(self):
        # However short the time is, what is there now is taken.
        if self._timeout is None:
            await _acquire_awaited(self._semaphore, self._n, self._cancellable)
        elif not self._semaphore.acquire(self._n, 0, self._cancellable):
            await self._wait_for()
        self._entered.append(os.getpid())
        return self._semaphore

    async def _wait_for(self):
        import asyncio

        awaitable = _acquire_awaited(self._semaphore, self._n, self._cancellable)
        try:
            await asyncio.wait_for(awaitable, self._timeout)
        except asyncio.TimeoutError:
            self._fail()

    async def __aexit__(self, *unused):
        self.__exit__()


__all__.append('Hold')


# --- The class ------------------------------------------------------------------------------------

_Base = Ssem.SystemSemaphore


class SystemSemaphore(_Base):
    """A counting semaphore that processes share by a key.

    `SystemSemaphore(key, initial_value=0, mode=Ssem.AccessMode.OPEN)` opens it at once, or raises.
    The properties `undo` and `backend` can be given by name.
    """

    # As a program that comes from PySide or PyQt writes them.
    Open = Ssem.AccessMode.OPEN
    Create = Ssem.AccessMode.CREATE

    def __init__(self, key=None, initial_value=0, mode=_OPEN, **properties):
        super().__init__(key=key, initial_value=initial_value, mode=mode, **properties)
        self.init(None)

    @staticmethod
    @_with_specific_errors
    def new(key, initial_value=0, mode=_OPEN):
        return _Base.new(key, initial_value, mode)

    @_with_specific_errors
    def init(self, cancellable=None):
        return _Base.init(self, cancellable)

    @_with_specific_errors
    def set_key(self, key, initial_value=0, mode=_OPEN):
        return _Base.set_key(self, key, initial_value, mode)

    def acquire(self, n=1, timeout=None, cancellable=None):
        """Takes `n` units together, and blocks until that many are there.

        Answers `True`, or `False` if `timeout`, in seconds, is over; raises on everything else. In
        the main thread, the handlers of signals run meanwhile: Ctrl-C raises `KeyboardInterrupt`.
        An acquire that raised holds nothing.
        """
        if n == 1 and cancellable is None and _taking_one[self]:
            return True
        try:
            if cancellable is None:
                try:
                    _taking[self] = n
                    return True
                except GLib.Error as error:
                    if timeout is not None and timeout <= 0 or \
                       not _is_gio(error, Gio.IOErrorEnum.WOULD_BLOCK):
                        raise
            held, = map(_wait, (self,), (n,), (_to_usec(timeout),), (cancellable,))
            return held
        except GLib.Error as error:
            if timeout is not None and _is_gio(error, Gio.IOErrorEnum.TIMED_OUT,
                                               Gio.IOErrorEnum.WOULD_BLOCK):
                return False
            raise _specific(error)
        except RuntimeError as error:
            raise _of_handler(error)

    def try_acquire(self, n=1):
        """Takes `n` units together if they are there: `True`, or `False` if they are not."""
        try:
            _taking[self] = n
            return True
        except GLib.Error as error:
            if _is_gio(error, Gio.IOErrorEnum.WOULD_BLOCK):
                return False
            raise _specific(error)
        except RuntimeError as error:
            raise _of_handler(error)

    @_with_specific_errors
    def acquire_timeout(self, n, timeout_usec, cancellable=None):
        held, = map(_wait, (self,), (n,), (timeout_usec,), (cancellable,))
        return held

    def acquire_async(self, n=1, cancellable=None, callback=None, *user_data):
        """Takes `n` units together as soon as that many are there, without blocking the caller.

        Without a callback, and where a loop of asyncio runs, answers what can be awaited:
        `await semaphore.acquire_async(2)`. A task that is cancelled meanwhile holds nothing.
        """
        if callback is None and _is_asyncio_running():
            return _acquire_awaited(self, n, cancellable)
        return _Base.acquire_async(self, n, cancellable, callback, *user_data)

    @_with_specific_errors
    def acquire_finish(self, result):
        return _Base.acquire_finish(self, result)

    def release(self, n=1):
        """Adds `n` units, and wakes whoever waits for them."""
        if n == 1 and _release_one(self):
            return True
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


# --- Looking, and mending -------------------------------------------------------------------------

Ssem.SemaphoreInfo.list = staticmethod(_with_specific_errors(Ssem.SemaphoreInfo.list))
Ssem.SemaphoreInfo.query = staticmethod(_with_specific_errors(Ssem.SemaphoreInfo.query))

for _function in [Ssem.semaphore_remove_leftover, Ssem.semaphore_reset]:
    override(_function)(_with_specific_errors(_function))
