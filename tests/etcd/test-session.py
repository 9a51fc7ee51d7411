# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a process costs the cluster, and how it ends."""

import base64
import json
import re
import time
import unittest

import tap
from proxy import Proxy
from records import Records
from semaphores import Refused, wait_until
from servers import Cluster, require
from workers import OPEN_EXISTING, Worker

TTL = 2
OUT_OF_RESOURCES = 5


class Counter:
    """A plan of a proxy that counts, and does no harm."""

    def __init__(self):
        self.paths = []

    def __call__(self, request):
        self.paths.append(request.path)


class KeepAlivesOnly(Counter):
    """Nothing else is done, until 5 keep-alives were passed on: each comes a third of the lease's time
    after the one before."""

    def __call__(self, request):
        super().__call__(request)
        if request.path == 'lease/keepalive' or self.paths.count('lease/keepalive') > 5:
            return None
        return 'error-before'


class Names:
    """The names of holds and waiters in all requests."""

    def __init__(self):
        self.found = set()

    def __call__(self, request):
        for key in re.findall(rb'"key":"([^"]+)"', request.body):
            path = base64.b64decode(key).decode()
            if re.search('/(hold|waiter)/.', path):
                self.found.add(path.rpartition('/')[2])


def puts_state(request):
    body = json.loads(request.body)
    return any(base64.b64decode(operation['request_put']['key']).endswith(b'/state')
               for operation in body['success'] if 'request_put' in operation)


