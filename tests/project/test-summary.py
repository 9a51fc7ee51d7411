# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The program that counts the results of all tests, and so decides whether they passed."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import tap
from project import SOURCE_ROOT


def test(name, result, stdout='', returncode=0, stderr=None):
    return {'name': name, 'result': result, 'stdout': stdout, 'returncode': returncode,
            'stderr': stderr}


class Summary(unittest.TestCase):
    def summarise(self, *runs):
        """Returns the status and the lines; a run is a list of tests, or None if it left no log."""
        with tempfile.TemporaryDirectory() as directory:
            arguments = []
            for number, tests in enumerate(runs):
                path = os.path.join(directory, f'{number}.json')
                if tests is not None:
                    with open(path, 'w', encoding='utf-8') as log:
                        log.writelines(json.dumps(test) + '\n' for test in tests)
                arguments.append(f'run{number}={path}')
            result = subprocess.run([sys.executable, SOURCE_ROOT / 'tests/summary.py', *arguments],
                                    stdout=subprocess.PIPE, encoding='utf-8')
        return result.returncode, result.stdout.splitlines()

    def test_cases_are_counted(self):
        status, lines = self.summarise([
            test('a', 'OK', '1..3\nok 1 /x/y\n# note\nok 2 - z #3\nok 3 w # SKIP no valgrind'),
            test('b', 'OK', 'ok, said the program that speaks no TAP'),
        ])
        self.assertEqual((status, lines), (0, ['skipped: run0: a: w: no valgrind',
                                               '3 passed, 0 failed, 1 skipped']))

    def test_runs_add_up(self):
        status, lines = self.summarise([test('a', 'OK')], [test('a', 'OK', '1..1\nok 1 x')])
        self.assertEqual((status, lines), (0, ['2 passed, 0 failed, 0 skipped']))

    def test_failed_cases(self):
        for result in ['FAIL', 'ERROR']:
            status, lines = self.summarise([test('a', result, '1..2\nnot ok 1 x\nok 2 y', 1)])
            self.assertEqual((status, lines[-1]), (1, '1 passed, 1 failed, 0 skipped'))

    def test_what_failed_says_why(self):
        status, lines = self.summarise([
            test('a', 'FAIL', '1..3\n# of x\nnot ok 1 x\n# why\n# not\nok 2 y\n# of z\nnot ok 3 z'),
            test('b', 'ERROR', '1..2\n' + '# long ago\n' * 30 + 'ok 1 x', -6, 'assertion failed'),
        ])
        self.assertEqual(lines[:5], ['failed: run0: a: x', '  # why', '  # not',
                                     'failed: run0: a: z', 'failed: run0: b: error, status -6'])
        self.assertEqual(lines[5:-1], ['  # long ago'] * 18 + ['  ok 1 x', '  assertion failed'])
        self.assertEqual((status, lines[-1]), (1, '2 passed, 3 failed, 0 skipped'))

    def test_crash_after_failed_cases(self):
        status, lines = self.summarise([test('a', 'ERROR', '1..3\nnot ok 1 x\nok 2 y', -11)])
        self.assertEqual((status, lines[-1]), (1, '1 passed, 2 failed, 0 skipped'))

    def test_crash_after_passed_cases(self):
        for result in ['ERROR', 'TIMEOUT', 'INTERRUPT', 'FAIL', 'UNEXPECTEDPASS']:
            with self.subTest(result=result):
                status, lines = self.summarise([test('a', result, '1..2\nok 1 x', -11)])
                self.assertEqual((status, lines[-1]), (1, '1 passed, 1 failed, 0 skipped'))

    def test_crash_without_a_word(self):
        status, lines = self.summarise([test('a', 'OK'), test('b', 'ERROR', None, -6)])
        self.assertEqual((status, lines[-1]), (1, '1 passed, 1 failed, 0 skipped'))

    def test_whole_test_skipped(self):
        status, lines = self.summarise([test('a', 'SKIP', '1..0 # SKIP no Qt'),
                                        test('b', 'SKIP', 'not on\nthis system', 77),
                                        test('c', 'OK')])
        self.assertEqual((status, lines), (0, ['skipped: run0: a: no Qt',
                                               'skipped: run0: b: this system',
                                               '1 passed, 0 failed, 2 skipped']))

    def test_nothing_at_all_is_a_failure(self):
        self.assertEqual(self.summarise([]), (1, ['0 passed, 0 failed, 0 skipped']))
        self.assertEqual(self.summarise(), (1, ['0 passed, 0 failed, 0 skipped']))

    def test_a_run_without_a_log_is_a_failure(self):
        status, lines = self.summarise([test('a', 'OK')], None)
        self.assertEqual((status, lines), (1, ['failed: run1: not run',
                                               '1 passed, 1 failed, 0 skipped']))


tap.main()
