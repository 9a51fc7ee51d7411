# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The installed tests, as gnome-desktop-testing-runner finds and runs them."""

import configparser
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

import tap

BUILD_ROOT = os.environ['SSEM_BUILD_ROOT']
PREFIX = os.environ['SSEM_PREFIX']
LIBDIR = os.environ['SSEM_LIBDIR']
# One for each language.
RUN = ['object', 'python-override', 'gjs-override']
# What a test needs of the environment is in its command, and not in that of this test.
FOREIGN = re.compile('SSEM_|G_|GI_|GJS_|LC_|LD_|PYTHON')


class InstalledTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix='ssem-test-'))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        subprocess.run(['meson', 'install', '-C', BUILD_ROOT, '--no-rebuild',
                        '--destdir', cls.root], check=True, stdout=sys.stderr)
        cls.commands = {}
        directory = cls.root / PREFIX.lstrip('/') / 'share/installed-tests/ssem-1'
        for path in directory.glob('*.test'):
            description = configparser.ConfigParser(interpolation=None)
            description.read(path)
            cls.commands[path.stem] = dict(description['Test'])

    def test_descriptions(self):
        self.assertGreater(len(self.commands), 20)
        for name, description in self.commands.items():
            with self.subTest(name):
                self.assertEqual(sorted(description), ['exec', 'output', 'type'])
                self.assertEqual((description['type'], description['output']), ('session', 'TAP'))
                command = shlex.split(description['exec'])
                paths = [word for word in command
                         if word.startswith(PREFIX + '/') and '/installed-tests/' in word]
                self.assertEqual(len(paths), 1, command)
                self.assertTrue((self.root / paths[0].lstrip('/')).is_file(), paths[0])
                self.assertNotIn(BUILD_ROOT, str(command))

    def test_run(self):
        environment = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
        environment |= {
            'LD_LIBRARY_PATH': f'{self.root}{LIBDIR}',
            'GI_TYPELIB_PATH': f'{self.root}{LIBDIR}/girepository-1.0',
            'XDG_DATA_DIRS': f'{self.root}{PREFIX}/share:/usr/share',
        }
        for path in self.root.glob('**/gi/overrides/Ssem.py'):
            environment['PYTHONPATH'] = str(path.parents[2])

        run = [name for name in RUN if name in self.commands]
        self.assertIn('object', run)
        for name in run:
            with self.subTest(name):
                command = self.commands[name]['exec'].replace(PREFIX + '/lib',
                                                              f'{self.root}{PREFIX}/lib')
                done = subprocess.run(shlex.split(command), env=environment, cwd=self.root,
                                      stdout=subprocess.PIPE, encoding='utf-8')
                self.assertEqual(done.returncode, 0, done.stdout)
                self.assertRegex(done.stdout, re.compile('^ok 1 ', re.MULTILINE))
                self.assertNotRegex(done.stdout, re.compile('^not ok', re.MULTILINE))


tap.main()