class Session(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster())

    def setUp(self):
        self.gateway = self.enterContext(self.cluster.gateway())
        self.counter = Counter()
        self.proxy = self.enterContext(Proxy(self.cluster.members[0].client_port,
                                             plan=self.counter))

    def start(self, endpoints=None, **variables):
        worker = Worker(endpoints or self.cluster.endpoints, **{'ttl': TTL, **variables})
        self.addCleanup(worker.end)
        return worker

    def wait_for_waiter(self, key):
        records = Records(self.gateway, key)
        wait_until(lambda: records.read().waiters, 'a waiter')

    def test_one_lease_and_two_connections(self):
        """For many objects and keys, while one waits."""
        other = self.start()
        other.open('one', 1)
        other.acquire()
        before = self.gateway.leases()
        subject = self.start(self.proxy.endpoint)
        for number, key in enumerate(['one', 'two', 'three', 'two']):
            subject.open(key, 1, name=f'a{number}')
        subject.acquire(name='a1')
        subject.send('acquire', 'a0', 1, -1)
        self.wait_for_waiter('one')
        self.assertEqual(len(self.gateway.leases() - before), 1)
        other.release()
        subject.reply()
        subject.leave()
        self.assertLessEqual(self.proxy.n_accepted, 2, self.counter.paths)
        self.assertEqual(self.counter.paths.count('lease/grant'), 1)
        other.leave()

    def test_idle(self):
        """A process that only holds sends keep-alives, and nothing else."""
        subject = self.start(self.proxy.endpoint)
        subject.open('idle', 1)
        subject.acquire()
        del self.counter.paths[:]
        begin = time.monotonic()
        wait_until(lambda: len(self.counter.paths) >= 8, 'keep-alives')
        self.assertEqual(set(self.counter.paths), {'lease/keepalive'})
        # Three in the lease's time: between the first and the eighth there are seven times a third.
        self.assertGreater(time.monotonic() - begin, 7 * TTL / 3 * 0.9)
        subject.leave()

    def test_refused_for_long(self):
        """Nothing is lost with a request that fails for longer than the lease would last without the
        keep-alives."""
        subject = self.start(self.proxy.endpoint)
        subject.open('refused', 3, undo=True)
        records = Records(self.gateway, 'refused')
        for operate in (lambda: subject.acquire(2), lambda: subject.release(2),
                        lambda: subject.release(1), lambda: subject.acquire(2),
                        lambda: self.assertEqual(subject.value(), 2),
                        lambda: subject.ask('close', 'a')):
            plan = self.proxy.plan = KeepAlivesOnly()
            operate()
            # There are pauses between the attempts.
            self.assertLess(len(plan.paths), 300)
        self.assertEqual(subject.lost, [])
        wait_until(lambda: not records.read().all, 'everything is removed')
        subject.leave()

    def test_names(self):
        """A key that was used makes each walk over its neighbours longer, until a compaction. So a
        process uses as many as it needs at one moment."""
        names = self.proxy.plan = Names()
        subject = self.start(self.proxy.endpoint, ttl=20)
        subject.open('names', 2)
        for _ in range(10):
            subject.acquire()
            subject.acquire()
            subject.release()
            subject.release()
            subject.ask('try', 'a', 2)
            with self.assertRaises(Refused):
                subject.ask('try', 'a', 1)
            with self.assertRaises(Refused):
                subject.acquire(1, 1000)
            subject.release(2)
        subject.open('names', undo=False, name='b')
        for _ in range(5):
            subject.acquire(name='b')
            subject.release(name='b')
        self.assertLessEqual(len(names.found), 3, names.found)
        subject.leave()

    def test_refused_to_consume(self):
        """An acquire without undo first acquires as every other. If the cluster then refuses to make
        its units permanent, it fails and holds nothing."""
        def refuse(request):
            return 'no-space' if request.path == 'kv/txn' and puts_state(request) else None
        subject = self.start(self.proxy.endpoint)
        subject.open('consume', 2, undo=False)
        self.proxy.plan = refuse
        with self.assertRaises(Refused) as caught:
            subject.acquire(2)
        self.assertEqual(caught.exception.code, OUT_OF_RESOURCES)
        self.proxy.plan = None
        records = Records(self.gateway, 'consume')
        wait_until(lambda: not records.read().holds, 'nothing is held')
        self.assertEqual(records.read().total, 2)
        subject.leave()

    def test_end(self):
        """At an orderly end everything is given back at once."""
        subject = self.start(ttl=60)
        subject.open('end', 2)
        other = self.start()
        other.open('end')
        subject.acquire(2)
        other.send('acquire', 'a', 1, -1)
        self.wait_for_waiter('end')
        subject.leave()
        self.assertGreater(other.reply(), 0)
        other.release()
        other.leave()
        self.assertEqual(Records(self.gateway, 'end').read().all, {})
        self.assertEqual(self.gateway.leases(), set())

    def test_killed(self):
        """The units come back with the lease: not before, and at most 1.5 seconds later."""
        subject = self.start()
        subject.open('killed', 1)
        other = self.start()
        other.open('killed')
        token = subject.acquire()
        other.send('acquire', 'a', 1, -1)
        self.wait_for_waiter('killed')
        begin = time.monotonic()
        subject.kill()
        self.assertGreater(other.reply(), token)
        seconds = time.monotonic() - begin
        self.assertGreater(seconds, TTL / 3)
        self.assertLess(seconds, TTL + 1.5)
        other.leave()

    def test_last_one_killed(self):
        """What the last one leaves is a leftover, in which nothing is held."""
        subject = self.start()
        subject.open('leftover', 3)
        subject.acquire(2)
        subject.kill()
        wait_until(lambda: not self.gateway.leases(), 'the lease has ended')
        other = self.start()
        other.open('leftover', 0, OPEN_EXISTING)
        self.assertEqual(other.value(), 3)
        other.leave()
        self.assertEqual(Records(self.gateway, 'leftover').read().all, {})

    def test_waiter_killed(self):
        """A hand-over to a dead process is no loss: the next one gets the units."""
        holder, dead, last = (self.start() for _ in range(3))
        for worker in (holder, dead, last):
            worker.open('dead', 1)
        holder.acquire()
        records = Records(self.gateway, 'dead')
        for number, worker in enumerate((dead, last)):
            worker.send('acquire', 'a', 1, -1)
            wait_until(lambda n=number: len(records.read().waiters) == n + 1, 'a waiter')
        dead.kill()
        holder.release()
        self.assertGreater(last.reply(), 0)
        last.release()
        holder.leave()
        last.leave()

    def test_many_waiters(self):
        """More than fit into one transaction, for whom one release has enough."""
        holder = self.start(ttl=30)
        holder.open('many', 150)
        holder.acquire(150)
        waiters = [self.start(ttl=30) for _ in range(150)]
        # One after another: a busy machine may not serve 150 openings before they time out.
        for worker in waiters:
            worker.open('many', 0)
            worker.send('acquire', 'a', 1, -1)
        records = Records(self.gateway, 'many')
        wait_until(lambda: len(records.read().waiters) == 150, '150 waiters')
        holder.release(150)
        tokens = [worker.reply() for worker in waiters]
        self.assertTrue(all(tokens))
        self.assertEqual(holder.value(), 0)
        for worker in waiters:
            worker.release()
        self.assertEqual(holder.value(), 150)
        for worker in (holder, *waiters):
            worker.leave()


require()
tap.main()
