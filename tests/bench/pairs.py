# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Measures acquire + release from Python: ours against PyQt6's QSystemSemaphore.

    pairs.py ROUNDS BLOCKS REPEATS

Prints a line for each turn, as bench-measure does: the round, the index of the contender, and the
nanoseconds per pair. Exits with 77 where a module is not installed.
"""

import sys
import time
import uuid

try:
    import gi
    gi.require_version('Ssem', '1')
    from gi.repository import Ssem
    from PyQt6.QtCore import QSystemSemaphore
except (ImportError, ValueError) as error:
    print(error, file=sys.stderr)
    sys.exit(77)


def measure(semaphore, n):
    start = time.monotonic_ns()
    for _ in range(n):
        semaphore.acquire()
        semaphore.release()
    return (time.monotonic_ns() - start) / n


def main():
    rounds, blocks, n_pairs = map(int, sys.argv[1:])
    contenders = [kind(str(uuid.uuid4()), 1) for kind in (Ssem.SystemSemaphore, QSystemSemaphore)]

    for contender in contenders:
        measure(contender, n_pairs)
    turns = [(round_number, index, measure(contender, n_pairs))
             for round_number in range(rounds) for _ in range(blocks)
             for index, contender in enumerate(contenders)]
    for turn in turns:
        print(*turn)


main()
