# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Makes the locales of the tests in a directory of their own, for LOCPATH: a system need not have
them. A locale that the system has no description of is left out, and tried again the next time; its
tests are skipped.

usage: make-locales.py REPORT NAME...
  REPORT  a file for the outcome of each name; the locales are made in `locales` beside it
  NAME    a locale with its encoding, such as fr_FR.UTF-8
"""

import pathlib
import subprocess
import sys
import tempfile

CATEGORIES = ['IDENTIFICATION', 'CTYPE', 'NUMERIC', 'TIME', 'MONETARY', 'MESSAGES', 'PAPER', 'NAME',
              'ADDRESS', 'TELEPHONE', 'MEASUREMENT']


def description(language):
    """Returns the system's description without the order of words, which takes most of the time."""
    parts = [f'LC_{name}\ncopy "{language}"\nEND LC_{name}\n' for name in CATEGORIES]
    return ''.join(parts) + 'LC_COLLATE\ncodepoint_collation\nEND LC_COLLATE\n'


def make(name, target):
    if target.exists():
        return 'made'

    language, encoding = name.split('.')
    unfinished = target.with_name('unfinished-' + name)
    with tempfile.NamedTemporaryFile('w', prefix='ssem-test-') as source:
        source.write(description(language))
        source.flush()
        try:
            result = subprocess.run(['localedef', '--no-archive', f'--inputfile={source.name}',
                                     f'--charmap={encoding}', str(unfinished)],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                    encoding='utf-8', errors='replace')
        except FileNotFoundError as error:
            return str(error)
    if result.returncode != 0:
        return ' | '.join(result.stdout.splitlines())
    unfinished.rename(target)

    return 'made'


report = pathlib.Path(sys.argv[1])
directory = report.absolute().parent / 'locales'
directory.mkdir(exist_ok=True)
report.write_text(''.join(f'{name}: {make(name, directory / name)}\n' for name in sys.argv[2:]))
