# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Keys and other text from outside: how `ssem` prints such text, and how it accepts it."""

import json
import os
import subprocess
import unicodedata

import tap
from tool import SECONDS, TOOL, ToolCase

BIDI = ''.join(map(chr, [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
SEPARATORS = '\u2028\u2029\x85'
INVISIBLE = '\u00ad\u200b\u200d\u2060\ufeff\ufe0f\u3164\U000e0041'
CONTROLS = ''.join(map(chr, [*range(1, 0x20), *range(0x7F, 0xA0)]))

# Printed as they are.
PLAIN = ['a', 'Grüße', '日本語', 'a b', 'a\\nb', 'a\\\\nb', '\\', '\\x41', '\\u202e', '"', '"a"',
         'say "a\\nb"', '""', '"a\\u0041"', '"a\\qb"', '"\\ud800"', '"a"b"', "it's", '$(id)', '`id`',
         '*', '-', '--', '-x', '--json', '../a/b', '[]', 'null', '%s', '#a', '~', 'k=v', '(unknown)']
# Printed in quotes.
QUOTED = ['a\tb', 'a\nb', '\n', '\r', '\x1b[2J', '\x9b2J', '\x7f', ' a', 'a ', ' ', '\ta', 'a\n',
          '\u202egnp.exe', 'tag\U000e0041', 'é\u200d"\\\n', '"a\\nb"', '"\\"a\\\\nb\\""', '" a"',
          BIDI, SEPARATORS, INVISIBLE, CONTROLS]


def harmful(text):
    """Returns the characters of a line that a terminal would not show as they are."""
    return [c for c in text
            if unicodedata.category(c) in ('Cc', 'Cf', 'Zl', 'Zp') or c in INVISIBLE]


class Keys(ToolCase):
    def setUp(self):
        super().setUp()
        # As in a cron job.
        os.environ['LC_ALL'] = 'C'

    def list_keys(self):
        text = self.output('list', '--keys')
        self.assertTrue(text == '' or text.endswith('\n'))
        return text[:-1].split('\n') if text else []

    def test_in_a_loop_of_the_shell(self):
        """The line of a key means that key, whatever other keys there are."""
        script = ('"$0" list --keys | while read -r key; do '
                  '"$0" show --json -- "$key" || exit 1; echo ,; done')
        holders = [self.hold('--', self.quote(key)) for key in [*PLAIN, *QUOTED]]
        text = subprocess.run(['sh', '-c', script, TOOL], check=True, stdout=subprocess.PIPE,
                              encoding='utf-8', timeout=SECONDS).stdout
        shown = json.loads('[' + text.rstrip(',\n') + ']')
        self.assertEqual(sorted(info['key'] for info in shown), sorted([*PLAIN, *QUOTED]))
        self.assertEqual(harmful(text.replace('\n', '')), [])

    def quote(self, key):
        """Returns the argument for a key: one that looks quoted has to be quoted once more."""
        return json.dumps(key, ensure_ascii=False) if key.startswith('"') and key in QUOTED else key

    def test_as_it_is(self):
        for self.key in PLAIN:
            with self.subTest(key=self.key):
                holder = self.hold('--', self.key)
                self.assertEqual(self.list_keys(), [self.key])
                title = self.output('show', '--', self.key).splitlines()[0]
                self.assertEqual(title.split(' ', 1)[1].strip(), self.key)
                self.let_go(holder)
                self.assertEqual(self.list_keys(), [])

    def test_quoted(self):
        """All commands take a key as it is, and as `list` prints it."""
        for self.key in QUOTED:
            with self.subTest(key=self.key):
                argument = self.quote(self.key)
                holder = self.hold('--count', '2', argument)
                [line] = self.list_keys()
                self.assertEqual(harmful(line), [])
                self.assertEqual(json.loads(line), self.key)
                self.assertTrue(self.output('list').endswith(f'  {line}\n'))
                for same in {argument, line}:
                    self.assertEqual(self.show(same)['key'], self.key)
                    self.assertIn(f' {line}\n', self.output('show', same))
                    self.assertEqual(self.output('reset', same, '5'), '')
                    self.assertEqual(self.status('remove', same), 4)
                    self.assertEqual(self.status('run', '-n', '-u', '5', same, 'true'), 0)
                    watch = self.start_tool('watch', same)
                    self.assertTrue(watch.stdout.readline().endswith(f' {self.backend} {line}\n'))
                self.let_go(holder)
                self.assertEqual(self.status('show', line), 3)

    def test_clean(self):
        self.key = 'a\n\u202e\tb'
        self.leave_over()
        line = '"a\\n\\u202e\\tb"\n'
        self.assertEqual(self.output('clean', '--dry-run'), line)
        self.assertEqual(self.output('clean'), line)
        self.assertEqual(self.list_keys(), [])

    def test_watch(self):
        self.key = 'a\n\u202e\tb'
        watch = self.start_tool('watch', '--interval', '0.01')
        holder = self.hold(self.key)
        line = watch.stdout.readline()
        self.assertTrue(line.endswith(f' {self.backend} "a\\n\\u202e\\tb"\n'), line)
        self.let_go(holder)
        while ' gone ' not in line:
            line = watch.stdout.readline()
        self.assertTrue(line.endswith(f' gone {self.backend} "a\\n\\u202e\\tb"\n'), line)

    def test_reset_of_a_leftover(self):
        self.key = 'a\x1b[2J\u202e'
        self.leave_over()
        result = self.call('reset', self.key, '1')
        self.assertIn('“a\\u001b[2J\\u202e”', result.stderr)


class Harmless(ToolCase):
    """Names of programs, arguments, file names and the environment."""

    ODD = b'\xff\x1b[2J\xe2\x80\xae'
    SHOWN = '\ufffd\\u001b[2J\\u202e'

    def test_names_of_programs(self):
        program = os.path.join(os.fsencode(self.directory), self.ODD)
        os.symlink('/bin/sh', program)
        self.addCleanup(os.unlink, program)
        command = [program, '-c', 'echo ready; read line', self.ODD]
        holder = self.hold(self.key, command=command)
        waiter = self.start_tool('run', self.key, *command)
        self.wait_for_waiting(1)
        for arguments in [['show', self.key], ['show', '--json', self.key], ['list', '--json']]:
            text = self.output(*arguments)
            self.assertEqual(harmful(text.replace('\n', '')), [])
            if self.backend == 'shared-memory':
                shown = self.SHOWN if '--json' not in arguments else json.dumps(
                    self.SHOWN, ensure_ascii=False)
                # The name and an argument, of each process.
                self.assertEqual(text.count(shown[-5:]), 4 if '--json' not in arguments else 6)
        self.let_go(holder, 1)
        self.let_go(waiter, 1)

    def test_messages(self):
        odd = os.fsdecode(self.ODD)
        for arguments in [[odd], ['list', odd], ['list', '--' + odd], ['list', '--backend', odd],
                          ['reset', self.key, odd], ['watch', '--interval', odd],
                          ['run', '--units', odd, self.key, 'true'],
                          ['run', '--wait', odd, self.key, 'true'],
                          ['run', '--conflict-exit-code', odd, self.key, 'true'],
                          ['run', self.key, './' + odd], ['show', odd],
                          ['show', self.key + '\x1b\u202e']]:
            for locale in ['C', 'C.UTF-8']:
                with self.subTest(arguments=arguments, locale=locale):
                    os.environ['LC_ALL'] = locale
                    result = self.call(*arguments)
                    self.assertNotIn(result.returncode, [0, -6])
                    self.assertEqual(harmful((result.stdout + result.stderr).replace('\n', '')), [])
        self.assertIn(f'“{self.SHOWN}”', self.call(odd).stderr)

    def test_environment(self):
        os.environ['SSEM_BACKEND'] = os.fsdecode(self.ODD)
        self.assertIn(f'“{self.SHOWN}”', self.call('show', self.key).stderr)
        del os.environ['SSEM_BACKEND']
        os.environ['SSEM_RUNTIME_DIR'] = os.path.join(self.directory, os.fsdecode(self.ODD))
        for backend in ['shared-memory', 'sysv']:
            for command in [['list'], ['show', self.key], ['run', self.key, 'true']]:
                result = self.call(command[0], '--backend', backend, *command[1:])
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(f'/{self.SHOWN}', result.stderr)
                self.assertEqual(harmful(result.stderr.replace('\n', '')), [])

    def test_locale_c(self):
        """Text beyond ASCII is UTF-8 in this locale, in tables and messages, too."""
        os.environ['LC_ALL'] = 'C'
        self.key += 'Grüße'
        holder = self.hold(self.key)
        for arguments in [['list'], ['list', '--keys'], ['show', self.key]]:
            self.assertIn(self.key, self.output(*arguments))
        self.assertIn(f'“{self.key}”', self.call('remove', self.key).stderr)
        # The command of `run` has the locale of the caller.
        self.assertEqual(self.output('run', 'other', 'sh', '-c', 'echo "$LC_ALL $LC_CTYPE"'),
                         'C \n')


tap.main()
