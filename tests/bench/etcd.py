# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Measures on an etcd server that this program starts: etcd.py SCENARIO ROUNDS BLOCKS REPEATS SIZE
MEASURE CONTENDER...

MEASURE is etcd-measure. Prints a line for each turn, as bench-measure does: the round, the index of
the contender, and its figures. Exits with 77 where something is missing, with a reason.

The server's data is on the disk (TMPDIR), where each commit is synchronized, as in earnest; so is
ZooKeeper's. What is compared with a put comes from the same server in the same round.
"""

import contextlib
import logging
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE.parent), str(HERE.parent / 'etcd')]
import servers
from records import Records
from semaphores import die_with_parent, wait_until

EXIT_SKIP = 77
TTL = 2
# What the backend itself sends: all but looks at the server's state.
REQUESTS = re.compile(r'grpc_server_handled_total\{.*grpc_method="(\w+)"')
WRITES = {'Txn', 'Put', 'DeleteRange'}
# So many units are held by somebody while the others wait.
CROWD_UNITS = 100
# Only so many keep-alives that they are not what is measured.
CROWD = {'SSEM_ETCD_TTL': '60'}
CLASSES = pathlib.Path('/usr/share/java/zookeeper.jar')


def skip(reason):
    print(reason, file=sys.stderr)
    sys.exit(EXIT_SKIP)


class Etcd:
    """The measurements: each returns the figures of one turn."""

    def __init__(self, cluster, measure, repeats, size):
        self.cluster, self.repeats, self.size = cluster, repeats, size
        self.measure = measure
        self.gateway = cluster.gateway()
        os.environ['SSEM_ETCD_ENDPOINTS'] = cluster.endpoints
        os.environ['SSEM_BACKEND'] = 'etcd'

    def key(self):
        return 'bench-' + secrets.token_hex(4)

    def run(self, *arguments):
        words = map(str, [self.measure, *arguments])
        result = subprocess.run(list(words), stdout=subprocess.PIPE, text=True, check=True)
        return [float(word) for word in result.stdout.split()]

    def start(self, *arguments, **variables):
        words = map(str, [self.measure, *arguments])
        return subprocess.Popen(list(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True, env={**os.environ, **variables})

    def n_requests(self, methods=None):
        """How many requests the server has answered; of the given methods, or of all."""
        return sum(value for name, value in self.gateway.metrics().items()
                   if (match := REQUESTS.match(name)) and
                   (methods is None or match.group(1) in methods))

    # --- Turns ----------------------------------------------------------------------------------

    def put(self):
        return self.run('put', self.cluster.members[0].client_port, self.repeats)

    def soup(self):
        return self.run('soup', self.cluster.members[0].client_port, self.repeats)

    def pair(self):
        return self.run('pair', self.key(), self.repeats)

    def hand_over(self):
        return self.run('hand-over', self.key(), self.repeats)

    def transactions_of_pair(self):
        """Of one process: the difference of two runs of different length."""
        counts = []
        for n in (self.repeats, 2 * self.repeats):
            before = self.n_requests(WRITES)
            self.run('pair', self.key(), n)
            counts.append(self.n_requests(WRITES) - before)
        return [(counts[1] - counts[0]) / self.repeats]

    def hammer(self, processes, units, **variables):
        """Pairs a second, the share of the process served least, transactions a pair."""
        with self.start('hammer', self.key(), processes, units, self.repeats,
                        **variables) as process:
            assert process.stdout.readline() == 'ready\n'
            before = self.n_requests(WRITES)
            print('go', file=process.stdin, flush=True)
            rate, share, n_pairs = map(float, process.stdout.readline().split())
            transactions = (self.n_requests(WRITES) - before) / n_pairs
            print('leave', file=process.stdin, flush=True)
        return [rate, share, transactions]

    def hammered(self):
        return self.hammer(8, self.size)

    def crowd(self):
        return self.hammer(CROWD_UNITS + self.size, CROWD_UNITS, **CROWD)[:1]

    def small_crowd(self):
        return self.hammer(CROWD_UNITS + 10, CROWD_UNITS, **CROWD)[:1]

    def kill(self):
        """From SIGKILL to the next holder, less the lease's time."""
        key = self.key()
        records = Records(self.gateway, key)
        with self.start('hold', key, SSEM_ETCD_TTL=str(TTL)) as holder:
            assert holder.stdout.readline() == 'ready\n'
            with self.start('wait', key) as waiter:
                wait_until(lambda: records.read().waiters, 'the other process waits')
                begin = time.monotonic_ns()
                holder.kill()
                end = int(waiter.stdout.readline())
        return [max(0, end - begin - TTL * 10**9)]

    def idle(self):
        """Requests of a process that only holds, in the lease's time."""
        with self.start('hold', self.key(), SSEM_ETCD_TTL=str(TTL)) as holder:
            assert holder.stdout.readline() == 'ready\n'
            before = self.n_requests()
            time.sleep(self.repeats * TTL)
            count = self.n_requests() - before
        return [count / self.repeats]


