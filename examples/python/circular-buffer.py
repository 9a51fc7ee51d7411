#!/usr/bin/env python3
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A producer and a consumer, two processes, with a ring of items in shared memory between them.

  circular-buffer.py producer NAME [ITEMS] & circular-buffer.py consumer NAME [ITEMS]

Either may be this program or the one in C, and either may start first. One semaphore counts the
free places of the ring, one the used places: the producer acquires what the consumer releases, and
the reverse. That is signalling, not holding, hence undo=False: what a process acquired here must
not come back when it ends.
"""

import argparse
import mmap
import os
import sys

import gi

gi.require_version('Ssem', '1')
from gi.repository import GLib, Ssem

PLACES = 1024
ITEM_BYTES = 8
BATCH = 64
PATIENCE_SECONDS = 30


def next_item(item):
    """The item that follows. No item comes twice, so that one that is lost, repeated, out of order
    or half written cannot pass for the right one."""
    return (item * 6364136223846793005 + 1442695040888963407) % 2**64


def map_ring(path):
    # Whoever comes first makes the file; for the second, this changes nothing.
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.ftruncate(fd, PLACES * ITEM_BYTES)
        return memoryview(mmap.mmap(fd, PLACES * ITEM_BYTES)).cast('Q')
    finally:
        os.close(fd)


# sample: open
def open_semaphore(key, initial_value):
    """The first process resets what a killed run may have left over; the second one joins it."""
    return Ssem.SystemSemaphore(key, initial_value, Ssem.AccessMode.JOIN, undo=False)
# end of sample


def acquire(places, n):
    if not places.acquire(n, timeout=PATIENCE_SECONDS):
        raise TimeoutError(f'The other side does nothing for {PATIENCE_SECONDS} seconds')


# sample: produce
def produce(ring, free_places, used_places, n_items):
    item = done = 0
    while done < n_items:
        n = min(BATCH, n_items - done)
        acquire(free_places, n)
        for place in range(done, done + n):
            item = next_item(item)
            ring[place % PLACES] = item
        used_places.release(n)
        done += n

    # All places are free again when the consumer has taken everything. Until then we stay: if the
    # consumer has not come yet, we are the last user, and would take the semaphores with us.
    acquire(free_places, PLACES)
# end of sample


# sample: consume
def consume(ring, free_places, used_places, n_items, path):
    item = done = 0
    while done < n_items:
        n = min(BATCH, n_items - done)
        acquire(used_places, n)

        # Now both sides have the ring open, and its name can go, however either of them ends.
        if done == 0:
            os.unlink(path)

        for place in range(done, done + n):
            item = next_item(item)
            if ring[place % PLACES] != item:
                raise ValueError(f'Item {place} is not the one that was produced')
        free_places.release(n)
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
    free_places = open_semaphore(f'{args.name}-free', PLACES)
    used_places = open_semaphore(f'{args.name}-used', 0)
    if args.role == 'producer':
        produce(ring, free_places, used_places, args.items)
        print(f'producer: {args.items} items produced, all of them taken')
    else:
        consume(ring, free_places, used_places, args.items, path)
        print(f'consumer: {args.items} items consumed, all of them right')
except (GLib.Error, OSError, ValueError) as error:
    if os.path.exists(path):
        os.unlink(path)
    sys.exit(f'{args.role}: {error}')
