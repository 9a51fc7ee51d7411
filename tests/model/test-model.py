# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Searches the models exhaustively with spin, and checks that each part that is left out is missed.

test-model.py DIRECTORY SPIN CC
"""

import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import tap

DIRECTORY = pathlib.Path(sys.argv[1])
SPIN = sys.argv[2]
CC = sys.argv[3].split()
IS_THOROUGH = bool(os.environ.get('SSEM_TEST_THOROUGH'))

# Deeper than any run of the models; more memory than any search here takes.
DEPTH = 100000
MEMORY_MEGABYTES = 12000 if IS_THOROUGH else 2000
tap.WATCHDOG_SECONDS = 4 * 3600 if IS_THOROUGH else 280


# To compile a model with optimization takes longer than a short search of it.
LEVELS = {'naming.pml': '-O0'}


@functools.cache
def search(model, **settings):
    """How many errors spin finds."""
    directory = tempfile.mkdtemp(prefix='ssem-test-')
    try:
        defines = [f'-D{name}={value}' for name, value in settings.items()]
        subprocess.run([SPIN, '-a', *defines, DIRECTORY / model], cwd=directory, check=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        level = '-O2' if IS_THOROUGH else LEVELS.get(model, '-O1')
        subprocess.run([*CC, level, '-w', '-DSAFETY', '-DCOLLAPSE',
                        f'-DMEMLIM={MEMORY_MEGABYTES}', '-o', 'search', 'pan.c'],
                       cwd=directory, check=True)
        # A killed process is no invalid end (-E); lines that no run reaches are of no interest (-n).
        output = subprocess.run(['./search', f'-m{DEPTH}', '-n', '-E'], cwd=directory,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                encoding='utf-8').stdout
    finally:
        shutil.rmtree(directory)

    found = re.search(r'errors: (\d+)\s+(\d+) states, stored', output)
    if found is None:
        raise AssertionError(output)
    n_errors, n_states = map(int, found.groups())
    # A search that was cut short proves nothing; one that found something may stop.
    if n_errors == 0 and ('not completed' in output or 'truncated' in output or
                          'max search depth too small' in output):
        raise AssertionError(output)
    if n_errors > 0 and 'assertion violated' not in output:
        raise AssertionError(output)
    print(f'# {model} {settings}: {n_states} states, {n_errors} errors', file=sys.__stdout__,
          flush=True)
    return n_errors


class ModelCase(unittest.TestCase):
    model = None

    def assertHolds(self, **settings):
        self.assertEqual(search(self.model, **settings), 0, settings)

    def assertMissed(self, part, **settings):
        """With the part it holds, without it fails."""
        with self.subTest(part=part, left_out=False):
            self.assertHolds(**settings)
        with self.subTest(part=part, left_out=True):
            self.assertGreater(search(self.model, **settings, **{part: 0}), 0, part)


class Counter(ModelCase):
    model = 'counter.pml'

    def test_helping(self):
        self.assertMissed('HELP', N_OPERATIONS=1, N_KILLS=1, N_RECLAIMERS=1)

    def test_reclaim_sequence(self):
        self.assertMissed('RECLAIM_SEQUENCE', N_OPERATIONS=1, N_KILLS=1, N_RECLAIMERS=1)

    def test_epoch(self):
        self.assertMissed('EPOCH', N_OPERATIONS=1, N_KILLS=1, N_RECLAIMERS=0, RESETS=1)

    def test_epoch_helping(self):
        self.assertMissed('EPOCH_HELP', N_OPERATIONS=1, N_KILLS=2, N_RECLAIMERS=0, RESETS=1)

    def test_owner_check(self):
        """Two threads of the same process: units acquired by one, released by the other."""
        self.assertHolds(N_OPERATIONS=1, N_KILLS=1, N_RECLAIMERS=0, THREADS=2)
        self.assertGreater(search(self.model, N_OPERATIONS=1, N_KILLS=1, N_RECLAIMERS=1, THREADS=2,
                                  OWNER_CHECK=0), 0)

    def test_latecomer(self):
        """A slot gets another owner."""
        self.assertHolds(N_OPERATIONS=1, N_KILLS=2, N_RECLAIMERS=0, LATECOMER=1)


class Waiting(ModelCase):
    model = 'waiting.pml'

    def test_announce_first(self):
        self.assertMissed('ANNOUNCE_FIRST', N_KILLS=1, UNITS=1)

    def test_compare(self):
        self.assertMissed('COMPARE', N_KILLS=0, UNITS=1)

    def test_greedy(self):
        self.assertMissed('GREEDY', N_KILLS=0, UNITS=1, FIRST_NEEDS=2)

    def test_last_look(self):
        self.assertGreater(search(self.model, N_KILLS=1, UNITS=1, LAST_LOOK=0), 0)

    def test_look_after_watch(self):
        self.assertGreater(search(self.model, N_KILLS=1, UNITS=1, LOOK_AFTER_WATCH=0), 0)

    def test_wake_at_last(self):
        """A process without a slot finds a dead process, and is killed before it wakes another."""
        self.assertGreater(search(self.model, N_KILLS=2, UNITS=1, LOOKER=1, WAKE_AT_LAST=0), 0)


class Naming(ModelCase):
    model = 'naming.pml'

    def test_remover(self):
        self.assertMissed('REMOVER', N_KILLS=0)

    def test_remover_lives(self):
        self.assertMissed('REMOVER_LIVES', N_KILLS=0)

    def test_look_in_place(self):
        self.assertMissed('LOOK_IN_PLACE', N_KILLS=0)

    def test_close_first(self):
        self.assertMissed('CLOSE_FIRST', N_KILLS=0)

    def test_veto(self):
        self.assertMissed('VETO', N_KILLS=0)

    def test_further(self):
        """One who stands still as the remover is waited for."""
        self.assertMissed('FURTHER', N_KILLS=0)

    def test_nascent_phase(self):
        self.assertMissed('NASCENT_PHASE', N_KILLS=0, N_TIMES=2)

    def test_look_for_rivals(self):
        self.assertMissed('LOOK_FOR_RIVALS', N_KILLS=0, N_TIMES=2)

    def test_doom_rivals(self):
        self.assertMissed('DOOM_RIVALS', N_KILLS=0, N_TIMES=2)

    def test_yield(self):
        """Two make each other's segments doomed, again and again."""
        self.assertMissed('YIELD', N_KILLS=0, N_TIMES=2)

    def test_clear_further(self):
        """Both are killed, and the next one has to take along what they left."""
        self.assertMissed('CLEAR_FURTHER', N_KILLS=2)


class Thorough(unittest.TestCase):
    """The same in larger worlds."""

    def check(self, model, **settings):
        if not IS_THOROUGH:
            self.skipTest('SSEM_TEST_THOROUGH is not set')
        self.assertEqual(search(model, **settings), 0)

    def test_both_killed(self):
        self.check('counter.pml', N_OPERATIONS=1, N_KILLS=2)

    def test_more_operations(self):
        self.check('counter.pml', N_OPERATIONS=2, N_KILLS=1)

    def test_resets_and_two_settlers(self):
        self.check('counter.pml', N_OPERATIONS=1, N_KILLS=1, RESETS=1)

    def test_latecomer_and_two_settlers(self):
        self.check('counter.pml', N_OPERATIONS=1, N_KILLS=1, LATECOMER=1)

    def test_two_of_three_killed(self):
        self.check('waiting.pml', N_KILLS=2, UNITS=1)

    def test_looker_and_another_killed(self):
        self.check('waiting.pml', N_KILLS=2, UNITS=1, LOOKER=1)

    def test_opened_twice_and_killed(self):
        self.check('naming.pml', N_TIMES=2, N_KILLS=1)


sys.argv[1:] = []
tap.main()
