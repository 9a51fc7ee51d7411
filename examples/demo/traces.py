# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Where semaphores can be seen from outside, and what is left of them: without the library."""

import os
import sys
import time
import urllib.parse

# What the name of a key's file or folder begins with, by backend.
PREFIXES = {'shared-memory': 'ssem_', 'sysv': 'qipc_systemsem_'}

DEFAULT_FOLDER = f'/dev/shm/ssem-{os.geteuid()}'
PATIENCE_SEC = 2


def backend():
    """The name of the backend that a program gets which asks for none."""
    default = 'shared-memory' if sys.platform == 'linux' else 'sysv'
    return os.environ.get('SSEM_BACKEND') or default


def system_v_key(path):
    """What ftok (path, 'Q') answers."""
    status = os.stat(path)
    return ord('Q') << 24 | (status.st_dev & 0xff) << 16 | status.st_ino & 0xffff


def semaphore_sets():
    """The number and the key of every System V semaphore set, as ipcs shows them."""
    sets = {}
    with open('/proc/sysvipc/sem', encoding='ascii') as table:
        next(table)
        for line in table:
            key, number = map(int, line.split()[:2])
            sets[number] = key & 0xffffffff
    return sets


def entries(folder):
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


class Traces:
    """What is seen of the semaphores in @folder, which is empty at first and SSEM_RUNTIME_DIR for
    all who use them. None may be anywhere else: @keys are looked for in the default folder, too."""

    def __init__(self, folder, keys=()):
        self.folder = folder
        self.names_elsewhere = [PREFIXES['shared-memory'] + urllib.parse.quote(key, safe='')
                                for key in keys]
        self.names = set()
        self.sets = set()
        self.had_default_folder = os.path.exists(DEFAULT_FOLDER)

    def note(self):
        """To be called while the semaphores are in use."""
        self.names |= set(os.listdir(self.folder))
        keys = {system_v_key(os.path.join(self.folder, name)) for name in self.names
                if name.startswith(PREFIXES['sysv'])}
        self.sets |= {number for number, key in semaphore_sets().items() if key in keys}

    def faults(self):
        """What is wrong about what was noted, if this is the backend of all semaphores."""
        if not self.names:
            return ['there was no semaphore to be seen while it was used']
        others = [name for name in sorted(self.names) if not name.startswith(PREFIXES[backend()])]
        if others:
            return [f'{", ".join(others)} is not of the backend "{backend()}"']
        if backend() == 'sysv' and len(self.sets) < len(self.names):
            return ['there was no semaphore set that belongs to the key file']
        return []

    def left_behind(self):
        left = os.listdir(self.folder)
        left += [f'semaphore set {number}' for number in self.sets & set(semaphore_sets())]
        left += [os.path.join(DEFAULT_FOLDER, name) for name in entries(DEFAULT_FOLDER)
                 if name.rstrip('=+') in self.names_elsewhere]
        if self.is_default_folder_left():
            left.append(DEFAULT_FOLDER)
        return left

    def is_default_folder_left(self):
        """It is new, and empty, and stays so: other programs of this user may come and go."""
        deadline = time.monotonic() + PATIENCE_SEC
        while (not self.had_default_folder and os.path.exists(DEFAULT_FOLDER) and
               not entries(DEFAULT_FOLDER)):
            if time.monotonic() > deadline:
                return True
            time.sleep(0.01)
        return False

    def describe_gone(self):
        """For people, when nothing is left."""
        if backend() != 'sysv':
            return 'the shared memory is gone'
        return ''.join(['the key file is gone',
                        *(f', semaphore set {number} is gone' for number in sorted(self.sets))])
