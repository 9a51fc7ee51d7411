# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""`ssem post` and `ssem wait`: signals from one shell to another."""

import signal

import tap
from semaphores import wait_until
from tool import SECONDS, ToolCase


class Signal(ToolCase):
    def start_waiting(self, *arguments):
        waiter = self.start_tool('wait', *arguments)
        self.wait_for_semaphore(self.key)
        self.wait_for_waiting(1)
        self.find_set()
        return waiter

    def wait_for_semaphore(self, *arguments):
        wait_until(lambda: self.status('show', *arguments) == 0, 'the semaphore')

    def test_one(self):
        waiter = self.start_waiting(self.key)
        self.assertEqual(self.output('post', self.key), '')
        self.let_go(waiter)
        # The last process has removed it.
        self.assertIn(self.key, self.refused(3, 'show', self.key))

    def test_several(self):
        waiter = self.start_waiting(self.key, '3')
        self.output('post', self.key, '2')
        self.assertEqual((self.show()['value'], self.show()['waiting']), (2, 1))
        self.output('post', self.key)
        self.let_go(waiter)

    def test_a_unit_is_taken_for_good(self):
        """A wait gives nothing back when it ends, so a post wakes one process."""
        holder = self.hold('--count', '2', '--units', '2', self.key)
        self.output('post', self.key)
        self.output('wait', self.key)
        self.assertEqual(self.show()['value'], 0)
        self.refused(124, 'wait', '--nonblock', self.key)
        # What a post adds stays when `post` ends.
        self.output('post', self.key, '4')
        self.assertEqual(self.show()['value'], 4)

    def test_a_post_without_others_fails(self):
        self.assertIn(self.key, self.refused(3, 'post', self.key))
        self.leave_over()
        self.assertIn('No process uses', self.refused(3, 'post', self.key))
        self.output('remove', self.key)

    def test_a_leftover_wakes_nobody(self):
        self.leave_over('--count', '5')
        self.refused(124, 'wait', '--nonblock', self.key)
        self.assertRemoved()

    def test_time_out(self):
        for time in ['0', '0.01', '10ms', '0.001s', '0.0001m', '0.000001h', '0.0000001d']:
            self.assertIn(self.key, self.refused(124, 'wait', '--wait', time, self.key))
        self.assertEqual(self.refused(124, 'wait', '--quiet', '--nonblock', self.key), '')
        self.assertEqual(self.refused(7, 'wait', '-q', '-n', '-E', '7', self.key), '')
        self.assertRemoved()

    def test_an_interrupted_wait(self):
        waiter = self.start_waiting(self.key)
        waiter.send_signal(signal.SIGTERM)
        self.assertEqual(waiter.wait(timeout=SECONDS), -signal.SIGTERM)
        self.assertEqual(self.show()['leftover'], True)
        self.output('remove', self.key)

    def test_native_key(self):
        option = ['--native-key', f'systemv:{self.directory}/native']
        waiter = self.start_tool('wait', *option, '2')
        self.wait_for_semaphore(*option)
        self.output('post', *option, '2')
        self.let_go(waiter)


tap.main()
