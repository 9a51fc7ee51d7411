# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The library exports what ssem-1.symbols lists, no more and no less."""

import re
import unittest

import tap
from project import HERE, LIBRARY, SOURCE_ROOT, run


def exported():
    lines = run('nm', '--dynamic', '--defined-only', '--format=posix', LIBRARY).splitlines()
    return sorted(line.split()[0] for line in lines)


class Symbols(unittest.TestCase):
    maxDiff = None

    def test_as_listed(self):
        listed = (HERE / 'ssem-1.symbols').read_text().splitlines()
        self.assertEqual(exported(), listed)

    def test_our_prefix(self):
        self.assertEqual([name for name in exported() if not name.startswith('ssem_')], [])

    def test_each_is_declared_for_users(self):
        headers = ''.join(path.read_text() for path in (SOURCE_ROOT / 'ssem').glob('*.h')
                          if not path.name.endswith('-private.h'))
        # Macros and the generated header declare the type functions.
        missing = [name for name in exported() if not name.endswith('_get_type') and
                   not re.search(rf'\b{name}\s*\(', headers)]
        self.assertEqual(missing, [])


tap.main()
