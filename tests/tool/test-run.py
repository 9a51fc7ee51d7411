# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""`ssem run`: with real commands, signals, crashes and a terminal."""

import errno
import os
import shutil
import signal
import subprocess
import sys

import tap
from semaphores import wait_until
from tool import SECONDS, STAY, TOOL, Terminal, ToolCase, await_signals

FORWARDED = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
             signal.SIGALRM, signal.SIGTERM]


class Status(ToolCase):
    def test_of_the_command(self):
        for status in [0, 1, 7, 255]:
            self.assertEqual(self.status('run', self.key, '--', 'sh', '-c', f'exit {status}'),
                             status)

    def test_killed_command(self):
        for number in [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGINT]:
            result = self.call('run', self.key, 'sh', '-c', f'kill -{int(number)} $$')
            self.assertEqual(result.returncode, -number)

    def test_not_found(self):
        self.assertIn('/nowhere/such-command',
                      self.refused(127, 'run', self.key, '--', '/nowhere/such-command'))

    def test_not_executable(self):
        self.assertEqual(self.status('run', self.key, '--', '/dev/null'), 126)

    def test_a_command_that_cannot_die_with_us(self):
        unshare = shutil.which('unshare')
        if unshare is None or subprocess.run([unshare, '-rp', 'true'], check=False,
                                             stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest('no namespaces of processes')
        # The command is the first process of its namespace, and its parent is not in it. `ssem`
        # itself can have no threads then, which the leak sanitizer needs.
        os.environ['ASAN_OPTIONS'] = os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'
        result = subprocess.run([unshare, '-rp', TOOL, 'run', self.key, 'true'], check=False,
                                stderr=subprocess.PIPE, encoding='utf-8', timeout=SECONDS)
        reason = os.strerror(errno.ESRCH)
        self.assertEqual((result.returncode, result.stderr),
                         (125, f'ssem: Could not start “true”: {reason}\n'))

    def test_wrong_usage(self):
        for arguments in [[], [self.key], [self.key, '--'], ['--units', '0', self.key, 'true'],
                          ['--units', 'x', self.key, 'true'], ['--wait', '-1', self.key, 'true'],
                          ['--wait', '1x', self.key, 'true'], ['--wait', 'nan', self.key, 'true'],
                          ['--count', '1', '--units', '2', self.key, 'true'],
                          ['--wait', '1', '--nonblock', self.key, 'true'],
                          ['--conflict-exit-code', '256', self.key, 'true'],
                          ['--backend', 'nonsense', self.key, 'true'],
                          ['--no-such-option', self.key, 'true'], ['', 'true']]:
            with self.subTest(arguments=arguments):
                self.assertRegex(self.refused(125, 'run', *arguments), '^ssem: ')

    def test_quiet(self):
        holder = self.hold(self.key)
        for arguments in [['--nonblock'], ['--wait', '10ms', '--count', '4']]:
            self.assertEqual(self.refused(124, 'run', '--quiet', *arguments, self.key, 'true'), '')
        self.assertIn('nowhere', self.refused(127, 'run', '-q', self.key + 'x', '/nowhere/command'))

    def test_parent_that_ignores_children(self):
        def ignore_children():
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        self.assertEqual(self.status('run', self.key, 'sh', '-c', 'exit 5',
                                     preexec_fn=ignore_children), 5)


class Command(ToolCase):
    def test_arguments_and_streams(self):
        result = self.call('run', self.key, 'sh', '-c', 'cat; echo "$@" >&2', 'sh', '--json', '--',
                           '-n', input='text')
        self.assertEqual((result.stdout, result.stderr), ('text', '--json -- -n\n'))

    def test_script(self):
        self.assertEqual(self.output('run', self.key, '-c', 'echo "$0" | tr h H; echo b'), '/bin/sH\nb\n')
        self.assertEqual(self.status('run', '-c', '3', self.key, '-c', 'exit 5'), 5)
        self.assertEqual(self.status('run', self.key, '--', '-c', 'exit 5'), 127)
        for arguments, wanted in [([], 'script'), (['a', 'b'], '“b”')]:
            self.assertIn(wanted, self.refused(125, 'run', self.key, '-c', *arguments))

    def test_signals_as_the_caller_has_them(self):
        script = ('import signal; print(sorted(map(int, signal.pthread_sigmask(0, []))), '
                  'signal.getsignal(signal.SIGCHLD))')
        for handler in [signal.SIG_IGN, signal.SIG_DFL]:
            def choose():
                signal.signal(signal.SIGCHLD, handler)
            result = self.call('run', self.key, sys.executable, '-c', script, preexec_fn=choose)
            self.assertEqual(result.stdout, f'[] {handler}\n')

    def test_no_descriptors_of_ours(self):
        listing = self.call('run', self.key, 'ls', '-l', '/proc/self/fd').stdout
        self.assertNotIn(self.directory, listing)
        self.assertNotIn('deleted', listing)


class ClosedStreams(ToolCase):
    """A file that is opened gets the lowest free descriptor."""

    NUMBERS = [[0], [1], [2], [0, 1], [1, 2], [0, 1, 2]]

    def call_without(self, numbers, *arguments):
        def close():
            for number in numbers:
                os.close(number)
        return self.call(*arguments, preexec_fn=close)

    def test_nothing_is_written_into_the_semaphore(self):
        holder = self.hold('--count', '2', self.key)
        for numbers in self.NUMBERS:
            with self.subTest(closed=numbers):
                result = self.call_without(numbers, 'run', self.key, '--', '/nowhere/such-command')
                self.assertEqual(result.returncode, 127)
                self.assertEqual(self.show()['value'], 1)

    def test_the_command_has_them_closed(self):
        script = ('sum=0; for n in 0 1 2; do '
                  '[ ! -e /proc/$$/fd/$n ] || sum=$((sum + (1 << n))); done; exit $sum')
        for numbers in self.NUMBERS:
            with self.subTest(closed=numbers):
                result = self.call_without(numbers, 'run', self.key, 'sh', '-c', script)
                self.assertEqual(result.returncode, 7 - sum(1 << number for number in numbers))


class Units(ToolCase):
    def test_held_while_it_runs(self):
        holder = self.hold('--count', '5', '--units', '2', self.key)
        info = self.show()
        self.assertEqual((info['value'], info['initial-value']), (3, 5))
        if self.backend == 'shared-memory':
            self.assertEqual([(process['pid'], process['units'], process['argv'])
                              for process in info['holders']], [(holder.pid, 2, STAY)])

    def test_count_is_the_units_unless_given(self):
        holder = self.hold('--units', '3', self.key)
        self.assertEqual((self.show()['value'], self.show()['initial-value']), (0, 3))

    def test_conflict(self):
        holder = self.hold(self.key)
        for arguments in [['--nonblock'], ['--wait', '0'], ['--wait', '0.01']]:
            self.assertIn(self.key, self.refused(124, 'run', *arguments, self.key, '--', 'echo',
                                                 'it ran'))
            self.assertEqual(self.status('run', *arguments, '--conflict-exit-code', '0', self.key,
                                         'false'), 0)

    def test_waits_for_its_turn(self):
        holder = self.hold(self.key)
        waiter = self.start_tool('run', '--wait', '60', self.key, 'echo', 'served')
        self.wait_for_waiting(1)
        self.assertEqual(self.show()['value'], 0)
        self.let_go(holder)
        self.assertEqual(waiter.communicate()[0], 'served\n')
        self.assertEqual(waiter.returncode, 0)

    def test_two_at_a_time(self):
        holders = [self.hold('--count', '2', self.key) for _ in range(2)]
        self.assertEqual(self.status('run', '--nonblock', self.key, 'true'), 124)
        self.let_go(holders[0])
        self.assertEqual(self.status('run', '--nonblock', self.key, 'true'), 0)
        self.let_go(holders[1])

    def test_a_leftover_does_not_keep_its_count(self):
        for left_by in [['--count', '4'], ['--count', '4', '--units', '3']]:
            for arguments, count in [(['--count', '2'], 2), (['--count', '6'], 6), ([], 1),
                                     (['--units', '3'], 3), (['--count', '4'], 4)]:
                self.leave_over(*left_by)
                self.assertEqual((self.show()['value'], self.show()['leftover']), (4, True))
                holder = self.hold(*arguments, self.key, stderr=subprocess.PIPE)
                info = self.show()
                self.assertEqual(info['initial-value'], count)
                self.assertEqual(info['value'], count - (3 if '--units' in arguments else 1))
                self.assertEqual(holder.communicate(timeout=SECONDS)[1], '')
                self.assertRemoved()

    def test_one_in_use_keeps_its_count(self):
        """A message says so, once, where another count was asked for."""
        holder = self.hold('--count', '4', self.key)
        for arguments, said in [(['--count', '2'], True), (['--count', '5', '--units', '2'], True),
                                (['--count', '4'], False), ([], False), (['--units', '2'], False)]:
            with self.subTest(arguments=arguments):
                result = self.call('run', *arguments, self.key, '--', 'echo', 'it ran')
                self.assertEqual((result.returncode, result.stdout), (0, 'it ran\n'))
                message = (f'ssem: “{self.key}” is in use with a count of 4; '
                           f'--count {arguments[1]} is ignored\n') if said else ''
                self.assertEqual(result.stderr, message)
        self.assertEqual((self.show()['value'], self.show()['initial-value']), (3, 4))
        self.output('reset', self.key, '6')
        self.assertIn('with a count of 6; --count 4',
                      self.call('run', '--count', '4', self.key, 'true').stderr)

    def test_it_is_said_before_the_wait(self):
        holder = self.hold(self.key)
        waiter = self.start_tool('run', '--count', '2', self.key, 'true', stderr=subprocess.PIPE)
        self.assertIn('with a count of 1; --count 2 is ignored', waiter.stderr.readline())
        self.wait_for_waiting(1)
        self.let_go(holder)
        self.assertEqual(waiter.communicate(timeout=SECONDS), ('', ''))

    def test_the_count_of_qt_is_not_known(self):
        if self.backend != 'sysv':
            self.skipTest('Qt uses System V')
        self.make_qt_set(self.path, 3)
        self.assertEqual(self.output('run', '--count', '7', self.key, 'echo', 'it ran'), 'it ran\n')
        self.assertEqual(self.show()['value'], 3)

    def test_a_daemon_does_not_keep_them(self):
        result = self.call('run', self.key, 'sh', '-c', 'sleep 600 >/dev/null 2>&1 & echo $!')
        daemon = int(result.stdout)
        try:
            os.kill(daemon, 0)
            self.assertEqual(result.returncode, 0)
            self.assertRemoved()
        finally:
            os.kill(daemon, signal.SIGKILL)
            os.waitpid(daemon, 0)

    def test_killed_with_its_command(self):
        for number in [signal.SIGKILL, signal.SIGABRT]:
            with self.subTest(signal=number):
                holder = self.start_tool('run', '--count', '2', self.key, 'sh', '-c',
                                         'echo $$; exec sleep 600')
                command = int(holder.stdout.readline())
                self.find_set()
                self.assertEqual(self.show()['value'], 1)
                holder.send_signal(number)
                self.assertEqual(holder.wait(), -number)
                _, status = os.waitpid(command, 0)
                self.assertEqual(os.waitstatus_to_exitcode(status), -signal.SIGKILL)
                info = self.show()
                self.assertEqual((info['value'], info['leftover']), (2, True))
        self.assertEqual(self.output('remove', self.key), '')


class Signals(ToolCase):
    def test_are_passed_on(self):
        holder = self.hold(self.key, command=await_signals(FORWARDED))
        for number in FORWARDED:
            holder.send_signal(number)
            self.assertEqual(holder.stdout.readline(), f'{int(number)}\n')
        self.assertEqual(holder.wait(), 9)

    def test_an_alarm_from_before_is_passed_on(self):
        def set_alarm():
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
            signal.setitimer(signal.ITIMER_REAL, 1e-6)
            while signal.SIGALRM not in signal.sigpending():
                pass
        numbers = [signal.SIGALRM, signal.SIGTERM]
        holder = self.hold(self.key, command=await_signals(numbers), preexec_fn=set_alarm)
        # sigwait () returns the alarm first, because its number is lower.
        holder.send_signal(signal.SIGTERM)
        for number in numbers:
            self.assertEqual(holder.stdout.readline(), f'{int(number)}\n')
        self.assertEqual(holder.wait(), 9)

    def test_end_one_that_waits(self):
        holder = self.hold(self.key)
        waiter = self.start_tool('run', self.key, 'true')
        self.wait_for_waiting(1)
        waiter.send_signal(signal.SIGTERM)
        self.assertEqual(waiter.wait(), -signal.SIGTERM)
        self.wait_for_waiting(0)

    def open_terminal(self, *command):
        terminal = Terminal(TOOL, 'run', self.key, '--', *command)
        self.addCleanup(self.find_set)
        self.addCleanup(terminal.close)
        return terminal

    def test_a_key_reaches_the_command_once(self):
        numbers = [signal.SIGINT, signal.SIGUSR1, signal.SIGTERM]
        terminal = self.open_terminal(*await_signals(numbers))
        terminal.read_until('ready\r\n')
        terminal.write('\x03')
        terminal.read_until(f'{int(signal.SIGINT)}\r\n')
        # If SIGINT were passed on, too, its second line would come before these.
        for number in numbers[1:]:
            os.kill(terminal.pid, number)
            self.assertEqual(terminal.read_until('\r\n'), f'{int(number)}\r\n')
        self.assertEqual(terminal.wait(), 9)

    def test_a_key_ends_both(self):
        terminal = self.open_terminal('sh', '-c', 'echo ready; exec sleep 600')
        terminal.read_until('ready\r\n')
        terminal.write('\x03')
        self.assertEqual(terminal.wait(), -signal.SIGINT)

    def test_the_end_of_the_terminal_reaches_the_command(self):
        numbers = [signal.SIGHUP, signal.SIGTERM]
        reader, writer = os.pipe()
        os.set_inheritable(writer, True)
        terminal = self.open_terminal('sh', '-c', f'exec "$@" >&{writer}', 'sh',
                                      *await_signals(numbers))
        os.close(writer)
        with open(reader, encoding='ascii') as said:
            self.assertEqual(said.readline(), 'ready\n')
            terminal.hang_up()
            # sigwait () returns SIGHUP first, because its number is lower.
            os.kill(terminal.pid, signal.SIGTERM)
            for number in numbers:
                self.assertEqual(said.readline(), f'{int(number)}\n')
        self.assertEqual(terminal.wait(), 9)

    def test_a_stopped_one_goes_on(self):
        holder = self.hold(self.key)
        holder.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, holder.pid, os.WSTOPPED | os.WNOWAIT)
        self.assertEqual(self.status('run', '--nonblock', self.key, 'true'), 124)
        holder.send_signal(signal.SIGCONT)


