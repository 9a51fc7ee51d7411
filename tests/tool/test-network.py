# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""`ssem` with a backend on a network: addresses, fencing tokens, losses and hosts.

The backends are the modules "memory" and "hosts" of the tests. They have no network.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import tap
from semaphores import n_sleeping, wait_until
from tool import ToolCase, await_signals

LOST = 123
# Ends at SIGKILL alone.
STUBBORN = [sys.executable, '-c',
            'import signal\n'
            'signal.signal(signal.SIGTERM, signal.SIG_IGN)\n'
            'print("ready", flush=True)\n'
            'while True: signal.pause()\n']
PRINT_TOKEN = ['sh', '-c', 'echo "${SSEM_FENCING_TOKEN-none}"']


class Memory(ToolCase):
    def setUp(self):
        super().setUp()
        other = tempfile.mkdtemp(prefix='ssem-test-')
        self.addCleanup(shutil.rmtree, other)
        self.losses = os.path.join(other, 'losses')
        os.mkfifo(self.losses)
        os.environ['SSEM_BACKEND'] = 'memory'
        os.environ['SSEM_MEMORY_LOSES'] = self.losses

    def lose(self):
        with open(self.losses, 'w', encoding='ascii') as losses:
            losses.write('x')

    def wait_for_sleeper(self, process):
        file, = pathlib.Path(self.directory).iterdir()
        wait_until(lambda: n_sleeping(process.pid, file) == 1, 'a wait for units')


class Token(Memory):
    def test_each_run_has_a_greater_one(self):
        holder = self.hold('--count', '3', self.key)
        tokens = [int(self.output('run', self.key, '--', *PRINT_TOKEN)) for _ in range(3)]
        self.assertGreater(tokens[0], 1)
        self.assertEqual(tokens, sorted(set(tokens)))

    def test_the_environment_is_otherwise_the_same(self):
        os.environ['SSEM_FENCING_TOKEN'] = '0'
        printed = self.output('run', self.key, 'env').splitlines()
        expected = {**os.environ, 'SSEM_FENCING_TOKEN': '1'}
        self.assertEqual(dict(line.split('=', 1) for line in printed if not line.startswith('_=')),
                         {name: value for name, value in expected.items() if name != '_'})

    def test_not_that_of_another_run_around_it(self):
        os.environ['SSEM_FENCING_TOKEN'] = '9'
        os.environ['SSEM_BACKEND'] = ''
        self.assertEqual(self.output('run', self.key, '--', *PRINT_TOKEN), 'none\n')


class Loss(Memory):
    def hold_for_loss(self, *arguments, command):
        holder = self.hold(*arguments, self.key, command=command, stderr=subprocess.PIPE)
        self.lose()
        return holder

    def check_end(self, holder, printed=''):
        """The loss is told once, and has a status of its own."""
        output, messages = holder.communicate()
        self.assertEqual((holder.returncode, output), (LOST, printed), messages)
        self.assertRegex(messages, rf'^ssem: The process has lost its units of .*“{self.key}”.*\n$')

    def test_the_command_is_asked_to_end(self):
        holder = self.hold_for_loss('--kill-after', '1000',
                                    command=await_signals([signal.SIGTERM]))
        self.check_end(holder, f'{int(signal.SIGTERM)}\n')

    def test_a_command_that_does_not_end_is_killed(self):
        for seconds in ['0', '0.05']:
            with self.subTest(seconds=seconds):
                self.check_end(self.hold_for_loss('--kill-after', seconds, command=STUBBORN))

    def test_a_stopped_command_ends(self):
        holder = self.hold('--kill-after', '1000', self.key, stderr=subprocess.PIPE,
                           command=['sh', '-c', 'echo ready; kill -STOP $$'])
        children = pathlib.Path(f'/proc/{holder.pid}/task/{holder.pid}/children')
        stat = pathlib.Path(f'/proc/{children.read_text().strip()}/stat')
        wait_until(lambda: stat.read_text().rpartition(')')[2].split()[0] == 'T', 'a stop')
        self.lose()
        self.check_end(holder)

    def test_signals_are_passed_on_meanwhile(self):
        # The command does not end at SIGTERM.
        numbers = [int(number) for number in [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2]]
        script = ('import signal\n'
                  f'signal.pthread_sigmask(signal.SIG_BLOCK, {numbers})\n'
                  'print("ready", flush=True)\n'
                  f'for _ in {numbers}: print(int(signal.sigwait({numbers})), flush=True)\n')
        holder = self.hold_for_loss('--kill-after', '1000', command=[sys.executable, '-c', script])
        for number in numbers:
            if number != signal.SIGTERM:
                holder.send_signal(number)
            self.assertEqual(holder.stdout.readline(), f'{number}\n')
        self.check_end(holder)

    def test_wrong_time(self):
        self.assertIn('1x', self.refused(125, 'run', '--kill-after', '1x', self.key, 'true'))

    def test_without_loss(self):
        self.assertEqual(self.status('run', '--kill-after', '0', self.key, 'sh', '-c', 'exit 7'), 7)


