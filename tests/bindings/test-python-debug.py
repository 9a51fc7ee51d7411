# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Diagnostics: what G_MESSAGES_DEBUG=Ssem tells of opening, waiting, dead processes and removal."""

import os
import re
import subprocess
import sys
import unittest

import tap
from bindings import OverrideCase, Ssem
from semaphores import BACKEND

# Each program takes the key, and does a step for each line on its standard input.
HOLDER = """
import sys
import gi
gi.require_version('Ssem', '1')
from gi.repository import Ssem
semaphore = Ssem.SystemSemaphore(sys.argv[1], 2)
semaphore.acquire(2)
print('holds', flush=True)
sys.stdin.readline()
"""
WAITER = """
import sys
import gi
gi.require_version('Ssem', '1')
from gi.repository import Ssem
semaphore = Ssem.SystemSemaphore(sys.argv[1], 2)
semaphore.acquire_timeout(1, 600 * 1000000)
"""


class Debug(OverrideCase):
    def start(self, program, domains):
        environment = {**os.environ, 'G_MESSAGES_DEBUG': domains}
        process = subprocess.Popen([sys.executable, '-c', program, self.key], env=environment,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, encoding='utf-8')
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def read_until(self, process, text):
        lines = []
        while not lines or text not in lines[-1]:
            lines.append(process.stdout.readline())
            self.assertNotEqual(lines[-1], '', lines)
        return lines

    def test_messages(self):
        name = {'': 'shared-memory'}.get(BACKEND, BACKEND)
        holder = self.start(HOLDER, 'Ssem')
        begin = ''.join(self.read_until(holder, 'holds'))
        place = f'in {re.escape(self.directory)}/'
        self.assertRegex(begin, f'Created the semaphore {place}')
        self.assertRegex(begin, f'Attached to the semaphore “{self.key}”, backend {name}, {place}')
        waiter = self.start(WAITER, 'all')
        begin = ''.join(self.read_until(waiter, 'Waiting'))
        self.assertNotIn('Created', begin)
        self.assertRegex(begin, f'Attached to the semaphore “{self.key}”')
        self.assertRegex(begin, f'Waiting for 1 units of the semaphore “{self.key}”')
        holder.kill()
        rest, _ = waiter.communicate()
        self.assertEqual(waiter.returncode, 0, rest)
        self.assertRegex(rest, 'Waited [0-9]+ µs for 1 units of .*: acquired')
        # The kernel itself gives units back with System V.
        if name == 'shared-memory':
            self.assertRegex(rest, 'Reclaimed the units of 1 dead processes in ')

        semaphore = self.open(self.key, 2, Ssem.AccessMode.OPEN)
        semaphore.run_dispose()

    def test_removal(self):
        program = """
import sys
import gi
gi.require_version('Ssem', '1')
from gi.repository import Ssem
Ssem.SystemSemaphore(sys.argv[1], 2).run_dispose()
print('over', flush=True)
"""
        lines = ''.join(self.read_until(self.start(program, 'Ssem'), 'over'))
        self.assertRegex(lines, 'Removed the semaphore in ')

    def test_silence(self):
        """Nothing is told without the variable, or with another domain."""
        holder = self.start(HOLDER, 'GLib')
        self.assertEqual(self.read_until(holder, 'holds'), ['holds\n'])
        holder.kill()
        holder.wait()
        semaphore = self.open(self.key, 2, Ssem.AccessMode.OPEN)
        semaphore.run_dispose()


tap.main()
