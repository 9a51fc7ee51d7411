# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The subcommands that show semaphores, and those that reset and remove them."""

import fcntl
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import unittest

import tap
from semaphores import PREFIXES
from tool import COMMANDS, SECONDS, STAY, TOOL, Terminal, ToolCase

SOURCE_ROOT = os.environ['SSEM_SOURCE_ROOT']
MANUAL = os.path.join(SOURCE_ROOT, 'docs/ssem.1.rst')
MEMBERS = ['key', 'native-key', 'backend', 'value', 'initial-value', 'units-held', 'attached',
           'waiting', 'leftover', 'holders', 'waiters']


class Usage(ToolCase):
    def test_help_and_version(self):
        for command in [[], *[[name] for name in COMMANDS]]:
            with self.subTest(command=command):
                self.assertIn('ssem', self.output(*command, '--help'))
                self.assertRegex(self.output(*command, '--version'), r'^ssem \d+\.\d+\.\d+\n$')
        for name in COMMANDS:
            self.assertIn(f'  {name} ', self.output('--help'))

    def test_wrong(self):
        for arguments in [[], ['nonsense'], ['--nonsense'], ['list', 'x'], ['show'],
                          ['show', 'a', 'b'], ['reset', 'a'], ['post'], ['wait', 'a', '1', '2'],
                          ['post', 'a', '0'], ['reset', 'a', '-1'],
                          ['reset', 'a', 'x'], ['reset', 'a', '3000000000'], ['remove'],
                          ['clean', 'x'], ['list', '--backend', 'windows'],
                          ['watch', '--interval', 'x']]:
            with self.subTest(arguments=arguments):
                self.assertRegex(self.refused(2, *arguments), '^ssem: ')

    def test_help_of_a_command(self):
        self.assertEqual(self.output('help'), self.output('--help'))
        for name in COMMANDS:
            self.assertEqual(self.output('help', name), self.output(name, '--help'))
        self.assertIn('nonsense', self.refused(2, 'help', 'nonsense'))
        self.assertIn('list', self.refused(2, 'help', 'run', 'list'))

    def test_errors_name_the_option(self):
        for name, arguments in [('--interval', ['watch', '--interval', '1x']),
                                ('NUMBER', ['reset', self.key, 'x']),
                                ('--conflict-exit-code', ['wait', '-E', '256', self.key]),
                                ('--wait', ['wait', '-w', '1x', self.key])]:
            self.assertIn(name, self.refused(2, *arguments))
        for name, arguments in [('--units', ['-u', '0']), ('--count', ['-c', 'x']),
                                ('--wait', ['-w', 'x']), ('--kill-after', ['-k', 'x'])]:
            self.assertIn(name, self.refused(125, 'run', *arguments, self.key, 'true'))

    def test_each_option_is_in_the_manual(self):
        with open(MANUAL, encoding='utf-8') as manual:
            text = manual.read()
        for name in COMMANDS:
            for option in self.options_of(name):
                self.assertIn(option, text, name)

    def test_unknown_backend_in_the_environment(self):
        os.environ['SSEM_BACKEND'] = 'nonsense'
        for arguments in [['list'], ['watch'], ['clean'], ['show', self.key], ['post', self.key],
                          ['wait', self.key]]:
            self.assertIn('“nonsense”', self.refused(2, *arguments))

    def test_directory_missing(self):
        os.environ['SSEM_RUNTIME_DIR'] = self.directory + '/missing'
        for command in ['list', 'watch', 'clean']:
            self.assertIn('missing', self.refused(3, command))