# Leaves an orphan, prints its process ID, and lets it end; ends when there is a line to read.
LEAVE_ORPHAN = """
import os
reader, writer = os.pipe()
if os.fork() == 0:
    orphan = os.fork()
    if orphan == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    os.write(1, b'%d\\n' % orphan)
    os._exit(0)
os.wait()
os.close(writer)
input()
"""


class Process1(ToolCase):
    """As the first process of a container, to which the kernel applies special rules."""

    def setUp(self):
        super().setUp()
        self.unshare = [shutil.which('unshare') or 'unshare', '-rpf', '--kill-child']
        try:
            subprocess.run([*self.unshare, 'true'], check=True, stderr=subprocess.DEVNULL)
        except (FileNotFoundError, subprocess.CalledProcessError):
            self.skipTest('no namespaces of processes')
        # The leak sanitizer cannot trace its parent there.
        os.environ['ASAN_OPTIONS'] = os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'

    def contain(self, *command):
        container = subprocess.Popen([*self.unshare, *command], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     encoding='utf-8')
        self.addCleanup(self.end, container)
        return container

    @staticmethod
    def children_of(pid):
        """Returns the process IDs that the children have out here."""
        with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as numbers:
            return [int(number) for number in numbers.read().split()]

    def test_status(self):
        for command, status in [(['sh', '-c', 'exit 0'], 0), (['sh', '-c', 'exit 7'], 7),
                                (['sh', '-c', 'kill -TERM $$'], 128 + 15),
                                (['sh', '-c', 'kill -KILL $$'], 128 + 9),
                                (['sh', '-c', 'kill -TERM 1; sleep 600'], 128 + 15),
                                (['/nowhere/such-command'], 127)]:
            with self.subTest(command=command):
                container = self.contain(TOOL, 'run', self.key, *command)
                container.communicate(timeout=SECONDS)
                self.assertEqual(container.returncode, status)

    def test_signals_end_one_that_waits(self):
        holder = self.hold(self.key)
        for number in [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1]:
            with self.subTest(signal=number):
                container = self.contain(TOOL, 'run', self.key, 'true')
                self.wait_for_waiting(1)
                os.kill(self.children_of(container.pid)[0], number)
                self.assertEqual(container.wait(timeout=SECONDS), 128 + number)
                self.wait_for_waiting(0)

    def test_signals_end_watch(self):
        holder = self.hold(self.key)
        for number, status in [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGUSR1, 128 + 10)]:
            with self.subTest(signal=number):
                container = self.contain(TOOL, 'watch')
                self.assertIn(self.key, container.stdout.readline())
                os.kill(self.children_of(container.pid)[0], number)
                self.assertEqual(container.wait(timeout=SECONDS), status)

    def test_signals_are_passed_on(self):
        container = self.contain(TOOL, 'run', self.key, *await_signals(FORWARDED))
        self.assertEqual(container.stdout.readline(), 'ready\n')
        for number in FORWARDED:
            os.kill(self.children_of(container.pid)[0], number)
            self.assertEqual(container.stdout.readline(), f'{int(number)}\n')
        self.assertEqual(container.wait(timeout=SECONDS), 9)

    def test_orphans_are_reaped_while_the_command_runs(self):
        # A signal can be sent to a process that has ended, until it is reaped.
        script = ('"$0" -c "$1" | { read -r orphan; while kill -0 "$orphan" 2>/dev/null; '
                  'do sleep 0.01; done; echo reaped; }')
        container = self.contain(TOOL, 'run', self.key, 'sh', '-c', script, sys.executable,
                                 LEAVE_ORPHAN)
        self.assertEqual(container.stdout.readline(), 'reaped\n')
        container.communicate('\n', timeout=SECONDS)

    def test_orphans_are_reaped_while_it_waits(self):
        holder = self.hold(self.key)
        # A process keeps its children when it executes another program.
        script = 'exec 3<&0; read -r line <&3 & echo ready; exec "$@"'
        container = self.contain('sh', '-c', script, 'sh', TOOL, 'run', self.key, 'true')
        self.assertEqual(container.stdout.readline(), 'ready\n')
        self.wait_for_waiting(1)
        process = self.children_of(container.pid)[0]
        orphan = self.children_of(process)[0]
        print(file=container.stdin, flush=True)
        wait_until(lambda: orphan not in self.children_of(process), 'the orphan is reaped')
        self.let_go(holder)
        self.assertEqual(container.wait(timeout=SECONDS), 0)


tap.main()
