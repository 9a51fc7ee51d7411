# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A set-user-ID program and the environment of the ordinary user who starts it.

No variable decides where the semaphores of the program lie, or which backend it uses. Otherwise
that user could make the program create files anywhere, or make it use another semaphore than
everybody else, and so pass its lock. The first argument names the program.
"""

import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import tempfile
import unittest

import tap
from semaphores import PROCESSES, list_keys

PROGRAM = sys.argv.pop(1)
NOBODY = 65534
# By their numbers in SsemBackend.
DEFAULT, SHARED_MEMORY, SYSV, WINDOWS = range(4)
VARIABLES = ['SSEM_RUNTIME_DIR', 'TMPDIR', 'XDG_RUNTIME_DIR']


@unittest.skipIf(os.geteuid() != 0, "only root can make a set-user-ID program of another user's")
class Privileges(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='ssem-test-', dir='/tmp'))
        self.addCleanup(self.directory.rmdir)
        self.directory.chmod(0o755)
        self.places = [self.directory / name for name in VARIABLES]
        for place in self.places:
            place.mkdir(0o700)
            self.addCleanup(self.remove_place, place)
            os.chown(place, NOBODY, NOBODY)
        self.program = self.directory / 'privileged'
        shutil.copyfile(PROGRAM, self.program)
        self.addCleanup(self.program.unlink)
        self.key = 'test of privileges/' + secrets.token_hex(8)

    def remove_place(self, place):
        self.assertEqual(list_keys(place), [])
        # All processes have ended in good order, and so have removed their files.
        processes = place / PROCESSES
        if processes.exists():
            processes.rmdir()
        place.rmdir()

    def start(self, user, backend, initial_value, **environment):
        """Returns the process, once it has opened the key, and its user, backend and value."""
        process = subprocess.Popen([self.program, str(backend), self.key, str(initial_value)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding='utf-8',
                                   env=environment, user=user, group=user)
        self.addCleanup(process.communicate)
        word, *numbers = process.stdout.readline().split()
        self.assertEqual(word, 'ok', numbers)
        return process, *map(int, numbers)

    def start_as_nobody(self, backend, named):
        return self.start(NOBODY, backend, 3, SSEM_BACKEND=named, FLATPAK_ID='org.example.App',
                          **dict(zip(VARIABLES, map(str, self.places))))

    def start_privileged(self, backend, named):
        self.program.chmod(0o4755)
        process, user, *numbers = self.start_as_nobody(backend, named)
        if user != 0:
            self.assertEqual(user, NOBODY)
            self.skipTest('the file system, or the sandbox, knows no set-user-ID programs')
        return process, *numbers

    def end(self, process):
        process.communicate()
        self.assertEqual(process.returncode, 0)

    def test_places(self):
        """The files lie where they lie without any variable."""
        for backend in [SHARED_MEMORY, SYSV]:
            privileged, _, _ = self.start_privileged(backend, 'nothing')
            self.assertEqual([os.listdir(place) for place in self.places], [[], [], []])
            other, _, _, value = self.start(0, backend, 7)
            self.assertEqual(value, 3)
            self.end(other)
            self.end(privileged)

    def test_backend(self):
        """The backend is the default one, whatever the variable names."""
        found = set()
        for named in ['sysv', 'shared-memory', 'no backend of that name']:
            process, backend, _ = self.start_privileged(DEFAULT, named)
            found.add(backend)
            self.end(process)
        self.assertEqual(len(found), 1)

    def test_without_privileges(self):
        """The same program without the bit obeys the variables: the bit makes the difference."""
        self.program.chmod(0o755)
        for backend, named in [(SHARED_MEMORY, 'shared-memory'), (SYSV, 'sysv')]:
            process, *numbers = self.start_as_nobody(DEFAULT, named)
            self.assertEqual(numbers, [NOBODY, backend, 3])
            self.assertEqual(len(list_keys(self.places[0])), 1)
            self.end(process)
            self.assertEqual(list_keys(self.places[0]), [])

    def test_native_keys(self):
        """A native key means the same, whatever the variables say."""
        self.key = f'systemv:{self.directory}/native'
        privileged, backend, value = self.start_privileged('native', 'shared-memory')
        self.assertEqual((backend, value), (SYSV, 3))
        self.assertTrue((self.directory / 'native').exists())
        self.assertEqual([os.listdir(place) for place in self.places], [[], [], []])
        self.end(privileged)
        self.assertFalse((self.directory / 'native').exists())

    def names_of_qt(self):
        environment = dict(zip(VARIABLES, map(str, self.places)))
        return [subprocess.run([self.program, 'qt', 'market', str(naming)], check=True, user=NOBODY,
                               stdout=subprocess.PIPE, encoding='utf-8', group=NOBODY,
                               env=environment).stdout.strip().split(maxsplit=1)
                for naming in range(2)]

    def test_names_of_qt(self):
        # From sha1sum.
        name = 'qipc_systemsem_market5c9f73af73334ffe350c60ec076e5744db0ecda3'
        self.program.chmod(0o755)
        self.assertEqual(self.names_of_qt(), [[str(NOBODY), f'systemv:{self.places[1]}/{name}'],
                                              [str(NOBODY), f'systemv:{self.places[2]}/market']])
        self.program.chmod(0o4755)
        names = self.names_of_qt()
        if names[0][0] != '0':
            self.skipTest('the file system, or the sandbox, knows no set-user-ID programs')
        self.assertEqual(names, [['0', f'systemv:/tmp/{name}'],
                                 ['0', 'systemv:/tmp/runtime-root/market']])

    def test_modules(self):
        """The library looks for a backend's module where modules are installed."""
        process, _, _ = self.start_privileged(SHARED_MEMORY, 'nothing')
        self.end(process)
        for mode, assert_about in [(0o4755, self.assertNotIn), (0o755, self.assertIn)]:
            self.program.chmod(mode)
            said = subprocess.run([self.program, str(WINDOWS), self.key, '3'], input='', check=True,
                                  stdout=subprocess.PIPE, encoding='utf-8', user=NOBODY,
                                  group=NOBODY, env={'SSEM_MODULE_DIR': str(self.places[0])}).stdout
            self.assertTrue(said.startswith('error '), said)
            assert_about(str(self.places[0]), said)


tap.main()
