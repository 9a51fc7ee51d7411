# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A process that uses the library through its typelib, on command."""

from typing import Any

import gi

gi.require_version('Ssem', '1')
from gi.repository import GLib, Ssem  # noqa: E402

from semaphores import Refused, serve  # noqa: E402


def refusing(call):
    def wrapped(*arguments):
        try:
            return call(*arguments)
        except GLib.Error as error:
            raise Refused(error.domain, error.code, error.message) from None
    return wrapped


class Operations:
    semaphore: 'Ssem.SystemSemaphore | Any' = None

    @refusing
    def open(self, key, initial_value, mode):
        self.semaphore = Ssem.SystemSemaphore.new(key, initial_value, Ssem.AccessMode(mode))

    @refusing
    def open_native(self, native_key, initial_value, mode):
        self.semaphore = Ssem.SystemSemaphore.new_for_native_key(native_key, initial_value,
                                                                 Ssem.AccessMode(mode))

    @refusing
    def open_for_qt(self, key, initial_value, mode):
        """Opens what Qt makes of the string, as the library names it."""
        native_key = Ssem.native_key_for_qt(key, Ssem.Backend.DEFAULT, Ssem.QtNaming.LEGACY)
        self.open_native(native_key, initial_value, mode)
        return native_key

    def native_key(self):
        return self.semaphore.get_native_key()

    def backend(self):
        return int(self.semaphore.get_backend())

    @refusing
    def acquire(self, n):
        self.semaphore.acquire(n, None)

    @refusing
    def release(self, n):
        self.semaphore.release(n)

    @refusing
    def value(self):
        return self.semaphore.get_value()

    def drop(self):
        self.semaphore = None


serve(Operations())
