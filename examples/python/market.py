#!/usr/bin/env python3
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Acquires and releases three units. Run it with: python3 market.py

Every process that opens the key "market" shares these three units. The comments give the value
while no other process uses the semaphore.
"""

import sys

import gi

gi.require_version('Ssem', '1')
from gi.repository import GLib, Ssem


def show(step):
    print(f'{step:10}  units available = {market.get_value()}')


try:
    market = Ssem.SystemSemaphore('market', 3, Ssem.AccessMode.CREATE)
    show('new')                # units available = 3
    market.acquire()
    show('acquire')            # units available = 2
    market.acquire()
    show('acquire')            # units available = 1
    market.acquire()
    show('acquire')            # units available = 0
    market.release()
    show('release')            # units available = 1
    market.release(2)
    show('release 2')          # units available = 3
except GLib.Error as error:
    sys.exit(f'market: {error.message}')
