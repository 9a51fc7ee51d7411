#!/usr/bin/env python3
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Runs a command, at most three at the same time. Run it with:
python3 jobs.py COMMAND..."""

# sample: jobs
import subprocess
import sys

import gi

gi.require_version('Ssem', '1')
from gi.repository import Ssem

with Ssem.SystemSemaphore('convert', 3, Ssem.AccessMode.JOIN):
    status = subprocess.call(sys.argv[1:])
sys.exit(status)
# end of sample
