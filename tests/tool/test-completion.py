# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What the shells complete: bash, zsh and fish."""

import os
import re
import shutil
import subprocess
import unittest

import tap
from semaphores import PREFIXES
from tool import COMMANDS, SECONDS, TOOL, Terminal, ToolCase

DIRECTORY = os.path.join(os.environ['SSEM_SOURCE_ROOT'], 'ssem/tool')
COMPLETION = os.path.join(DIRECTORY, 'ssem.bash')


class All(ToolCase):
    def test_each_option(self):
        for name, pattern in [('ssem.bash', r'--[a-z-]+'), ('_ssem', r'--[a-z-]+'),
                              ('ssem.fish', r'(?<=-l )[a-z-]+')]:
            with open(os.path.join(DIRECTORY, name), encoding='utf-8') as script:
                options = {'--' + found.lstrip('-') for found in re.findall(pattern, script.read())}
            for command in COMMANDS:
                self.assertEqual(set(self.options_of(command)) - options, set(), f'{name}: {command}')


class Bash(ToolCase):
    def complete(self, *words):
        script = (f'source "{COMPLETION}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ssem; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(['bash', '-c', script, 'bash', TOOL, *words], check=True,
                              stdout=subprocess.PIPE, encoding='utf-8', timeout=30)
        return [line for line in done.stdout.splitlines() if line]

    def test_native_keys(self):
        path = os.path.join(self.directory, PREFIXES['sysv'] + '1' * 40)
        self.make_qt_set(path, 1)
        native_key = 'systemv:' + path
        self.assertEqual(self.complete('show', '--native-key', 'sys'), [native_key])
        self.assertEqual(self.complete('show', '--native-key', 'posix'), [])
        # bash splits a word at its colons, and keeps what is before the last one.
        self.assertEqual(self.complete('reset', '--native-key', 'systemv', ':'), [path])
        self.assertEqual(self.complete('run', '--native-key', 'systemv', ':', path[:5]), [path])
        # After it comes no key, and the command of run.
        self.assertEqual(self.complete('show', '--native-key', 'systemv', ':', path, ''), [])
        self.assertEqual(self.complete('show', '--native-key', native_key, '--j'), ['--json'])
        for value in [[native_key], ['systemv', ':', path]]:
            start = ['run', '--native-key', *value]
            self.assertIn('true', self.complete(*start, 'tru'))
            self.assertIn('true', self.complete(*start, '--', 'tru'))
            self.assertEqual(self.complete(*start, '--un'), ['--units'])
            self.assertEqual(self.complete(*start, 'ls', COMPLETION[:-2]), [COMPLETION])
            self.assertEqual(self.complete(*start, '--', 'ls', COMPLETION[:-2]), [COMPLETION])

    def test_commands_and_options(self):
        self.assertEqual(self.complete('re'), ['reset', 'remove'])
        self.assertEqual(set(COMMANDS) - set(self.complete('')), set())
        self.assertEqual(self.complete('clean', '--d'), ['--dry-run'])
        self.assertEqual(self.complete('list', '--backend', 's'), ['shared-memory', 'sysv'])
        self.assertEqual(self.complete('nonsense', ''), [])

    def test_keys(self):
        self.key += " it's"
        holder = self.hold(self.key)
        quoted = self.key.replace(' ', '\\ ').replace("'", "\\'")
        for words in [['show'], ['reset'], ['watch'], ['run', '--units', '2'], ['remove', '--json'],
                      ['run', '--'], ['show', '--json', '--'], ['watch', '--', '-x']]:
            with self.subTest(words=words):
                self.assertEqual(self.complete(*words, 'key'), [quoted])
        self.assertEqual(self.complete('show', 'other'), [])
        self.assertEqual(self.complete('show', self.key, ''), [])
        self.assertEqual(self.complete('show', '--', '-x', ''), [])
        self.assertEqual(self.complete('show', '--', '-'), [])

    def test_command_of_run(self):
        self.assertIn('printf', self.complete('run', 'key', '--', 'print'))
        self.assertIn('printf', self.complete('run', 'key', 'print'))
        self.assertIn('printf', self.complete('run', '--', '-x', '--', 'print'))
        self.assertIn('printf', self.complete('run', '--', 'key', 'print'))
        self.assertEqual(self.complete('run', 'key', '--', 'ls', COMPLETION[:-2]), [COMPLETION])


