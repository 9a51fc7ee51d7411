# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Counts the instructions of an uncontended acquire and release with valgrind's callgrind.

A count depends neither on the processor nor on its load.
"""

import re

COMMAND = ['valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null', '--log-fd=1']
FEW, MANY = 1000, 11000


def count_pair(run, program):
    """Returns the instructions of one pair in a program whose argument is the number of pairs.

    run() starts a command and returns its output. The difference of two runs leaves out what the
    program does before and after its pairs."""
    few, many = (int(re.search(r'Collected : (\d+)', run(*COMMAND, program, str(n)))[1])
                 for n in (FEW, MANY))
    return (many - few) / (MANY - FEW)
