# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What every file of the project has in common."""

import ast
import re
import unittest
import xml.etree.ElementTree

import tap
from project import SOURCE_ROOT, VERSION, run, source_files

# Put together from parts, so that this file contains none of the words.
UNFINISHED = re.compile(r'\b(' + '|'.join(['TO' 'DO', 'FIX' 'ME', 'XX' 'X', 'HA' 'CK']) + r')\b|'
                        r'\bfor' r' now\b|\bnot' r' implemented yet', re.IGNORECASE)
# The definition of a C function. A parameter may be a function itself.
FUNCTION = re.compile(r'^(\w+) \(((?:[^()]|\([^()]*\))*)\)\n\{', re.MULTILINE)
MAX_PARAMETERS = 7
MAX_LINES = 700
SOURCES = ('.c', '.cpp', '.h', '.h.in', '.c.in', '.js', '.py', '.sh', '.vala')
LICENCE = 'SPDX-License-Identifier: LGPL-2.1-or-later'
COPYRIGHT = 'Copyright 2026 The Ssem authors'


def relative(path):
    return str(path.relative_to(SOURCE_ROOT))


def interpreter(path):
    """Returns the interpreter of a script, by its first line or by its ending."""
    lines = path.read_text().splitlines()
    if lines and lines[0].startswith('#!'):
        return lines[0].split('/')[-1].split()[-1]
    return {'.sh': 'sh', '.py': 'python3', '.js': 'gjs'}.get(path.suffix)


def text_files():
    for path in source_files():
        try:
            yield path, path.read_text()
        except UnicodeDecodeError:
            continue


class Tree(unittest.TestCase):
    def test_nothing_unfinished(self):
        found = [f'{relative(path)}: {match.group()}' for path, text in text_files()
                 for match in UNFINISHED.finditer(text)]
        self.assertEqual(found, [])

    def test_header(self):
        missing = []
        n_sources = 0
        for path, text in text_files():
            if path.name.endswith(SOURCES):
                n_sources += 1
                head = '\n'.join(text.splitlines()[:5])
                if LICENCE not in head or COPYRIGHT not in head:
                    missing.append(relative(path))
        self.assertEqual(missing, [])
        self.assertGreater(n_sources, 40)

    def test_scripts_parse(self):
        n_scripts = 0
        for path, text in text_files():
            name = interpreter(path)
            with self.subTest(path=relative(path)):
                if name in ('sh', 'bash'):
                    run(name, '-n', path)
                elif name == 'python3':
                    ast.parse(text)
                else:
                    continue
                n_scripts += 1
        self.assertGreater(n_scripts, 10)

    def test_files_are_short(self):
        long = [f'{relative(path)}: {text.count(chr(10))} lines' for path, text in text_files()
                if path.name.endswith(SOURCES) and text.count('\n') > MAX_LINES]
        self.assertEqual(long, [])

    def test_functions_take_few_arguments(self):
        found = []
        n_functions = 0
        for path, text in text_files():
            if path.name.endswith(('.c', '.h')):
                for name, parameters in FUNCTION.findall(text):
                    n_functions += 1
                    if parameters.count(',') >= MAX_PARAMETERS:
                        found.append(f'{relative(path)}: {name}')
        self.assertEqual(found, [])
        self.assertGreater(n_functions, 500)

    def test_description_of_the_project(self):
        """Programs read it, and the services that run .gitlab-ci.yml run what .ci/run does."""
        root = xml.etree.ElementTree.parse(SOURCE_ROOT / 'ssem-1.doap').getroot()
        self.assertEqual(root.findtext('{http://usefulinc.com/ns/doap#}shortname'), 'ssem')
        jobs = (SOURCE_ROOT / '.gitlab-ci.yml').read_text()
        self.assertIn('\n  script:\n    - .ci/run\n', jobs)

    def test_versions_are_mesons(self):
        build = (SOURCE_ROOT / 'meson.build').read_text()
        glib = re.search(r"glib_floor = '(.+)'", build).group(1)
        meson = re.search(r"meson_version: '>= (\d+\.\d+)", build).group(1)
        wanted = {
            r'(?:\bversion|ssem)[ -]v?(\d+\.\d+\.\d+)': VERSION,
            r'\bGLib[^\w\n]+(\d+\.\d+)': glib,
            r'\bMeson[^\w\n]+(\d+\.\d+)': meson,
        }
        for path in [SOURCE_ROOT / 'README.md', *(SOURCE_ROOT / 'docs').glob('*.md')]:
            for pattern, version in wanted.items():
                for found in re.findall(pattern, path.read_text(), re.IGNORECASE):
                    self.assertEqual(found, version, f'{relative(path)}: {pattern}')


tap.main()
