# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks and converts arguments.

Values must reach the library unchanged. PyGObject truncates a key at its first null character,
drops the fraction of a number, and accepts any number as a mode. Therefore these functions refuse a
value that PyGObject would change, before the library is called.
"""

import functools
import math
import operator

from gi.repository import Gio, GLib, GObject

from ..module import get_introspection_module
from ._ssem_errors import GIO_DOMAIN, INVALID_ARGUMENT

Ssem = get_introspection_module('Ssem')

FOREVER_USEC = -1

_MAX_USEC = 2**62

# The library has the same messages, and translations for them.
TRANSLATION_DOMAIN = 'ssem-1'
_INVALID_MODE_MESSAGE = 'Unknown access mode %d'
_INVALID_BACKEND_MESSAGE = 'Unknown backend %d'
_INVALID_NAMING_MESSAGE = 'Unknown naming %d'

# Keys that are too long, so that the library refuses them.
_INVALID_KEY = 'x' * 1025
_INVALID_NATIVE_KEY = 'x' * 4097


def to_key(key, invalid=_INVALID_KEY):
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
        return invalid
    return invalid if '\0' in key else key


def to_native_key(native_key):
    return to_key(native_key, _INVALID_NATIVE_KEY)


def _to_integer(value, n_bits):
    if isinstance(value, bool):
        raise TypeError('expected a number, not a bool')
    number = operator.index(value)
    if not -2**(n_bits - 1) <= number < 2**(n_bits - 1):
        raise OverflowError(f'{number} does not fit into {n_bits} bits')
    return number


def to_int32(value):
    # The fast path for the usual case.
    if type(value) is int and -2**31 <= value < 2**31:
        return value
    return _to_integer(value, 32)


def to_int64(value):
    return _to_integer(value, 64)


def to_bool(value):
    if not isinstance(value, bool):
        raise TypeError(f'expected a bool, not {type(value).__name__}')
    return value


def _to_enum(cls, message, value):
    """Returns the member of the enumeration `cls` for `value`, a member or its number."""
    if isinstance(value, cls):
        return value
    if isinstance(value, GObject.GEnum):
        raise TypeError(f'expected a {cls.__name__}, not a {type(value).__name__}')
    number = to_int32(value)
    try:
        return cls(number)
    except ValueError:
        message = GLib.dgettext(TRANSLATION_DOMAIN, message) % number
        raise GLib.Error(message, GIO_DOMAIN, INVALID_ARGUMENT) from None


to_mode = functools.partial(_to_enum, Ssem.AccessMode, _INVALID_MODE_MESSAGE)
to_backend = functools.partial(_to_enum, Ssem.Backend, _INVALID_BACKEND_MESSAGE)
to_naming = functools.partial(_to_enum, Ssem.QtNaming, _INVALID_NAMING_MESSAGE)


def to_address(address):
    """Returns the address of a service. PyGObject would truncate one at a null character."""
    if address is None:
        return None
    if not isinstance(address, str):
        raise TypeError(f'an address must be a str, not {type(address).__name__}')
    address = str.__str__(address)
    address.encode()
    if '\0' in address:
        raise ValueError('an address must not contain a null character')
    return address


def to_cancellable(cancellable):
    if cancellable is not None and not isinstance(cancellable, Gio.Cancellable):
        raise TypeError(f'expected a Gio.Cancellable or None, not {type(cancellable).__name__}')
    return cancellable


def to_usec(timeout):
    """Converts seconds, which may have a fraction or be infinite, to microseconds."""
    if timeout is None:
        return FOREVER_USEC
    if isinstance(timeout, bool):
        raise TypeError('expected a number of seconds, not a bool')
    if timeout <= 0:
        return 0
    return math.ceil(min(timeout * GLib.USEC_PER_SEC, _MAX_USEC))
