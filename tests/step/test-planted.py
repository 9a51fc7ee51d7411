# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Whether the test that kills and stops at every instruction finds bugs that are there.

test-planted.py PROGRAM PROGRAM-WRAPPED BUG=LIBRARY...
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest

import tap

PROGRAM, PROGRAM_WRAPPED = sys.argv[1:3]
LIBRARIES = dict(argument.split('=', 1) for argument in sys.argv[3:])

# This watchdog ends a process that waits forever.
WATCHDOG_SECONDS = 5


def run(case, library=None):
    environment = dict(os.environ, SSEM_TEST_EVERY_POINT='1')
    if library is not None:
        environment['LD_PRELOAD'] = LIBRARIES[library]
        environment['SSEM_TEST_ROUND_SECONDS'] = str(WATCHDOG_SECONDS)
    # One that fails cleans nothing up.
    with tempfile.TemporaryDirectory(prefix='ssem-test-') as directory:
        environment['TMPDIR'] = directory
        program = PROGRAM_WRAPPED if case.startswith('/ssem/wrapped/') else PROGRAM
        path = case if case.startswith('/') else '/ssem/step/shared-memory/' + case
        return subprocess.run([program, '-p', path],
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              encoding='utf-8')


class Planted(unittest.TestCase):
    def check(self, bug, case, *statuses):
        with self.subTest(case=case, library='good'):
            done = run(case)
            self.assertEqual(done.returncode, 0, done.stdout[-2000:])
        skipped = re.search(r'# SKIP (.*)', done.stdout)
        if skipped:
            self.skipTest(skipped[1])
        with self.subTest(case=case, library=bug):
            done = run(case, bug)
            self.assertIn(done.returncode, statuses, done.stdout[-2000:])
            self.assertIn('point ', done.stdout)

    def test_no_helping(self):
        self.check('no-helping', 'killed/acquire', -signal.SIGABRT, -signal.SIGALRM)

    def test_early_commit(self):
        self.check('early-commit', 'killed/acquire-behind-another', -signal.SIGABRT, -signal.SIGALRM)

    def test_will_again(self):
        self.check('reclaim-again', 'killed/recover', -signal.SIGABRT)

    def test_no_mark(self):
        self.check('no-mark', '/ssem/wrapped/shared-memory/reclaimed', -signal.SIGABRT)

    def test_waits(self):
        self.check('waits', 'stopped/acquire', -signal.SIGALRM)


sys.argv[1:] = []
tap.main()
