#!/usr/bin/env python3
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A worker of the demonstration: worker.py NAME KEY UNITS TURNS

It prints a line for each step on standard output, and holds its unit until demo.py writes a line to
its standard input. It prints "holds" after it has acquired a unit, and "releases" before it
releases the unit. So a worker that is between these two lines does hold a unit.
"""

import sys

import gi

gi.require_version('Ssem', '1')
from gi.repository import GLib, Ssem


def say(what):
    # Write the line in one piece; print() may write several.
    sys.stdout.write(f'{name} {what} {GLib.get_monotonic_time()}\n')
    sys.stdout.flush()


def is_told():
    """Waits for a line of demo.py. Returns False if demo.py has ended."""
    return sys.stdin.readline() != ''


def run(key, n_units, n_turns):
    units = Ssem.SystemSemaphore(key, n_units, Ssem.AccessMode.JOIN)

    say('ready')
    if not is_told():
        return

    for turn in range(n_turns):
        say('waits')
        units.acquire()
        say('holds')

        # The unit also comes back if the process ends without a release.
        if not is_told():
            return

        say('releases')
        units.release()


if len(sys.argv) != 5:
    print('Usage: worker.py NAME KEY UNITS TURNS', file=sys.stderr)
    sys.exit(2)

name = sys.argv[1]
try:
    run(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
except GLib.Error as error:
    sys.exit(f'{name}: {error.message}')
