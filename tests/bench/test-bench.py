# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks that the benchmark program runs, prints every row, and leaves nothing behind.

The figures are not checked: the counts here are far too small for that.
"""

import csv
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

import tap

sys.path.append(str(pathlib.Path(__file__).parent))
import bench

BENCH = sys.argv.pop(1)
# Every row once takes longer than the tests that the runner's watchdog is for.
tap.WATCHDOG_SECONDS = 220

# A row may be skipped for what a machine may lack, and for nothing else.
REASONS = ('strace', 'valgrind', 'processor', 'built without', 'peer is missing', 'No module named',
           'Namespace Ssem', 'etcd is not', 'kazoo is not', 'ZooKeeper')

# Some rows of shared memory, with the sizes of --quick: title, peer, bar and aim. PEER stands for
# what the peer reaches.
PEER = object()
ROWS = [
    ('pair/sem_t', 'acquire + release, uncontended', 'sem_t', '<= 1.25', '<= 1.10'),
    ('instructions/pair', 'instructions in acquire + release', '-', '<= 130', '<= 100'),
    ('python/multiprocessing', 'acquire + release from Python', 'multiprocessing', '<= 1.40',
     '<= 1.10'),
    ('python/threading', 'acquire + release from Python', 'threading', '<= 1.00', '-'),
    ('python/sysv_ipc', 'acquire + release from Python', 'sysv_ipc', '<= 1.00', '-'),
    ('python-own/import', 'import from Python', '-', '-', '-'),
    ('python-own/async-with', 'async with from Python', '-', '-', '-'),
    ('hammer-2/sem_t', '2 processes, one unit', 'sem_t', '>= 0.800', '>= 0.950'),
    ('hammer-4/sem_t', '4 processes, one unit', 'sem_t', '>= 0.500', '>= 0.900'),
    ('hammer-16/share', '16 processes, share of the last', 'sem_t', '>= 60.0 %', PEER),
    ('kill-1/semop', 'SIGKILL to wake-up, 1 waiting', 'semop', '<= 1.25', '<= 1.10'),
    ('kill-50/semop', 'SIGKILL to wake-up, 5 waiting', 'semop', '<= 1.30', '<= 1.10'),
    ('holders/semop', '20 holders killed, all back', 'semop', '<= 1.20', '<= 1.00'),
    ('async/request', '100 pending, to ask for one', 'semop', '<= 1.20', '<= 1.00'),
    ('run/flock', 'ssem run KEY -- true', 'flock', '<= 1.50', '<= 1.20'),
    ('list/lslocks', 'ssem list, 2 semaphores', 'lslocks', '<= 1.50', '<= 1.20'),
    ('crowd-try-1000/try', '2 holding, a try that fails', 'semop', '<= 5000 ns', '<= 2000 ns'),
    ('crowd-try-1000/value', '2 holding, reading the value', 'semop', '<= 5000 ns', '<= 2000 ns'),
    ('crowd-idle-1/cpu', '1 holding, 1 waiting, idle', 'semop', '-', '-'),
    ('crowd-idle-800/cpu', '2 holding, 2 waiting, idle', 'semop', '<= 1.00 %', '-'),
    ('crowd-idle-3000/cpu', '1 holding, 2 waiting, idle', 'semop', '<= 0.50 %', '-'),
    ('crowd-kill-300/semop', '2 holding, 2 waiting, wake-up', 'semop', '<= 2.00', '<= 1.20'),
    ('crowd-kill-300/cpu', '2 holding, 2 waiting, CPU', 'semop', '<= 20.0 ms', '-'),
    ('crowd-hammer-300/none', '8 contending, 2 holding or none', 'ours', '>= 0.900', '>= 0.980'),
    ('crowd-open-1000/one', 'open + close, 2 attached or 1', 'ours', '<= 1.50', '<= 1.10'),
    ('crowd-listeners/process', 'a new process does so, waiters’ CPU', 'semop', '<= 233 µs', '-'),
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

    def measure(self, *arguments, rounds=1):
        path = os.path.join(self.directory.name, 'figures')
        result = self.run_bench('--quick', '--rounds', str(rounds), '--tsv', path, *arguments)
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
        # etcd comes last, if its module was built.
        has_etcd = list(scenarios)[-1] == 'etcd'
        self.assertEqual(list(scenarios), ['shared-memory', 'sysv', 'posix'] + ['etcd'] * has_etcd)
        if has_etcd:
            self.assertTrue(all(name.startswith('etcd-') for name in scenarios['etcd']))
        self.assertEqual(scenarios['shared-memory'], scenarios['sysv'])
        # All but what needs units to come back.
        self.assertEqual(scenarios['posix'],
                         [scenario for scenario in scenarios['sysv']
                          if not scenario.startswith(('kill-', 'holders/', 'crowd-'))])
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
                self.assertNotEqual(row['processor'], '')
                self.assertRegex(row['date'], r'^\d{4}-\d\d-\d\d$')
                self.assertGreaterEqual(float(row['median']), 0)
                if row['kind'] == 'ratio':
                    self.assertGreater(float(row['ours']), 0)
                    self.assertGreater(float(row['peer']), 0)

        # These do not depend on the load of the machine.
        for row in rows:
            if row['status'] == 'done' and row['scenario'] in ('holders/units', 'async/threads',
                                                               'etcd-transactions/one'):
                self.assertEqual(row['met'], 'yes', row)

        # The bars of etcd are for puts of a client library, not for raw ones.
        for row in rows:
            if row['scenario'] in ('etcd-pair/put', 'etcd-hand-over/put'):
                self.assertEqual(row['bar'], '', row)
            if row['scenario'] in ('etcd-pair/soup', 'etcd-hand-over/soup'):
                self.assertNotEqual(row['bar'], '', row)

        self.assertEqual(os.listdir(self.names), [])
        self.check_rows(result, rows)

    def check_rows(self, result, rows):
        """Checks what the table says of some rows: sizes, peers, bars and aims. A bar or an aim that
        is for no ratio has a unit."""
        lines = {line.split(' ')[0]: line
                 for line in result.stdout.partition('backend sysv')[0].splitlines()}
        found = {row['scenario']: row for row in rows if row['backend'] == 'shared-memory'}
        for name, title, peer, bar, aim in ROWS:
            with self.subTest(name):
                row = found[name]
                if row['status'] == 'skipped':
                    continue
                if aim is PEER:
                    self.assertEqual(row['aim'], row['peer'])
                    aim = '>= ' + lines[name].partition(f' {peer} ')[2].partition(' %')[0] + ' %'
                self.assertRegex(lines[name],
                                 rf'^{name} +{re.escape(title)} .* {peer} .* {re.escape(bar)} +'
                                 rf'{row["met"]} +{re.escape(aim)} +{row["aim_met"]} *(\(wide\))?$')
                self.assertEqual(row['met'] == '-', bar == '-')
                self.assertEqual(row['aim_met'] == '-', aim == '-')
                self.assertIn(f'bench: shared-memory, {name.partition("/")[0]}\n', result.stderr)

        if found['pair-busy/sem_t']['status'] == 'done':
            self.assertRegex(lines['pair-busy/sem_t'],
                             r'the same, (core’s other half|another processor) busy .* <= 1\.50 .*'
                             r' <= 1\.20 ')

    def test_two_processors(self):
        """Two of one core are preferred, if this process may use both."""
        directory = pathlib.Path(self.directory.name, 'processors')
        for number, siblings in enumerate(['0,2', '1,3', '0,2', '1,3', '4-5', '4-5']):
            path = directory / f'cpu{number}/topology'
            path.mkdir(parents=True)
            (path / 'thread_siblings_list').write_text(siblings + '\n')

        for allowed, expected in (({0, 1, 2, 3}, ([0, 2], 'core’s other half')),
                                  ({0, 1, 3, 4}, ([1, 3], 'core’s other half')),
                                  ({2, 4, 5}, ([4, 5], 'core’s other half')),
                                  ({0, 1}, ([0, 1], 'another processor')),
                                  ({6, 7}, ([6, 7], 'another processor')),
                                  ({3}, ([3], 'another processor'))):
            with self.subTest(allowed), \
                    unittest.mock.patch.object(bench, 'PROCESSORS', directory), \
                    unittest.mock.patch('os.sched_getaffinity', return_value=allowed):
                self.assertEqual(bench.find_two_processors(), expected)

    def test_long(self):
        """Only --long measures more than a thousand holders."""
        short, long = (self.list_rows('--only', 'crowd-*', *more) for more in ((), ('--long',)))
        self.assertEqual([row for row in long if row not in short],
                         [(backend, f'crowd-{name}')
                          for backend in ('shared-memory', 'sysv')
                          for name in ('try-3000/try', 'try-3000/value', 'idle-3000/cpu',
                                       'kill-2000/semop', 'kill-2000/cpu', 'hammer-3000/none',
                                       'hammer-3000/semop', 'open-3000/one')])

    def test_rounds(self):
        _, rows = self.measure('--only', 'open/*', rounds=3)
        self.assertGreater(len(rows), 0)
        for row in rows:
            with self.subTest(row['backend'], scenario=row['scenario']):
                self.assertLess(float(row['min']), float(row['max']))
                self.assertLessEqual(float(row['min']), float(row['median']))
                self.assertLessEqual(float(row['median']), float(row['max']))

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
        for backend, *patterns in (('shared-memory', 'hammer-16/*', 'list/*', 'crowd-kill-100/*'),
                                   ('sysv', 'hammer-16/*', 'list/*', 'crowd-kill-100/*'),
                                   ('posix', 'hammer-16/*', 'list/*')):
            for pattern in patterns:
                with self.subTest(f'{backend}, {pattern}'):
                    self.check_interrupted(backend, pattern)


tap.main()
