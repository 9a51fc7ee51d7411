# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Processes that acquire and release at random are killed and stopped; one server."""

import os
import time
import unittest

import tap
from semaphores import wait_until
from servers import Cluster, require
from storms import Storm

THOROUGH = 'SSEM_TEST_THOROUGH' in os.environ
TTL = 2
# A lease ends at the latest so long after its time: etcd looks every half second.
MARGIN_SECONDS = 1.5

tap.WATCHDOG_SECONDS = 3600 if THOROUGH else 120


class Storms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster())

    def setUp(self):
        self.gateway = self.enterContext(self.cluster.gateway())

    def storm(self, **options):
        return self.enterContext(Storm(self.cluster.endpoints, ttl=TTL, **options))

    def test_calm(self):
        """Without harm, every order of events is one of the protocol's own."""
        for total, most, size in ((1, 1, 4), (3, 3, 6), (8, 2, 6)):
            with self.subTest(total=total):
                storm = self.storm(total=total, most=most, size=size, hold_usec=1000)
                storm.wait_for_progress(300 if THOROUGH else 40)
                history = storm.check(self.gateway)
                self.assertEqual(history.counts['lost'], 0)
                self.assertEqual(history.counts['unreleased'], 0)

    def test_killed(self):
        storm = self.storm()
        for _ in range(100 if THOROUGH else 6):
            storm.wait_for_progress(2, storm.processes[:2])
            storm.kill_one()
        storm.wait_for_progress()
        history = storm.check(self.gateway)
        self.assertEqual(history.counts['lost'], 0)

    def test_stopped_for_a_moment(self):
        """Nothing is lost, and nobody is held up longer than a hand-over to the stopped one takes."""
        storm = self.storm()
        for _ in range(60 if THOROUGH else 6):
            with storm.stopped(is_long=False) as stopped:
                time.sleep(TTL / 8)
            storm.wait_for_progress(1, [stopped])
        history = storm.check(self.gateway)
        self.assertEqual(history.counts['lost'], 0)

    def test_stopped_beyond_the_lease(self):
        """The others go on, and the stopped one learns that it has lost what it held."""
        n_lost = 0
        storm = self.storm(hold_usec=20000)
        for _ in range(20 if THOROUGH else 2):
            with storm.stopped(is_long=True) as stopped:
                time.sleep(TTL + MARGIN_SECONDS)
                others = [process for process in storm.processes if process is not stopped]
                storm.wait_for_progress(2, others, 'the others go on')
            storm.wait_for_progress(2, [stopped], 'the stopped process starts afresh')
        history = storm.check(self.gateway)
        n_lost += history.counts['lost']
        # It held something in about every second moment.
        if THOROUGH:
            self.assertGreater(n_lost, 0)

    @unittest.skipUnless(THOROUGH, 'only in the set-up "thorough": needs a machine that does nothing else')
    def test_all_stopped(self):
        """The time of all leases passes, as in a suspended virtual machine."""
        storm = self.storm()
        storm.wait_for_progress()
        with storm.stopped(True, storm.processes[0]), storm.stopped(True, storm.processes[1]), \
                storm.stopped(True, storm.processes[2]), storm.stopped(True, storm.processes[3]), \
                storm.stopped(True, storm.processes[4]), storm.stopped(True, storm.processes[5]):
            wait_until(lambda: not self.gateway.leases(), 'every lease has ended')
        storm.wait_for_progress()
        storm.check(self.gateway)


require()
tap.main()
