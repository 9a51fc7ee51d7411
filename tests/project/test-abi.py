# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A program that was linked against the last release works with this build of the library: the
exported interface is the one in ssem-1.abi."""

import os
import re
import struct
import subprocess
import tempfile
import unittest

import tap
from abi import DUMP, dump
from project import LIBRARY, run

# The dump is of a system with 64 bits.
HAS_USUAL_SIZES = struct.calcsize('P') == struct.calcsize('l') == 8

# abidiff's exit status.
CHANGED = 4
INCOMPATIBLE = 8

ADVICE = '''
If something was only added, renew the dump and ssem-1.symbols:
meson compile -C build update-abi
If anything else changed, raise the soversion, too; see meson.build.
'''


def has_debug_information():
    return '.debug_info' in run('objdump', '--section-headers', LIBRARY)


@unittest.skipUnless(HAS_USUAL_SIZES, 'the dump is of a system with 64 bits')
@unittest.skipUnless(has_debug_information(), 'built without debugging information')
class Abi(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.committed = DUMP.read_text(encoding='utf-8')
        cls.built = dump()

    def compare(self, old, new):
        """Returns the exit status and the report of abidiff."""
        with tempfile.TemporaryDirectory() as directory:
            paths = []
            for name, text in [('old', old), ('new', new)]:
                paths.append(os.path.join(directory, name))
                with open(paths[-1], 'w', encoding='utf-8') as file:
                    file.write(text)
            result = subprocess.run(['abidiff', *paths], stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, encoding='utf-8')
        return result.returncode, result.stdout

    def alter(self, pattern, replacement):
        text, n_changes = re.subn(pattern, replacement, self.built, count=1, flags=re.DOTALL)
        self.assertEqual(n_changes, 1)
        return self.compare(self.built, text)

    def test_as_committed(self):
        status, report = self.compare(self.committed, self.built)
        # The report does not count: with another compiler it names harmless differences.
        self.assertEqual(status, 0, report + ADVICE)

    def test_every_symbol_has_a_type(self):
        declared = set(re.findall(r"<function-decl name='(\w+)'", self.built))
        exported = set(re.findall(r"<elf-symbol name='(\w+)'", self.built))
        self.assertEqual(declared, exported)
        self.assertIn('ssem_system_semaphore_release', declared)

    def test_nothing_of_this_machine(self):
        self.assertEqual(re.findall(r"='[^'\n]*/[^'\n]*'", self.committed), [])

    # The comparison notices a change.

    def test_another_parameter(self):
        wide, = re.findall(r"<typedef-decl name='gint64' type-id='\w+' id='(\w+)'", self.built)
        status, report = self.alter(
            r"(<function-decl name='ssem_system_semaphore_release'"
            r".*?<parameter type-id=')\w+(' name='n')", rf'\g<1>{wide}\g<2>')
        self.assertTrue(status & CHANGED, report)
        self.assertIn('ssem_system_semaphore_release', report)

    def test_one_parameter_less(self):
        status, report = self.alter(
            r"(<function-decl name='ssem_system_semaphore_acquire'.*?)<parameter [^>]* name='n'/>",
            r'\g<1>')
        self.assertTrue(status & CHANGED, report)

    def test_another_number(self):
        status, report = self.alter(r"(name='SSEM_ACCESS_MODE_CREATE' value=')1'", r"\g<1>7'")
        self.assertTrue(status & CHANGED, report)

    def test_a_function_that_is_gone(self):
        text, n_changes = re.subn(r" *<elf-symbol name='ssem_system_semaphore_release'.*?/>\n|"
                                  r" *<function-decl name='ssem_system_semaphore_release'.*?"
                                  r"</function-decl>\n", '', self.built, flags=re.DOTALL)
        self.assertEqual(n_changes, 2)
        status, report = self.compare(self.built, text)
        self.assertTrue(status & INCOMPATIBLE, report)


tap.main()