@unittest.skipIf(shutil.which('fish') is None, 'fish is not installed')
class Fish(ToolCase):
    def complete(self, line):
        script = f'source {DIRECTORY}/ssem.fish; complete -C "$argv[1]"'
        done = subprocess.run(['fish', '--no-config', '-c', script, line], check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='utf-8',
                              timeout=SECONDS)
        self.assertEqual(done.stderr, '')
        return [found.split('\t')[0] for found in done.stdout.splitlines()]

    def setUp(self):
        super().setUp()
        # fish writes there.
        os.environ['HOME'] = os.environ['XDG_DATA_HOME'] = os.environ['XDG_CONFIG_HOME'] = '/dev/null'
        os.environ['PATH'] = os.path.dirname(TOOL) + ':' + os.environ['PATH']

    def test_commands_and_options(self):
        self.assertEqual(set(COMMANDS) - set(self.complete('ssem ')), set())
        self.assertEqual(self.complete('ssem help wai'), ['wait'])
        self.assertEqual(self.complete('ssem clean --dr'), ['--dry-run'])
        self.assertEqual(self.complete('ssem list --backend sh'), ['shared-memory'])
        self.assertEqual(self.complete('ssem wait --coun'), [])

    def test_keys(self):
        self.key += " it's"
        holder = self.hold(self.key)
        for line in ['show', 'wait', 'watch other', 'run --units 2', 'run -n --', 'reset']:
            self.assertEqual(self.complete(f'ssem {line} key'), [self.key], line)
        self.assertEqual(self.complete('ssem show other key'), [])

    def test_command_of_run(self):
        self.assertIn('printf', self.complete('ssem run key -- printf'))
        self.assertIn('printf', self.complete('ssem run --units 2 key printf'))
        self.assertIn('printf', self.complete('ssem run --native-key posix:/x -- printf'))


@unittest.skipIf(shutil.which('zsh') is None, 'zsh is not installed')
class Zsh(ToolCase):
    """An interactive zsh shows the completed line."""

    def setUp(self):
        super().setUp()
        os.environ.update(TERM='dumb', ZDOTDIR='/dev/null', COLUMNS='200',
                          PATH=os.path.dirname(TOOL) + ':' + os.environ['PATH'])
        self.zsh = Terminal(shutil.which('zsh'), '-f', '-i')
        self.addCleanup(self.zsh.close)
        self.zsh.write(f'fpath=({DIRECTORY} $fpath); autoload -Uz compinit; compinit -D -u; '
                       "setopt noautomenu nobeep; PS1='re''ady> '\n")
        self.zsh.read_until('ready> ')

    def check(self, typed, wanted):
        """Ends the test if the line never becomes the wanted one."""
        self.zsh.write(f'{typed}\t')
        self.zsh.read_until(wanted)
        # Ctrl-U deletes the line, and an empty line brings a new prompt.
        self.zsh.write('\x15\n')
        self.zsh.read_until('ready> ')

    def test_commands_and_options(self):
        self.check('ssem wat', 'ssem watch ')
        self.check('ssem help wai', 'ssem help wait ')
        self.check('ssem clean --dr', 'ssem clean --dry-run ')
        self.check('ssem list --backend sh', 'ssem list --backend shared-memory ')

    def test_keys(self):
        self.key += " it's"
        holder = self.hold(self.key)
        quoted = self.key.replace(' ', '\\ ').replace("'", "\\'")
        for line in ['show', 'wait', 'watch other', 'run --units 2', 'run -n --', 'reset']:
            self.check(f'ssem {line} key', f'ssem {line} {quoted}')

    def test_command_of_run(self):
        self.check('ssem run key -- printen', 'ssem run key -- printenv ')
        self.check('ssem run --units 2 key printen', 'ssem run --units 2 key printenv ')


tap.main()
