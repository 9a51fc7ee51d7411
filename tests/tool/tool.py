# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The `ssem` command as a program, in a folder of keys of its own."""

import errno
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

from semaphores import KeyFolderCase, libc, wait_until

TOOL = os.environ['SSEM_TOOL']
COMMANDS = ['run', 'list', 'show', 'watch', 'reset', 'remove', 'clean']
# From <sys/prctl.h> and <sys/sem.h> of Linux.
PR_SET_CHILD_SUBREAPER = 36
SETVAL = 16
SECONDS = 30

# Says that it is there, then what comes: signals by their numbers.
WAIT_FOR_SIGNALS = '''
import signal, sys
awaited = {int(number) for number in sys.argv[1:]}
signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
print('ready', flush=True)
while True:
    number = signal.sigwait(awaited)
    print(int(number), flush=True)
    if number == signal.SIGTERM:
        sys.exit(9)
'''
# Stays until its input ends.
STAY = [sys.executable, '-c', 'import sys; print("ready", flush=True); sys.stdin.read()']


class ToolCase(KeyFolderCase):
    def setUp(self):
        super().setUp()
        os.environ['LC_ALL'] = 'C.UTF-8'
        # What a killed `ssem` leaves is ours to wait for.
        self.assertEqual(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0)

    def call(self, *arguments, **options):
        return subprocess.run([TOOL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              encoding='utf-8', timeout=SECONDS, **options)

    def status(self, *arguments, **options):
        return self.call(*arguments, **options).returncode

    def output(self, *arguments):
        """The standard output; it has to succeed, and to say nothing else."""
        result = self.call(*arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        return result.stdout

    def start_tool(self, *arguments, **options):
        process = subprocess.Popen([TOOL, *arguments], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, encoding='utf-8', **options)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.communicate()
        self.find_set()

    def hold(self, *arguments, command=None, **options):
        """`ssem run`, whose command is there."""
        process = self.start_tool('run', *arguments, '--', *(command or STAY), **options)
        self.assertEqual(process.stdout.readline(), 'ready\n')
        self.find_set()
        return process

    def let_go(self, process, status=0):
        process.communicate(timeout=SECONDS)
        self.assertEqual(process.returncode, status)

    def show(self, key=None):
        return json.loads(self.output('show', '--json', key or self.key))

    def wait_for_waiting(self, number):
        wait_until(lambda: self.show()['waiting'] == number, f'{number} waiting')

    def leave_over(self, *arguments):
        """A crash leaves the key."""
        process = self.hold(*arguments, self.key)
        process.kill()
        process.communicate()
        while True:
            try:
                os.waitpid(-1, 0)   # the command
            except ChildProcessError:
                break


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, *command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(command[0], command)
        self.text = ''

    def read_until(self, wanted):
        """Everything up to @wanted, and including it."""
        deadline = time.monotonic() + SECONDS
        while wanted not in self.text:
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            try:
                data = os.read(self.fd, 65536) if ready else b''
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                data = b''
            if not data:
                raise AssertionError(f'{wanted!r} never came, but {self.text!r}')
            self.text += data.decode()
        end = self.text.index(wanted) + len(wanted)
        read, self.text = self.text[:end], self.text[end:]
        return read

    def write(self, text):
        os.write(self.fd, text.encode())

    def wait(self):
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def hang_up(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def close(self):
        if self.pid != 0:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.hang_up()
