# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Measures acquire + release from Python, of ours and of what else Python has, in one process.

    pairs.py ROUNDS BLOCKS REPEATS CONTENDER...

Prints a line for each turn, as bench-measure does: the round, the index of the contender, and the
nanoseconds per pair. Exits with 77 where our module does not work.
"""

import os
import pathlib
import sys
import time
import uuid


def open_ours():
    import gi
    gi.require_version('Ssem', '1')
    from gi.repository import Ssem
    return Ssem.SystemSemaphore(str(uuid.uuid4()), 1)


def open_multiprocessing():
    import multiprocessing
    return multiprocessing.Semaphore(1)


def open_threading():
    import threading
    return threading.Semaphore(1)


def open_sysv_ipc():
    import sysv_ipc
    semaphore = sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX, initial_value=1)
    semaphore.undo = True
    # bench.py removes the set, which it finds by this file.
    pathlib.Path(os.environ['TMPDIR'], f'semop.{semaphore.id}').touch()
    return semaphore


def open_pyqt():
    from PyQt6.QtCore import QSystemSemaphore
    return QSystemSemaphore(str(uuid.uuid4()), 1)


OPEN = {'ours': open_ours, 'multiprocessing': open_multiprocessing, 'threading': open_threading,
        'sysv_ipc': open_sysv_ipc, 'pyqt': open_pyqt}


def measure(semaphore, n):
    start = time.monotonic_ns()
    for _ in range(n):
        semaphore.acquire()
        semaphore.release()
    return (time.monotonic_ns() - start) / n


def main():
    rounds, blocks, n_pairs = map(int, sys.argv[1:4])
    try:
        contenders = [OPEN[name]() for name in sys.argv[4:]]
    except (ImportError, ValueError) as error:
        print(error, file=sys.stderr)
        sys.exit(77)

    for contender in contenders:
        measure(contender, n_pairs)
    turns = []
    for round_number in range(rounds):
        for block in range(blocks):
            order = list(enumerate(contenders))
            for index, contender in order if block % 2 == 0 else reversed(order):
                turns.append((round_number, index, measure(contender, n_pairs)))
    for turn in turns:
        print(*turn)


main()
