# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The installed headers: ssem.h includes them all, and nothing private, in C and in C++."""

import re
import shlex
import subprocess
import tempfile
import unittest

import tap
from project import BUILD_ROOT, CC, CXX, SOURCE_ROOT, run

UMBRELLA = 'ssem.h'
GENERATED = ['ssem-enums.h', 'ssem-version.h']
DIRECTORIES = [SOURCE_ROOT / 'ssem', BUILD_ROOT / 'ssem']

COMPILERS = {
    'C': [*CC, '-std=c11', '-x', 'c'],
    'C++': [*CXX, '-x', 'c++'],
}
WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Werror']


def includes(path):
    return re.findall(r'^#include ["<]([^">]+)[">]', path.read_text(), re.MULTILINE)


def public_headers():
    written = [path for path in (SOURCE_ROOT / 'ssem').glob('*.h')
               if not path.name.endswith('-private.h')]
    return written + [BUILD_ROOT / 'ssem' / name for name in GENERATED]


def compile_text(language, text, *options):
    flags = shlex.split(run('pkg-config', '--cflags', 'gio-2.0'))
    # No warnings about GLib's own macros.
    flags = [flag.replace('-I', '-isystem', 1) for flag in flags]
    with tempfile.TemporaryDirectory() as directory:
        command = [*COMPILERS[language], *WARNINGS, *options, *flags,
                   *[f'-I{path}' for path in DIRECTORIES], '-c', '-', '-o', f'{directory}/out.o']
        return subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              encoding='utf-8')


class Headers(unittest.TestCase):
    def test_the_umbrella_lists_all(self):
        wanted = sorted(path.name for path in public_headers() if path.name != UMBRELLA)
        listed = [name for name in includes(SOURCE_ROOT / 'ssem' / UMBRELLA) if '/' not in name]
        self.assertEqual(sorted(listed), wanted)

    def test_nothing_private(self):
        for path in public_headers():
            private = [name for name in includes(path)
                       if name.endswith('-private.h') or name == 'config.h']
            self.assertEqual(private, [], path)

    def test_each_has_a_guard(self):
        for path in public_headers():
            if path.name == UMBRELLA:
                continue
            result = compile_text('C', f'#include <{path.name}>\nint x;\n')
            self.assertNotEqual(result.returncode, 0, path)
            self.assertIn('Only <ssem.h> can be included directly', result.stdout)

    def check_compiles(self, text):
        for language in COMPILERS:
            with self.subTest(language=language):
                result = compile_text(language, f'#include <{UMBRELLA}>\n{text}')
                self.assertEqual(result.returncode, 0, result.stdout)

    def test_compiles_alone(self):
        self.check_compiles('int x;\n')

    def test_the_calls_are_usable(self):
        self.check_compiles('''
            SsemSystemSemaphore *make (GError **error);
            SsemSystemSemaphore *make (GError **error)
            {
              return ssem_system_semaphore_new ("key", 1, SSEM_ACCESS_MODE_CREATE, error);
            }
        ''')


tap.main()
