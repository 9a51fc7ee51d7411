# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks that the benchmark program runs, prints every row, and leaves nothing behind.

The figures are not checked: the counts here are far too small for that.
"""

import csv
import os
import re
import subprocess
import sys
import tempfile
import unittest

import tap

BENCH = sys.argv.pop(1)

# A row may be skipped for what a machine may lack, and for nothing else.
REASONS = ('strace', 'processor', 'built without', 'No module named', 'Namespace Ssem')

# Rows with many holders, with the sizes of --quick: title, peer and bar.
CROWDS = [
    ('crowd-try-1000/try', '2 holding, a try that fails', 'semop', '<= 5000 ns'),
    ('crowd-try-1000/value', '2 holding, reading the value', 'semop', '<= 5000 ns'),
    ('crowd-idle-1/cpu', '1 holding, 1 waiting, idle', 'semop', '-'),
    ('crowd-idle-800/cpu', '2 holding, 2 waiting, idle', 'semop', '<= 1.00 %'),
    ('crowd-idle-3000/cpu', '1 holding, 2 waiting, idle', 'semop', '<= 0.50 %'),
    ('crowd-kill-300/semop', '2 holding, 2 waiting, wake-up', 'semop', '<= 2.00'),
    ('crowd-kill-300/cpu', '2 holding, 2 waiting, CPU', 'semop', '<= 20.0 ms'),
    ('crowd-hammer-300/none', '8 contending, 2 holding or none', 'ours', '>= 0.900'),
    ('crowd-open-1000/one', 'open + close, 2 attached or 1', 'ours', '<= 1.50'),
    ('crowd-listeners/process', 'a new process does so, waiters’ CPU', 'semop', '<= 233 µs'),
]


class Bench(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix='ssem-test-bench-')
        self.addCleanup(self.directory.cleanup)
        self.names = os.path.join(self.directory.name, 'names')
        os.mkdir(self.names)

    def run_bench(self, *arguments, **options):
        return subprocess.run([BENCH, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, env=dict(os.environ, TMPDIR=self.names), **options)

    def measure(self, *arguments):
        path = os.path.join(self.directory.name, 'figures')
        result = self.run_bench('--quick', '--rounds', '2', '--tsv', path, *arguments)
        with open(path, newline='', encoding='utf-8') as file:
            rows = list(csv.DictReader(file, delimiter='\t', quoting=csv.QUOTE_NONE))
        return result, rows

    def list_rows(self, *arguments):
        listed = self.run_bench('--list', *arguments)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        return [tuple(line.split('\t')) for line in listed.stdout.splitlines()]

    def test_every_row(self):
        expected = self.list_rows('--long')
        scenarios = {backend: [scenario for other, scenario in expected if other == backend]
                     for backend, _ in expected}
        self.assertEqual(list(scenarios), ['shared-memory', 'sysv'])
        self.assertEqual(scenarios['shared-memory'], scenarios['sysv'])
        self.assertGreater(len(scenarios['sysv']), 20)

        result, rows = self.measure('--long', '--verbose')
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual([(row['backend'], row['scenario']) for row in rows], expected)

        table = [line for line in result.stdout.splitlines() if '/' in line.split(' ')[0]]
        self.assertEqual([line.split(' ')[0] for line in table], [name for _, name in expected])

        for row, line in zip(rows, table):
            with self.subTest(row['scenario']):
                if row['status'] == 'skipped':
                    self.assertTrue(any(reason in line for reason in REASONS), line)
                    continue
                self.assertEqual(row['status'], 'done', line)
                self.assertGreaterEqual(float(row['min']), 0)
                self.assertLessEqual(float(row['min']), float(row['median']))
                self.assertLessEqual(float(row['median']), float(row['max']))
                if row['kind'] == 'ratio':
                    self.assertGreater(float(row['ours']), 0)
                    self.assertGreater(float(row['peer']), 0)

        # These do not depend on the load of the machine.
        for row in rows:
            if row['scenario'] in ('holders/units', 'async/threads'):
                self.assertEqual(row['met'], 'yes', row)

        self.assertEqual(os.listdir(self.names), [])
        self.check_crowds(result, rows)

    def check_crowds(self, result, rows):
        """Checks what the table says of some rows with many holders: their sizes, peers and bars. A
        bar that is for no ratio has a unit."""
        lines = {line.split(' ')[0]: line
                 for line in result.stdout.partition('backend sysv')[0].splitlines()}
        met = {row['scenario']: row['met'] for row in rows if row['backend'] == 'shared-memory'}
        for name, title, peer, bar in CROWDS:
            with self.subTest(name):
                self.assertRegex(lines[name], rf'^{name} +{re.escape(title)} .* {peer} .* '
                                              rf'{re.escape(bar)} +{met[name]}( +\(wide\))?$')
                self.assertEqual(met[name] == '-', bar == '-')
                self.assertIn(f'bench: shared-memory, {name.partition("/")[0]}\n', result.stderr)

    def test_long(self):
        """Only --long measures more than a thousand holders."""
        short, long = (self.list_rows('--only', 'crowd-*', *more) for more in ((), ('--long',)))
        self.assertEqual([row for row in long if row not in short],
                         [(backend, f'crowd-{name}')
                          for backend in ('shared-memory', 'sysv')
                          for name in ('try-3000/try', 'try-3000/value', 'idle-3000/cpu',
                                       'kill-2000/semop', 'kill-2000/cpu', 'hammer-3000/none',
                                       'hammer-3000/semop', 'open-3000/one')])

    def test_check_sets_the_exit_status(self):
        result, rows = self.measure('--check', '--only', 'kill-1/semop')
        self.assertGreater(len(rows), 0)
        self.assertEqual(result.returncode, int(any(row['met'] == 'no' for row in rows)),
                         result.stdout + result.stderr)

    def test_wrong_command_lines(self):
        for arguments in (['--backend', 'none'], ['--rounds', '0'], ['--nothing'], ['word']):
            with self.subTest(arguments):
                result = self.run_bench(*arguments)
                self.assertEqual(result.returncode, 2)
                self.assertIn('bench: ', result.stderr)

    def check_interrupted(self, backend, pattern):
        with subprocess.Popen([BENCH, '--rounds', '99', '--only', pattern,
                               '--backend', backend],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              env=dict(os.environ, TMPDIR=self.names)) as process:
            # The head of the table is out before anything is measured.
            for line in process.stdout:
                if line.startswith('scenario'):
                    break
            # The directory in memory has the same name.
            [name] = os.listdir(self.names)
            memory = os.path.join('/dev/shm', name)
            self.assertTrue(os.path.isdir(memory))
            process.terminate()
            process.stdout.read()
            self.assertEqual(process.wait(timeout=60), 1)
        self.assertEqual(os.listdir(self.names), [])
        self.assertFalse(os.path.exists(memory))

    def test_interrupted(self):
        for backend in ('shared-memory', 'sysv'):
            for pattern in ('hammer-16/*', 'crowd-kill-100/*'):
                with self.subTest(f'{backend}, {pattern}'):
                    self.check_interrupted(backend, pattern)


tap.main()
