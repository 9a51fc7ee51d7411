# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Every request of every operation fails in turn, in every way that the proxy knows.

Each operation first runs without a fault, which tells how many requests it sends; then once for each
of them and each fault. The result has to be right, nothing may be done twice, and nothing may stay
behind: what the server has stored is read directly. A request that is applied late, after its client
has given it up, counts as well: the check comes after it.
"""

import concurrent.futures
import contextlib
import os
import secrets
import unittest

import tap
from proxy import APPLYING, FAULTS, FaultAt, Proxy
from records import Records
from semaphores import Refused, wait_until
from servers import Cluster, require
from workers import CREATE, GIO, LOST, OURS, TIMED_OUT, WOULD_BLOCK, Worker

THOROUGH = 'SSEM_TEST_THOROUGH' in os.environ
# A client waits for an answer a quarter of this.
TTL = 6
# As many as a queue has at most that every process serves; and how long they wait.
MANY = 32
CROWD_USEC = 8000000
# Runs wait most of their time.
AT_ONCE = 12
TOTAL = 3

tap.WATCHDOG_SECONDS = 300


class Run:
    """An operation of a process behind the proxy, beside another process that has no proxy.

    The subclasses say what both do. prepare () comes before the fault, operate () is the operation;
    the value, the units held and the number of waiters afterwards are @value, @held and @waiting."""

    value, held, waiting = TOTAL, 0, 0

    def __init__(self, cluster, fault=None, number=0):
        self.cluster = cluster
        self.key = 'request-' + secrets.token_hex(6)
        self.plan = FaultAt(fault, number)

    def run(self):
        with contextlib.ExitStack() as stack:
            gateway = stack.enter_context(self.cluster.gateway())
            self.records = Records(gateway, self.key)
            proxy = stack.enter_context(Proxy(self.cluster.members[0].client_port))
            self.other = Worker(self.cluster.endpoints, TTL)
            stack.callback(self.other.end)
            self.subject = Worker(proxy.endpoint, TTL)
            stack.callback(self.subject.end)
            self.stack = stack

            self.other.open_surely(self.key, TOTAL)
            self.prepare()
            proxy.plan = self.plan
            self.operate()
            if self.plan.hit and self.plan.fault in APPLYING:
                wait_until(self.plan.hit.is_applied.is_set, 'the request is applied')
            proxy.plan = None
            self.check()
            self.subject.leave()
            self.other.leave()
            wait_until(lambda: not self.records.read().all, 'everything is removed')
        return self

    def prepare(self):
        self.subject.open_surely(self.key, TOTAL)

    def check(self):
        """What was in doubt may be put in order after the operation."""
        def is_right():
            contents = self.records.read()
            return (contents.state is not None and contents.value == self.value and
                    sum(contents.holds.values()) == self.held and
                    len(contents.waiters) == self.waiting)
        try:
            wait_until(is_right, f'value {self.value}, {self.held} held, {self.waiting} waiting')
        except AssertionError as error:
            raise AssertionError(f'{error}: {self.records.read()}') from None
        assert self.other.value() == self.value
        assert self.subject.value() == self.value
        assert not self.subject.lost

    def wait_for_waiter(self):
        wait_until(lambda: self.records.read().waiters, 'a waiter')

    def refuse(self, code, function, *arguments):
        try:
            function(*arguments)
        except Refused as refused:
            assert (refused.domain, refused.code) == (GIO, code), refused
            return
        raise AssertionError('it was not refused')


class Open(Run):
    """It may fail, with an error of GIO; the next attempt succeeds, and nothing is there twice."""
    def prepare(self):
        pass

    def operate(self):
        try:
            self.subject.open(self.key, TOTAL)
        except Refused as refused:
            assert refused.domain == GIO, refused
            assert self.plan.hit, refused
            self.subject.open(self.key, TOTAL)

    def check(self):
        super().check()
        wait_until(lambda: len(self.records.read().members) == 2, 'two members')


class OpenAnew(Open):
    """As the first, which creates it: @other is elsewhere meanwhile."""
    def prepare(self):
        self.other.ask('close', 'a')

    def check(self):
        self.other.open_surely(self.key, 0)
        super().check()


class OpenToReset(Open):
    """What the other process held is forgotten, and what it creates afterwards is not."""
    value = TOTAL + 4

    def prepare(self):
        self.other.acquire(2)

    def operate(self):
        try:
            self.subject.open(self.key, self.value, CREATE)
        except Refused as refused:
            assert refused.domain == GIO, refused
            self.subject.open(self.key, self.value, CREATE)


class Acquire(Run):
    value, held = TOTAL - 2, 2

    def operate(self):
        self.token = self.subject.acquire(2)
        assert self.token > 0

    def check(self):
        super().check()
        assert self.other.acquire() > self.token
        self.other.release()
        self.subject.release(2)


class AcquireTwice(Run):
    """The second begins where the first has put things in order."""
    value, held = TOTAL - 2, 2

    def operate(self):
        first = self.subject.acquire()
        assert self.subject.acquire() > first


class AcquireContended(Run):
    """The subject's idea of the semaphore is old."""
    value, held = TOTAL - 2, 2

    def prepare(self):
        super().prepare()
        self.other.acquire()

    def operate(self):
        self.subject.acquire()


