# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a row of the table is, and a group of rows that are measured together."""

import statistics
import typing


class Row(typing.NamedTuple):
    """A line of the table. Of several peers, the best is compared with."""
    name: str         # after the group's name and a slash
    title: str        # {n} stands for the group's size, {busy} for what pair-busy keeps busy
    kind: str         # 'ratio': ours divided by the peer's; 'value': ours
    unit: str
    peers: tuple      # empty where nothing else does the same
    figure: int = 0   # of the group's scenario


class Group(typing.NamedTuple):
    """The rows of one scenario. Of a pair of numbers, the second is for --quick."""
    name: str
    scenario: str     # of bench-measure, or a method of Bench
    size: tuple       # how many waiters, processes or requests
    blocks: int       # turns of a contender in each round
    repeats: tuple    # in a turn
    rows: list
    max_rounds: int = 99
    is_long: bool = False   # measured with --long only
    # Which of the turns in a round counts. Others delay a process that starts, and nothing makes it
    # faster, so there the least counts.
    take: typing.Callable = statistics.median


def rows_against(title, unit, *peers):
    return [Row(peer, title, 'ratio', unit, (peer,)) for peer in peers]
