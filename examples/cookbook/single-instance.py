#!/usr/bin/env python3
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A program that runs once for each user. Run it with: python3 single-instance.py"""

# sample: single-instance
import sys

import gi

gi.require_version('Ssem', '1')
from gi.repository import Ssem

instance = Ssem.SystemSemaphore('org.example.Notes', 1, Ssem.AccessMode.JOIN)
if not instance.try_acquire():
    sys.exit('Notes is running already.')
# end of sample

print('Notes is running. Press Enter to end it.', flush=True)
sys.stdin.readline()
