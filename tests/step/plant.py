# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Plants a bug in a source file, for a library that the test has to find it in.

plant.py BUG INPUT OUTPUT
"""

import pathlib
import sys

# What is replaced has to be there once: a bug that is planted nowhere would never be found.
BUGS = {
    # The success of an operation is forgotten if its name is overwritten before it has committed.
    'no-helping': (
        '  if (low_sequence_bits_equal (sequence, state.sequence))\n    return;\n',
        '  return;\n',
    ),
    # A process waits until the operation whose name it overwrites has committed.
    'waits': (
        '  if (low_sequence_bits_equal (sequence, state.sequence))\n    return;\n',
        '  while (!low_sequence_bits_equal (sequence, state.sequence) &&\n'
        '         atomic_load (&segment->state) == word)\n'
        '    sequence = atomic_load (&slot->committed);\n'
        '  return;\n',
    ),
    # An operation commits before its swap.
    'early-commit': (
        '      new_word = ssem_shm_state_replace (old_word, state.value + delta, state.epoch,\n'
        '                                         handle->index, committed + 1);\n',
        '      atomic_store (&slot->committed, committed + 1);\n'
        '      new_word = ssem_shm_state_replace (old_word, state.value + delta, state.epoch,\n'
        '                                         handle->index, committed + 1);\n',
    ),
    # A process that reclaims swaps from the word that it has read, without a mark.
    'no-mark': (
        '  if (!put_mark (segment, &word))\n    return FALSE;\n',
        '  (void) put_mark;\n',
    ),
    # Every process that finds the units of a dead process returns them.
    'reclaim-again': (
        '  return (state->slot == index && '
        'low_sequence_bits_equal (sequence, state->sequence)) ||\n'
        '         atomic_load (&slot->done) == sequence;\n',
        '  return FALSE;\n',
    ),
}


def main():
    bug, source, target = sys.argv[1:]
    before, after = BUGS[bug]
    text = pathlib.Path(source).read_text()
    if text.count(before) != 1:
        sys.exit(f'{source}: {text.count(before)} locations for the bug "{bug}"')
    pathlib.Path(target).write_text(text.replace(before, after))


if __name__ == '__main__':
    main()
