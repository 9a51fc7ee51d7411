# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The installed library, used by programs that do not know the source tree."""

import os
import pathlib
import shlex
import shutil
import sys
import tempfile
import unittest

import tap
from project import BINDINGS, BUILD_ROOT, CC, CXX, SOURCE_ROOT, VERSION, run
from semaphores import list_keys

# The environment of the tests points to the build directory.
for name in ['LD_LIBRARY_PATH', 'GI_TYPELIB_PATH', 'PYTHONPATH', 'GJS_PATH']:
    os.environ.pop(name, None)

PREFIX = os.environ['SSEM_PREFIX']
LIBDIR = os.environ['SSEM_LIBDIR']
WARNINGS = ['-Wall', '-Wextra', '-Werror']

# Each program opens a key, and prints the value. The last program of a language needs everything
# that is installed for the language.
PROGRAM_C = '''
#include <ssem.h>

int
main (void)
{
  GError *error = NULL;
  SsemSystemSemaphore *semaphore =
    ssem_system_semaphore_new ("key", 3, SSEM_ACCESS_MODE_CREATE, &error);

  if (semaphore == NULL)
    g_error ("%s", error->message);

  {
    g_autoptr(SsemHold) hold = ssem_hold_new (semaphore, 1, NULL, &error);

    if (hold == NULL)
      g_error ("%s", error->message);
    g_print ("%d\\n", ssem_system_semaphore_get_value (semaphore, NULL));
  }
  g_object_unref (semaphore);

  return SSEM_CHECK_VERSION (1, 0, 0) && ssem_check_version (1, 0, 0) ? 0 : 1;
}
'''
PROGRAM_CXX = PROGRAM_C.replace('NULL', 'nullptr')
PROGRAM_VALA = '''
int main () {
    try {
        var semaphore = new Ssem.SystemSemaphore ("key", 3);
        semaphore.acquire ();
        print ("%d\\n", semaphore.get_value ());
    } catch (Error failure) {
        error ("%s", failure.message);
    }
    return 0;
}
'''
PROGRAM_PYTHON = '''
import gi
gi.require_version('Ssem', '1')
from gi.repository import Ssem
semaphore = Ssem.SystemSemaphore.new('key', 3, Ssem.AccessMode.CREATE)
semaphore.acquire(1, None)
print(semaphore.get_value())
'''
PROGRAM_PYTHON_MODULE = '''
import gi
gi.require_version('Ssem', '1')
from gi.repository import Ssem
semaphore = Ssem.SystemSemaphore('key', 3)
with semaphore.hold(1, timeout=1):
    print(semaphore.get_value())
'''
PROGRAM_GJS = '''
imports.gi.versions.Ssem = '1';
const {Ssem} = imports.gi;
const semaphore = Ssem.SystemSemaphore.new('key', 3, Ssem.AccessMode.CREATE);
semaphore.acquire(1, null);
print(semaphore.get_value());
'''
PROGRAM_GJS_MODULE = '''
const {Ssem} = imports.gi;
const semaphore = new Ssem.SystemSemaphore({key: 'key', initial_value: 3});
semaphore.acquire();
print(semaphore.get_value());
'''
EXPECTED = '2\n'
PROGRAM_PYTHON_CALLS = PROGRAM_PYTHON_MODULE + '''
from gi.overrides import _ssem_calls
assert type(Ssem.SystemSemaphore.acquire).__name__ == 'method_descriptor'
'''
# Every module of the Python binding must be installed, because Ssem.py imports the others.
PYTHON_MODULES = sorted([path.name for path in
                         (SOURCE_ROOT / 'ssem/bindings/python/gi/overrides').glob('*.py')] +
                        (['_ssem_calls.abi3.so'] if 'python-calls' in BINDINGS else []))


def overlay(system, ours):
    """Links everything in one directory into another."""
    for entry in os.scandir(system):
        target = ours / entry.name
        if not target.exists():
            target.symlink_to(entry.path)
        elif entry.is_dir() and target.is_dir():
            overlay(entry.path, target)