class Show(ToolCase):
    def test_nothing(self):
        self.assertEqual(self.output('list'), '')
        self.assertEqual(self.output('list', '--keys'), '')
        self.assertEqual(json.loads(self.output('list', '--json')), [])
        self.assertRegex(self.refused(3, 'show', self.key), f'Could not find .*“{self.key}”')

    def test_nothing_on_a_terminal(self):
        terminal = Terminal(TOOL, 'list')
        self.addCleanup(terminal.close)
        self.assertEqual(terminal.read_until('\n'), 'No semaphores\r\n')
        self.assertEqual(terminal.wait(), 0)

    def test_table(self):
        holder = self.hold('--count', '5', '--units', '2', self.key)
        title, line = self.output('list').splitlines()
        held = '2' if self.backend == 'shared-memory' else '?'
        self.assertEqual(title.split(), ['FREE', 'HELD', 'WAITING', 'OPEN', 'BACKEND', 'STATE',
                                         'KEY'])
        self.assertEqual(line.split()[:3], ['3', held, '0'])
        self.assertEqual(line.split()[4:], [self.backend, 'in', 'use', self.key])
        self.assertEqual(title.index('KEY'), line.index(self.key))
        self.assertEqual(self.output('list', '--keys'), self.key + '\n')

    def test_json(self):
        holder = self.hold('--count', '5', '--units', '2', self.key)
        [listed] = json.loads(self.output('list', '--json'))
        shown = self.show()
        self.assertEqual(listed, shown)
        self.assertEqual(list(shown), MEMBERS)
        self.assertEqual((shown['key'], shown['backend'], shown['leftover'], shown['waiting']),
                         (self.key, self.backend, False, 0))
        if self.backend == 'shared-memory':
            [process] = shown['holders']
            self.assertRegex(process['since'], r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$')
            self.assertEqual((shown['attached'], shown['units-held'], shown['waiters']), (1, 2, []))
        else:
            self.assertEqual((shown['units-held'], shown['holders'], shown['waiters']),
                             (None, None, None))

    def test_native_key(self):
        holder = self.hold('--count', '5', self.key)
        native_key = f'systemv:{self.path}' if self.backend == 'sysv' else None
        self.assertEqual(self.show()['native-key'], native_key)
        shown = re.search('(?m)^Native key +(.*)$', self.output('show', self.key))
        self.assertEqual(shown and shown.group(1), native_key)
        self.assertEqual(self.output('list', '--native-keys'), f'{native_key}\n' * bool(native_key))
        if native_key:
            self.assertEqual(json.loads(self.output('show', '--json', '--native-key', native_key)),
                             self.show())

    def test_show(self):
        holder = self.hold(self.key)
        waiter = self.start_tool('run', '--units', '1', self.key, '/bin/echo', 'a b', 'c')
        self.wait_for_waiting(1)
        text = self.output('show', self.key)
        self.assertIn(self.key, text)
        self.assertRegex(text, r'(?m)^Free units +0$')
        self.assertRegex(text, r'(?m)^Waiting threads +1$')
        if self.backend == 'shared-memory':
            self.assertRegex(text, rf'Holders:\n +PID.*\n +{holder.pid} +1 .*  python3.* -c .*\n')
            self.assertRegex(text, rf'Waiters:\n +PID.*\n +{waiter.pid} +1 .*  echo a b c\n')
            [process] = self.show()['waiters']
            self.assertEqual((process['command'], process['argv']),
                             ('echo a b c', ['/bin/echo', 'a b', 'c']))
        self.let_go(holder)
        self.let_go(waiter)

    def count_reads(self, path, *arguments):
        """Returns how often the command opens a file."""
        strace = shutil.which('strace')
        trace = os.path.join(self.directory, 'trace')
        self.addCleanup(lambda: os.path.exists(trace) and os.unlink(trace))
        # A leak sanitizer cannot run under a tracer.
        environment = dict(os.environ, ASAN_OPTIONS='detect_leaks=0')
        if strace is None or subprocess.run(
                [strace, '-fqo', trace, '-e', 'trace=open,openat', TOOL, *arguments], check=False,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment,
                timeout=SECONDS).returncode != 0:
            self.skipTest('strace cannot trace here')
        with open(trace, encoding='utf-8') as lines:
            return sum(f'"{path}"' in line for line in lines)

    def test_the_list_of_locks_is_read_for_all_keys_together(self):
        """The list has a line for each attached process: to read it for each key would make `ssem
        list` quadratic."""
        keys = [f'{self.key}-{number}' for number in range(60)]
        # Each process holds one key, and runs the next process.
        command = STAY
        for key in keys[1:]:
            command = [TOOL, 'run', key, '--', *command]
        holder = self.hold(keys[0], command=command)
        listed = json.loads(self.output('list', '--json', '--backend', self.backend))
        self.assertEqual({info['key'] for info in listed}, set(keys))
        # System V cannot count where the list calls the file system something else.
        unknown = {None} if self.backend == 'sysv' else set()
        self.assertLessEqual({info['attached'] for info in listed}, {1} | unknown)
        # The list is read again until a few readings in a row are the same.
        self.assertLessEqual(self.count_reads('/proc/locks', 'list', '--backend', self.backend), 50)

    def test_another_backend_than_the_default(self):
        other = {'shared-memory': 'sysv', 'sysv': 'shared-memory'}[self.backend]
        holder = self.hold('--backend', other, self.key)
        self.backend = other
        self.find_set()
        self.assertEqual(self.show()['backend'], other)
        self.assertEqual(self.output('list', '--keys'), self.key + '\n')
        self.assertEqual(self.output('reset', self.key, '4'), '')
        self.assertEqual(self.show()['value'], 4)


class Dashes(ToolCase):
    """`--` ends the options, and is a key only where it comes twice."""

    def test_run(self):
        for arguments in [['--', self.key, '--', 'echo', 'A'], ['--', self.key, 'echo', 'A'],
                          ['-n', '--', self.key, 'echo', 'A'], [self.key, '--', 'echo', 'A'],
                          [self.key, 'echo', 'A'], ['--', '-' + self.key, '--', 'echo', 'A'],
                          ['--', '--', '--', 'echo', 'A'], ['--', '--', 'echo', 'A']]:
            with self.subTest(arguments=arguments):
                self.assertEqual(self.output('run', *arguments), 'A\n')
        script = 'printf "%s " "$@"; "$0" list --keys'
        for arguments, key in [([self.key], self.key), (['--', '--'], '--'),
                               (['--', '-x'], '-x'), (['--', self.key], self.key)]:
            with self.subTest(arguments=arguments):
                self.assertEqual(self.output('run', *arguments, '--', 'sh', '-c', script, TOOL,
                                             '-n', '--', '--'), f'-n -- -- {key}\n')

    def test_a_key_that_begins_with_one(self):
        plain = self.key
        for self.key, arguments in [('-x' + plain, ['--']), ('--' + plain, ['--']), ('-', []),
                                    ('-', ['--']), ('--', ['--']), (plain, ['--']), (plain, [])]:
            with self.subTest(key=self.key, arguments=arguments):
                holder = self.hold('--count', '2', *arguments, self.key)
                for before in [[*arguments, self.key], ['--json', *arguments, self.key]]:
                    self.assertIn(self.key, self.output('show', *before))
                self.assertEqual(self.output('reset', *arguments, self.key, '7'), '')
                [info] = json.loads(self.output('list', '--json', *arguments))
                self.assertEqual((info['key'], info['value']), (self.key, 7))
                self.assertEqual(self.status('remove', *arguments, self.key), 4)
                watch = self.start_tool('watch', *arguments, self.key)
                self.assertTrue(watch.stdout.readline().endswith(f' {self.key}\n'))
                self.let_go(holder)
                self.assertEqual(self.status('remove', *arguments, self.key), 3)
                self.assertRemoved()

    def test_behind_other_arguments(self):
        keys = ['-' + self.key, self.key]
        holders = [self.hold('--', key) for key in keys]
        watch = self.start_tool('watch', keys[1], '--', keys[0])
        self.assertEqual({watch.stdout.readline().split()[-1] for _ in keys}, set(keys))

    def test_nothing_else(self):
        self.assertEqual(self.output('list', '--'), '')
        self.assertEqual(self.output('clean', '--'), '')
        for arguments, reason in [(['list', '--', '-x'], '“-x”'), (['clean', '--', '--'], '“--”'),
                                  (['show', '--', 'a', '--'], '“--”'), (['show', '--'], 'Missing')]:
            with self.subTest(arguments=arguments):
                self.assertIn(reason, self.refused(2, *arguments))


class Output(ToolCase):
    def setUp(self):
        super().setUp()
        self.hold('--count', '2', self.key)
        self.commands = [['--help'], ['--version'], ['list'], ['list', '--json'],
                         ['list', '--keys'], ['list', '--help'], ['show', self.key],
                         ['show', '--json', self.key], ['watch']]

    def check(self, **options):
        for arguments in self.commands:
            with self.subTest(arguments=arguments):
                result = subprocess.run([TOOL, *arguments], stderr=subprocess.PIPE, check=False,
                                        encoding='utf-8', timeout=SECONDS, **options)
                self.assertEqual(result.returncode, 1)
                self.assertEqual(result.stderr, 'ssem: Could not write to standard output\n')

    def test_full(self):
        with open('/dev/full', 'wb') as full:
            self.check(stdout=full)
            # It prints nothing itself.
            self.assertEqual(subprocess.run([TOOL, 'run', self.key, 'true'], stdout=full,
                                            check=False, timeout=SECONDS).returncode, 0)

    def test_closed(self):
        self.check(preexec_fn=lambda: os.close(1))

    def test_nobody_reads(self):
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, 'wb') as pipe:
            # SIGPIPE stays ignored, as it is in Python.
            self.check(stdout=pipe, restore_signals=False)

    def test_the_reader_of_watch_goes(self):
        """`watch` notices before its next line and its next look."""
        watch = self.start_tool('watch', '--interval', '86400', stderr=subprocess.PIPE,
                                restore_signals=False)
        self.assertIn(self.key, watch.stdout.readline())
        watch.stdout.close()
        self.assertEqual(watch.stderr.read(), 'ssem: Could not write to standard output\n')
        self.assertEqual(watch.wait(), 1)

    def test_the_reader_of_watch_goes_where_that_is_a_signal(self):
        watch = self.start_tool('watch', '--interval', '86400')
        self.assertIn(self.key, watch.stdout.readline())
        watch.stdout.close()
        self.assertEqual(watch.wait(), -signal.SIGPIPE)

    def test_the_reader_of_watch_goes_before_a_line(self):
        watch = self.start_tool('watch', '--interval', '0.01', stderr=subprocess.PIPE,
                                restore_signals=False)
        self.assertIn(self.key, watch.stdout.readline())
        os.kill(watch.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, watch.pid, os.WSTOPPED | os.WNOWAIT)
        self.output('reset', self.key, '7')
        watch.stdout.close()
        os.kill(watch.pid, signal.SIGCONT)
        self.assertEqual(watch.stderr.read(), 'ssem: Could not write to standard output\n')
        self.assertEqual(watch.wait(), 1)


