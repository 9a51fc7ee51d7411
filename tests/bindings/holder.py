# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Holds units of a key until its standard input ends: holder.py KEY N"""

import sys

import gi

gi.require_version('Ssem', '1')
from gi.repository import Ssem  # noqa: E402

semaphore = Ssem.SystemSemaphore.new(sys.argv[1], 0, Ssem.AccessMode.OPEN_EXISTING)
semaphore.acquire(int(sys.argv[2]), None)
print('holding', flush=True)
sys.stdin.read()
