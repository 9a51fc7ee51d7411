# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The types of the Python module, for type checkers: they have the names and the parameters of the
module. mypy finds the samples of the manual and the programs of the tests right, and mistakes
wrong."""

import ast
import inspect
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import tap
from bindings import Ssem

HERE = pathlib.Path(__file__).resolve()
ROOT = HERE.parents[2]
BINDINGS = ROOT / 'ssem/bindings/python'
STUB = BINDINGS / 'gi-stubs/repository/Ssem.pyi'
PROGRAMS = [*ROOT.glob('examples/python/*.py'), *ROOT.glob('examples/cookbook/*-*.py'),
            ROOT / 'examples/cookbook/jobs.py',
            ROOT / 'tests/bindings/holder.py', ROOT / 'tests/qt/ssem-child.py',
            ROOT / 'tests/monitor/test-list-window.py']
IMPORT = re.compile('^from gi.repository import .*Ssem', re.MULTILINE)

# Each line with a comment is an error, of that kind.
WRONG = """
import gi
gi.require_version("Ssem", "1")
from gi.repository import Ssem

async def run() -> None:
    market = await Ssem.SystemSemaphore.open_async("market", 3)
    market.acquire("2")  # arg-type
    await market.acquire_async(timeout="1")  # call-overload
    market.acquire_async()  # unused-coroutine
    Ssem.SystemSemaphore("market", 3, 1)  # arg-type
    market.hold(2).release()  # attr-defined
    Ssem.SemaphoreInfo.query("market").get_value() + "1"  # operator
    Ssem.misspelt()  # attr-defined

class Market(Ssem.SystemSemaphore):  # misc
    pass
"""

# GObject has these too, or they are the class structures.
IGNORED = re.compile(r'_|.*Class$')


def read_stub():
    """Returns the names in the stub, each with its definitions; a class is a dictionary."""
    def collect(nodes):
        found = {}
        for node in nodes:
            if isinstance(node, ast.ClassDef):
                found[node.name] = collect(node.body)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.setdefault(node.name, []).append(node)
            elif isinstance(node, ast.AnnAssign):
                found[node.target.id] = []
        return found
    return collect(ast.parse(STUB.read_text(encoding='utf-8')).body)


def list_parameters(node):
    arguments = node.args
    names = [argument.arg for argument in [*arguments.args, arguments.vararg,
                                           *arguments.kwonlyargs] if argument is not None]
    return [name for name in names if name != 'self']


def describe(function):
    """Returns the names of the parameters; None where the function does not tell them."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    names = [parameter.name for parameter in parameters]
    return None if names == ['args', 'kwargs'] else [name for name in names if name != 'self']


class Stub(unittest.TestCase):
    maxDiff = None

    def test_names(self):
        stub = read_stub()
        public = {name for name in dir(Ssem) if not IGNORED.match(name)}
        self.assertEqual({name for name in stub if not name.startswith('_')}, public)
        for name in public:
            if not isinstance(stub[name], dict):
                continue
            with self.subTest(name):
                cls = getattr(Ssem, name)
                classes = [one for one in cls.__mro__ if one.__module__.endswith('Ssem')]
                there_are = {member for one in classes for member in vars(one)}
                there_are = {member for member in there_are if not IGNORED.match(member)}
                described = {member for member in stub[name] if not member.startswith('_')}
                self.assertEqual(described, there_are - {'props'})

    def test_parameters(self):
        n_checked = 0
        for name, members in read_stub().items():
            if name.startswith('_'):
                continue
            where = getattr(Ssem, name)
            functions = ([(name, where, members)] if isinstance(members, list) else
                         [(f'{name}.{member}', getattr(where, member), nodes)
                          for member, nodes in members.items() if not member.startswith('__')])
            for full_name, function, nodes in functions:
                parameters = describe(function)
                if not nodes or parameters is None:
                    continue
                described = []
                for node in nodes:
                    described += [one for one in list_parameters(node) if one not in described]
                n_checked += 1
                with self.subTest(full_name):
                    self.assertEqual(sorted(described), sorted(parameters))
        self.assertGreater(n_checked, 30)


@unittest.skipUnless(shutil.which('mypy'), 'mypy is not installed')
class Checker(unittest.TestCase):
    def check(self, *paths, options=()):
        """Runs mypy; returns the lines that it writes."""
        with tempfile.TemporaryDirectory() as cache:
            done = subprocess.run(
                ['mypy', '--python-executable', sys.executable, '--cache-dir', cache,
                 '--scripts-are-modules', '--ignore-missing-imports', '--check-untyped-defs',
                 '--no-error-summary', *options, *paths], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env={**os.environ, 'PYTHONPATH': str(BINDINGS)}, encoding='utf-8')
        return done.stdout.splitlines()

    def check_texts(self, texts, **options):
        """Checks the programs among {name: [text, ...]}."""
        with tempfile.TemporaryDirectory() as directory:
            paths = []
            for name, text in ((name, text) for name in texts for text in texts[name]):
                if IMPORT.search(text):
                    paths.append(pathlib.Path(directory, f'{name.replace("-", "_")}_{len(paths)}.py'))
                    paths[-1].write_text(text, encoding='utf-8')
            self.assertGreater(len(paths), 5)
            self.assertEqual(self.check(*paths, **options), [])

    def test_programs(self):
        self.assertGreater(len(PROGRAMS), 8)
        self.assertEqual(self.check(*PROGRAMS), [])

    def test_manual(self):
        self.check_texts({
            page.stem: re.findall(r'^```python\n(.*?)^```$', page.read_text(encoding='utf-8'),
                                  re.MULTILINE | re.DOTALL)
            for page in [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]})

    def test_programs_in_tests(self):
        """Some programs are the beginning of one, or lack a name that the test fills in."""
        self.check_texts({
            path.stem: [node.value for node in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
                        if isinstance(node, ast.Constant) and isinstance(node.value, str)]
            for path in sorted(ROOT.glob('tests/*/*.py')) if path != HERE},
            options=['--disable-error-code', 'name-defined'])

    def test_mistakes(self):
        wanted = [(number, line.partition('# ')[2])
                  for number, line in enumerate(WRONG.splitlines(), 1) if '# ' in line]
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, 'wrong.py')
            path.write_text(WRONG)
            lines = self.check(path)
        found = [re.search(r':(\d+): error: .*\[([\w-]+)\]$', line) for line in lines]
        self.assertEqual([(int(match[1]), match[2]) for match in found if match], wanted, lines)


tap.main()
