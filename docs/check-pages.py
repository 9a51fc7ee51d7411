# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks the samples and links of the manual and the README, and reports the results as TAP.

Each block of code is a program. The check compiles and runs it, as a user would. If a block marked
"text" follows directly, the program must print this text. A block of C without main () is the body
of main (). No program may leave a semaphore behind. If a comment says that a block is from a file,
update-samples.py and the test of that file check the block.

Links to other pages and to files must have a target. The Meson options in the pages must exist.
"""

import argparse
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

SECONDS_FOR_ONE = 60
FENCE = re.compile(r'^```(\w+)\n(.*?)^```\n(?:\n^```text\n(.*?)^```\n)?', re.M | re.S)
FROM_FILE = re.compile(r'<!-- from [^\n]*-->\n\n\Z')
NOT_RUN = ('ini', 'json', 'text', 'sh')


class Skip(Exception):
    pass


@dataclass
class Sample:
    origin: str
    language: str
    code: str
    output: str = None

    def write(self, directory, suffix):
        path = directory / f'sample{suffix}'
        path.write_text(self.code, encoding='utf-8')
        return str(path)


def run(command, **settings):
    """Returns the standard output. A failure contains the output of the command."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_FOR_ONE,
                              **settings)
    except subprocess.TimeoutExpired:
        raise AssertionError(f'{command[0]} timed out')
    assert done.returncode == 0, \
        f'{shlex.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}'
    return done.stdout


def need(*names):
    for name in names:
        if shutil.which(name) is None:
            raise Skip(f'{name} is not installed')


def pkg_config(*arguments):
    return shlex.split(run(['pkg-config', *arguments]))


# --- Builders: each returns the command that runs a sample of its language -----------------------

def build_c(sample, directory, options):
    if not re.search(r'\bmain \(', sample.code):
        sample.code = '#include <ssem.h>\nint\nmain (void)\n{\n' + sample.code + '\nreturn 0;\n}\n'
    program = str(directory / 'sample')
    run([*options.cc, '-std=gnu11', '-Wall', '-Werror', sample.write(directory, '.c'), '-o', program,
         *pkg_config('--cflags', '--libs', 'ssem-1')])
    return [program]


def build_cpp(sample, directory, options):
    need('g++')
    for qt in ('Qt6Core', 'Qt5Core'):
        if subprocess.run(['pkg-config', '--exists', qt]).returncode == 0:
            break
    else:
        raise Skip('Qt is not installed for C++')
    program = str(directory / 'sample')
    run(['g++', '-std=c++17', '-fPIC', '-Wall', '-Werror', sample.write(directory, '.cpp'),
         '-o', program, *pkg_config('--cflags', '--libs', qt)])
    return [program]


def build_vala(sample, directory, options):
    need('valac')
    program = str(directory / 'sample')
    # In an installation, a file beside the vapi names GIO as its dependency.
    run(['valac', '--vapidir', str(options.build / 'ssem'), '--pkg', 'gio-2.0', '--pkg', 'ssem-1',
         '-X', '-w', '-o', program, sample.write(directory, '.vala')], cwd=directory)
    return [program]


def build_python(sample, directory, options):
    module = 'PyQt6.QtCore' if 'PyQt6' in sample.code else 'gi.repository'
    for python in (sys.executable, '/usr/bin/python3'):
        if subprocess.run([python, '-c', f'import {module}'], capture_output=True).returncode == 0:
            return [python, sample.write(directory, '.py')]
    raise Skip(f'Python has no module {module}')


def build_js(sample, directory, options):
    need('gjs')
    return ['gjs', '-m', sample.write(directory, '.js')]


BUILDERS = {
    'c': build_c,
    'cpp': build_cpp,
    'vala': build_vala,
    'python': build_python,
    'js': build_js,
}


def take_away_leftovers(directory):
    """Returns the names of leftovers of both backends, and removes the System V semaphores."""
    for path in directory.glob('qipc_*'):
        found = path.stat()
        key = ord('Q') << 24 | (found.st_dev & 0xff) << 16 | found.st_ino & 0xffff
        subprocess.run(['ipcrm', '-S', str(key)], capture_output=True)
    return sorted(path.name for path in directory.iterdir())


def check_sample(sample, options):
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        keys = directory / 'keys'
        keys.mkdir()
        command = BUILDERS[sample.language](sample, directory, options)

        # Set both: Qt's programs use TMPDIR, and the System V backend uses either.
        environment = {**os.environ, 'TMPDIR': str(keys), 'SSEM_RUNTIME_DIR': str(keys)}
        try:
            printed = run(command, env=environment, input='\n')
        finally:
            left = take_away_leftovers(keys)
        assert not left, f'{left} left behind'
        if sample.output is not None:
            assert printed == sample.output, f'printed:\n{printed}instead of:\n{sample.output}'


# --- Checks ---------------------------------------------------------------------------------------