class ProgramCase(unittest.TestCase):
    """Runs programs that open a key, and leave nothing."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='ssem-test-'))
        self.addCleanup(shutil.rmtree, self.directory)
        self.keys = self.directory / 'keys'
        self.keys.mkdir()

    def check_output(self, *command, **variables):
        environment = dict(os.environ, SSEM_RUNTIME_DIR=str(self.keys), **variables)
        self.assertEqual(run(*command, env=environment, cwd=self.directory), EXPECTED)
        self.assertEqual(list_keys(self.keys), [])


class Installed(ProgramCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix='ssem-test-'))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        run('meson', 'install', '-C', BUILD_ROOT, '--no-rebuild', '--destdir', cls.root)
        cls.installed = sorted(str(path.relative_to(cls.root)) for path in cls.root.rglob('*')
                               if not path.is_dir())

        # pkg-config looks for everything below its root, even for the libraries of the system.
        overlay('/usr', cls.root / 'usr')

        cls.libdir = cls.root / LIBDIR.lstrip('/')
        cls.pkg_config_env = dict(os.environ, PKG_CONFIG_PATH=str(cls.libdir / 'pkgconfig'),
                                  PKG_CONFIG_SYSROOT_DIR=str(cls.root))

    def pkg_config(self, *arguments):
        return run('pkg-config', *arguments, env=self.pkg_config_env).strip()

    def check_program(self, compiler, name, text):
        source = self.directory / name
        source.write_text(text)
        flags = shlex.split(self.pkg_config('--cflags', '--libs', 'ssem-1'))
        # The flags name the installed headers, and not the source tree.
        self.assertIn(f'-I{self.root}{PREFIX}/include/ssem-1', flags)
        run(*compiler, *WARNINGS, source, '-o', self.directory / 'program', *flags)
        self.check_output(self.directory / 'program', LD_LIBRARY_PATH=str(self.libdir))

    def test_c(self):
        self.check_program(CC, 'program.c', PROGRAM_C)

    def test_cxx(self):
        self.check_program(CXX, 'program.cpp', PROGRAM_CXX)

    def test_pkg_config(self):
        self.assertEqual(self.pkg_config('--modversion', 'ssem-1'), VERSION)
        required = self.pkg_config('--print-requires', 'ssem-1').split('\n')
        self.assertTrue(any(line.startswith('gio-2.0') for line in required), required)
        found_prefix = self.pkg_config('--variable=prefix', 'ssem-1')
        self.assertEqual(found_prefix.removeprefix(str(self.root)), PREFIX)
        self.pkg_config('--validate', 'ssem-1')

    @unittest.skipUnless('introspection' in BINDINGS, 'built without introspection')
    def test_pkg_config_variables(self):
        for name, expected in [('typelibdir', 'Ssem-1.typelib'), ('girdir', 'Ssem-1.gir'),
                               ('vapidir', 'ssem-1.vapi'),
                               *[('pythondir', 'gi/overrides/Ssem.py')] * ('python' in BINDINGS)]:
            path = self.pkg_config(f'--variable={name}', 'ssem-1').removeprefix(str(self.root))
            self.assertTrue((self.root / path.lstrip('/') / expected).exists(), name)

    @unittest.skipUnless('tool' in BINDINGS, 'built without the ssem command')
    def test_tool(self):
        program = self.root / PREFIX.lstrip('/') / 'bin/ssem'
        environment = dict(os.environ, LD_LIBRARY_PATH=str(self.libdir),
                           SSEM_RUNTIME_DIR=str(self.keys))
        self.assertEqual(run(program, '--version', env=environment), f'ssem {VERSION}\n')
        self.assertEqual(run(program, 'run', 'key', '--', program, 'list', '--keys',
                             env=environment), 'key\n')
        names = [os.path.basename(name) for name in self.installed]
        self.assertEqual(names.count('ssem'), 2, 'the program and its completion')

    def test_the_build_directory_is_named_nowhere(self):
        found = [name for name in self.installed
                 if name.endswith(('.pc', '.h', '.gir', '.vapi', '.deps')) and
                 str(BUILD_ROOT) in (self.root / name).read_text()]
        self.assertEqual(found, [])

    @unittest.skipUnless('python-calls' in BINDINGS, 'built without the extension for Python')
    def test_python_extension(self):
        """One file serves all versions of Python, so it names neither a version nor a directory."""
        name, = [name for name in self.installed if name.endswith('.abi3.so')]
        dump = run('objdump', '-p', self.root / name)
        needed = [line.split()[1] for line in dump.splitlines() if line.split()[:1] == ['NEEDED']]
        self.assertIn('libssem-1.so.0', needed)
        self.assertEqual([library for library in needed if 'python' in library], [])
        self.assertNotIn('RUNPATH', dump)
        exported = run('nm', '--dynamic', '--defined-only', '--format=posix', self.root / name)
        self.assertEqual([line.split()[0] for line in exported.splitlines()],
                         ['PyInit__ssem_calls'])

    def test_headers_and_catalogue(self):
        names = [os.path.basename(name) for name in self.installed]
        self.assertIn('ssem-1.mo', names)
        self.assertEqual([name for name in names if 'private' in name], [])
        self.assertEqual(sorted(name for name in names if name.endswith('.h')),
                         ['ssem-enums.h', 'ssem-error.h', 'ssem-hold.h', 'ssem-native-key.h',
                          'ssem-process-info.h', 'ssem-runtime-version.h', 'ssem-semaphore-info.h',
                          'ssem-semaphore-item.h', 'ssem-semaphore-list.h',
                          'ssem-system-semaphore.h', 'ssem-types.h', 'ssem-version-macros.h', 'ssem-version.h', 'ssem.h'])

    @unittest.skipUnless('introspection' in BINDINGS, 'built without introspection')
    def test_python_and_javascript(self):
        paths = {'LD_LIBRARY_PATH': str(self.libdir),
                 'GI_TYPELIB_PATH': str(self.libdir / 'girepository-1.0')}
        self.check_output(sys.executable, '-c', PROGRAM_PYTHON, **paths)
        self.check_output('gjs', '-c', PROGRAM_GJS, **paths)
        if 'python' in BINDINGS:
            modules = [pathlib.Path(name) for name in self.installed if '/gi/overrides/' in name]
            self.assertEqual([module.name for module in modules], PYTHON_MODULES)
            directory = self.root / modules[0].parents[2]
            # Without DESTDIR, this is where its Python looks by itself.
            if PREFIX in ['/usr', '/usr/local']:
                self.assertIn('/' + str(directory.relative_to(self.root)), sys.path)
            self.check_output(sys.executable, '-c', PROGRAM_PYTHON_MODULE,
                              PYTHONPATH=str(directory), **paths)
            if 'python-calls' in BINDINGS:
                self.check_output(sys.executable, '-c', PROGRAM_PYTHON_CALLS,
                                  PYTHONPATH=str(directory), **paths)
        if 'gjs' in BINDINGS:
            self.check_output('gjs', '-c', PROGRAM_GJS_MODULE,
                              XDG_DATA_DIRS=f'{self.root}{PREFIX}/share', **paths)

    @unittest.skipUnless('vapi' in BINDINGS, 'built without the Vala bindings')
    def test_vala(self):
        source = self.directory / 'program.vala'
        source.write_text(PROGRAM_VALA)
        run('valac', f'--vapidir={self.root}{PREFIX}/share/vala/vapi',
            f'--girdir={self.root}{PREFIX}/share/gir-1.0', '--pkg=ssem-1', '-X', '-w', source,
            '-o', self.directory / 'program', env=self.pkg_config_env, cwd=self.directory)
        self.check_output(self.directory / 'program', LD_LIBRARY_PATH=str(self.libdir))


class Devenv(ProgramCase):
    """`meson devenv` is enough to try the library without installing it."""

    @unittest.skipUnless('introspection' in BINDINGS, 'built without introspection')
    def test_python_and_javascript(self):
        for command in [(sys.executable, '-c', PROGRAM_PYTHON), ('gjs', '-c', PROGRAM_GJS),
                        (sys.executable, '-c', PROGRAM_PYTHON_CALLS if 'python-calls' in BINDINGS
                         else PROGRAM_PYTHON_MODULE),
                        ('gjs', '-c', PROGRAM_GJS_MODULE)]:
            self.check_output('meson', 'devenv', '-C', BUILD_ROOT, *command)

    def test_library_path(self):
        said = run('meson', 'devenv', '-C', BUILD_ROOT, 'sh', '-c', 'echo "$LD_LIBRARY_PATH"')
        self.assertIn(str(BUILD_ROOT / 'ssem'), said.strip().split(':'))


tap.main()