class Kazoo:
    """The same work with kazoo's Semaphore on a ZooKeeper server."""

    def __init__(self, repeats):
        try:
            import kazoo.client
        except ImportError:
            skip('python3-kazoo is not installed')
        if not CLASSES.exists() or not shutil.which('java'):
            skip('ZooKeeper or Java is not installed')
        self.repeats = repeats
        self.directory = tempfile.mkdtemp(prefix='ssem-bench-zookeeper-')
        port, = servers.find_ports(1)
        config = pathlib.Path(self.directory, 'zoo.cfg')
        config.write_text(f'dataDir={self.directory}/data\nclientPort={port}\n'
                          'clientPortAddress=127.0.0.1\nadmin.enableServer=false\n'
                          'tickTime=2000\n')
        # Logging is off: the package's would go to files of the system.
        pathlib.Path(self.directory, 'log4j.properties').write_text('log4j.rootLogger=OFF\n')
        self.server = subprocess.Popen(
            ['java', '-cp', f'{self.directory}:{CLASSES}',
             'org.apache.zookeeper.server.quorum.QuorumPeerMain', str(config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent)
        logging.getLogger('kazoo').setLevel(logging.CRITICAL)
        self.client = kazoo.client.KazooClient(f'127.0.0.1:{port}')
        # It tries again until the server listens.
        self.client.start(timeout=60)

    def pair(self):
        semaphore = self.client.Semaphore('/bench-' + secrets.token_hex(4))
        begin = 0
        for i in range(-10, self.repeats):
            if i == 0:
                begin = time.monotonic_ns()
            semaphore.acquire()
            semaphore.release()
        return [(time.monotonic_ns() - begin) / self.repeats]

    def close(self):
        with contextlib.suppress(Exception):
            self.client.stop()
            self.client.close()
        self.server.kill()
        self.server.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def main(scenario, rounds, blocks, repeats, size, measure, *contenders):
    if not servers.is_installed():
        skip('etcd is not installed')
    servers.MEMORY = tempfile.gettempdir()
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(servers.Cluster())
        etcd = Etcd(cluster, measure, int(repeats), int(size))
        turns = {'put': etcd.put, 'soup': etcd.soup, 'few': etcd.small_crowd, 'ours': {
            'etcd-pair': etcd.pair, 'etcd-hand-over': etcd.hand_over,
            'etcd-transactions': etcd.transactions_of_pair, 'etcd-hammer': etcd.hammered,
            'etcd-crowd': etcd.crowd, 'etcd-kill': etcd.kill, 'etcd-idle': etcd.idle,
            'etcd-kazoo': etcd.pair}[scenario]}
        if 'kazoo' in contenders:
            kazoo = Kazoo(int(repeats))
            stack.callback(kazoo.close)
            turns['kazoo'] = kazoo.pair
        for number in range(int(rounds)):
            for _ in range(int(blocks)):
                for index, contender in enumerate(contenders):
                    print(number, index, *turns[contender](), flush=True)


main(*sys.argv[1:])