class Interrupts(Memory):
    """A wait ends in good order. Here the proof is that the last process removes the semaphore."""

    def test_end_a_wait(self):
        numbers = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM]

        def notice():
            for number in numbers:
                signal.signal(number, signal.SIG_DFL)
        for number in numbers:
            holder = self.hold(self.key)
            waiter = self.start_tool('run', self.key, 'true', preexec_fn=notice)
            self.wait_for_sleeper(waiter)
            holder.kill()
            holder.communicate()
            self.assertEqual(len(os.listdir(self.directory)), 1)
            waiter.send_signal(number)
            self.assertEqual(waiter.wait(), -number)
            self.assertEqual(os.listdir(self.directory), [])

    def test_the_command_has_the_signals_as_the_caller(self):
        script = 'import signal; print(sorted(map(int, signal.pthread_sigmask(0, []))))'
        for blocked in [[], [signal.SIGINT]]:
            def block():
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            result = self.call('run', self.key, sys.executable, '-c', script, preexec_fn=block)
            self.assertEqual(result.stdout, f'{[int(number) for number in blocked]}\n')

    def test_an_ignored_signal_stays_ignored(self):
        def ignore():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        holder = self.hold(self.key)
        waiter = self.start_tool('run', self.key, 'echo', 'it ran', preexec_fn=ignore)
        self.wait_for_sleeper(waiter)
        waiter.send_signal(signal.SIGINT)
        self.let_go(holder)
        self.assertEqual(waiter.communicate(), ('it ran\n', None))


class Address(Memory):
    def test_another_address_is_another_semaphore(self):
        here = self.hold('--address', 'here', self.key)
        for address, status in [('here', 124), ('there', 0)]:
            self.assertEqual(self.status('run', '--nonblock', '--address', address, self.key,
                                         'true'), status)

    def test_none_on_this_machine(self):
        """An address is not ignored."""
        os.environ['SSEM_BACKEND'] = ''
        for status, arguments in [(125, ['run', self.key, 'true']), (2, ['list']),
                                  (2, ['show', self.key]), (2, ['watch']), (2, ['clean']),
                                  (2, ['reset', self.key, '1']), (2, ['remove', self.key]),
                                  (2, ['show', '--native-key', 'posix:/a'])]:
            name, *others = arguments
            with self.subTest(command=name):
                said = self.refused(status, name, '--address', 'http://a.example', *others)
                self.assertIn('http://a.example', said)
                self.assertIn('etcd', said)

    def test_a_module_that_is_missing(self):
        os.environ['SSEM_MODULE_DIR'] = self.directory
        for status, arguments in [(125, ['run']), (2, ['show'])]:
            said = self.refused(status, *arguments, '--backend', 'etcd', self.key, 'true')
            self.assertIn(f'{self.directory}/libssem-etcd.so', said)


class Hosts(ToolCase):
    def setUp(self):
        super().setUp()
        os.environ['SSEM_BACKEND'] = 'hosts'

    def test_show(self):
        text = self.output('show', '--address', 'farm', 'render farm')
        holders = text.partition('Holders:\n')[2].partition('\n\n')[0].splitlines()
        self.assertEqual([line.split()[:2] + line.split()[4:] for line in holders[1:]], [
            ['815', '1', 'encode\\u001b[31m', socket.gethostname()],
            ['42', '3', 'encode', 'atlas'], ['4711', '1', 'encode', 'atlas'],
            ['4711', '2', 'encode', 'boreas']])
        self.assertEqual(holders[0].split(), ['PID', 'UNITS', 'SINCE', 'COMMAND', 'HOST'])
        self.assertRegex(text, r'Waiters:\n.*HOST\n +7 .*\? +cronos\n$')

    def test_json(self):
        shown = json.loads(self.output('show', '--json', '--address', 'farm', 'render farm'))
        self.assertEqual([(process['host'], process['pid']) for process in shown['holders']],
                         [(None, 815), ('atlas', 42), ('atlas', 4711), ('boreas', 4711)])
        listed = json.loads(self.output('list', '--json', '--address', 'farm'))
        self.assertEqual(listed[0], shown)

    def test_list(self):
        self.assertEqual(self.output('list', '--keys', '--address', 'farm'), 'render farm\nseats\n')
        # Without an address too, the backend that the environment names.
        self.assertEqual(self.output('list'), '')
        self.assertIn('“down”', self.refused(1, 'list', '--address', 'down'))
        os.environ['SSEM_BACKEND'] = 'nonsense'
        self.refused(2, 'list', '--address', 'farm')

    def test_watch(self):
        watch = self.start_tool('watch', '--interval', '0.01', '--address', 'farm', 'seats')
        self.assertRegex(watch.stdout.readline(),
                         'Z free=8 held=0 waiting=0 left-over hosts seats\n$')
        watch.terminate()
        self.assertEqual(watch.wait(), 0)

    def test_administration(self):
        for command, arguments in [('show', ['render farm']), ('remove', ['seats']),
                                   ('reset', ['render farm', '3'])]:
            with self.subTest(command=command):
                self.assertEqual(self.status(command, '--address', 'farm', *arguments), 0)
                self.refused(3, command, *arguments)
                self.refused(1, command, '--address', 'down', *arguments)
        self.refused(4, 'remove', '--address', 'farm', 'render farm')
        self.assertEqual(self.output('clean', '--dry-run', '--address', 'farm'), 'seats\n')
        self.assertEqual(self.output('clean', '--address', 'farm'), 'seats\n')
        self.assertEqual(self.output('clean'), '')


tap.main()
