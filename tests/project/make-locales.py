# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Makes locales in a folder of our own, for LOCPATH, as a system need not have the ones that the
tests want. What the system has no description of is left out, and tried again the next time; the
tests that want it skip.

usage: make-locales.py REPORT NAME...
  REPORT  a file, which tells for each name what became of it; `locales` beside it has the locales
  NAME    a locale with its encoding, such as fr_FR.UTF-8
"""

import pathlib
import subprocess
import sys
import tempfile

CATEGORIES = ['IDENTIFICATION', 'CTYPE', 'NUMERIC', 'TIME', 'MONETARY', 'MESSAGES', 'PAPER', 'NAME',
              'ADDRESS', 'TELEPHONE', 'MEASUREMENT']


def description(language):
    """All that the system's own has, but the order of words, which takes most of the time."""
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
folder = report.absolute().parent / 'locales'
folder.mkdir(exist_ok=True)
report.write_text(''.join(f'{name}: {make(name, folder / name)}\n' for name in sys.argv[2:]))
