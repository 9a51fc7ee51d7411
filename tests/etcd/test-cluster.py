# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A storm on three servers, which are killed, stopped, cut off, slow and full.

A test goes on once every process of the storm was served again. Then the history of all is checked.
Leases are extended, never shortened, by an election, so a process that can reach the majority in
time loses nothing that another gets.
"""

import contextlib
import os
import time
import unittest

import tap
from gateway import Refusal
from proxy import PeerProxy, Proxy
from semaphores import wait_until
from servers import Cluster, require
from storms import Storm

THOROUGH = 'SSEM_TEST_THOROUGH' in os.environ
TTL = 3
OUT_OF_RESOURCES = 5
# How long anything may take beyond the lease's time on a machine under load.
PATIENCE_USEC = 4 * 1000 * 1000

tap.WATCHDOG_SECONDS = 3600 if THOROUGH else 150


class Network(Cluster):
    """Three servers, with a proxy before each of them for the clients, and one for the others."""

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.stack = stack
            super().__enter__()
            stack.callback(super().__exit__)
            self.doors = [stack.enter_context(Proxy(member.client_port))
                          for member in self.members]
            self.ids = {}
            for member in self.members:
                with member.gateway() as gateway:
                    status = gateway.status()
                self.ids[member] = format(int(status['header']['member_id']), 'x')
            self.kept = stack.pop_all()
        return self

    def __exit__(self, *error):
        if hasattr(self, 'kept'):
            self.kept.close()
        else:
            super().__exit__(*error)

    def put_proxy_before(self, member):
        member.proxy = self.stack.enter_context(PeerProxy(member.peer_port))
        member.peer_url = member.proxy.endpoint

    def cut_off(self, member):
        """From the other members; clients still reach it."""
        for other in self.members:
            other.proxy.cut(None if other is member else self.ids[member])

    def join_again(self):
        for member in self.members:
            member.proxy.mend()

    def door_of(self, member):
        return self.doors[self.members.index(member)]

    @property
    def doors_endpoints(self):
        return [door.endpoint for door in self.doors]


class Three(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Network(3)
        cls.cluster.link = cls.cluster.put_proxy_before
        cls.enterClassContext(cls.cluster)

    def setUp(self):
        self.storm = Storm(self.cluster.doors_endpoints, ttl=TTL)
        self.enterContext(self.storm)
        self.storm.wait_for_progress()

    def tearDown(self):
        self.cluster.wait_until_healthy()

    def repeat(self):
        return range(20 if THOROUGH else 1)

    def finish(self, allowed=()):
        self.storm.wait_for_progress()
        self.cluster.wait_until_healthy()
        with self.cluster.gateway() as gateway:
            history = self.storm.check(gateway, allowed)
        self.assertLess(history.longest_release, TTL * 1000 * 1000 + PATIENCE_USEC)
        return history

    def test_leader_killed(self):
        for _ in self.repeat():
            leader = self.cluster.find_leader()
            leader.kill()
            self.storm.wait_for_progress()
            leader.start()
        self.finish()

    def test_follower_stopped(self):
        """Its connections stay, and answer nothing."""
        for _ in self.repeat():
            leader = self.cluster.find_leader()
            followers = [member for member in self.cluster.members if member is not leader]
            followers[0].stop()
            try:
                self.storm.wait_for_progress()
            finally:
                followers[0].go_on()
        self.finish()

    @unittest.skipUnless(THOROUGH, 'only in the set-up "thorough": needs a machine that does nothing else')
    def test_leader_stopped(self):
        for _ in self.repeat():
            leader = self.cluster.find_leader()
            leader.stop()
            try:
                self.storm.wait_for_progress()
            finally:
                leader.go_on()
        self.finish()

    @unittest.skipUnless(THOROUGH, 'only in the set-up "thorough": needs a machine that does nothing else')
    def test_member_cut_off(self):
        """Clients reach a member that is alone: what it says of reads and leases is old."""
        for _ in self.repeat():
            for pick_leader in (True, False):
                leader = self.cluster.find_leader()
                alone = leader if pick_leader else next(
                    member for member in self.cluster.members if member is not leader)
                self.cluster.cut_off(alone)
                try:
                    others = [member for member in self.cluster.members if member is not alone]
                    self.cluster.find_leader(others)
                    self.storm.wait_for_progress()
                finally:
                    self.cluster.join_again()
                self.cluster.wait_until_healthy()
        self.finish()

    def test_clients_cut_off(self):
        """Two of three servers cannot be reached, but their connections stay open."""
        for _ in self.repeat():
            for i in range(3):
                cut = [door for j, door in enumerate(self.cluster.doors) if j != i]
                for door in cut:
                    door.cut()
                try:
                    self.storm.wait_for_progress()
                finally:
                    for door in cut:
                        door.mend()
        self.finish()

    def test_slow(self):
        for door in self.cluster.doors:
            door.delay_seconds = 0.1
        try:
            for _ in self.repeat():
                self.storm.wait_for_progress()
        finally:
            for door in self.cluster.doors:
                door.delay_seconds = 0
        self.finish()

    def test_compacted(self):
        """Watches are cut, and what they have missed is compacted before they come back."""
        with self.cluster.gateway() as gateway:
            for _ in range(400 if THOROUGH else 20):
                for door in self.cluster.doors:
                    door.refuse()
                with contextlib.suppress(Refusal):
                    gateway.compact()
                for door in self.cluster.doors:
                    door.accept_again()
                self.storm.wait_for_progress(1, self.storm.processes[:2])
        self.finish()

    def test_all_killed(self):
        """A power failure: the records and the leases are on the disks."""
        for _ in self.repeat():
            for member in self.cluster.members:
                member.kill()
            for member in self.cluster.members:
                member.launch()
            for member in self.cluster.members:
                member.wait_until_ready()
            self.storm.wait_for_progress()
        self.finish()

    def test_all_stopped(self):
        """Nobody can be reached for longer than the leases' time. Who holds then loses it, and
        nobody hangs longer."""
        for _ in self.repeat():
            n_lost = self.storm.count('lost')
            for member in self.cluster.members:
                member.stop()
            try:
                wait_until(lambda n=n_lost: self.storm.count('lost') > n, 'who holds is told')
                time.sleep(TTL)
            finally:
                for member in self.cluster.members:
                    member.go_on()
            self.storm.wait_for_progress()
        history = self.finish()
        self.assertGreater(history.counts['lost'], 0)


class Full(unittest.TestCase):
    def test_full(self):
        """The database reaches its quota: acquires fail with an error that says so, releases go on;
        all is well once there is space."""
        with Cluster(arguments=['--quota-backend-bytes', str(16 * 1024 * 1024)]) as cluster, \
                cluster.gateway() as gateway, Storm(cluster.endpoints, ttl=TTL) as storm:
            storm.wait_for_progress()
            with self.assertRaises(Refusal):
                for i in range(1000):
                    gateway.put(f'/fill/{i}', 'x' * 500000)
            wait_until(lambda: gateway.ask('maintenance/alarm', {'action': 'GET'}).get('alarms'),
                       'the alarm')

            def n_refused():
                with open(storm.log, encoding='utf-8') as log:
                    return log.read().count(f' failed {OUT_OF_RESOURCES} ')
            wait_until(n_refused, 'an acquire fails')

            gateway.remove('/fill/')
            gateway.compact()
            gateway.ask('maintenance/defragment')
            for alarm in gateway.ask('maintenance/alarm', {'action': 'GET'})['alarms']:
                gateway.ask('maintenance/alarm', {'action': 'DEACTIVATE', **alarm})
            storm.wait_for_progress()
            history = storm.check(gateway, allowed=[OUT_OF_RESOURCES])
            self.assertEqual(history.counts['lost'], 0)
            self.assertEqual(history.counts[f'unreleased {OUT_OF_RESOURCES}'], 0)


require()
tap.main()
