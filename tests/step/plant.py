# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Plants a bug in a source file, for a library that the test has to find it in.

plant.py BUG INPUT OUTPUT
"""

import pathlib
import sys

# What is replaced has to be there once: a bug that is planted nowhere would never be found.
BUGS = {
    # Whose name is overwritten before it has committed is forgotten.
    'no-helping': (
        '  if (matches (number, state.number))\n    return;\n',
        '  return;\n',
    ),
    # Whose name is overwritten is waited for.
    'waits': (
        '  if (matches (number, state.number))\n    return;\n',
        '  while (!matches (number, state.number) && atomic_load (&segment->state) == word)\n'
        '    number = atomic_load (&slot->committed);\n'
        '  return;\n',
    ),
    # An operation is written down as over before the swap.
    'early-commit': (
        '      new_word = ssem_shm_state_pack (state.value + delta, state.epoch, lane.index,'
        ' committed + 1);\n',
        '      atomic_store (&slot->committed, committed + 1);\n'
        '      new_word = ssem_shm_state_pack (state.value + delta, state.epoch, lane.index,'
        ' committed + 1);\n',
    ),
    # A process that reclaims swaps from the word that it has read, without a mark of its own.
    'no-mark': (
        '  if (!put_mark (segment, &word))\n    return FALSE;\n',
        '  (void) put_mark;\n',
    ),
    # A last will is executed by everybody who finds it.
    'will-again': (
        '  return (state->slot == index && matches (will, state->number)) ||\n'
        '         atomic_load (&slot->done) == will;\n',
        '  return FALSE;\n',
    ),
}


def main():
    bug, source, target = sys.argv[1:]
    before, after = BUGS[bug]
    text = pathlib.Path(source).read_text()
    if text.count(before) != 1:
        sys.exit(f'{source}: the place for the bug "{bug}" is there {text.count(before)} times')
    pathlib.Path(target).write_text(text.replace(before, after))


if __name__ == '__main__':
    main()