def samples_in_text(origin, text):
    for match in FENCE.finditer(text):
        language, code, output = match.groups()
        if language in BUILDERS and not FROM_FILE.search(text[:match.start()]):
            line = text.count('\n', 0, match.start()) + 1
            yield Sample(f'{origin}:{line}', language, code, output)


def samples_in_gir(path):
    """Yields the samples in the doc comments of the library, as the manual gets them."""
    doc_tag = '{http://www.gtk.org/introspection/core/1.0}doc'
    for doc in ElementTree.parse(path).iter(doc_tag):
        origin = f'{pathlib.Path(doc.get("filename")).name}:{doc.get("line")}'
        yield from samples_in_text(origin, doc.text + '\n')


def check_fences(origin, text):
    languages = re.findall(r'^```(\w*)\n(?:.*?)^```$', text, re.M | re.S)
    unknown = set(languages) - {*BUILDERS, *NOT_RUN}
    assert not unknown, f'{origin}: no builder for blocks of {sorted(unknown)}'


def check_links(origin, text, directory, pages):
    for target in re.findall(r'\]\(([^)#]+)(?:#[^)]*)?\)', text):
        if re.match(r'https?:', target):
            continue
        if directory.name == 'docs' and target.endswith('.html'):
            assert target.removesuffix('.html') in pages or '.' in target.removesuffix('.html'), \
                f'{origin}: page {target} does not exist'
        else:
            assert (directory / target).exists(), f'{origin}: {target} does not exist'


def check_options(root, text):
    there_are = set(re.findall(r"^option\('([\w-]+)'", (root / 'meson_options.txt').read_text(), re.M))
    described = set(re.findall(r'^\| `([\w-]+)` \|', text, re.M))
    assert described == there_are, f'building.md describes {described} instead of {there_are}'
    used = set(re.findall(r'-D(\w+)=', text))
    of_meson = r'b_|(buildtype|default_library|werror)$'
    unknown = {name for name in used - there_are if not re.match(of_meson, name)}
    assert not unknown, f'building.md uses options that do not exist: {unknown}'


def check_errors(root, text):
    """Checks that the page on errors has exactly the codes that the library sets."""
    code = re.compile(r'\b(?:SSEM_SYSTEM_SEMAPHORE|G_IO|G_FILE)_ERROR_([A-Z_]+)\b')
    set_somewhere = set()
    for path in (root / 'ssem').rglob('*.c'):
        if path.parent.name != 'tool':
            # What is only compared with is no error of the library.
            text_of_file = re.sub(r'g_error_matches \([^)]*\)', '', path.read_text(encoding='utf-8'))
            set_somewhere |= set(code.findall(text_of_file))
    described = set(re.findall(r'^### (?:G_(?:IO|FILE)_ERROR_)?([A-Z_]+)$', text, re.M))
    assert described == set_somewhere, \
        f'errors.md and the library differ in {sorted(described ^ set_somewhere)}'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--root', type=pathlib.Path, required=True)
    parser.add_argument('--build', type=pathlib.Path, required=True)
    parser.add_argument('--gir', type=pathlib.Path, required=True)
    parser.add_argument('--cc', type=shlex.split, required=True)
    options = parser.parse_args()

    os.environ['PKG_CONFIG_PATH'] = str(options.build / 'meson-uninstalled')

    docs = sorted((options.root / 'docs').glob('*.md'))
    pages = {path.stem for path in docs}
    checks = []
    for path in [options.root / 'README.md', options.root / 'CONTRIBUTING.md', *docs]:
        text = path.read_text(encoding='utf-8')
        checks.append((f'{path.name}: languages', check_fences, (path.name, text)))
        checks.append((f'{path.name}: links', check_links, (path.name, text, path.parent, pages)))
        for sample in samples_in_text(path.name, text):
            checks.append((f'{sample.origin} ({sample.language})', check_sample, (sample, options)))
    for sample in samples_in_gir(options.gir):
        checks.append((f'{sample.origin} ({sample.language})', check_sample, (sample, options)))
    building = (options.root / 'docs' / 'building.md').read_text(encoding='utf-8')
    checks.append(('Meson options', check_options, (options.root, building)))

    errors = (options.root / 'docs' / 'errors.md').read_text(encoding='utf-8')
    checks.append(('error codes', check_errors, (options.root, errors)))

    print(f'1..{len(checks)}', flush=True)
    for number, (title, check, arguments) in enumerate(checks, 1):
        try:
            check(*arguments)
        except Skip as reason:
            print(f'ok {number} - {title} # SKIP {reason}', flush=True)
        except AssertionError as reason:
            print(f'not ok {number} - {title}', flush=True)
            print('\n'.join(f'# {line}' for line in str(reason).splitlines()), flush=True)
        else:
            print(f'ok {number} - {title}', flush=True)


if __name__ == '__main__':
    main()
