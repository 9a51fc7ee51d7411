#!/usr/bin/env python3
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Passes items from a producer process to a consumer process, through a ring in shared memory.

  circular-buffer.py producer NAME [ITEMS] & circular-buffer.py consumer NAME [ITEMS]

Each process may run this program or circular-buffer.c, and they may start in any order. One
semaphore counts the free cells of the ring, and another the used cells. The producer acquires what
the consumer releases, and the consumer acquires what the producer releases. This is signalling:
when a process ends, the units that it acquired must not come back. Therefore undo is False.
"""

import argparse
import mmap
import os
import sys

import gi

gi.require_version('Ssem', '1')
from gi.repository import GLib, Ssem

CELLS = 1024
ITEM_BYTES = 8
BATCH = 64
PATIENCE_SECONDS = 30


def next_item(item):
    """Returns the next item. Items do not repeat, so the consumer detects a lost, repeated,
    misplaced or half-written item."""
    return (item * 6364136223846793005 + 1442695040888963407) % 2**64


def map_ring(path):
    # The first process creates the file. The second process changes nothing here.
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.ftruncate(fd, CELLS * ITEM_BYTES)
        return memoryview(mmap.mmap(fd, CELLS * ITEM_BYTES)).cast('Q')
    finally:
        os.close(fd)


# sample: open
def open_semaphore(key, initial_value):
    """Opens a semaphore. The first process resets a leftover of a killed run; the second joins."""
    return Ssem.SystemSemaphore(key, initial_value, Ssem.AccessMode.JOIN, undo=False)
# end of sample


def acquire(cells, n):
    if not cells.acquire(n, timeout=PATIENCE_SECONDS):
        raise TimeoutError(f'The other process did nothing for {PATIENCE_SECONDS} seconds')


# sample: produce
def produce(ring, free_cells, used_cells, n_items):
    item = done = 0
    while done < n_items:
        n = min(BATCH, n_items - done)
        acquire(free_cells, n)
        for cell in range(done, done + n):
            item = next_item(item)
            ring[cell % CELLS] = item
        used_cells.release(n)
        done += n

    # All cells are free again when the consumer has taken every item. Wait for that: if the
    # consumer has not started yet, the producer is the last user, and would remove the semaphores.
    acquire(free_cells, CELLS)
# end of sample


# sample: consume
def consume(ring, free_cells, used_cells, n_items, path):
    item = done = 0
    while done < n_items:
        n = min(BATCH, n_items - done)
        acquire(used_cells, n)

        # Both processes have the ring open now, so unlink it: no file stays if either is killed.
        if done == 0:
            os.unlink(path)

        for cell in range(done, done + n):
            item = next_item(item)
            if ring[cell % CELLS] != item:
                raise ValueError(f'Item {cell} differs from the item that was produced')
        free_cells.release(n)
        done += n
# end of sample


parser = argparse.ArgumentParser()
parser.add_argument('role', choices=['producer', 'consumer'])
parser.add_argument('name')
parser.add_argument('items', type=int, nargs='?', default=100000)
args = parser.parse_args()

path = os.path.join(GLib.get_user_runtime_dir(), args.name)
try:
    ring = map_ring(path)
    free_cells = open_semaphore(f'{args.name}-free', CELLS)
    used_cells = open_semaphore(f'{args.name}-used', 0)
    if args.role == 'producer':
        produce(ring, free_cells, used_cells, args.items)
        print(f'producer: {args.items} items produced, all of them consumed')
    else:
        consume(ring, free_cells, used_cells, args.items, path)
        print(f'consumer: {args.items} items consumed, all of them correct')
except (GLib.Error, OSError, ValueError) as error:
    if os.path.exists(path):
        os.unlink(path)
    sys.exit(f'{args.role}: {error}')
