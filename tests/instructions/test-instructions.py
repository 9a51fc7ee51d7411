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

# What a pair takes in shared memory, with the calls and the loop of the program. Lower this when
# the fast path gets shorter. Another version of gcc may need a few instructions more.
PAIR = 117
SLACK = 5

PROGRAM, NO_COUNT = sys.argv[1:]


class Instructions(unittest.TestCase):
    def test_pair(self):
        if NO_COUNT:
            self.skipTest(NO_COUNT)
        if shutil.which('valgrind') is None:
            self.skipTest('valgrind is not installed')

        with tempfile.TemporaryDirectory(prefix='ssem-instructions-') as directory:
            environment = dict(os.environ, SSEM_BACKEND='shared-memory', SSEM_RUNTIME_DIR=directory)
            count = callgrind.count_pair(
                lambda *command: subprocess.run(command, env=environment, check=True, text=True,
                                                stdout=subprocess.PIPE).stdout,
                PROGRAM)
        print(f'{count:g} instructions, and at most {PAIR + SLACK} are allowed')
        self.assertLessEqual(count, PAIR + SLACK)


tap.main()