class Removal(ToolCase):
    def test_in_use(self):
        holder = self.hold(self.key)
        self.assertIn(self.key, self.refused(4, 'remove', self.key))
        self.assertEqual(self.output('clean'), '')
        self.assertEqual(self.show()['value'], 0)
        self.let_go(holder)
        self.assertEqual(self.status('remove', self.key), 3)

    def test_remove(self):
        self.leave_over()
        self.assertIn('left over', self.output('list'))
        self.assertEqual(self.output('remove', self.key), '')

    def test_clean(self):
        self.leave_over()
        holder = self.hold(self.key + '-used')
        self.assertEqual(self.output('clean', '--dry-run'), self.key + '\n')
        self.assertEqual(self.show()['leftover'], True)
        self.assertEqual(self.output('clean'), self.key + '\n')
        self.assertRemoved()
        self.assertEqual(self.show(self.key + '-used')['leftover'], False)

    def test_reset(self):
        holder = self.hold('--count', '2', self.key)
        waiter = self.start_tool('run', '--units', '5', self.key, 'echo', 'served')
        self.wait_for_waiting(1)
        self.assertEqual(self.output('reset', self.key, '5'), '')
        self.assertEqual(waiter.communicate()[0], 'served\n')
        self.assertEqual(self.show()['initial-value'], 5)
        self.let_go(holder)
        self.assertEqual(self.status('reset', self.key, '5'), 3)

    def test_reset_of_a_leftover(self):
        self.leave_over()
        self.assertIn('removed', self.refused(0, 'reset', self.key, '5'))

    def test_permission_denied(self):
        os.symlink('/nowhere', self.path)
        for arguments in [['show', self.key], ['remove', self.key], ['reset', self.key, '1']]:
            self.assertEqual(self.status(*arguments), 5)
        os.unlink(self.path)


