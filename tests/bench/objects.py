# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Measures what a Python program does with our module besides acquire + release.

    objects.py REPEATS

Prints the nanoseconds for the import, in this new process; for making an object of a key that the
process already uses, and dropping it; and for an `async with` block with a free unit. Exits with 77
where the module does not work.
"""

import sys
import time

start = time.monotonic_ns()
try:
    import gi
    gi.require_version('Ssem', '1')
    from gi.repository import Ssem
except (ImportError, ValueError) as error:
    print(error, file=sys.stderr)
    sys.exit(77)
import_ns = time.monotonic_ns() - start

import asyncio


def measure_objects(n):
    start = time.monotonic_ns()
    for _ in range(n):
        Ssem.SystemSemaphore('objects', 1)
    return (time.monotonic_ns() - start) / n


async def measure_blocks(semaphore, n):
    start = time.monotonic_ns()
    for _ in range(n):
        async with semaphore:
            pass
    return (time.monotonic_ns() - start) / n


def main():
    n = int(sys.argv[1])
    semaphore = Ssem.SystemSemaphore('objects', 1)
    print(import_ns, measure_objects(n), asyncio.run(measure_blocks(semaphore, n)))


main()
