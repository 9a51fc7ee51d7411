# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A process that uses the library as it is asked (worker.c)."""

import json
import os
import signal
import subprocess

from semaphores import Child, Refused

WORKER = os.environ.get('SSEM_ETCD_WORKER')
OPEN, CREATE, OPEN_EXISTING, CREATE_EXCLUSIVE, JOIN = range(5)
OURS = 'ssem-system-semaphore-error-quark'
GIO = 'g-io-error-quark'
LOST = 7
# From gio/gioenums.h.
TIMED_OUT, WOULD_BLOCK = 24, 27


class Worker(Child):
    """@environment are more variables, in lower case without SSEM_ETCD_."""

    def __init__(self, endpoints, ttl=10, **environment):
        variables = {f'SSEM_ETCD_{name.upper()}': value for name, value in environment.items()}
        # Not by preexec_fn, which threads may not use: the program itself ends with its parent.
        self.process = subprocess.Popen(
            [WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding='utf-8',
            env=dict(os.environ, SSEM_BACKEND='etcd', SSEM_ETCD_ENDPOINTS=endpoints,
                     SSEM_ETCD_TTL=str(ttl), **variables))
        self.lost = []
        self.at = 0     # when the last answer was, or the last loss

    def send(self, *request):
        print(*request, file=self.process.stdin, flush=True)

    def read(self):
        answer = json.loads(self.read_line())
        self.at = answer['at']
        return answer

    def reply(self):
        while True:
            answer = self.read()
            if 'lost' in answer:
                self.lost.append(answer['lost'])
            elif 'refused' in answer:
                raise Refused(*answer['refused'])
            else:
                return answer['done']

    def wait_for_lost(self):
        """For the signal, when no command is running."""
        if not self.lost:
            self.lost.append(self.read()['lost'])

    def open(self, key, initial=0, mode=OPEN, name='a', undo=True):
        return self.ask('open', name, key, initial, mode, int(undo))

    def open_surely(self, *arguments, **options):
        """Opening does not try for long, and a machine may be too busy with other tests."""
        for is_last in (False, False, False, True):
            try:
                return self.open(*arguments, **options)
            except Refused as refused:
                if is_last or (refused.domain, refused.code) != (GIO, TIMED_OUT):
                    raise

    def acquire(self, number=1, timeout_usec=-1, name='a'):
        """Returns the fencing token."""
        return self.ask('acquire', name, number, timeout_usec)

    def release(self, number=1, name='a'):
        return self.ask('release', name, number)

    def value(self, name='a'):
        return self.ask('value', name)

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        """For a clean-up: it may be stopped, or wait for ever."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
