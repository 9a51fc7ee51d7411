# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Exception classes for the error codes of Ssem, and conversions of errors to exceptions."""

import functools
import sys

from gi.repository import Gio, GLib

from ..module import get_introspection_module

Ssem = get_introspection_module('Ssem')


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
GIO_DOMAIN = GLib.quark_to_string(Gio.io_error_quark())
CANCELLED, INVALID_ARGUMENT, TIMED_OUT, WOULD_BLOCK = map(int, (
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

# A traceback or a pickle contains the name of a class's module. It must be the public module.
for _cls in [Error, *_CLASSES.values()]:
    _cls.__module__ = 'gi.overrides.Ssem'


def is_gio_error(error, *codes):
    """Returns whether the error has one of these codes of Gio.IOErrorEnum."""
    return isinstance(error, GLib.Error) and error.domain == GIO_DOMAIN and error.code in codes


def to_public_error(error):
    """Returns the exception for callers in place of `error`, a RuntimeError that PyGObject raised.

    A GLib.Error gets the class of its error code. Another RuntimeError may hide the exception of a
    signal handler: PyGObject converts a GError in Python code, where a handler may run. If the
    handler raises an exception, PyGObject prints it, and raises a RuntimeError instead. In this
    case, returns the handler's exception.
    """
    if isinstance(error, GLib.Error):
        if error.domain == _DOMAIN:
            error.__class__ = _CLASSES.get(error.code, Error)
        return error
    if str(error) != 'Converting the GError failed':
        return error
    handler_error = sys.last_value
    # A debugger uses these attributes after the end of a program. Delete them, because they keep
    # alive all objects that the frames of the traceback refer to.
    for name in ['last_exc', 'last_type', 'last_value', 'last_traceback']:
        if hasattr(sys, name):
            delattr(sys, name)
    return handler_error


def make_public_error(message, domain, code):
    """Returns the exception for an error of the library."""
    return to_public_error(GLib.Error(message, domain, code))


def make_lost_error(semaphore):
    """Returns the exception for a block whose units were lost. The messages are the library's."""
    def translate(text):
        return GLib.dgettext('ssem-1', text)
    reason = translate('The connection was lost for too long, so the held units were given to '
                       'other processes')
    name = semaphore.get_key() or semaphore.get_native_key()
    message = translate('The process has lost its units of the semaphore “%s”: %s')
    return make_public_error(message % (name, reason), _DOMAIN, Ssem.SystemSemaphoreError.LOST)


def with_public_errors(function):
    """Wraps a function, so that it raises the exception that to_public_error () returns."""
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except RuntimeError as error:
            raise to_public_error(error)
    return wrapper


def raise_from_thread(error):
    """Raises the error of another thread, without its traceback.

    The old traceback would keep the semaphore alive until the garbage collector runs. So would a
    variable in a frame of the new traceback that refers to the error: it makes a reference cycle.
    """
    try:
        raise error.with_traceback(None)
    finally:
        del error
