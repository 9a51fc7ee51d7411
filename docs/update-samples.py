# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Updates the samples in the pages from the example files.

    docs/update-samples.py

A comment in a page names the source of the next block of code. The source is a whole file, or the
part of a file between the comments "sample: NAME" and "end of sample":

    <!-- from examples/cookbook/jobs.py: jobs -->

With --check, the script writes nothing. It reports as TAP whether each block equals its source, and
whether each part that is marked as a sample is on a page.
"""

import argparse
import pathlib
import re
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
SUFFIXES = ('.c', '.js', '.py', '.sh', '.vala')

TAKEN = re.compile(r'^<!-- from (examples/[^:\s]+)(?:: (\S+))? -->\n\n```(\w+)\n(.*?)^```$',
                   re.M | re.S)
ANNOUNCED = re.compile(r'^<!-- from .*-->$', re.M)
BEGIN = re.compile(r'^\s*(?:#|//|/\*) sample: (\S+)(?: \*/)?\n')
END = re.compile(r'^\s*(?:#|//|/\*) end of sample(?: \*/)?\n')


def parts_of(path):
    """Returns the marked parts of a file, by name."""
    parts = {}
    name = None
    with open(path, encoding='utf-8') as file:
        for line in file:
            begin = BEGIN.match(line)
            if begin:
                assert name is None, f'{path}: "{name}" has no end'
                name = begin.group(1)
                assert name not in parts, f'{path}: two samples are called "{name}"'
                parts[name] = ''
            elif END.match(line):
                assert name is not None, f'{path}: an end without a sample'
                name = None
            elif name is not None:
                parts[name] += line
    assert name is None, f'{path}: "{name}" has no end'
    return {name: textwrap.dedent(text) for name, text in parts.items()}


def text_for(file_name, part):
    path = ROOT / file_name
    assert path.is_file(), f'{file_name} does not exist'
    if part is None:
        return path.read_text(encoding='utf-8')
    parts = parts_of(path)
    assert part in parts, f'{file_name} has no sample "{part}"'
    return parts[part]


def fill(page, used=None):
    """Returns the page with current samples. Adds the used samples to @used."""
    def replace(match):
        file_name, part, language, _ = match.groups()
        if used is not None:
            used.add((file_name, part))
        announced = match.group(0).split('\n', 1)[0]
        return f'{announced}\n\n```{language}\n{text_for(file_name, part)}```'

    assert len(ANNOUNCED.findall(page)) == len(TAKEN.findall(page)), \
        'a comment "from" without a block of code after it'
    return TAKEN.sub(replace, page)


def check_page(path, used):
    text = path.read_text(encoding='utf-8')
    assert fill(text, used) == text, f'run docs/{pathlib.Path(__file__).name}'


def check_use(used):
    for path in sorted((ROOT / 'examples').rglob('*')):
        if path.suffix in SUFFIXES:
            for part in parts_of(path):
                name = str(path.relative_to(ROOT))
                assert (name, part) in used, f'no page shows "{part}" of {name}'


def check(pages):
    used = set()
    checks = [(path.name, check_page, (path, used)) for path in pages]
    checks.append(('samples in files', check_use, (used,)))
    print(f'1..{len(checks)}')
    for number, (title, function, arguments) in enumerate(checks, 1):
        try:
            function(*arguments)
        except AssertionError as reason:
            print(f'not ok {number} - {title}\n# {reason}')
        else:
            print(f'ok {number} - {title}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--check', action='store_true')
    options = parser.parse_args()

    pages = sorted(HERE.glob('*.md'))
    if options.check:
        check(pages)
        return
    for path in pages:
        text = path.read_text(encoding='utf-8')
        try:
            filled = fill(text)
        except AssertionError as reason:
            sys.exit(f'{path.name}: {reason}')
        if filled != text:
            path.write_text(filled, encoding='utf-8')
            print(f'Updated {path.name}')


if __name__ == '__main__':
    main()