class Try(Run):
    value, held = TOTAL - 1, 1

    def operate(self):
        self.subject.ask('try', 'a', 1)


class TryInVain(Run):
    value, held = 0, 3

    def prepare(self):
        super().prepare()
        self.other.acquire(3)

    def operate(self):
        self.refuse(WOULD_BLOCK, self.subject.ask, 'try', 'a', 1)


class Wait(Run):
    """The units come by a hand-over of the other process."""
    value, held = 1, 2

    def prepare(self):
        super().prepare()
        self.other.acquire(3)

    def operate(self):
        self.subject.send('acquire', 'a', 2, -1)
        self.wait_for_waiter()
        self.other.release(3)
        assert self.subject.reply() > 0


class WaitForDead(Run):
    """The units come back by the end of a lease."""
    value, held = 1, 2

    def prepare(self):
        super().prepare()
        self.holder = Worker(self.cluster.endpoints, 2)
        self.holder.open_surely(self.key)
        self.holder.acquire(3)

    def operate(self):
        try:
            self.subject.send('acquire', 'a', 2, -1)
            self.wait_for_waiter()
        finally:
            self.holder.kill()
        assert self.subject.reply() > 0


class WaitInVain(Run):
    value, held = 0, 3

    def prepare(self):
        super().prepare()
        self.other.acquire(3)

    def operate(self):
        self.refuse(TIMED_OUT, self.subject.acquire, 1, 200000)


class Release(Run):
    """A part of what was acquired."""
    value, held = TOTAL - 1, 1

    def prepare(self):
        super().prepare()
        self.subject.acquire(2)
        self.subject.acquire(1)

    def operate(self):
        self.subject.release(2)


class ReleaseToWaiter(Run):
    value, held = 1, 2

    def prepare(self):
        super().prepare()
        self.subject.acquire(3)
        self.other.send('acquire', 'a', 2, -1)
        self.wait_for_waiter()

    def operate(self):
        self.subject.release(3)
        assert self.other.reply() > 0


class ReleaseMore(Run):
    """More than was acquired: the units that this creates are created once."""
    value = TOTAL + 2

    def prepare(self):
        super().prepare()
        self.subject.acquire(1)

    def operate(self):
        self.subject.release(3)


class CreateForWaiter(Run):
    value, held = 1, 4

    def prepare(self):
        super().prepare()
        self.other.acquire(3)
        self.other.send('acquire', 'a', 1, -1)
        self.wait_for_waiter()

    def operate(self):
        self.subject.release(2)
        assert self.other.reply() > 0


class Value(Run):
    value, held = 1, 2

    def prepare(self):
        super().prepare()
        self.other.acquire(2)

    def operate(self):
        assert self.subject.value() == 1


class Close(Run):
    def operate(self):
        self.subject.ask('close', 'a')
        wait_until(lambda: len(self.records.read().members) == 1, 'one member')
        # For check ().
        self.subject.open(self.key)


