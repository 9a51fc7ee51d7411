# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Limits how many instructions an uncontended acquire and release may take.

A processor core that executes two threads feels each instruction, so the fast path must not grow
unnoticed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import callgrind
import tap

# What a pair takes with each backend, with the calls and the loop of the program; with POSIX, also
# with what the C library does. Lower this when the fast path gets shorter. Another version of gcc
# or of the C library may need a few instructions more.
PAIR = {'shared-memory': 113, 'posix': 144}
SLACK = 5

PROGRAM, NO_COUNT = sys.argv[1:]


class Instructions(unittest.TestCase):
    def check_pair(self, backend):
        if NO_COUNT:
            self.skipTest(NO_COUNT)
        if shutil.which('valgrind') is None:
            self.skipTest('valgrind is not installed')

        limit = PAIR[backend] + SLACK
        with tempfile.TemporaryDirectory(prefix='ssem-instructions-') as directory:
            environment = dict(os.environ, SSEM_BACKEND=backend, SSEM_RUNTIME_DIR=directory)
            count = callgrind.count_pair(
                lambda *command: subprocess.run(command, env=environment, check=True, text=True,
                                                stdout=subprocess.PIPE).stdout,
                PROGRAM)
        print(f'{backend}: {count:g} instructions, and at most {limit} are allowed')
        self.assertLessEqual(count, limit)

    def test_shared_memory(self):
        self.check_pair('shared-memory')

    def test_posix(self):
        self.check_pair('posix')


tap.main()
