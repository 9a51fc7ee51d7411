# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A storm: processes that acquire and release at random on one key, and a log of what they saw."""

import collections
import contextlib
import os
import random
import secrets
import signal
import subprocess
import tempfile
import time

from history import History
from records import Records
from semaphores import wait_until

WORKER = os.environ.get('SSEM_ETCD_WORKER')


def now():
    """As the processes write it."""
    return time.monotonic_ns() // 1000


class Grants:
    """Counts how often each process was granted units, as the log grows."""

    def __init__(self, path):
        self.file = open(path, encoding='utf-8', errors='replace')
        self.counts = collections.Counter()
        self.rest = ''

    def read(self):
        lines = (self.rest + self.file.read()).split('\n')
        self.rest = lines.pop()
        for line in lines:
            words = line.split(maxsplit=3)
            if words[2] == 'granted':
                self.counts[int(words[0])] += 1
        return self.counts


class Storm:
    """With `with`: at the end every process is gone. check () belongs before that.

    Each process gets the endpoints in an order of its own."""

    def __init__(self, endpoints, total=3, most=3, size=6, ttl=2, hold_usec=5000, **environment):
        self.endpoints = endpoints.split(',') if isinstance(endpoints, str) else endpoints
        self.total, self.most, self.size, self.ttl = total, most, size, ttl
        self.hold_usec = hold_usec
        self.environment = environment
        self.key = 'storm-' + secrets.token_hex(4)
        self.history = History(total)
        self.processes = []
        self.chooser = random.Random()

    def __enter__(self):
        handle, self.log = tempfile.mkstemp(prefix='ssem-test-storm-')
        os.close(handle)
        self.grants = Grants(self.log)
        for _ in range(self.size):
            self.processes.append(self.start())
        try:
            wait_until(lambda: self.count('open') == self.size, 'every process opens the semaphore')
        except AssertionError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        for process in self.processes:
            process.kill()
            process.communicate()
        self.processes = []
        self.grants.file.close()
        os.unlink(self.log)

    def start(self):
        endpoints = self.chooser.sample(self.endpoints, len(self.endpoints))
        environment = dict(os.environ, SSEM_ETCD_ENDPOINTS=','.join(endpoints),
                           SSEM_ETCD_TTL=str(self.ttl), SSEM_BACKEND='etcd', **self.environment)
        return subprocess.Popen([WORKER, 'storm', self.log, self.key, str(self.total),
                                 str(self.most), str(self.hold_usec),
                                 str(self.chooser.randrange(2**31))],
                                env=environment, stdin=subprocess.PIPE)

    # --- Harm -----------------------------------------------------------------------------------

    def kill_one(self):
        self.kill(self.chooser.choice(self.processes))

    def kill(self, process):
        """Kills a process, and starts another in its place."""
        i = self.processes.index(process)
        self.history.note_kill(process.pid, now())
        process.kill()
        process.communicate()
        self.processes[i] = self.start()

    @contextlib.contextmanager
    def stopped(self, is_long, process=None):
        """Stops a process within. @is_long says that its lease ends meanwhile."""
        process = process or self.chooser.choice(self.processes)
        begin = now()
        process.send_signal(signal.SIGSTOP)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            if is_long:
                self.history.note_stop(process.pid, begin, now())

    # --- Progress -------------------------------------------------------------------------------

    def wait_for_progress(self, number=3, processes=None, what='each process gets units again'):
        """Waits until each of the processes was served so often from here on."""
        before = collections.Counter(self.grants.read())

        def is_done():
            after = self.grants.read()
            for process in processes or self.processes:
                if process.poll() is not None:
                    raise AssertionError(f'a process of the storm ended with {process.returncode}')
            return all(after[process.pid] >= before[process.pid] + number
                       for process in processes or self.processes)
        wait_until(is_done, what)

    def count(self, event):
        with open(self.log, encoding='utf-8', errors='replace') as log:
            return sum(line.split(maxsplit=3)[2:3] == [event] for line in log.read().split('\n'))

    # --- The end --------------------------------------------------------------------------------

    def end(self):
        """Lets every process end in order."""
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            process.wait(timeout=50)
            if process.returncode != 0:
                raise AssertionError(f'a process of the storm ended with {process.returncode}')

    def check(self, gateway, allowed=()):
        """Ends the storm; checks what it saw, and what it has left on the server."""
        records = Records(gateway, self.key)
        self.end()
        self.history.read(self.log, allowed)
        self.history.check()
        # The last one to leave removes everything, once the killed ones' leases have ended.
        assert self.count('end') == self.size
        wait_until(lambda: not records.read().holds and not records.read().waiters,
                   'nothing of the storm is held')
        return self.history
