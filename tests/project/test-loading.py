# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A running program can load the library, whatever libraries it has loaded before; and the `ssem`
command loads little.

Thread-local storage of the model "initial-exec" takes room in a small reserve of the C library.
With glibc, a library with such storage cannot be loaded once the reserve is used up; with musl,
never.
"""

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
from project import CC, LIBRARY

# A library of that model, which takes a part of the reserve.
HUNGRY = '''
_Thread_local char taken[256] __attribute__ ((tls_model ("initial-exec")));
char *take (void) { return taken; }
'''
MAX_HUNGRY = 100

# A library with thread-local storage, as the library's own is compiled, and a program that loads it.
SLOTS = '''
static _Thread_local MODEL void *slots[8];
void **get_slots (void) { return slots; }
'''
DYNAMIC_LOADER = '''
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static void *
use (void *get_slots)
{
  void **slots = ((void **(*) (void)) get_slots) ();

  slots[7] = slots;
  return slots[0] == NULL ? slots : NULL;
}

int
main (int argc, char **argv)
{
  void *library = dlopen (argv[1], RTLD_NOW);
  void *here, *there = NULL;
  pthread_t thread;

  if (library == NULL)
    {
      fprintf (stderr, "%s\\n", dlerror ());
      return 1;
    }
  here = use (dlsym (library, "get_slots"));
  pthread_create (&thread, NULL, use, dlsym (library, "get_slots"));
  pthread_join (thread, &there);
  return here != NULL && there != NULL && here != there ? 0 : 2;
}
'''

# Runs in a process of its own, because the process of the test may have used some of the reserve.
LOADER = '''
import ctypes, sys
n_loaded = 0
for path in sys.argv[2:]:
    try:
        ctypes.CDLL(path)
    except OSError as error:
        break
    n_loaded += 1
print(n_loaded)
assert ctypes.CDLL(sys.argv[1]).ssem_backend_is_supported(0)
'''


def load_after(n_hungry):
    with tempfile.TemporaryDirectory(prefix='ssem-test-') as directory:
        source = pathlib.Path(directory, 'hungry.c')
        source.write_text(HUNGRY)
        first = pathlib.Path(directory, 'hungry.so')
        subprocess.run([*CC, '-shared', '-fPIC', '-o', first, source], check=True)
        hungry = []
        for i in range(n_hungry):
            hungry.append(pathlib.Path(directory, f'hungry-{i}.so'))
            hungry[-1].write_bytes(first.read_bytes())
        return subprocess.run([sys.executable, '-c', LOADER, LIBRARY, *hungry],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='utf-8')


@unittest.skipUnless(shutil.which('musl-gcc'), 'musl-gcc is not installed')
class Musl(unittest.TestCase):
    """A program that runs with musl can load thread-local storage as the library has it."""

    def load(self, model):
        flags = shlex.split(os.environ['SSEM_TLS_ARGS'])
        with tempfile.TemporaryDirectory(prefix='ssem-test-') as name:
            directory = pathlib.Path(name)
            (directory / 'slots.c').write_text(SLOTS)
            (directory / 'loader.c').write_text(DYNAMIC_LOADER)
            subprocess.run(['musl-gcc', '-shared', '-fPIC', *flags, f'-DMODEL={model}', '-o',
                            directory / 'slots.so', directory / 'slots.c'], check=True)
            subprocess.run(['musl-gcc', '-o', directory / 'loader', directory / 'loader.c'],
                           check=True)
            environment = {name: value for name, value in os.environ.items()
                           if name != 'LD_LIBRARY_PATH'}
            return subprocess.run([directory / 'loader', directory / 'slots.so'], env=environment,
                                  stderr=subprocess.PIPE, encoding='utf-8')

    def test_as_it_is(self):
        done = self.load('')
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_initial_exec(self):
        done = self.load('__attribute__ ((tls_model ("initial-exec")))')
        self.assertEqual(done.returncode, 1)
        self.assertIn('initial-exec TLS', done.stderr)


class Loading(unittest.TestCase):
    def test_no_static_storage(self):
        dynamic = subprocess.run(['readelf', '--dynamic', LIBRARY], check=True,
                                 stdout=subprocess.PIPE, encoding='utf-8').stdout
        self.assertIn('SONAME', dynamic)
        self.assertNotIn('STATIC_TLS', dynamic)

    def test_after_hungry_libraries(self):
        done = load_after(MAX_HUNGRY)
        self.assertEqual(done.returncode, 0, done.stderr)
        # The reserve is used up: some of the libraries could not be loaded.
        self.assertLess(int(done.stdout), MAX_HUNGRY)

    @unittest.skipUnless('SSEM_TOOL' in os.environ, 'built without the ssem command')
    def test_tool_loads_only_glib(self):
        """To load GIO takes longer than all that `ssem run` does."""
        dynamic = subprocess.run(['readelf', '--dynamic', os.environ['SSEM_TOOL']], check=True,
                                 stdout=subprocess.PIPE, encoding='utf-8').stdout
        needed = re.findall(r'NEEDED.*\[lib([a-z]+)', dynamic)
        self.assertIn('glib', needed)
        self.assertFalse({'gio', 'gobject', 'json', 'ssem'} & set(needed))


tap.main()
