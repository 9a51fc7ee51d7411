# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Adapts the Ssem module to Python.

PyGObject loads this file for `from gi.repository import Ssem`. The file adds default arguments,
`with` blocks, time-outs in seconds, `await`, and an exception class for each error code. This file
imports three modules in the same directory. Each of these imports only modules further down the
list:

- `_ssem_asyncio.py` lets a coroutine await an acquire;
- `_ssem_signals.py` lets signal handlers run while an acquire blocks;
- `_ssem_errors.py` defines the exception classes, and converts errors to them.

Signal handlers must not lose units. Therefore an acquire and the use of its result are a single
instruction that is not a call, such as `held, = map(function, (argument,))`. `_ssem_signals.py`
explains the reason.

Calls must be fast. A call through PyGObject takes about twenty times as long as the C function, and
each argument adds up to a fifth of that time. Therefore acquire () and release () of one unit first
call a method without arguments, which never raises. If this method returns False, it has changed
nothing. Then acquire () or release () calls the method with arguments, which succeeds or raises an
exception with the reason.

Values must reach the library unchanged. PyGObject truncates a key at its first null character,
drops the fraction of a number, and accepts any number as a mode. Therefore this file checks all
arguments before it calls the library, and refuses a value that PyGObject would change.
"""

import collections
import functools
import math
import operator
import os

from gi.repository import Gio, GLib, GObject

from ..module import get_introspection_module
from ..overrides import override
from ._ssem_asyncio import acquire_awaited
from ._ssem_errors import (GIO_DOMAIN, INVALID_ARGUMENT, TIMED_OUT, WOULD_BLOCK, AlreadyExistsError,
                           Error, InvalidKeyError, LostError, NotFoundError, OutOfResourcesError,
                           PermissionDeniedError, UnknownError, is_gio_error, to_public_error,
                           with_public_errors)
from ._ssem_signals import (FOREVER_USEC, acquire_interruptibly, call, iterate_calls, try_one,
                            try_units)

# PyGObject copies these names to the module that users import.
__all__ = ['AlreadyExistsError', 'Error', 'Hold', 'InvalidKeyError', 'LostError', 'NotFoundError',
           'OutOfResourcesError', 'PermissionDeniedError', 'SystemSemaphore', 'UnknownError',
           'backend_is_supported', 'semaphore_info_count_others', 'semaphore_info_list',
           'semaphore_info_query', 'semaphore_remove_leftover', 'semaphore_reset']

Ssem = get_introspection_module('Ssem')

# PyGObject creates a class when a program first uses the name of the class. If a signal handler
# raises an exception meanwhile, the class stays incomplete forever. Therefore this code creates all
# classes that any of the four files needs later.
for _name in dir(Ssem):
    getattr(Ssem, _name)
_CREATED = [Gio.AsyncResult, Gio.Cancellable, Gio.Task, GLib.Idle, GLib.MainContext, GObject.GEnum,
            GObject.Object]

# The class of the library, and its methods that are called most.
_Base = Ssem.SystemSemaphore
_release = _Base.release
_release_one = _Base.release_one

_OPEN = Ssem.AccessMode.OPEN
_DEFAULT = Ssem.Backend.DEFAULT
_MAX_USEC = 2**62

# Code compares arguments with _ONE by identity: only the int 1 matches, not True or 1.0.
_ONE = 1

# The library has the same messages, and translations for them.
_TRANSLATION_DOMAIN = 'ssem-1'
_TIMED_OUT_MESSAGE = 'Timed out while waiting for units of the semaphore “%s”'
_INVALID_MODE_MESSAGE = 'Unknown access mode %d'
_INVALID_BACKEND_MESSAGE = 'Unknown backend %d'


# --- Values ---------------------------------------------------------------------------------------

# A key that is too long, so that the library refuses it.
_INVALID_KEY = 'x' * 1025


def _to_key(key):
    """Returns the key, or an invalid key in place of text that cannot reach the library unchanged.

    The library then refuses the invalid key, and get_error () returns the library's error.
    """
    if not isinstance(key, str):
        raise TypeError(f'the key of a semaphore must be a str, not {type(key).__name__}')
    # The key may be of a subclass of str. PyGObject would then call the subclass's __str__ ().
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
    """Returns the member of the enumeration `cls` for `value`, a member or its number."""
    if isinstance(value, cls):
        return value
    if isinstance(value, GObject.GEnum):
        raise TypeError(f'expected a {cls.__name__}, not a {type(value).__name__}')
    number = _to_int32(value)
    try:
        return cls(number)
    except ValueError:
        message = GLib.dgettext(_TRANSLATION_DOMAIN, message) % number
        raise GLib.Error(message, GIO_DOMAIN, INVALID_ARGUMENT) from None


_to_mode = functools.partial(_to_enum, Ssem.AccessMode, _INVALID_MODE_MESSAGE)
_to_backend = functools.partial(_to_enum, Ssem.Backend, _INVALID_BACKEND_MESSAGE)


def _to_cancellable(cancellable):
    if cancellable is not None and not isinstance(cancellable, Gio.Cancellable):
        raise TypeError(f'expected a Gio.Cancellable or None, not {type(cancellable).__name__}')
    return cancellable


def _to_usec(timeout):
    """Converts seconds, which may have a fraction or be infinite, to microseconds."""
    if timeout is None:
        return FOREVER_USEC
    if isinstance(timeout, bool):
        raise TypeError('expected a number of seconds, not a bool')
    if timeout <= 0:
        return 0
    return math.ceil(min(timeout * GLib.USEC_PER_SEC, _MAX_USEC))


# --- Holding --------------------------------------------------------------------------------------

class Hold:
    """Holds units during a `with` or `async with` block. See `SystemSemaphore.hold()`.

    A child of `fork()` that leaves the block releases nothing, because the child holds nothing.
    """

    # If a signal handler runs in a destructor written in Python, Python only prints the handler's
    # exception. Therefore the destructor is a C function. Until __init__ () ends, this function is
    # `tuple`, which does nothing.
    _release_all = tuple
    __del__ = property(operator.attrgetter('_release_all'))

    def __init__(self, semaphore, n, timeout, cancellable):
        self._semaphore = semaphore
        self._n = _to_int32(n)
        self._timeout = timeout
        self._timeout_usec = _to_usec(timeout)
        self._cancellable = _to_cancellable(cancellable)
        # This list has a dictionary for each entered block. The dictionary maps the ID of the
        # process to the function that releases the units.
        self._entered = []
        # A signal handler may raise an exception before the first line of __exit__ (). The
        # destructor then releases the units.
        self._release_all = functools.partial(collections.deque, iterate_calls(self._entered), 0)

    def _prepare_entry(self):
        """Returns an iterator whose first step adds an entered block to the list."""
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
            _, _ = map(call, (self._entered.pop, release))
        except RuntimeError as error:
            raise to_public_error(error)

    async def __aenter__(self):
        note = self._prepare_entry()
        held = False
        # Acquire free units even if the time-out is too short for an asynchronous request.
        if self._timeout is not None:
            held, = map(self._semaphore.acquire, (self._n,), (0,), (self._cancellable,))
        if not held and self._timeout_usec != 0:
            held = await acquire_awaited(self._semaphore, self._n, self._cancellable,
                                         self._timeout_usec)
        if not held:
            self._raise_timeout()
        _, = note
        return self._semaphore

    async def __aexit__(self, *unused):
        self.__exit__()


# --- The class ------------------------------------------------------------------------------------

class SystemSemaphore(_Base):
    """A counting semaphore that processes share by a key.

    `SystemSemaphore(key, initial_value=0, mode=Ssem.AccessMode.OPEN)` opens the semaphore, or
    raises an exception. The properties `undo` and `backend` are keyword arguments. The class is
    final.
    """

    # The names in PySide and PyQt.
    Open = Ssem.AccessMode.OPEN
    Create = Ssem.AccessMode.CREATE

    @with_public_errors
    def __init__(self, key=None, initial_value=0, mode=_OPEN, *, undo=True, backend=_DEFAULT):
        super().__init__(key=None if key is None else _to_key(key),
                         initial_value=_to_int32(initial_value), mode=_to_mode(mode),
                         undo=_to_bool(undo), backend=_to_backend(backend))
        self.init(None)

    def __init_subclass__(cls, **unused):
        raise TypeError('Ssem.SystemSemaphore is final and has no subclasses: keep a semaphore in '
                        'an attribute instead')

    @staticmethod
    @with_public_errors
    def new(key, initial_value=0, mode=_OPEN):
        return _Base.new(_to_key(key), _to_int32(initial_value), _to_mode(mode))

    @with_public_errors
    def init(self, cancellable=None):
        return _Base.init(self, _to_cancellable(cancellable))

    @with_public_errors
    def set_key(self, key, initial_value=0, mode=_OPEN):
        return _Base.set_key(self, _to_key(key), _to_int32(initial_value), _to_mode(mode))

    def acquire(self, n=1, timeout=None, cancellable=None):
        """Acquires `n` units together, and blocks until they are available.

        Returns `True`, or `False` if the units are not available within `timeout` seconds. Raises
        an exception for any other failure. In the main thread, signal handlers run meanwhile:
        Ctrl-C raises `KeyboardInterrupt`. An acquire that raises an exception acquires no units.
        """
        if n is _ONE and timeout is None and cancellable is None and try_one[self]:
            return True
        n, timeout_usec = _to_int32(n), _to_usec(timeout)
        _to_cancellable(cancellable)
        try:
            if cancellable is None:
                try:
                    try_units[self] = n
                    return True
                except GLib.Error as error:
                    if timeout_usec == 0 or not is_gio_error(error, WOULD_BLOCK):
                        raise
            held, = map(acquire_interruptibly, (self,), (n,), (timeout_usec,), (cancellable,))
            return held
        except RuntimeError as error:
            if timeout is not None and is_gio_error(error, TIMED_OUT, WOULD_BLOCK):
                return False
            raise to_public_error(error)

    def try_acquire(self, n=1):
        """Acquires `n` units together without blocking. Returns `False` if there are fewer."""
        if n is not _ONE:
            n = _to_int32(n)
        try:
            try_units[self] = n
            return True
        except RuntimeError as error:
            if is_gio_error(error, WOULD_BLOCK):
                return False
            raise to_public_error(error)

    @with_public_errors
    def acquire_timeout(self, n, timeout_usec, cancellable=None):
        n, timeout_usec = _to_int32(n), _to_int64(timeout_usec)
        _to_cancellable(cancellable)
        held, = map(acquire_interruptibly, (self,), (n,), (timeout_usec,), (cancellable,))
        return held

    def acquire_async(self, n=1, cancellable=None, callback=None, *user_data):
        """Acquires `n` units together as soon as they are available, without blocking the caller.

        Without a callback, returns a coroutine for asyncio: `await semaphore.acquire_async(2)`. The
        coroutine acquires nothing before it is awaited. If a task is cancelled while it waits, it
        acquires no units.
        """
        n = _to_int32(n)
        _to_cancellable(cancellable)
        if callback is None:
            return acquire_awaited(self, n, cancellable)
        return _Base.acquire_async(self, n, cancellable, callback, *user_data)

    @with_public_errors
    def acquire_finish(self, result):
        return _Base.acquire_finish(self, result)

    def release(self, n=1):
        """Adds `n` units, and wakes waiters if enough units are free for them."""
        if n is _ONE and _release_one(self):
            return True
        n = _to_int32(n)
        try:
            return _release(self, n)
        except RuntimeError as error:
            raise to_public_error(error)

    @with_public_errors
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

        A child of fork () holds no units of its parent, so it must not release them when it leaves
        a block. This method creates the list, because PyGObject does not call `__init__()` for an
        object that C code creates.
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
        await acquire_awaited(self, 1, None)
        self._get_entered().append(os.getpid())
        return self

    async def __aexit__(self, *unused):
        self.__exit__()


SystemSemaphore = override(SystemSemaphore)


# --- Inspection and repair ------------------------------------------------------------------------

@with_public_errors
def backend_is_supported(backend):
    return Ssem.backend_is_supported(_to_backend(backend))


@with_public_errors
def semaphore_info_list(backend=_DEFAULT):
    return Ssem.semaphore_info_list(_to_backend(backend))


@with_public_errors
def semaphore_info_count_others(backend=_DEFAULT):
    return Ssem.semaphore_info_count_others(_to_backend(backend))


@with_public_errors
def semaphore_info_query(key, backend=_DEFAULT):
    return Ssem.semaphore_info_query(_to_key(key), _to_backend(backend))


@with_public_errors
def semaphore_remove_leftover(key, backend=_DEFAULT):
    return Ssem.semaphore_remove_leftover(_to_key(key), _to_backend(backend))


@with_public_errors
def semaphore_reset(key, value, backend=_DEFAULT):
    return Ssem.semaphore_reset(_to_key(key), _to_int32(value), _to_backend(backend))


# The library has most of these functions under a second name.
Ssem.Backend.is_supported = staticmethod(backend_is_supported)
Ssem.SemaphoreInfo.list = staticmethod(semaphore_info_list)
Ssem.SemaphoreInfo.count_others = staticmethod(semaphore_info_count_others)
Ssem.SemaphoreInfo.query = staticmethod(semaphore_info_query)
