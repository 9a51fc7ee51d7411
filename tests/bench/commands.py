# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Measures how long commands take, from their start to their end.

    commands.py ROUNDS BLOCKS SEMAPHORES TOOL COMMAND...

Each command is one argument, quoted as for a shell. Meanwhile, TOOL holds units of as many
semaphores. Prints a line for each turn, as bench-measure does: the round, the index of the command,
and the nanoseconds.
"""

import contextlib
import os
import shlex
import subprocess
import sys
import time

OUTPUT = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]


@contextlib.contextmanager
def hold(tool, n):
    """Holds units until the end of the block. cat ends with its input, even if we are killed."""
    holders = [subprocess.Popen([tool, 'run', f'commands {i}', '--', 'cat'],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE) for i in range(n)]
    for holder in holders:
        holder.stdin.write(b'\n')
        holder.stdin.flush()
        if not holder.stdout.readline():
            sys.exit(f'{tool} run has failed')
    yield
    for holder in holders:
        holder.communicate()


def measure(command):
    start = time.monotonic_ns()
    # Unlike fork(), this does not copy this process's page tables.
    process = os.posix_spawnp(command[0], command, os.environ, file_actions=OUTPUT)
    _, status = os.waitpid(process, 0)
    elapsed = time.monotonic_ns() - start
    if status != 0:
        sys.exit(f'{shlex.join(command)} has failed')
    return elapsed


def main():
    rounds, blocks, n_semaphores = map(int, sys.argv[1:4])
    tool = sys.argv[4]
    commands = [shlex.split(argument) for argument in sys.argv[5:]]

    with hold(tool, n_semaphores):
        for command in commands:
            measure(command)
        for round_number in range(rounds):
            for block in range(blocks):
                order = list(enumerate(commands))
                for index, command in order if block % 2 == 0 else reversed(order):
                    print(round_number, index, measure(command))


main()
