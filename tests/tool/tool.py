# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The `ssem` command as a program, with a directory of keys for each test."""

import errno
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

from semaphores import IPC_RMID, KeyDirectoryCase, libc, wait_until

TOOL = os.environ['SSEM_TOOL']
COMMANDS = ['run', 'post', 'wait', 'list', 'show', 'watch', 'reset', 'remove', 'clean']
# From <sys/prctl.h> and <sys/sem.h> of Linux.
PR_SET_CHILD_SUBREAPER = 36
SETVAL = 16
SECONDS = 30

# Prints "ready", then the number of each signal that comes.
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
# Runs until its input ends.
STAY = [sys.executable, '-c', 'import sys; print("ready", flush=True); sys.stdin.read()']


def await_signals(numbers):
    """Returns a command that prints the number of each of these signals."""
    return [sys.executable, '-c', WAIT_FOR_SIGNALS, *[str(int(number)) for number in numbers]]


class ToolCase(KeyDirectoryCase):
    """What a test holds is let go at its end, with success; and then nothing may be left."""

    def setUp(self):
        super().setUp()
        os.environ['LC_ALL'] = 'C.UTF-8'
        # The command of a killed `ssem` becomes a child of this process.
        self.assertEqual(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0)

    def call(self, *arguments, **options):
        return subprocess.run([TOOL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              encoding='utf-8', timeout=SECONDS, **options)

    def status(self, *arguments, **options):
        return self.call(*arguments, **options).returncode

    def refused(self, status, *arguments, **options):
        """Returns the messages of a call that has to fail with this status, without an output."""
        result = self.call(*arguments, **options)
        self.assertEqual((result.returncode, result.stdout), (status, ''), result.stderr)
        return result.stderr

    def output(self, *arguments):
        """Returns the output of a call that has to succeed, without a message."""
        result = self.call(*arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        return result.stdout

    def start_tool(self, *arguments, program=TOOL, **options):
        process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, encoding='utf-8', **options)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.communicate()
        self.find_set()

    def hold(self, *arguments, command=None, **options):
        """Returns an `ssem run` whose command is running."""
        process = self.start_tool('run', *arguments, '--', *(command or STAY), **options)
        self.addCleanup(lambda: process.poll() is not None or self.let_go(process))
        self.assertEqual(process.stdout.readline(), 'ready\n')
        self.find_set()
        return process

    def let_go(self, process, status=0):
        process.communicate(timeout=SECONDS)
        self.assertEqual(process.returncode, status)

    def options_of(self, name):
        return re.findall(r'--[a-z-]+', self.output(name, '--help'))

    def show(self, key=None):
        return json.loads(self.output('show', '--json', key or self.key))

    def wait_for_waiting(self, number):
        wait_until(lambda: self.show()['waiting'] == number, f'{number} waiting')

    def make_qt_set(self, path, value):
        """Makes a key file and a System V set as Qt does."""
        with open(path, 'xb'):
            self.addCleanup(os.unlink, path)
        number = libc.semget(libc.ftok(path.encode(), ord('Q')), 1, 0o1600)
        self.assertGreaterEqual(number, 0)
        self.addCleanup(libc.semctl, number, 0, IPC_RMID)
        self.assertEqual(libc.semctl(number, 0, SETVAL, value), 0)

    def leave_over(self, *arguments):
        """Leaves the key over, by a crash."""
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
        """Returns all text up to the end of @wanted."""
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