# Opens the key as root, becomes another user, and is the last process to close the key.
DROP_RIGHTS = """
import os, sys
try:
    import gi
    gi.require_version('Ssem', '1')
    from gi.repository import Gio, Ssem
except (ImportError, ValueError):
    sys.exit(77)
semaphore = Ssem.SystemSemaphore(key=sys.argv[1], initial_value=3)
Gio.Initable.init(semaphore, None)
os.setuid(int(sys.argv[2]))
"""


@unittest.skipIf(os.geteuid() != 0, 'only root can give a file away or become another user')
class OtherUsers(ToolCase):
    NOBODY = 65534

    def test_left_over_by_a_process_that_dropped_its_rights(self):
        for arguments in [['remove', self.key], ['clean']]:
            with self.subTest(arguments=arguments):
                dropped = subprocess.run([sys.executable, '-c', DROP_RIGHTS, self.key,
                                          str(self.NOBODY)], check=False, timeout=SECONDS)
                if dropped.returncode == 77:
                    self.skipTest('Python has no typelib of ours')
                self.assertEqual(dropped.returncode, 0)
                self.find_set()
                if self.backend == 'shared-memory':
                    # The process has marked it as removed. Whoever looks removes the rest.
                    self.assertNotIn(self.key, self.output('list'))
                    self.assertRemoved()
                    continue
                self.assertIn('left over', self.output('list'))
                self.assertEqual(self.show()['leftover'], True)
                self.assertEqual(self.output(*arguments),
                                 self.key + '\n' if arguments == ['clean'] else '')
                self.assertRemoved()

    def test_it_says_whose_it_is_and_what_to_do(self):
        self.leave_over()
        os.chown(self.path, self.NOBODY, -1)
        for arguments in [['show', self.key], ['remove', self.key], ['reset', self.key, '1']]:
            with self.subTest(arguments=arguments):
                message = self.refused(5, *arguments, '--backend', self.backend)
                self.assertIn(f'user with the ID {self.NOBODY} ({self.path})', message)
                self.assertIn('sudo', message)
        self.assertIn(f'user with the ID {self.NOBODY}', self.refused(125, 'run', self.key, 'true'))
        for arguments in [['list'], ['clean'], ['clean', '--dry-run']]:
            with self.subTest(arguments=arguments):
                message = self.refused(0, *arguments)
                self.assertIn('other users: 1.', message)
                self.assertIn('sudo', message)
        self.assertEqual(self.output('list', '--keys'), '')
        self.assertEqual(json.loads(self.output('list', '--json')), [])
        os.chown(self.path, os.geteuid(), -1)
        self.assertEqual(self.output('clean'), self.key + '\n')

    def test_other_files_of_others_are_not_counted(self):
        for name in ['a-file', '.ssem_key', 'ssem-key', 'qipc_sharedmemory_key']:
            path = os.path.join(self.directory, name)
            with open(path, 'xb'):
                self.addCleanup(os.unlink, path)
            os.chown(path, self.NOBODY, -1)
        self.assertEqual(self.output('list'), '')


