# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The exported interface of the library as a dump: functions, their types, the numbers of
enumerations. As a program, this renews the dump for test-abi.py:

    meson compile -C build update-abi
"""

import pathlib
import re
import shutil
import tempfile

from project import BUILD_ROOT, HERE, LIBRARY, SOURCE_ROOT, run

DUMP = HERE / 'ssem-1.abi'

# The dump is the same on another machine, in another directory, and with another release of GLib.
OPTIONS = [
    '--drop-private-types',
    '--exported-interfaces-only',
    '--no-architecture',
    '--no-comp-dir-path',
    '--no-corpus-path',
    '--no-elf-needed',
    '--no-show-locs',
    '--type-id-style=hash',
]


def dump():
    """Returns the interface of the library as it is built now."""
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        # Users see of a type what these headers have.
        headers = directory / 'headers'
        headers.mkdir()
        for header in [*(SOURCE_ROOT / 'ssem').glob('*.h'), *(BUILD_ROOT / 'ssem').glob('*.h')]:
            if not header.name.endswith('-private.h'):
                shutil.copy(header, headers)
        options = [word for option in OPTIONS for word in option.split('=')]
        run('abidw', *options, '--headers-dir', headers, '--out-file', directory / 'dump', LIBRARY)
        text = (directory / 'dump').read_text(encoding='utf-8')
    return re.sub(r" path='[^']*/", " path='", text)


if __name__ == '__main__':
    DUMP.write_text(dump(), encoding='utf-8')
