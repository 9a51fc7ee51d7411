# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A process that uses QSystemSemaphore, from the binding that the first argument names."""

import importlib
import sys

from semaphores import Refused, serve

QSystemSemaphore = importlib.import_module(sys.argv[1] + '.QtCore').QSystemSemaphore
MODES = [QSystemSemaphore.AccessMode.Open, QSystemSemaphore.AccessMode.Create]


def number(member):
    return int(getattr(member, 'value', member))


class Operations:
    semaphore = None

    def check(self, succeeded=True):
        code = number(self.semaphore.error())
        if not succeeded or code != 0:
            raise Refused('qt', code, self.semaphore.errorString())

    def open(self, key, initial_value, mode):
        self.semaphore = QSystemSemaphore(key, initial_value, MODES[mode])
        self.check()

    def acquire(self, n):
        # Qt acquires one unit at a time.
        for _ in range(n):
            self.check(self.semaphore.acquire())

    def release(self, n):
        self.check(self.semaphore.release(n))

    def drop(self):
        self.semaphore = None

    def errors(self):
        """Returns Qt's numbers of the errors, which our errors must have, too."""
        names = ['NoError', 'PermissionDenied', 'KeyError', 'AlreadyExists', 'NotFound',
                 'OutOfResources', 'UnknownError']
        return [number(getattr(QSystemSemaphore.SystemSemaphoreError, name)) for name in names]

    def modes(self):
        return [number(mode) for mode in MODES]


serve(Operations())