class Watch(ToolCase):
    def line(self, free, held):
        held = held if self.backend == 'shared-memory' else '?'
        return (rf'^\S+Z free={free} held={re.escape(str(held))} waiting=0 in-use {self.backend} '
                rf'{self.key}\n$')

    def read_first(self, watch, unused):
        """Returns the first line of a held key, which `watch` may have seen @unused before."""
        line = watch.stdout.readline()
        return watch.stdout.readline() if unused in line else line

    def read_until_gone(self, watch, key):
        """Returns the line that says so; all lines have to be about the key."""
        while True:
            line = watch.stdout.readline()
            self.assertIn(key, line)
            if 'gone' in line:
                return line

    def test_in_a_pipe(self):
        watch = self.start_tool('watch', '--interval', '0.01')
        holder = self.hold('--count', '3', '--units', '2', self.key)
        self.assertRegex(self.read_first(watch, 'free=3'), self.line(1, 2))
        self.output('reset', self.key, '7')
        self.assertRegex(watch.stdout.readline(), 'free=7')
        self.let_go(holder)
        line = self.read_until_gone(watch, self.key)
        self.assertRegex(line, rf'^\S+Z gone {self.backend} {self.key}\n$')
        watch.send_signal(signal.SIGTERM)
        self.let_go(watch)

    def test_json(self):
        watch = self.start_tool('watch', '--json', '--interval', '0.01')
        holder = self.hold('--count', '3', '--units', '2', self.key)
        lines = [json.loads(self.read_first(watch, '"value" : 3'))]
        info = self.show()
        self.output('reset', self.key, '7')
        lines.append(json.loads(watch.stdout.readline()))
        self.let_go(holder)
        while not lines[-1]['gone']:
            lines.append(json.loads(watch.stdout.readline()))
        for line in lines:
            self.assertRegex(line.pop('time'), r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$')
        self.assertEqual(lines[0], {'gone': False, **info})
        self.assertEqual(lines[1]['value'], 7)
        self.assertEqual(lines[-1], {'gone': True, **{name: info[name] for name in MEMBERS[:3]}})
        watch.send_signal(signal.SIGTERM)
        self.let_go(watch)

    def test_only_some(self):
        holders = [self.hold(self.key + suffix) for suffix in ['-a', '-b']]
        watch = self.start_tool('watch', '--interval', '0.01', self.key + '-b')
        self.assertTrue(watch.stdout.readline().endswith(self.key + '-b\n'))
        self.let_go(holders[0])
        self.let_go(holders[1])
        self.assertTrue(self.read_until_gone(watch, self.key + '-b').endswith(self.key + '-b\n'))

    def check_lines_of_this_key_only(self, watch):
        """The other keys have been printed, and do not change: no line of them comes in between."""
        holder = self.hold('--count', '2', self.key)
        self.assertRegex(self.read_first(watch, 'free=2'), self.line(1, 1))
        for value in range(5, 10):
            self.output('reset', self.key, str(value))
            self.assertRegex(watch.stdout.readline(), self.line(value, 0))
        watch.send_signal(signal.SIGTERM)
        watch.stdout.read()
        self.assertEqual(watch.wait(), 0)

    def test_keys_that_look_alike(self):
        holders = [self.hold('--count', str(count), f'{self.key}{chr(count)}') for count in [2, 3]]
        watch = self.start_tool('watch', '--interval', '0.01')
        free = [re.search(r'free=(\d)', watch.stdout.readline()).group(1) for _ in holders]
        self.assertEqual(sorted(free), ['1', '2'])
        self.check_lines_of_this_key_only(watch)

    def test_keys_that_nobody_knows(self):
        for value in [1, 2]:
            self.make_qt_set(os.path.join(self.directory, PREFIXES['sysv'] + f'{value:040}'), value)
        prefix = f'systemv:{self.directory}/{PREFIXES["sysv"]}'
        native_keys = [f'{prefix}{value:040}' for value in [1, 2]]
        lines = self.output('list').splitlines()[1:]
        self.assertEqual(sorted(line.split()[-1] for line in lines), native_keys)
        self.assertEqual(self.output('list', '--keys'), '')
        self.assertEqual(sorted(self.output('list', '--native-keys').split()), native_keys)
        self.assertIn('(unknown)', self.output('show', '--native-key', native_keys[0]))
        watch = self.start_tool('watch', '--interval', '0.01')
        lines = [watch.stdout.readline() for _ in native_keys]
        self.assertEqual(sorted(line.split()[-1] for line in lines), native_keys)
        self.check_lines_of_this_key_only(watch)

    def test_on_a_terminal(self):
        holder = self.hold('--count', '3', self.key)
        terminal = Terminal(TOOL, 'watch', '--interval', '0.01')
        self.addCleanup(terminal.close)
        fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 200, 0, 0))
        beginning = terminal.read_until(self.key)
        self.assertIn('\x1b[?25l', beginning)
        self.assertIn('FREE', beginning)
        self.output('reset', self.key, '8')
        # The picture is drawn in place: it begins at the upper left, and nothing scrolls.
        picture = terminal.read_until(f' {self.key}')
        while not re.search(r'\n +8 ', picture):
            picture = terminal.read_until(f' {self.key}')
        self.assertIn('\x1b[H', picture)

        # On a narrow terminal, no line is longer than the terminal is wide.
        fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack('HHHH', 4, 20, 0, 0))
        terminal.read_until('\x1b[2J')
        terminal.read_until('\x1b[J')
        terminal.read_until('\x1b[H')
        picture = re.sub(r'\x1b\[[A-Z]|\r', '', terminal.read_until('\x1b[J'))
        lines = picture.split('\n')
        self.assertEqual(len(lines), 4)
        self.assertEqual([line for line in lines if len(line) > 19], [])
        self.assertTrue(lines[0].endswith('…'), lines)

        terminal.write('\x03')
        terminal.read_until('\x1b[?25h')
        self.assertEqual(terminal.wait(), 0)

    def test_stopped_by_a_key(self):
        holder = self.hold('--count', '3', self.key)
        # A shell with job control prints after `watch` has shown the cursor again.
        script = '"$@"; echo stopped; read line; fg; echo "ended $?"'
        terminal = Terminal('/bin/sh', '-mc', script, 'sh', TOOL, 'watch', '--interval', '3600')
        self.addCleanup(terminal.close)
        self.assertIn('\x1b[?25l', terminal.read_until(f' {self.key}'))
        terminal.write('\x1a')
        self.assertIn('\x1b[?25h', terminal.read_until('stopped'))
        terminal.write('\n')
        # The picture is drawn again without a wait.
        self.assertIn('\x1b[?25l', terminal.read_until(f' {self.key}'))
        terminal.write('\x1c')
        self.assertIn('\x1b[?25h', terminal.read_until('ended 0'))
        self.assertEqual(terminal.wait(), 0)


