# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The semaphores of Python's multiprocessing, by name. The module gives them names such as
/mp-abcdefgh itself; what is below it takes any name."""

import _multiprocessing

from semaphores import Refused, serve

SEMAPHORE = 1
MAXIMUM = _multiprocessing.SemLock.SEM_VALUE_MAX


class Operations:
    semaphore = None

    def create(self, name, value):
        try:
            self.semaphore = _multiprocessing.SemLock(SEMAPHORE, value, MAXIMUM, name, False)
        except OSError as error:
            raise Refused('errno', error.errno, str(error)) from None
        return 0

    def open(self, name):
        try:
            self.semaphore = _multiprocessing.SemLock._rebuild(0, SEMAPHORE, MAXIMUM, name)
        except OSError as error:
            raise Refused('errno', error.errno, str(error)) from None
        return 0

    def wait(self):
        self.semaphore.acquire()
        return 0

    def post(self):
        self.semaphore.release()
        return 0

    def value(self):
        return self.semaphore._get_value()

    def close(self):
        self.semaphore = None
        return 0

    def remove(self, name):
        _multiprocessing.sem_unlink(name)
        return 0


# "try" is a word of the language.
setattr(Operations, 'try', lambda self: int(self.semaphore.acquire(False)))

serve(Operations())
