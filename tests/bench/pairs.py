# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Measures acquire + release from Python: ours against PyQt6's QSystemSemaphore.

Prints a line for each round: nanoseconds per pair, ours and theirs. Exits with 77 where one of the
two is not installed.
"""

import statistics
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

BLOCKS = 11


def measure(semaphore, n):
    start = time.monotonic_ns()
    for _ in range(n):
        semaphore.acquire()
        semaphore.release()
    return (time.monotonic_ns() - start) / n


def main():
    n_rounds, n_pairs = int(sys.argv[1]), int(sys.argv[2])
    ours = Ssem.SystemSemaphore(str(uuid.uuid4()), 1)
    theirs = QSystemSemaphore(str(uuid.uuid4()), 1)

    measure(ours, n_pairs)
    measure(theirs, n_pairs)
    for _ in range(n_rounds):
        samples = [(measure(ours, n_pairs), measure(theirs, n_pairs))
                   for _ in range(BLOCKS)]
        print(*(statistics.median(side) for side in zip(*samples)))


main()
