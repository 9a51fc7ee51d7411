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

    def check_warns(self, expected, text, *options):
        """Checks that the compiler refuses the text with that message, or takes it for None."""
        for language in COMPILERS:
            with self.subTest(language=language, text=text, options=options):
                result = compile_text(language, f'#include <{UMBRELLA}>\n{text}', *options)
                self.assertEqual(result.returncode != 0, expected is not None, result.stdout)
                self.assertIn(expected or '', result.stdout)

    def test_version_guards(self):
        deprecated = ('SSEM_DEPRECATED_IN_1_0_FOR (new_one) int old_one (void); '
                      'int use (void); int use (void) { return old_one (); }')
        added = ('SSEM_UNAVAILABLE (1, 2) int new_one (void); '
                 'int use (void); int use (void) { return new_one (); }')
        available = 'int use (void); int use (void) { return ssem_check_version (1, 0, 0); }'
        before = ['-DSSEM_VERSION_MIN_REQUIRED=G_ENCODE_VERSION(0,8)',
                  '-DSSEM_VERSION_MAX_ALLOWED=G_ENCODE_VERSION(0,8)']
        now = ['-DSSEM_VERSION_MIN_REQUIRED=SSEM_VERSION_1_0',
               '-DSSEM_VERSION_MAX_ALLOWED=SSEM_VERSION_1_0']
        quiet = '-DSSEM_DISABLE_DEPRECATION_WARNINGS'

        self.check_warns("Use 'new_one' instead", deprecated)
        self.check_warns("Use 'new_one' instead", deprecated, *now)
        self.check_warns(None, deprecated, quiet)
        self.check_warns(None, deprecated, before[0])
        self.check_warns('Not available before 1.2', added)
        self.check_warns(None, added, quiet)
        self.check_warns(None, available, *now)
        self.check_warns('Not available before 1.0', available, *before)
        self.check_warns('must not be less than SSEM_VERSION_MIN_REQUIRED', '', before[1])


tap.main()
