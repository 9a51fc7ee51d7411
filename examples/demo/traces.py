# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Finds the files and sets of semaphores, and what is left of them, without the library."""

import hashlib
import os
import sys
import time
import urllib.parse

# The prefix of the file name of a key, by backend.
PREFIXES = {'shared-memory': 'ssem_', 'sysv': 'qipc_systemsem_', 'posix': 'sem.ssem='}

# Contains POSIX semaphores, whatever the directory of the keys is.
POSIX_DIRECTORY = '/dev/shm'

DEFAULT_DIRECTORY = f'/dev/shm/ssem-{os.geteuid()}'
PATIENCE_SEC = 2


def backend():
    """Returns the name of the backend that a program gets by default."""
    default = 'shared-memory' if sys.platform == 'linux' else 'sysv'
    return os.environ.get('SSEM_BACKEND') or default


def system_v_key(path):
    """Returns the result of ftok (path, 'Q')."""
    status = os.stat(path)
    return ord('Q') << 24 | (status.st_dev & 0xff) << 16 | status.st_ino & 0xffff


def semaphore_sets():
    """Returns the number and the key of every System V semaphore set, as ipcs prints them."""
    sets = {}
    with open('/proc/sysvipc/sem', encoding='ascii') as table:
        next(table)
        for line in table:
            key, number = map(int, line.split()[:2])
            sets[number] = key & 0xffffffff
    return sets


def entries(directory):
    """Returns what is in the directory, except the files of the processes that use it, and the names
    of the POSIX semaphores that belong to the directory."""
    digest = hashlib.sha1(os.path.realpath(directory).encode()).hexdigest()
    prefix = f'{PREFIXES["posix"]}{digest}='
    try:
        names = [name for name in os.listdir(directory) if name != 'processes']
    except FileNotFoundError:
        return []
    return names + [name for name in os.listdir(POSIX_DIRECTORY) if name.startswith(prefix)]


class Traces:
    """Records the files and sets of the semaphores in @directory. This directory is empty at first,
    and is SSEM_RUNTIME_DIR for all users. No semaphore of @keys may be in the default directory."""

    def __init__(self, directory, keys=()):
        self.directory = directory
        self.names_elsewhere = [PREFIXES['shared-memory'] + urllib.parse.quote(key, safe='')
                                for key in keys]
        self.names = set()
        self.sets = set()
        self.had_default_directory = os.path.exists(DEFAULT_DIRECTORY)

    def note(self):
        """Records the semaphores; call this while they are in use."""
        self.names |= set(entries(self.directory))
        keys = {system_v_key(os.path.join(self.directory, name)) for name in self.names
                if name.startswith(PREFIXES['sysv'])}
        self.sets |= {number for number, key in semaphore_sets().items() if key in keys}

    def faults(self):
        """Returns what is wrong with the recorded semaphores, if all use this backend."""
        if not self.names:
            return ['no semaphore was found while it was in use']
        others = [name for name in sorted(self.names) if not name.startswith(PREFIXES[backend()])]
        if others:
            return [f'{", ".join(others)} is not of the backend "{backend()}"']
        if backend() == 'sysv' and len(self.sets) < len(self.names):
            return ['no semaphore set belongs to the key file']
        return []

    def left_behind(self):
        left = entries(self.directory)
        left += [f'semaphore set {number}' for number in self.sets & set(semaphore_sets())]
        left += [os.path.join(DEFAULT_DIRECTORY, name) for name in entries(DEFAULT_DIRECTORY)
                 if name in self.names_elsewhere]
        if self.is_default_directory_left():
            left.append(DEFAULT_DIRECTORY)
        return left

    def is_default_directory_left(self):
        """Returns whether the default directory is new and stays empty. Other programs of the user
        may use it for a moment, so this waits."""
        deadline = time.monotonic() + PATIENCE_SEC
        while (not self.had_default_directory and os.path.exists(DEFAULT_DIRECTORY) and
               not entries(DEFAULT_DIRECTORY)):
            if time.monotonic() > deadline:
                return True
            time.sleep(0.01)
        return False

    def describe_gone(self):
        """Describes what was removed, when nothing is left."""
        if backend() != 'sysv':
            return f'the {"semaphore" if backend() == "posix" else "shared memory"} is gone'
        return ''.join(['the key file is gone',
                        *(f', semaphore set {number} is gone' for number in sorted(self.sets))])
