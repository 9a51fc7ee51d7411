# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The types for TypeScript: those that ts-for-gir makes, and Ssem.d.ts, which adds what the module for
JavaScript adds. The argument is the directory of the GIR file. The tools come from npm:

    sh tests/install-packages.sh npm
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import tap

tap.WATCHDOG_SECONDS = 160

GIR_DIRECTORY = sys.argv.pop()
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TOOLS = HERE / 'node_modules/.bin'
ADDED = ROOT / 'ssem/bindings/gjs/overrides/Ssem.d.ts'

HEAD = """
import './Ssem.js';
import Gio from 'gi://Gio?version=2.0';
import Ssem from 'gi://Ssem?version=1';
"""
RIGHT = HEAD + """
const market = await Ssem.SystemSemaphore.open_async('market', 3, Ssem.AccessMode.JOIN);
const isHeld: boolean = await market.acquire_async();
const isInTime: boolean = await market.acquire_timeout_async(1, 1000);
market.acquire();
market.acquire_timeout(2, 1000, new Gio.Cancellable());
market.release(2);
const left: number = await market.with(2, async hold => hold.release() ? market.get_value() : 0);
market.acquire_async(1, null, (source, result) => source?.acquire_finish(result));
print(isHeld, isInTime, left);
"""
# Each line with a comment is an error.
WRONG = HEAD + """
const market = new Ssem.SystemSemaphore({key: 'market', initial_value: '3'});  // wrong
market.acquire('2');  // wrong
market.misspelt();  // wrong
const value: string = await market.acquire_async();  // wrong
const other: Ssem.SystemSemaphore = Ssem.SystemSemaphore.open_async('market');  // wrong
print(value, other);
"""


def get_node_version():
    """Returns the major version; 0 if node is not installed."""
    if shutil.which('node') is None:
        return 0
    said = subprocess.run(['node', '--version'], stdout=subprocess.PIPE, encoding='utf-8').stdout
    return int(re.match(r'v(\d+)\.', said)[1])


@unittest.skipUnless((TOOLS / 'tsc').exists(), 'install-packages.sh npm has not been run')
@unittest.skipUnless(get_node_version() >= 20, 'Node.js 20 is not installed')
class TypeScript(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix='ssem-typescript-')
        cls.addClassCleanup(directory.cleanup)
        cls.directory = pathlib.Path(directory.name)
        subprocess.run([TOOLS / 'ts-for-gir', 'generate', 'Ssem-1', '--ignoreVersionConflicts',
                        '-g', GIR_DIRECTORY, '-g', '/usr/share/gir-1.0',
                        '-o', cls.directory / 'types'], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, cwd=cls.directory)
        shutil.copy(ADDED, cls.directory)
        (cls.directory / 'package.json').write_text('{"type": "module"}')

    def compile(self, text):
        """Returns the numbers of the lines with errors, and the output."""
        (self.directory / 'program.ts').write_text(text)
        types = [f'types/{name}' for name in ['index.d.ts', 'gio-2.0.d.ts', 'ssem-1.d.ts']]
        (self.directory / 'tsconfig.json').write_text(json.dumps({
            'compilerOptions': {
                'strict': True, 'noEmit': True, 'skipLibCheck': True, 'types': [],
                'target': 'es2022', 'lib': ['es2022'],
                'module': 'nodenext', 'moduleResolution': 'nodenext',
            },
            'files': [*types, 'Ssem.d.ts', 'program.ts'],
        }))
        done = subprocess.run([TOOLS / 'tsc', '-p', self.directory], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding='utf-8', cwd=self.directory)
        lines = {int(number) for number in re.findall(r'program\.ts\((\d+),', done.stdout)}
        self.assertEqual(done.returncode == 0, not lines, done.stdout)
        return lines, done.stdout

    def test_readme(self):
        readme = (ROOT / 'README.md').read_text(encoding='utf-8')
        blocks = re.findall(r'^```js\n(.*?)^```$', readme, re.MULTILINE | re.DOTALL)
        self.assertGreater(len(blocks), 0)
        for block in blocks:
            lines, output = self.compile("import './Ssem.js';\n" + block)
            self.assertEqual(lines, set(), output)

    def test_what_the_module_adds(self):
        lines, output = self.compile(RIGHT)
        self.assertEqual(lines, set(), output)

    def test_mistakes(self):
        wanted = {number for number, line in enumerate(WRONG.splitlines(), 1) if '// wrong' in line}
        lines, output = self.compile(WRONG)
        self.assertEqual(lines, wanted, output)


tap.main()
