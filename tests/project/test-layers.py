# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Calls between the files of the library go down the layers, and never in a circle.

The compiled files say who calls whom: each names the functions that it defines and those that it
needs from other files. A table of functions is data, so a call through a table is not counted.
"""

import collections
import pathlib
import tempfile
import unittest

import tap
from project import CC, LIBRARY, run

# From the top. A file may call files of its own layer and of the layers below.
LAYERS = [
    {'ssem'},
    {'backend'},
    {'shm', 'sysv', 'posix', 'win32'},
    {'shm/linux', 'shm/win32'},
    {'os'},
]
# Every layer uses the error domain. The core of shared memory and a system's part of it both know
# what a segment contains and how to read it.
VOCABULARY = {'ssem/ssem-error.c', 'shm/ssem-shm-segment.c', 'shm/ssem-shm-look.c'}
GENERATED = 'meson-generated_.._'
OBJECTS = pathlib.Path(LIBRARY + '.p')


def source_of(name):
    """Returns the source file of an object of the library: `shm_linux_ssem-x.c.o` is
    `shm/linux/ssem-x.c`. Meson writes `_` for `/`."""
    directory, _, base = name.removesuffix('.o').partition('ssem-')
    return f'{directory.replace("_", "/") or "ssem/"}ssem-{base}'


def layer_of(source):
    directory = source.rpartition('/')[0]
    for i, directories in enumerate(LAYERS):
        if directory in directories:
            return i
    raise AssertionError(f'{source} is in no layer')


def read_calls(objects):
    """Returns {caller: {callee: {function, ...}}} of the given {source: object file}. Leaves out the
    calls of functions in VOCABULARY."""
    definer = {}
    needed = {}
    for source, path in objects.items():
        needed[source] = set()
        for line in run('nm', '--format=posix', path).splitlines():
            symbol, kind = line.split()[:2]
            if kind in 'TW':
                definer[symbol] = source
            elif kind == 'U':
                needed[source].add(symbol)

    calls = {source: collections.defaultdict(set) for source in objects}
    for caller, symbols in needed.items():
        for symbol in symbols:
            callee = definer.get(symbol)
            if callee is not None and callee != caller and callee not in VOCABULARY:
                calls[caller][callee].add(symbol)
    return calls


def find_upward_calls(calls):
    return sorted(f'{caller} calls {callee}: {", ".join(sorted(functions))}'
                  for caller, callees in calls.items() for callee, functions in callees.items()
                  if layer_of(callee) < layer_of(caller))


def find_sideward_calls(calls):
    """Returns the calls from one backend's mechanism into another's."""
    return sorted(f'{caller} calls {callee}: {", ".join(sorted(functions))}'
                  for caller, callees in calls.items() for callee, functions in callees.items()
                  if layer_of(callee) == layer_of(caller) and
                  caller.rpartition('/')[0] != callee.rpartition('/')[0])


def find_circles(calls):
    """Returns the groups of files that call each other, directly or through others."""
    def reach(source):
        found, rest = set(), [source]
        while rest:
            for callee in calls[rest.pop()]:
                if callee not in found:
                    found.add(callee)
                    rest.append(callee)
        return found

    reached = {source: reach(source) for source in calls}
    return sorted({' and '.join(sorted(other for other in calls if other == source or
                                       (other in reached[source] and source in reached[other])))
                   for source in calls if source in reached[source]})


class Library(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        objects = {source_of(path.name): path for path in OBJECTS.glob('*.o')
                   if not path.name.startswith(GENERATED)}
        cls.calls = read_calls(objects)

    def test_files_are_found(self):
        self.assertGreater(len(self.calls), 30)
        self.assertIn('ssem/ssem-system-semaphore.c', self.calls)
        self.assertEqual({layer_of(source) for source in self.calls} - {2, 3}, {0, 1, 4})
        self.assertGreater(sum(map(len, self.calls.values())), 60)

    def test_no_call_goes_up(self):
        self.assertEqual(find_upward_calls(self.calls), [])

    def test_no_backend_calls_another(self):
        self.assertEqual(find_sideward_calls(self.calls), [])

    def test_no_circle(self):
        self.assertEqual(find_circles(self.calls), [])


class Planted(unittest.TestCase):
    """The checks find calls that are put there on purpose."""

    def read_planted_calls(self, sources):
        with tempfile.TemporaryDirectory() as directory:
            objects = {}
            for source, text in sources.items():
                path = pathlib.Path(directory, source.replace('/', '_'))
                path.write_text(text)
                objects[source] = path.with_suffix('.o')
                run(*CC, '-fno-lto', '-O0', '-c', path, '-o', objects[source])
            return read_calls(objects)

    def test_call_upwards(self):
        calls = self.read_planted_calls({
            'backend/ssem-a.c': 'void a (void) {}',
            'os/ssem-b.c': 'void a (void); void b (void) { a (); }',
        })
        self.assertEqual(find_upward_calls(calls), ['os/ssem-b.c calls backend/ssem-a.c: a'])
        self.assertEqual(find_circles(calls), [])

    def test_call_between_backends(self):
        calls = self.read_planted_calls({
            'shm/ssem-a.c': 'void a (void) {}',
            'sysv/ssem-b.c': 'void a (void); void b (void) { a (); }',
        })
        self.assertEqual(find_sideward_calls(calls), ['sysv/ssem-b.c calls shm/ssem-a.c: a'])

    def test_circle(self):
        calls = self.read_planted_calls({
            'os/ssem-a.c': 'void b (void); void a (void) { b (); }',
            'os/ssem-b.c': 'void c (void); void b (void) { c (); }',
            'os/ssem-c.c': 'void a (void); void c (void) { a (); }',
            'os/ssem-d.c': 'void a (void); void d (void) { a (); }',
        })
        self.assertEqual(find_circles(calls), ['os/ssem-a.c and os/ssem-b.c and os/ssem-c.c'])
        self.assertEqual(find_upward_calls(calls), [])


tap.main()
