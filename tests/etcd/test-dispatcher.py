# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Where very many wait, one process serves them all: the dispatcher."""

import base64
import json
import secrets
import unittest

import tap
from proxy import Proxy
from records import Records
from semaphores import Refused, wait_until
from servers import Cluster, require
from storms import Storm
from workers import GIO, TIMED_OUT, Worker

# More than a queue has that every process serves.
MANY = 40
# Nobody loses it here, however busy the machine is.
TTL = 60
RECORD = 'state/dispatcher'


class Puts:
    """A plan of a proxy that counts what the requests would put, and does no harm."""

    def __init__(self):
        self.n = 0

    def __call__(self, request):
        self.n += request.body.count(b'request_put')


class DeadWatch:
    """A plan of a proxy: no watch has an answer. Counts the looks at the process's own waiters."""

    def __init__(self):
        self.n = 0

    def __call__(self, request):
        if request.path == 'watch':
            return 'lost'
        if request.path == 'kv/range':
            key = base64.b64decode(json.loads(request.body)['key'])
            # A lease follows in the name, and then the number.
            self.n += b'/waiter/' in key and key.endswith(b'-')
        return None


class Dispatcher(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster())

    def setUp(self):
        self.gateway = self.enterContext(self.cluster.gateway())
        self.key = 'dispatcher-' + secrets.token_hex(4)
        self.records = Records(self.gateway, self.key)

    def dispatcher(self):
        """The record's lease and create revision, or None."""
        record = self.gateway.get(self.records.base).get(self.records.base + RECORD)
        return record and record[1:]

    # --- With one process that has many waits ----------------------------------------------------

    def start(self, endpoint=None, total=1, ttl=TTL):
        worker = Worker(endpoint or self.cluster.endpoints, ttl)
        self.addCleanup(worker.end)
        worker.open_surely(self.key, total)
        return worker

    def wait_for_waiters(self, number):
        wait_until(lambda: len(self.records.read().waiters) >= number, 'so many wait')

    def start_waiter(self):
        """Returns the process and the name of its waiter."""
        before = set(self.records.read().waiters)
        waiter = self.start()
        waiter.send('acquire', 'a', 1, -1)
        self.wait_for_waiters(len(before) + 1)
        name, = set(self.records.read().waiters) - before
        return waiter, name

    def start_crowd(self, units=1, timeout_usec=-1):
        crowd = self.start()
        for _ in range(MANY):
            crowd.send('beside', 'acquire', 'a', units, timeout_usec)
        self.wait_for_waiters(MANY)
        wait_until(self.dispatcher, 'one of many that wait becomes the dispatcher')
        return crowd

    def let_through(self, crowd):
        """Each of the waits gets the unit, and releases it."""
        n_released = 0
        while n_released < MANY:
            if crowd.reply() is True:
                n_released += 1
            else:
                crowd.send('release', 'a', 1)

    def test_serves_others(self):
        puts = Puts()
        proxy = self.enterContext(Proxy(self.cluster.members[0].client_port, plan=puts))
        holder = self.start(proxy.endpoint)
        holder.acquire()
        first, name = self.start_waiter()
        crowd = self.start_crowd()
        puts.n = 0
        first.stop()
        holder.release()
        wait_until(lambda: name in self.records.read().holds, 'the first one is served')
        # The release leaves it to the dispatcher, which it finds out on the way.
        self.assertLessEqual(puts.n, 1)
        first.go_on()
        self.assertGreater(first.reply(), 0)
        first.release()
        self.let_through(crowd)
        wait_until(lambda: self.dispatcher() is None, 'the dispatcher resigns')
        for worker in (holder, first, crowd):
            worker.leave()
        self.assertEqual(self.records.read().all, {})

    def test_gone(self):
        """Who releases believes that there is one, and there is none any more."""
        other = self.start(total=2)
        other.acquire(2)
        self.start_crowd(units=2, timeout_usec=5000000)
        holder, _ = self.start_waiter()
        other.release(1)
        self.assertGreater(holder.reply(), 0)
        wait_until(lambda: self.dispatcher() is None, 'the dispatcher resigns')
        waiter, name = self.start_waiter()
        waiter.stop()
        holder.release()
        self.assertIn(name, self.records.read().holds)
        waiter.go_on()
        self.assertGreater(waiter.reply(), 0)

    def test_dead_watch(self):
        """A process looks at its own waiters, where it is not its turn to read everything."""
        plan = DeadWatch()
        proxy = self.enterContext(Proxy(self.cluster.members[0].client_port, plan=plan))
        holder = self.start()
        holder.acquire()
        # It looks once in the time of its lease: here, not each time at everything.
        subject = self.start(proxy.endpoint, ttl=2)
        subject.send('acquire', 'a', 1, -1)
        self.wait_for_waiters(1)
        crowd = self.start_crowd()
        wait_until(lambda: plan.n > 0, 'a look at its own waiters')
        holder.release()
        self.assertGreater(subject.reply(), 0)
        subject.release()
        self.let_through(crowd)

    def test_more_holds_than_units(self):
        """As when very many begin at the same time: no answer has all holds."""
        subject = self.start()
        for number in range(4):
            self.gateway.put(f'{self.records.base}hold/none-{number}', '{"units":1}')
        with self.assertRaises(Refused) as refused:
            subject.acquire(1, 100000)
        self.assertEqual((refused.exception.domain, refused.exception.code), (GIO, TIMED_OUT))
        self.assertEqual(self.records.read().waiters, {})
        subject.send('acquire', 'a', 1, -1)
        self.wait_for_waiters(1)
        self.gateway.remove(self.records.base + 'hold/none-')
        # Not only when it looks, once in the time of a lease.
        wait_until(lambda: self.records.read().holds, 'it gets the unit')
        self.assertGreater(subject.reply(), 0)

    # --- With many processes ---------------------------------------------------------------------

    def storm(self, **options):
        storm = self.enterContext(Storm(self.cluster.endpoints, size=MANY + 8, most=1, hold_usec=500,
                                        **{'total': 2, 'ttl': TTL, **options}))
        self.records = Records(self.gateway, storm.key)
        wait_until(self.dispatcher, 'one process becomes the dispatcher')
        return storm

    def process(self, storm):
        """The process that is the dispatcher, and its record."""
        records = self.gateway.get(self.records.base)
        value, lease, revision = records[self.records.base + RECORD]
        pid = json.loads(records[f'{self.records.base}member/{lease:016x}'][0])['pid']
        return (next(process for process in storm.processes if process.pid == pid),
                (lease, revision))

    def test_calm(self):
        storm = self.storm()
        storm.wait_for_progress(2)
        history = storm.check(self.gateway)
        self.assertEqual(history.counts['lost'], 0)
        self.assertEqual(history.counts['unreleased'], 0)

    def test_stopped(self):
        """Those who wait look in turn, and serve in its place."""
        storm = self.storm()
        subject, record = self.process(storm)
        with storm.stopped(False, subject):
            others = [process for process in storm.processes if process is not subject]
            storm.wait_for_progress(1, others, 'the others go on')
            self.assertEqual(self.dispatcher(), record)
        storm.wait_for_progress(1)
        history = storm.check(self.gateway)
        self.assertEqual(history.counts['lost'], 0)

    def test_ends(self):
        storm = self.storm()
        subject, record = self.process(storm)
        subject.stdin.close()
        subject.wait()
        self.assertEqual(subject.returncode, 0)
        storm.processes.remove(subject)
        self.assertNotEqual(self.dispatcher(), record)
        storm.wait_for_progress(1)
        history = storm.check(self.gateway)
        self.assertEqual(history.counts['lost'], 0)

    def test_killed(self):
        # A lease that ends soon. On a busy machine, others may lose theirs.
        storm = self.storm(ttl=5)
        subject, record = self.process(storm)
        storm.kill(subject)
        wait_until(lambda: self.dispatcher() not in (None, record), 'another one takes over')
        storm.wait_for_progress(1)
        storm.check(self.gateway)


require()
tap.main()