class NativeKeys(ToolCase):
    """Semaphores of no key: their files lie anywhere, here beside the keys."""

    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.directory, 'native é')
        self.native_key = f'systemv-5:{self.file}'
        self.option = ['--native-key', self.native_key]

    def hold_native(self, *arguments):
        holder = self.start_tool('run', *arguments, *self.option, '--', *STAY)
        self.addCleanup(lambda: holder.poll() is not None or self.let_go(holder))
        self.assertEqual(holder.stdout.readline(), 'ready\n')
        return holder

    def test_each_command(self):
        holder = self.hold_native('--count', '3', '--units', '2')
        self.assertEqual(self.output('list'), '')
        shown = json.loads(self.output('show', '--json', *self.option))
        self.assertEqual((shown['key'], shown['native-key'], shown['backend'], shown['value']),
                         (None, self.native_key, 'sysv', 1))
        # A space at the end of a line would be lost, so it is encoded in text.
        self.assertIn(self.native_key.replace(' ', '%20'), self.output('show', *self.option))
        self.assertIn('is in use with a count of 3; --count 4 is ignored',
                      self.call('run', '--count', '4', *self.option, '--', 'true').stderr)
        self.refused(124, 'run', '--nonblock', '--units', '2', *self.option, 'true')
        self.assertEqual(self.output('reset', *self.option, '9'), '')
        self.assertEqual(self.output('run', '--units', '9', *self.option, 'echo', '--', 'it ran'),
                         '-- it ran\n')
        self.refused(4, 'remove', *self.option)
        self.let_go(holder)
        self.refused(3, 'show', *self.option)
        self.refused(3, 'reset', *self.option, '1')
        self.assertFalse(os.path.exists(self.file))

    def test_watch(self):
        watch = self.start_tool('watch', '--interval', '0.01', *self.option)
        other = self.hold(self.key)
        holder = self.hold_native('--count', '3')
        line = watch.stdout.readline()
        self.assertRegex(line, rf' sysv {re.escape(self.native_key.replace(" ", "%20"))}\n$')
        self.let_go(holder)
        while ' gone ' not in line:
            line = watch.stdout.readline()
            self.assertIn('native%20', line)
        watch.send_signal(signal.SIGTERM)
        self.let_go(watch)

    def test_leftover(self):
        holder = self.hold_native()
        holder.kill()
        holder.communicate()
        os.waitpid(-1, 0)   # the command
        self.assertIs(json.loads(self.output('show', '--json', *self.option))['leftover'], True)
        self.assertEqual(self.output('clean'), '')
        self.assertEqual(self.output('remove', *self.option), '')
        self.refused(3, 'remove', *self.option)
        self.assertFalse(os.path.exists(self.file))

    def test_leftover_in_the_directory_of_keys(self):
        """One that nothing but its native key names is listed and cleaned, too."""
        key_file = os.path.join(self.directory, PREFIXES['sysv'] + '1' * 40)
        self.native_key = f'systemv:{key_file}'
        self.option = ['--native-key', self.native_key]
        holder = self.hold_native()
        self.find_set(key_file)
        holder.kill()
        holder.communicate()
        os.waitpid(-1, 0)
        self.assertEqual(self.output('clean', '--dry-run'), self.native_key + '\n')
        self.assertEqual(self.output('clean'), self.native_key + '\n')
        self.assertFalse(os.path.exists(key_file))

    def test_wrong(self):
        for arguments, status in [
                (['show', '--native-key', 'market'], 1), (['show', '--native-key', ''], 1),
                (['show', *self.option, 'key'], 2), (['reset', *self.option], 2),
                (['reset', *self.option, 'key', '1'], 2), (['remove', *self.option, 'key'], 2),
                (['show', '--native-key', 'windows:x'], 6), (['watch', '--native-key', 'x'], 1),
                (['show', '--backend', 'shared-memory', *self.option], 2),
                (['watch', '--backend', 'shared-memory', *self.option], 2),
                (['run', '--native-key', 'market', '--', 'true'], 125),
                (['run', *self.option], 125), (['run', *self.option, '--'], 125),
                (['run', '--backend', 'shared-memory', *self.option, 'true'], 125)]:
            with self.subTest(arguments=arguments):
                self.assertRegex(self.refused(status, *arguments), '^ssem: ')
        self.assertEqual(self.output('run', '--backend', 'sysv', *self.option, 'echo', 'yes'),
                         'yes\n')

    def test_harmless(self):
        """A native key can have any character encoded, and so no quotes are needed."""
        self.file = os.path.join(self.directory, 'a\n\u202e\x1b ')
        self.native_key = f'systemv:{self.directory}/a%0A%E2%80%AE%1B%20'
        self.option = ['--native-key', f'systemv:{self.file}']
        holder = self.hold_native()
        self.assertIn(self.native_key + '\n', self.output('show', *self.option))
        self.option[1] = self.native_key
        self.assertIn(self.native_key + '\n', self.output('show', *self.option))


class Manual(unittest.TestCase):
    def test_each_command_has_a_section(self):
        with open(MANUAL, encoding='utf-8') as manual:
            text = manual.read()
        for name in COMMANDS:
            self.assertRegex(text, rf'(?m)^{name}\n-{{{len(name)}}}$')


tap.main()
