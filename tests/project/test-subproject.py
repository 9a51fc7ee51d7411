# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A project that includes this one, as the page on building shows it, gets the library and the
typelib; with a static library, that alone."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import tap
from project import SOURCE_ROOT, run

# A build of the library.
tap.WATCHDOG_SECONDS = 280

BUILD = """
project('consumer', 'c')
ssem_dep = dependency('ssem-1')
executable('consumer', 'consumer.c', dependencies: ssem_dep)
"""
PROGRAM = """
#include <ssem.h>
#include <stdlib.h>

int
main (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(SsemSystemSemaphore) semaphore =
    ssem_system_semaphore_new ("market", 3, SSEM_ACCESS_MODE_OPEN, &error);

  if (semaphore == NULL)
    g_error ("%s", error->message);
  g_print ("%d of 3", ssem_system_semaphore_get_value (semaphore, NULL));
  return EXIT_SUCCESS;
}
"""
# What is built for the library, and the catalogues of its messages.
OWN_TARGETS = {'ssem-1', 'Ssem-1.gir', 'Ssem-1.typelib', 'ssem-enums.h', 'ssem-enums.c', 'consumer'}
CATALOGUE = re.compile(r'ssem-1-|.*\.mo$')


class Subproject(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix='ssem-consumer-')
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        subprojects = self.root / 'subprojects'
        subprojects.mkdir()
        (subprojects / 'ssem').symlink_to(SOURCE_ROOT)
        page = (SOURCE_ROOT / 'docs/building.md').read_text(encoding='utf-8')
        wrap, = re.findall(r'```ini\n(\[wrap-file\]\n.*?)```', page, re.DOTALL)
        (subprojects / 'ssem.wrap').write_text(wrap)
        (self.root / 'meson.build').write_text(BUILD)
        (self.root / 'consumer.c').write_text(PROGRAM)

    def set_up(self, *options):
        return subprocess.run(['meson', 'setup', '--force-fallback-for=ssem',
                               '--buildtype=plain', *options,
                               self.root / 'build', self.root], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding='utf-8')

    def check_program(self, *options):
        """Builds the program and runs it; returns the names of the targets."""
        done = self.set_up(*options)
        self.assertEqual(done.returncode, 0, done.stdout)
        run('ninja', '-C', self.root / 'build')
        keys = self.root / 'keys'
        keys.mkdir()
        self.assertEqual(run(self.root / 'build/consumer',
                             env={**os.environ, 'SSEM_RUNTIME_DIR': str(keys)}), '3 of 3')
        targets = json.loads(run('meson', 'introspect', '--targets', self.root / 'build'))
        return {target['name'] for target in targets}

    def test_shared(self):
        names = self.check_program()
        extra = {name for name in names - OWN_TARGETS if not CATALOGUE.match(name)}
        self.assertEqual(extra, set())
        self.assertIn('Ssem-1.typelib', names)

    def test_static(self):
        names = self.check_program('-Ddefault_library=static')
        self.assertNotIn('Ssem-1.typelib', names)
        dump = run('objdump', '-p', self.root / 'build/consumer')
        self.assertNotIn('libssem', dump)

    def test_static_with_typelib(self):
        done = self.set_up('-Ddefault_library=static', '-Dssem:introspection=enabled')
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('a typelib needs a shared library', done.stdout)


tap.main()
