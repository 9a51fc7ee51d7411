# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The watch of a process tells of its own hold before the answer to the request that has put it.

A release that is prepared in between must not take the units of that hold for free."""

import contextlib
import secrets
import threading
import unittest

import tap
from proxy import Proxy
from records import Records
from semaphores import wait_until
from servers import Cluster, require
from workers import Worker

TOTAL = 3


class LateAnswer(Proxy):
    """Holds up one answer."""

    def __init__(self, target_port):
        self.held_up = None
        self.must_hold_up = False
        self.may_answer = threading.Event()
        self.watched = b''       # the answers to all watches
        super().__init__(target_port, plan=self.choose)

    def hold_up_next(self):
        self.may_answer.clear()
        self.must_hold_up = True

    def choose(self, request):
        if self.must_hold_up and request.path == 'kv/txn':
            self.must_hold_up = False
            self.held_up = request

    def relay(self, client, server, request):
        if request is self.held_up:
            self.may_answer.wait()
        super().relay(client, server, request)

    def note_piece(self, request, piece):
        if request.path == 'watch':
            self.watched += piece

    def close(self):
        self.may_answer.set()
        super().close()


class Late(unittest.TestCase):
    def test_taken_for_free(self):
        with contextlib.ExitStack() as stack:
            cluster = stack.enter_context(Cluster())
            gateway = stack.enter_context(cluster.gateway())
            key = 'late-' + secrets.token_hex(6)
            self.records = Records(gateway, key)
            self.proxy = stack.enter_context(LateAnswer(cluster.members[0].client_port))
            self.subject = Worker(self.proxy.endpoint, 20)
            stack.callback(self.subject.end)
            self.other = Worker(cluster.endpoints, 20)
            stack.callback(self.other.end)
            self.other.open_surely(key, TOTAL)
            self.subject.open_surely(key)
            # Nothing tells when the release is prepared: now and then it comes too late.
            for _ in range(10):
                self.run_round()
            self.subject.leave()
            self.other.leave()

    def is_told_of_waiter(self):
        waiters = self.records.gateway.get(self.records.base + 'waiter/')
        return any(b'"create_revision":"%d"' % revision in self.proxy.watched
                   for _, _, revision in waiters.values())

    def run_round(self):
        # A process that has waited goes on watching for a while.
        self.other.acquire(TOTAL)
        self.subject.send('acquire', 'a', 1, -1)
        wait_until(lambda: self.records.read().waiters, 'the subject waits')
        self.other.release(TOTAL)
        self.assertGreater(self.subject.reply(), 0)

        self.proxy.hold_up_next()
        self.subject.send('beside', 'try', 'a', 2)
        wait_until(lambda: sum(self.records.read().holds.values()) == TOTAL, 'all units are held')
        self.other.send('acquire', 'a', TOTAL, -1)
        # It may first put a hold that does not count, and turn it into a waiter.
        wait_until(self.is_told_of_waiter, 'the subject is told of the waiter')
        self.subject.send('release', 'a', 1)
        self.proxy.may_answer.set()
        self.assertEqual((self.subject.reply(), self.subject.reply()), (True, True))
        self.assertEqual(sum(self.records.read().holds.values()), 2)

        self.subject.release(2)
        self.assertGreater(self.other.reply(), 0)
        self.other.release(TOTAL)


require()
tap.main()