class CloseLast(Run):
    """The last one removes the semaphore. Without a server it cannot: then the next one resets what
    was left, or it is gone later."""
    def prepare(self):
        super().prepare()
        self.other.ask('close', 'a')

    def operate(self):
        self.subject.ask('close', 'a')
        wait_until(lambda: not self.records.read().all, 'nothing is left')

    def check(self):
        pass


class Leave(CloseLast):
    """The end of the process."""
    def operate(self):
        self.subject.leave()
        wait_until(lambda: not self.records.read().all, 'nothing is left')


class LeaveHolding(Run):
    value, held = 3, 0

    def prepare(self):
        super().prepare()
        self.subject.acquire(2)

    def operate(self):
        self.subject.leave()
        # At once, or with the lease where the server does not hear of it.
        wait_until(lambda: self.records.read().value == 3, 'the units are back')

    def check(self):
        assert self.other.acquire(3) > 0
        self.other.release(3)


class Crowd(Run):
    """So many wait, in vain, that with another one there is a dispatcher: for all units, of which
    @other holds one."""
    size = MANY

    def prepare(self):
        super().prepare()
        self.other.acquire(1)
        self.crowd = Worker(self.cluster.endpoints, TTL)
        self.stack.callback(self.crowd.end)
        self.crowd.open_surely(self.key)
        for _ in range(self.size):
            self.crowd.send('beside', 'acquire', 'a', TOTAL, CROWD_USEC)
        wait_until(lambda: len(self.records.read().waiters) >= self.size, 'so many wait')

    def wait_for_dispatcher(self):
        wait_until(lambda: 'state/dispatcher' in self.records.read().all, 'a dispatcher')

    def check(self):
        self.crowd.leave()
        super().check()


class Volunteer(Crowd):
    """The last one to wait becomes the dispatcher, and serves itself."""
    value, held = 1, 2

    def operate(self):
        assert self.subject.acquire() > 0


class ReleaseToDispatcher(Crowd):
    size = MANY + 1
    value, held = 2, 1

    def prepare(self):
        super().prepare()
        self.subject.acquire()
        self.wait_for_dispatcher()

    def operate(self):
        self.subject.release()


class Resign(Crowd):
    """The dispatcher closes the semaphore."""
    value, held = 2, 1

    def prepare(self):
        super().prepare()
        self.subject.acquire()
        self.wait_for_dispatcher()
        self.subject.release()

    def operate(self):
        self.subject.ask('close', 'a')
        # For check ().
        self.subject.open(self.key)


class Reset(Run):
    """May fail, as opening; a second attempt does it."""
    value = 5

    def prepare(self):
        super().prepare()
        self.other.acquire(2)

    def operate(self):
        try:
            self.subject.ask('reset', self.key, 5)
        except Refused as refused:
            assert refused.domain == GIO, refused
            self.subject.ask('reset', self.key, 5)


class List(Run):
    value, held = 1, 2

    def prepare(self):
        super().prepare()
        self.other.acquire(2)

    def operate(self):
        try:
            found = self.subject.ask('list')
        except Refused as refused:
            assert refused.domain == GIO, refused
            found = self.subject.ask('list')
        assert [self.key, 1, 2, 0] in found, found


