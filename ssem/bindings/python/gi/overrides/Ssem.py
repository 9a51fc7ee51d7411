# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Adapts the Ssem module to Python.

PyGObject loads this file for `from gi.repository import Ssem`. The file adds default arguments,
`with` blocks, time-outs in seconds, `await`, and an exception class for each error code. It uses
other files in the same directory. Each of these imports only files further down the list:

- `_ssem_calls.abi3.so`, an extension in C, makes the calls that programs make most: acquire () and
  release (), hold () and `with`. Where the extension is missing, `_ssem_fallback.py` does the same
  in Python, which is slower;
- `_ssem_asyncio.py` lets a coroutine await an acquire;
- `_ssem_values.py` checks and converts arguments;
- `_ssem_errors.py` defines the exception classes, and converts errors to them.

Signal handlers must not lose units. Therefore an acquire and the use of its result are a single
instruction that is not a call, such as `held, = map(function, (argument,))`. `_ssem_fallback.py`
explains the reason.
"""

import itertools

from gi.repository import Gio, GLib, GObject

from ..module import get_introspection_module
from ..overrides import override
from ._ssem_asyncio import acquire_awaited, enter_guarded, get_task, is_local, leave_guarded
from ._ssem_errors import (AlreadyExistsError, Error, InvalidKeyError, LostError, NotFoundError,
                           OutOfResourcesError, PermissionDeniedError, UnknownError,
                           with_public_errors)
from ._ssem_values import (TRANSLATION_DOMAIN, to_address, to_backend, to_bool, to_cancellable,
                           to_int32, to_int64, to_key, to_mode, to_naming, to_native_key,
                           to_usec)

# PyGObject copies these names to the module that users import.
__all__ = ['AlreadyExistsError', 'Error', 'InvalidKeyError', 'LostError', 'NotFoundError',
           'OutOfResourcesError', 'PermissionDeniedError', 'SystemSemaphore', 'UnknownError',
           'backend_is_supported', 'native_key_for_qt', 'semaphore_info_count_others',
           'semaphore_info_list', 'semaphore_info_list_at', 'semaphore_info_query',
           'semaphore_info_query_at', 'semaphore_info_query_native', 'semaphore_remove_leftover',
           'semaphore_remove_leftover_at', 'semaphore_remove_leftover_native', 'semaphore_reset',
           'semaphore_reset_at', 'semaphore_reset_native']

Ssem = get_introspection_module('Ssem')

# PyGObject creates a class when a program first uses the name of the class. If a signal handler
# raises an exception meanwhile, the class stays incomplete forever. Therefore this code creates all
# classes that these files need later.
for _name in dir(Ssem):
    getattr(Ssem, _name)
_CREATED = [Gio.AsyncResult, Gio.Cancellable, Gio.Task, GLib.Idle, GLib.MainContext, GObject.GEnum,
            GObject.Object]

# The library is loaded by now, so the extension finds it.
try:
    from . import _ssem_calls as _calls
except ImportError:
    from . import _ssem_fallback as _calls

# The class of the library.
_Base = Ssem.SystemSemaphore

_OPEN = Ssem.AccessMode.OPEN
_DEFAULT = Ssem.Backend.DEFAULT

# The library has the same message, and translations for it.
_TIMED_OUT_MESSAGE = 'Timed out while waiting for units of the semaphore “%s”'


# --- Holding --------------------------------------------------------------------------------------

def _get_guards(semaphore):
    """Returns the list with the task and the guard, or None, of each entered `async with` block."""
    return vars(semaphore).setdefault('_guards', [])


def _take_guard(semaphore):
    guards, task = _get_guards(semaphore), get_task()
    for i in range(len(guards) - 1, -1, -1):
        if guards[i][0] == task:
            return guards.pop(i)[1]
    return guards.pop()[1]


class _Block(_calls.Hold):
    """Holds units during a `with` or `async with` block. See `SystemSemaphore.hold()`.

    A child of `fork()` that leaves the block releases nothing, because the child holds nothing.
    """

    def _raise_timeout(self):
        message = GLib.dgettext(TRANSLATION_DOMAIN, _TIMED_OUT_MESSAGE)
        semaphore = self._semaphore
        raise TimeoutError(message % (semaphore.get_key() or semaphore.get_native_key()))

    def get_fencing_token(self):
        """Returns the fencing token of the block that was entered last.

        If other threads acquire through the same semaphore object, it may be that of their acquire.
        """
        return self._fencing_token

    async def __aenter__(self):
        guards = _get_guards(self._semaphore)
        guard = await enter_guarded(self._semaphore)
        tokens = []
        try:
            note = self._prepare_entry(get_task())
            held = False
            # Acquire free units even if the time-out is too short for an asynchronous request. On a
            # network this would block the loop, so there only a time-out of 0 does it.
            if self._timeout_usec == 0 or self._timeout is not None and is_local(self._semaphore):
                held, = map(self._semaphore.acquire, (self._n,), (0,), (self._cancellable,))
            if not held and self._timeout_usec != 0:
                held = await acquire_awaited(self._semaphore, self._n, self._cancellable,
                                             self._timeout_usec, tokens)
            if not held:
                self._raise_timeout()
            _, = note
        except BaseException:
            if guard is not None:
                guard.leave()
            raise
        if not is_local(self._semaphore):
            self._fencing_token = tokens[0] if tokens else self._semaphore.get_fencing_token()
        guards.append((get_task(), guard))
        return self._semaphore

    async def __aexit__(self, *unused):
        leave_guarded(_take_guard(self._semaphore), self._leave, get_task())


def represent(thing, value):
    """Names the class, the key, the value if it is known, and the backend."""
    key = thing.get_key()
    parts = [f'native_key={thing.get_native_key()!r}' if key is None else f'key={key!r}']
    if value is not None:
        parts.append(f'value={value}')
    parts.append(f'backend={thing.get_backend().value_nick}')
    return f'<Ssem.{type(thing).__name__} {" ".join(parts)}>'


# --- The class ------------------------------------------------------------------------------------

class SystemSemaphore(_Base):
    """A counting semaphore that processes share by a key.

    `SystemSemaphore(key, initial_value=0, mode=Ssem.AccessMode.OPEN)` opens the semaphore, or
    raises an exception. The properties `undo`, `backend`, `native_key` and `address` are keyword
    arguments. A
    native key takes the place of the key: `SystemSemaphore(native_key='posix:/market')`. The class
    is final.

    With a backend on a network, the process may lose its units in a block. Then `async with`
    cancels the task in the block, and raises `LostError` in place of `CancelledError`. If the
    attribute `cancel_on_loss` is `False`, it does not cancel the task. At the end of the block,
    `with` and `async with` raise `LostError` in any case.
    """

    _Hold = _Block

    cancel_on_loss = True

    # The names in PySide and PyQt.
    Open = Ssem.AccessMode.OPEN
    Create = Ssem.AccessMode.CREATE

    @with_public_errors
    def __init__(self, key=None, initial_value=0, mode=_OPEN, *, undo=True, backend=_DEFAULT,
                 native_key=None, address=None):
        self._construct(key, initial_value, mode, undo=undo, backend=backend,
                        native_key=native_key, address=address)
        self.init(None)

    def _construct(self, key=None, initial_value=0, mode=_OPEN, *, undo=True, backend=_DEFAULT,
                   native_key=None, address=None):
        super().__init__(key=None if key is None else to_key(key),
                         initial_value=to_int32(initial_value), mode=to_mode(mode),
                         undo=to_bool(undo), backend=to_backend(backend),
                         native_key=None if native_key is None else to_native_key(native_key),
                         address=to_address(address))

    @staticmethod
    async def open_async(*args, **kwargs):
        """Opens the semaphore in a thread, without blocking the loop of asyncio.

        `await Ssem.SystemSemaphore.open_async(...)` takes the arguments of the class.
        """
        import asyncio

        semaphore = SystemSemaphore.__new__(SystemSemaphore)
        with_public_errors(semaphore._construct)(*args, **kwargs)
        await asyncio.get_running_loop().run_in_executor(None, semaphore.init)
        return semaphore

    # GObject's properties, as attributes.
    key = property(_Base.get_key)
    native_key = property(_Base.get_native_key)
    initial_value = property(_Base.get_initial_value)
    mode = property(_Base.get_mode)
    undo = property(_Base.get_undo)
    backend = property(_Base.get_backend)
    address = property(_Base.get_address)

    @property
    def value(self):
        """How many units are available. See `get_value()`."""
        return self.get_value()

    def __repr__(self):
        """Names the key, the value and the backend.

        The value is that of an inspection, which does not open the semaphore or change
        `get_error()`. There is none if it would need an answer from a network.
        """
        value = None
        if is_local(self):
            try:
                info = (semaphore_info_query_native(self.native_key) if self.key is None else
                        semaphore_info_query(self.key, self.backend))
                value = info.get_value()
            except (GLib.Error, TypeError):
                # It is not open, or the backend cannot inspect.
                pass
        return represent(self, value)

    def __init_subclass__(cls, **unused):
        raise TypeError('Ssem.SystemSemaphore is final and has no subclasses: keep a semaphore in '
                        'an attribute instead')

    @staticmethod
    @with_public_errors
    def new(key, initial_value=0, mode=_OPEN):
        return _Base.new(to_key(key), to_int32(initial_value), to_mode(mode))

    @staticmethod
    def new_async(key, initial_value, mode, cancellable, callback, *user_data):
        """Opens the semaphore in a thread, and calls `callback` in a main context of GLib.

        With asyncio, use `await Ssem.SystemSemaphore.open_async(...)`.
        """
        return _Base.new_async(to_key(key), to_int32(initial_value), to_mode(mode),
                               to_cancellable(cancellable), callback, *user_data)

    @staticmethod
    @with_public_errors
    def new_finish(result):
        return _Base.new_finish(result)

    @staticmethod
    @with_public_errors
    def new_for_native_key(native_key, initial_value=0, mode=_OPEN):
        return _Base.new_for_native_key(to_native_key(native_key), to_int32(initial_value),
                                        to_mode(mode))

    @with_public_errors
    def init(self, cancellable=None):
        return _Base.init(self, to_cancellable(cancellable))

    @with_public_errors
    def set_key(self, key, initial_value=0, mode=_OPEN):
        return _Base.set_key(self, to_key(key), to_int32(initial_value), to_mode(mode))

    def acquire_async(self, n=1, cancellable=None, callback=None, *user_data, timeout=None):
        """Acquires `n` units together as soon as they are available, without blocking the caller.

        Without a callback, returns a coroutine for asyncio: `await semaphore.acquire_async(2)`. The
        coroutine acquires nothing before it is awaited. It returns `True`, or `False` if the units
        are not available within `timeout` seconds. If a task is cancelled while it waits, it
        acquires no units.
        """
        n = to_int32(n)
        to_cancellable(cancellable)
        if callback is None:
            return self._acquire_awaited(n, cancellable, to_usec(timeout))
        if timeout is not None:
            raise TypeError('a request with a callback has no timeout in seconds: use '
                            'acquire_timeout_async()')
        return _Base.acquire_async(self, n, cancellable, callback, *user_data)

    async def _acquire_awaited(self, n, cancellable, timeout_usec):
        # On a network this would block the loop, so there only a time-out of 0 does it.
        held = False
        if timeout_usec == 0 or timeout_usec > 0 and is_local(self):
            held, = map(self.acquire, (n,), (0,), (cancellable,))
        if not held and timeout_usec != 0:
            held = await acquire_awaited(self, n, cancellable, timeout_usec)
        return held

    def acquire_timeout_async(self, n, timeout_usec, cancellable, callback, *user_data):
        """Acquires `n` units within `timeout_usec` microseconds, and calls `callback`.

        With asyncio, use `await semaphore.acquire_async(n, timeout=seconds)`.
        """
        return _Base.acquire_timeout_async(self, to_int32(n), to_int64(timeout_usec),
                                           to_cancellable(cancellable), callback, *user_data)

    @with_public_errors
    def acquire_timeout_finish(self, result):
        return _Base.acquire_timeout_finish(self, result)

    @with_public_errors
    def acquire_finish(self, result):
        return _Base.acquire_finish(self, result)

    @with_public_errors
    def get_value(self):
        return _Base.get_value(self)

    async def __aenter__(self):
        guards = _get_guards(self)
        guard = await enter_guarded(self)
        try:
            await acquire_awaited(self, 1, None)
            self._note_entry(get_task())
        except BaseException:
            if guard is not None:
                guard.leave()
            raise
        guards.append((get_task(), guard))
        return self

    async def __aexit__(self, *unused):
        leave_guarded(_take_guard(self), self._leave, get_task())


_calls.add_calls(SystemSemaphore)
SystemSemaphore = override(SystemSemaphore)


# --- Units that no block can hold -----------------------------------------------------------------

_adopt_hold = Ssem.Hold.adopt


def _new_hold(semaphore, n=1, cancellable=None):
    """Acquires `n` units, and returns a hold with the method `release()`.

    The hold releases the units at the latest when Python destroys it.
    """
    to_int32(n)
    # No Python code runs between the acquire and the adoption.
    acquired = map(semaphore.acquire, (n,), (None,), (cancellable,))
    hold, = map(_adopt_hold, (semaphore,), itertools.compress((n,), acquired))
    return hold


def _new_adopted_hold(semaphore, n=1):
    """Returns a hold of units that the process holds already."""
    if to_int32(n) < 1:
        raise ValueError(f'{n} is not a number of units to hold')
    return _adopt_hold(semaphore, n)


Ssem.Hold.new = staticmethod(_new_hold)
Ssem.Hold.adopt = staticmethod(_new_adopted_hold)
Ssem.Hold.release = with_public_errors(Ssem.Hold.release)


# --- Inspection and repair ------------------------------------------------------------------------

@with_public_errors
def backend_is_supported(backend):
    return Ssem.backend_is_supported(to_backend(backend))


@with_public_errors
def semaphore_info_list(backend=_DEFAULT):
    return Ssem.semaphore_info_list(to_backend(backend))


@with_public_errors
def semaphore_info_count_others(backend=_DEFAULT):
    return Ssem.semaphore_info_count_others(to_backend(backend))


@with_public_errors
def semaphore_info_query(key, backend=_DEFAULT):
    return Ssem.semaphore_info_query(to_key(key), to_backend(backend))


@with_public_errors
def semaphore_info_list_at(backend, address=None):
    return Ssem.semaphore_info_list_at(to_backend(backend), to_address(address))


@with_public_errors
def semaphore_info_query_at(key, backend, address=None):
    return Ssem.semaphore_info_query_at(to_key(key), to_backend(backend), to_address(address))


@with_public_errors
def semaphore_remove_leftover_at(key, backend, address=None):
    return Ssem.semaphore_remove_leftover_at(to_key(key), to_backend(backend),
                                             to_address(address))


@with_public_errors
def semaphore_reset_at(key, value, backend, address=None):
    return Ssem.semaphore_reset_at(to_key(key), to_int32(value), to_backend(backend),
                                   to_address(address))


@with_public_errors
def semaphore_info_query_native(native_key):
    return Ssem.semaphore_info_query_native(to_native_key(native_key))


@with_public_errors
def semaphore_remove_leftover(key, backend=_DEFAULT):
    return Ssem.semaphore_remove_leftover(to_key(key), to_backend(backend))


@with_public_errors
def semaphore_remove_leftover_native(native_key):
    return Ssem.semaphore_remove_leftover_native(to_native_key(native_key))


@with_public_errors
def semaphore_reset(key, value, backend=_DEFAULT):
    return Ssem.semaphore_reset(to_key(key), to_int32(value), to_backend(backend))


@with_public_errors
def semaphore_reset_native(native_key, value):
    return Ssem.semaphore_reset_native(to_native_key(native_key), to_int32(value))


@with_public_errors
def native_key_for_qt(key, type=_DEFAULT, naming=Ssem.QtNaming.LEGACY):
    return Ssem.native_key_for_qt(to_key(key), to_backend(type), to_naming(naming))


# The library has most of these functions under a second name.
Ssem.Backend.is_supported = staticmethod(backend_is_supported)
Ssem.SemaphoreInfo.list = staticmethod(semaphore_info_list)
Ssem.SemaphoreInfo.count_others = staticmethod(semaphore_info_count_others)
Ssem.SemaphoreInfo.list_at = staticmethod(semaphore_info_list_at)
Ssem.SemaphoreInfo.query = staticmethod(semaphore_info_query)
Ssem.SemaphoreInfo.query_at = staticmethod(semaphore_info_query_at)
Ssem.SemaphoreInfo.query_native = staticmethod(semaphore_info_query_native)
Ssem.SemaphoreInfo.__repr__ = lambda info: represent(info, info.get_value())
