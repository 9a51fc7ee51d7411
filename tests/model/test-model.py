# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Searches the models exhaustively with spin, and checks that each part that is left out is missed.

test-model.py DIRECTORY SPIN CC [QUICK-CC]

With QUICK-CC, this compiler compiles the short searches.
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
QUICK_CC = sys.argv[4:] or [*CC, '-O0']
IS_THOROUGH = bool(os.environ.get('SSEM_TEST_THOROUGH'))

long_search = unittest.skipUnless(IS_THOROUGH, 'only in the set-up "thorough": it searches for long')

# Deeper than any run of the models; more memory than any search here takes.
DEPTH = 100000
MEMORY_MEGABYTES = 12000 if IS_THOROUGH else 2000
tap.WATCHDOG_SECONDS = 4 * 3600 if IS_THOROUGH else 280


# To compile most models with optimization takes longer than a short search of them. These searches
# are long.
LONG_SEARCHES = {'counter.pml': [*CC, '-O1']}
# The table of states has 2^20 entries, and no search here has twice as many states. To clear the
# table of spin's own choice, with 2^24, takes longer than most of them.
TABLE = [] if IS_THOROUGH else ['-w20']


@functools.cache
def search(model, **settings):
    """How many errors spin finds."""
    directory = tempfile.mkdtemp(prefix='ssem-test-')
    try:
        defines = [f'-D{name}={value}' for name, value in settings.items()]
        subprocess.run([SPIN, '-a', *defines, DIRECTORY / model], cwd=directory, check=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        compiler = [*CC, '-O2'] if IS_THOROUGH else LONG_SEARCHES.get(model, QUICK_CC)
        subprocess.run([*compiler, '-w', '-DSAFETY', '-DCOLLAPSE', f'-DMEMLIM={MEMORY_MEGABYTES}',
                        '-o', 'search', 'pan.c'],
                       cwd=directory, check=True)
        # A killed process is no invalid end (-E); lines that no run reaches are of no interest (-n).
        output = subprocess.run(['./search', f'-m{DEPTH}', *TABLE, '-n', '-E'], cwd=directory,
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

    @long_search
    def test_epoch_helping(self):
        self.assertMissed('EPOCH_HELP', N_OPERATIONS=1, N_KILLS=2, N_RECLAIMERS=0, RESETS=1)

    @long_search
    def test_owner_check(self):
        """Two threads of the same process: units acquired by one, released by the other."""
        self.assertHolds(N_OPERATIONS=1, N_KILLS=1, N_RECLAIMERS=0, THREADS=2)
        self.assertGreater(search(self.model, N_OPERATIONS=1, N_KILLS=1, N_RECLAIMERS=1, THREADS=2,
                                  OWNER_CHECK=0), 0)

    def test_latecomer(self):
        """A slot gets another owner."""
        self.assertHolds(N_OPERATIONS=1, N_KILLS=2, N_RECLAIMERS=0, LATECOMER=1)

    def test_ignore_bit(self):
        """If the bit goes off and on again, a process takes a new state for an old one."""
        self.assertMissed('IGNORE_BIT', N_OPERATIONS=1, N_KILLS=1, N_RECLAIMERS=0, BIT=1)


class Bit(ModelCase):
    model = 'bit.pml'

    def test_set(self):
        self.assertMissed('SET')

    def test_set_again(self):
        """A release has cleared the bit and woken the waiter, and another process took the unit."""
        self.assertMissed('SET_AGAIN')

    def test_keep(self):
        self.assertMissed('KEEP')

    def test_compare_bit(self):
        """The value goes up and down again while the bit is cleared."""
        self.assertMissed('COMPARE_BIT')

    def test_look_again(self):
        self.assertMissed('LOOK_AGAIN')

    def test_wake_all(self):
        """Another process released a unit on the fast path after the bit was cleared."""
        self.assertMissed('WAKE_ALL')

    def test_sweep_sets(self):
        """A process dies after it has cleared the bit."""
        self.assertMissed('SWEEP_SETS', N_KILLS=1, N_USERS=1)

    def test_no_bit(self):
        self.assertHolds(N_OPERATIONS=3, HAS_BIT=0)

    def test_nobody_gives_up(self):
        self.assertHolds(N_OPERATIONS=3, N_IMPATIENT=0)

    def test_all_may_give_up(self):
        self.assertHolds(N_OPERATIONS=3, N_IMPATIENT=2)

    def test_one_unit(self):
        self.assertHolds(N_KILLS=1, UNITS=1)

    @long_search
    def test_nobody_watches(self):
        """A wake-up may be lost, but not without a death of which it is known what it left."""
        self.assertHolds(N_KILLS=2, WATCH=0, OBSERVE=0)
        self.assertGreater(search(self.model, N_KILLS=1, N_USERS=1, WATCH=0), 0)

    def test_announce_later(self):
        """The order of counting and setting the bit does not matter: the kernel compares both."""
        self.assertHolds(N_OPERATIONS=3, ANNOUNCE_FIRST=0)


class Waiting(ModelCase):
    model = 'waiting.pml'

    def test_set_bit(self):
        self.assertMissed('SET_BIT', N_KILLS=1, UNITS=1)

    def test_compare(self):
        self.assertMissed('COMPARE', N_KILLS=0, UNITS=1)

    def test_greedy(self):
        self.assertMissed('GREEDY', N_KILLS=0, UNITS=1, FIRST_NEEDS=2)

    def test_look_after_watch(self):
        """The first look is for those whose locks are gone, the second one for the others."""
        self.assertMissed('LOOK_AFTER_WATCH', N_KILLS=1, UNITS=1, SECOND_LOOK=0, SLOW_LOCKS=0)

    def test_second_look(self):
        self.assertMissed('SECOND_LOOK', N_KILLS=1, UNITS=1)

    def test_second_look_stays_due(self):
        """A new listener is woken for a unit that another one takes."""
        self.assertMissed('STAYS_DUE', N_KILLS=1, UNITS=1)

    def test_look_when_trying(self):
        """The only listener takes a unit, and so does not look again."""
        self.assertMissed('LOOK_WHEN_TRYING', N_KILLS=1, UNITS=2, N_PLACES=1)

    def test_watch_again(self):
        self.assertMissed('WATCH_AGAIN', N_KILLS=1, UNITS=0, RELEASER_LISTENS=1)

    def test_wake_for_any(self):
        """A waiter is woken and killed before it takes the unit."""
        self.assertMissed('WAKE_FOR_ANY', N_KILLS=1, UNITS=1)

    def test_wake_for_any_reclaimer(self):
        """A process returns the units of a dead one and is killed before it wakes a waiter."""
        self.assertGreater(search(self.model, N_KILLS=2, UNITS=1, LOOKER=1, WAKE_FOR_ANY=0), 0)

    @long_search
    def test_wake_for_value(self):
        """The same, and the process that was killed second had a unit, too."""
        self.assertGreater(search(self.model, N_KILLS=2, UNITS=1, LOOKER=1, LOOKER_UNITS=1,
                                  WAKE_FOR_VALUE=0), 0)

    def test_wake_successor(self):
        self.assertMissed('WAKE_SUCCESSOR', N_KILLS=1, UNITS=0, RELEASER_LISTENS=1)

    @long_search
    def test_wake_at_look(self):
        """All listeners are killed at about the same time."""
        self.assertGreater(search(self.model, N_KILLS=2, UNITS=0, N_WAITERS=3, RELEASER_LISTENS=1,
                                  WAKE_AT_LOOK=0), 0)

    def test_take_over(self):
        """Another process clears the entry of the dead listener before its death is noticed."""
        self.assertMissed('TAKE_OVER', N_KILLS=1, UNITS=0, RELEASER_LISTENS=1, WAKE_AT_LOOK=0)


class Liveness(ModelCase):
    model = 'liveness.pml'

    def test_lock_first(self):
        self.assertMissed('LOCK_FIRST', N_KILLS=1, N_SWEEPS=1)

    def test_sweep_asks(self):
        self.assertMissed('SWEEP_ASKS', N_KILLS=1, N_SWEEPS=1)

    def test_absent_is_dead(self):
        self.assertMissed('ABSENT_IS_DEAD', N_KILLS=1, N_SWEEPS=1)

    def test_keep_if_named(self):
        self.assertMissed('KEEP_IF_NAMED', N_KILLS=0)

    def test_new_ids(self):
        """The process that reclaims may be killed, too."""
        self.assertMissed('NEW_IDS', N_KILLS=2)

    def test_claim_first(self):
        self.assertMissed('CLAIM_FIRST', N_KILLS=0)

    def test_look_at_life(self):
        self.assertMissed('LOOK_AT_LIFE', N_KILLS=0)

    def test_veto(self):
        self.assertMissed('VETO', N_KILLS=0)

    def test_close_first(self):
        self.assertMissed('CLOSE_FIRST', N_KILLS=0)

    def test_version(self):
        """One process closes, one attaches, and a third closes again."""
        self.assertGreater(search(self.model, N_KILLS=0, N_WORKERS=3, UNITS=0, VERSION=0), 0)

    def test_segment_ids(self):
        self.assertMissed('SEGMENT_IDS', N_KILLS=0, N_LIVES=2)

    def test_finish(self):
        """A process that removes a segment stops between two steps."""
        self.assertMissed('FINISH', N_KILLS=0, N_LIVES=2)


RELAXED, ACQUIRE, RELEASE, ACQ_REL = range(4)


def search_order(case, **settings):
    return search(f'order/{case}.pml', **settings)


class Order(unittest.TestCase):
    """Each order that is needed is relaxed alone. An order that the code names and that is not here
    may be relaxed: the C code has the order that is safest to read."""

    def assertNeeded(self, case, orders, **settings):
        """With all orders as the C code has them it holds, with each of these instead it fails."""
        with self.subTest(**settings):
            self.assertEqual(search_order(case, **settings), 0)
        for access, weaker in orders.items():
            for order in weaker if isinstance(weaker, tuple) else (weaker,):
                with self.subTest(access=access, order=order):
                    self.assertGreater(search_order(case, **settings, **{access: order}), 0)

    def test_reclaim(self):
        self.assertNeeded('operate', {
            'ADD_SWAP_STATE': ACQUIRE,
            'RECLAIM_LOAD_STATE': RELEASE,
            'ASK_LOCK': RELAXED,
        })

    def test_record_success(self):
        """The sequence wraps while a process is about to record a success."""
        self.assertNeeded('operate', {
            'ADD_LOAD_STATE': RELAXED,
            'ADD_SWAP_STATE': (ACQUIRE, RELEASE),
            'ADD_STORE_COMMITTED': RELAXED,
            'HELP_LOAD_COMMITTED': RELAXED,
        }, N_OPERATIONS=3)

    def test_mark(self):
        """Two processes reclaim, so one erases what the other has done."""
        self.assertGreater(search_order('operate', N_RECLAIMERS=2, MARK_SWAP_STATE=ACQUIRE), 0)

    def test_reset(self):
        self.assertNeeded('reset', {
            'ADD_LOAD_STATE': RELAXED,
            'ADD_FAIL_TO_SWAP_STATE': RELEASE,
            'EPOCH_LOAD': RELAXED,
            'RESET_SWAP_STATE': ACQUIRE,
            'RESET_SWAP_EPOCH': ACQUIRE,
        })

    def test_two_resets(self):
        self.assertNeeded('reset', {'EPOCH_SWAP': ACQUIRE}, N_RESETS=1, N_OTHER_RESETS=1)

    def test_wait(self):
        self.assertNeeded('wait', {
            'ANNOUNCE_ADD_WAITERS': ACQ_REL,
            'SET_LOAD_STATE': ACQUIRE,
            'ADD_SWAP_STATE': ACQ_REL,
            'WAKE_LOAD_WAITERS': ACQUIRE,
        }, N_OTHERS=1)

    def test_wait_alone(self):
        """The release clears the bit, and that swap is as good as the next one."""
        self.assertNeeded('wait', {
            'ANNOUNCE_ADD_WAITERS': ACQ_REL,
            'SET_LOAD_STATE': ACQUIRE,
            'WAKE_LOAD_WAITERS': ACQUIRE,
        })
        self.assertGreater(search_order('wait', CLEAR_SWAP_STATE=ACQ_REL,
                                        ADD_SWAP_STATE=ACQ_REL), 0)

    def test_wait_without_bit(self):
        self.assertNeeded('wait', {'ADD_SWAP_STATE': RELEASE}, HAS_BIT_FIRST=0)

    def test_recount(self):
        self.assertNeeded('recount', {
            'ANNOUNCE_ADD_WAITERS': ACQUIRE,
            'RECOUNT_LOAD_WAITERS': RELAXED,
            'RECOUNT_FAIL_TO_SWAP_WAITERS': RELAXED,
        })

    def test_call_off(self):
        self.assertNeeded('call-off', {
            'SLEEP_STORE_ASLEEP': RELEASE,
            'SLEEP_LOAD_CALLED_OFF': ACQUIRE,
            'CALL_OFF_STORE_CALLED_OFF': RELEASE,
            'CALL_OFF_LOAD_ASLEEP': ACQUIRE,
        })

    def test_life(self):
        self.assertNeeded('life', {
            'CLAIM_SWAP_USED': ACQ_REL,
            'CLAIM_STORE_OWNER': RELEASE,
            'KEEP_LOAD_LIFE': ACQUIRE,
            'END_SWAP_LIFE': ACQ_REL,
            'OTHERS_LOAD_USED': ACQUIRE,
            'OTHERS_LOAD_OWNER': ACQUIRE,
        }, HAS_CLAIMER=1)

    def test_attach_again(self):
        self.assertNeeded('life', {'ATTACH_SWAP_OWNER': ACQ_REL}, HAS_SLOT=1)

    def test_two_leave(self):
        """Two processes share the phase."""
        self.assertNeeded('life', {
            'END_LOAD_LIFE': ACQUIRE,
            'END_SWAP_REMOVED': RELEASE,
        }, N_LEAVERS=2)

    def test_claim(self):
        self.assertNeeded('claim', {'FREE_SWAP_OWNER': ACQUIRE, 'CLAIM_SWAP_OWNER': RELEASE})

    def test_sum(self):
        self.assertNeeded('sum', {
            'FREE_SWAP_OWNER': ACQUIRE,
            'CLAIM_SWAP_OWNER': RELEASE,
            'CLAIM_FENCE': RELAXED,
            'SUM_FENCE': RELAXED,
        })

    def test_spare_orders(self):
        """What the C code names beyond that is not needed."""
        for case, settings in {
                'operate': dict(ADD_SWAP_STATE=ACQ_REL, HELP_LOAD_STATE=RELAXED,
                                HELP_SWAP_DONE=RELAXED, RECLAIM_LOAD_COMMITTED=RELAXED,
                                RECLAIM_LOAD_DONE=RELAXED, RECLAIM_LOAD_STATE=ACQUIRE),
                'reset': dict(ADD_SWAP_STATE=RELAXED, EPOCH_LOAD_STATE=RELAXED,
                              EPOCH_LOAD_AGAIN=RELAXED, RESET_LOAD_STATE=RELAXED),
                'wait': dict(SET_SWAP_STATE=RELAXED, SET_FAIL_TO_SWAP_STATE=RELAXED,
                             CLEAR_LOAD_STATE=RELAXED, CLEAR_LOAD_WAITERS=RELAXED,
                             CLEAR_SWAP_STATE=RELAXED, ADD_LOAD_STATE=RELAXED,
                             FAST_SWAP_STATE=RELAXED),
                'recount': dict(ANNOUNCE_ADD_WAITERS=RELEASE, ANNOUNCE_STORE_WAITING=RELAXED,
                                RETRACT_ADD_WAITERS=RELAXED, RETRACT_STORE_WAITING=RELAXED,
                                RECOUNT_LOAD_WAITERS=ACQUIRE, RECOUNT_LOAD_WAITING=RELAXED,
                                RECOUNT_SWAP_WAITERS=ACQUIRE),
                'life': dict(N_LEAVERS=2, CLAIM_SWAP_OWNER=RELAXED, CLAIM_LOAD_USED=RELAXED,
                             KEEP_SWAP_LIFE=RELAXED),
                'claim': dict(FREE_SWAP_OWNER=RELEASE, CLAIM_SWAP_OWNER=ACQUIRE,
                              ADD_STORE_COMMITTED=RELAXED),
                'sum': dict(FREE_SWAP_FLAG=RELAXED, FREE_SWAP_OWNER=RELEASE,
                            CLAIM_SWAP_OWNER=ACQUIRE, SUM_LOAD_OWNER=RELAXED,
                            SUM_LOAD_OWNER_AGAIN=RELAXED),
        }.items():
            with self.subTest(case=case, **settings):
                self.assertEqual(search_order(case, **settings), 0)


class Etcd(ModelCase):
    """Records and leases on a cluster, stale views, lost replies and late requests."""
    model = 'etcd/session.pml'

    def test_decide_once(self):
        """The oldest waiter becomes a holder as soon as a newer holder no longer blocks it."""
        self.assertMissed('DECIDE_ONCE', UNITS=2, WANTS=121)

    def test_look(self):
        self.assertMissed('LOOK')

    def test_new_numbers(self):
        """A late copy of a release deletes the next hold of the same name. The number stands for the
        revision, which a release compares."""
        self.assertMissed('NEW_NUMBERS', N_SESSIONS=2, N_NUMBERS=2, N_LOSSES=1)

    def test_mark(self):
        """A late acquire puts a hold that its session does not know."""
        self.assertMissed('MARK', N_SESSIONS=2, N_NUMBERS=2, N_LOSSES=1)

    def test_local_clock_first(self):
        self.assertMissed('LOCAL_FIRST', N_SESSIONS=2, N_ENDS=1)

    @long_search
    def test_compare_new_holds(self):
        """Units of an expired lease are offered to a large waiter and to a small one."""
        self.assertMissed('COMPARE_NEW', UNITS=2, WANTS=121, N_ENDS=1)

    def test_compare_own_hold(self):
        """A reset has deleted the hold."""
        self.assertMissed('COMPARE_OWN', N_RESETS=1)

    def test_compare_waiter(self):
        """A release passes its units to a waiter whose lease is gone."""
        self.assertMissed('COMPARE_WAITER', N_ENDS=1)

    def test_compare_state(self):
        self.assertMissed('COMPARE_STATE', N_SESSIONS=2, N_ADDITIONS=1)

    @long_search
    def test_send_again(self):
        """The mark has moved, but not because the addition was done."""
        self.assertMissed('SEND_AGAIN', N_SESSIONS=2, N_ADDITIONS=1, N_LOSSES=2)

    def test_look_at_answer(self):
        """The unit became free just before the waiter's record was put."""
        self.assertMissed('LOOK_AT_ANSWER')

    def test_watch_predecessor(self):
        """The only waiter that watches all records loses its lease."""
        self.assertMissed('WATCH_PREDECESSOR', ONLY_FIRST=1, N_ENDS=1)

    @long_search
    def test_nobody_is_passed_over(self):
        """A release that does not compare for new waiters leaves the units for them to take."""
        self.assertHolds(COMPARE_NOBODY=0, ONLY_FIRST=1, N_ENDS=1)

    @long_search
    def test_compare_instead_of_passing_on(self):
        self.assertHolds(PASS_ON=0, UNITS=2, WANTS=121, N_ENDS=1)

    @long_search
    def test_any_reply_is_lost(self):
        self.assertHolds(N_LOSSES=1)

    @long_search
    def test_lost_reply_and_lease(self):
        self.assertHolds(N_SESSIONS=2, N_NUMBERS=2, N_LOSSES=1, N_ENDS=1)

    def test_lost_reply_of_reset(self):
        self.assertHolds(N_SESSIONS=2, N_LOSSES=2, N_RESETS=1)

    def test_cancel(self):
        self.assertHolds(N_CANCELS=1)

    def test_compare_dispatcher(self):
        """A release leaves its units to a dispatcher that does not exist."""
        self.assertMissed('COMPARE_DISPATCHER', DISPATCHER=1, LOOKS=0, N_SESSIONS=2)

    def test_last_look(self):
        """A release left its units to the dispatcher just before it resigned."""
        self.assertMissed('LAST_LOOK', DISPATCHER=1, LOOKS=0, N_SESSIONS=2)

    def test_look_at_stopped_dispatcher(self):
        self.assertMissed('LOOKS', DISPATCHER=1, N_SESSIONS=2, N_STOPS=1)

    def test_look_at_dead_dispatcher(self):
        """Or a holder dies while there is no dispatcher."""
        self.assertMissed('LOOKS', DISPATCHER=1, N_SESSIONS=2, N_ENDS=1)

    def test_dispatcher_compares_new_holds(self):
        """A waiting session and the dispatcher give the same units to two waiters. The search that
        holds is in the set-up "thorough": it is longer."""
        self.assertGreater(search(self.model, DISPATCHER=1, N_RESIGNS=0, UNITS=2, WANTS=112,
                                  COMPARE_NEW=0), 0)

    def test_lost_reply_of_dispatcher(self):
        self.assertHolds(DISPATCHER=1, LOOKS=0, N_SESSIONS=2, N_LOSSES=1)

    def test_second_dispatcher(self):
        """It may begin while the first one serves once more."""
        self.assertHolds(DISPATCHER=2, ANYBODY=1, LOOKS=0, N_SESSIONS=2)

    def test_cancel_with_dispatcher(self):
        self.assertHolds(DISPATCHER=1, N_SESSIONS=2, N_NUMBERS=2, N_CANCELS=1)


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

    def test_bit_changes(self):
        self.check('counter.pml', N_OPERATIONS=1, N_KILLS=1, BIT=1)

    def test_any_killed(self):
        self.check('bit.pml', N_KILLS=1, N_IMPATIENT=2)

    def test_two_killed(self):
        self.check('bit.pml', N_KILLS=2, N_USERS=1)

    def test_three_wait(self):
        self.check('bit.pml', N_WAITERS=3, N_OPERATIONS=3)

    def test_two_of_three_killed(self):
        self.check('waiting.pml', N_KILLS=2, UNITS=1)

    def test_looker_and_another_killed(self):
        self.check('waiting.pml', N_KILLS=2, UNITS=1, LOOKER=1)

    def test_looker_with_unit_and_another_killed(self):
        self.check('waiting.pml', N_KILLS=2, UNITS=1, LOOKER=1, LOOKER_UNITS=1)

    def test_two_listeners_killed(self):
        self.check('waiting.pml', N_KILLS=2, UNITS=0, N_WAITERS=3, RELEASER_LISTENS=1)

    def test_two_killed_and_come_again(self):
        self.check('liveness.pml', N_KILLS=2, N_LIVES=2)

    def test_two_reclaim_in_any_order(self):
        self.check('order/operate.pml', N_RECLAIMERS=2)

    def test_resets_in_any_order(self):
        self.check('order/reset.pml', N_OPERATIONS=2, N_RESETS=2, N_OTHER_RESETS=1)

    def test_more_operations_in_any_order(self):
        self.check('order/operate.pml', N_OPERATIONS=3, N_OTHER_OPERATIONS=2)

    def test_three_attach_and_leave(self):
        self.check('liveness.pml', N_WORKERS=3, UNITS=0)

    def test_lost_reply_and_lease_of_three(self):
        self.check('etcd/session.pml', N_LOSSES=1, N_ENDS=1)

    def test_lost_reply_with_large_waiter(self):
        self.check('etcd/session.pml', UNITS=2, WANTS=121, N_LOSSES=1, N_CANCELS=1)

    def test_two_leases(self):
        self.check('etcd/session.pml', ONLY_FIRST=1, N_ENDS=2, UNITS=2, WANTS=121)

    def test_lost_replies_and_lease(self):
        self.check('etcd/session.pml', N_SESSIONS=2, N_NUMBERS=2, N_LOSSES=2, N_ENDS=1)

    def test_lost_reply_and_reset(self):
        self.check('etcd/session.pml', N_LOSSES=1, N_RESETS=1)

    def test_three_with_dispatcher(self):
        self.check('etcd/session.pml', DISPATCHER=1, LOOKS=0)

    def test_dispatcher_stops(self):
        self.check('etcd/session.pml', DISPATCHER=1, N_STOPS=1)

    def test_dispatcher_and_lease(self):
        self.check('etcd/session.pml', DISPATCHER=1, N_ENDS=1)

    def test_dispatcher_and_lost_reply(self):
        self.check('etcd/session.pml', DISPATCHER=1, LOOKS=0, N_LOSSES=1)

    def test_dispatcher_with_large_waiter(self):
        self.check('etcd/session.pml', DISPATCHER=1, UNITS=2, WANTS=112)

    def test_dispatcher_and_lost_reply_and_lease(self):
        self.check('etcd/session.pml', DISPATCHER=1, N_SESSIONS=2, N_LOSSES=1, N_ENDS=1)

    def test_two_dispatchers_stop_or_end(self):
        self.check('etcd/session.pml', DISPATCHER=2, ANYBODY=1, N_SESSIONS=2, N_STOPS=1, N_ENDS=1)


sys.argv[1:] = []
tap.main()