class Requests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster())
        cls.pool = cls.enterClassContext(concurrent.futures.ThreadPoolExecutor(AT_ONCE))

    @classmethod
    def tearDownClass(cls):
        """The leases whose grant was in doubt end by themselves, and all else is given back."""
        with cls.cluster.gateway() as gateway:
            wait_until(lambda: not gateway.leases(), 'no lease is left')
            assert gateway.get('/') == {}, gateway.get('/')

    def sweep(self, kind):
        plain = kind(self.cluster).run()
        runs = {}
        for number in range(1, len(plain.plan.requests) + 1):
            for index, fault in enumerate(FAULTS):
                # The short form takes every second fault, and the others with the next request.
                if (number + index) % 2 == 1 and not THOROUGH:
                    continue
                run = kind(self.cluster, fault, number)
                runs[self.pool.submit(run.run)] = run
        n_hits = 0
        for future in concurrent.futures.as_completed(runs):
            run = runs[future]
            with self.subTest(fault=run.plan.fault, number=run.plan.number,
                              request=str(run.plan.hit)[:200]):
                future.result()
            n_hits += run.plan.hit is not None
        # A run may need fewer requests, by chance.
        self.assertGreaterEqual(n_hits, len(runs) * 3 // 4)


def add_sweeps():
    kinds = [Open, OpenAnew, OpenToReset, Acquire, AcquireTwice, AcquireContended, Try, TryInVain,
             Wait, WaitForDead, WaitInVain, Release, ReleaseToWaiter, ReleaseMore, CreateForWaiter,
             Value, Close, CloseLast, Leave, LeaveHolding, Reset, List]
    # Each run of these takes as long as the crowd waits.
    if THOROUGH:
        kinds += [Volunteer, ReleaseToDispatcher, Resign]
    for kind in kinds:
        def test(self, kind=kind):
            self.sweep(kind)
        words = ''.join('_' + letter.lower() if letter.isupper() else letter
                        for letter in kind.__name__)
        setattr(Requests, 'test' + words, test)


class KeepAlive(unittest.TestCase):
    """Keep-alives fail: one in each way, which nobody notices; all of them, and the units are lost."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster())

    def check_one(self, fault):
        plan = FaultAt(fault, 1, lambda request: request.path == 'lease/keepalive')
        with contextlib.ExitStack() as stack:
            proxy = stack.enter_context(Proxy(self.cluster.members[0].client_port, plan=plan))
            subject = Worker(proxy.endpoint, TTL)
            stack.callback(subject.end)
            subject.open_surely('keep-' + fault, 1)
            token = subject.acquire()
            # Far beyond the lease's time from the grant.
            wait_until(lambda: len(plan.requests) >= 6, 'keep-alives')
            assert subject.value() == 0
            subject.release()
            assert subject.acquire() > token
            assert not subject.lost
            subject.leave()

    def test_each_fault(self):
        with concurrent.futures.ThreadPoolExecutor(len(FAULTS)) as pool:
            futures = {pool.submit(self.check_one, fault): fault for fault in FAULTS}
            for future in concurrent.futures.as_completed(futures):
                with self.subTest(futures[future]):
                    future.result()

    def check_all(self, fault):
        """Every request fails from some moment on. Another process gets the units not before this
        one was told; and this one starts afresh afterwards."""
        key = 'lost-' + fault
        with contextlib.ExitStack() as stack:
            proxy = stack.enter_context(Proxy(self.cluster.members[0].client_port))
            subject = Worker(proxy.endpoint, 2)
            stack.callback(subject.end)
            other = Worker(self.cluster.endpoints, 10)
            stack.callback(other.end)
            subject.open_surely(key, 1)
            other.open_surely(key)
            token = subject.acquire()
            other.send('acquire', 'a', 1, -1)
            proxy.plan = lambda request: fault
            subject.wait_for_lost()
            told = subject.at
            try:
                subject.release()
            except Refused as refused:
                assert (refused.domain, refused.code) == (OURS, LOST), refused
            else:
                raise AssertionError('the release succeeded')
            assert other.reply() > token
            # Where the server still hears of this process, that ends the lease itself as it tells.
            late_usec = told - other.at
            assert late_usec < 100000, f'it was told {late_usec / 1e6} seconds too late'
            proxy.plan = None
            other.release()
            assert subject.acquire() > token
            subject.release()
            assert other.value() == 1
            subject.leave()
            other.leave()

    def test_all_fail(self):
        faults = [fault for fault in FAULTS if fault not in ('delay', 'reset-after', 'half')]
        with concurrent.futures.ThreadPoolExecutor(len(faults)) as pool:
            futures = {pool.submit(self.check_all, fault): fault for fault in faults}
            for future in concurrent.futures.as_completed(futures):
                with self.subTest(futures[future]):
                    future.result()


require()
add_sweeps()
tap.main()
