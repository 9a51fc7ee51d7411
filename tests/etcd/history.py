# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks what the processes of a storm (storm.c) saw, against what a semaphore promises.

A process surely believes that it holds from "granted" (after the acquire returned) until the first
of: "release" (before the call), "lost", its kill, and the moment in which it was stopped for longer
than its lease: a stopped process cannot be told. check () raises an AssertionError if

  - more units are held at one moment than there are;
  - a fencing token is not greater than that of an acquire that had returned before this one began,
    or is given twice to acquires that exclude each other;
  - a release succeeds although the units were lost before it began;
  - an operation fails with an error that nobody expects.
"""

import collections
import dataclasses

LOST = 7
TIMED_OUT = 100 + 24    # G_IO_ERROR_TIMED_OUT, as storm.c says it


@dataclasses.dataclass
class Hold:
    pid: int
    units: int
    token: int
    asked: int      # when the acquire began
    start: int
    end: int = None
    why: str = ''   # the event that ended it
    is_released: bool = False

    def __str__(self):
        return (f'{self.pid} held {self.units} with token {self.token} from {self.start} to '
                f'{self.end} ({self.why or "still"})')


class History:
    def __init__(self, total):
        self.total = total
        self.holds = []
        self.counts = collections.Counter()
        self.unexpected = []
        self.kills = {}                                 # process: when
        self.stops = collections.defaultdict(list)      # process: [(from, to)]
        self.end = 0
        self.longest_release = 0
        self.ended = set()

    def note_kill(self, pid, usec):
        self.kills[pid] = usec

    def note_stop(self, pid, begin_usec, end_usec):
        """@pid was stopped for so long that its lease has ended."""
        self.stops[pid].append((begin_usec, end_usec))

    # --- Reading --------------------------------------------------------------------------------

    def read(self, path, allowed=()):
        """Reads a log. @allowed are codes of errors that the storm's faults may cause."""
        current = {}
        asked = {}
        begun = {}      # the release
        with open(path, encoding='utf-8', errors='replace') as log:
            lines = [line.split(maxsplit=3) for line in log if line.endswith('\n')]
        # Two threads of a process write: order by the clock that both read.
        lines.sort(key=lambda words: int(words[1]))
        for pid_text, time_text, event, *rest in lines:
            pid, usec = int(pid_text), int(time_text)
            self.end = max(self.end, usec)
            self.counts[event] += 1
            words = rest[0].split() if rest else []
            if event == 'acquire':
                asked[pid] = usec
            elif event == 'granted':
                current[pid] = Hold(pid, int(words[0]), int(words[1]), asked[pid], usec)
                self.holds.append(current[pid])
            elif event in ('release', 'lost') and pid in current:
                self.finish(current[pid], usec, event)
            if event == 'release':
                begun[pid] = usec
            elif event in ('released', 'unreleased') and not self.stops[pid]:
                self.longest_release = max(self.longest_release, usec - begun[pid])
            if event == 'released' and pid in current:
                current.pop(pid).is_released = True
            elif event in ('failed', 'unreleased', 'unopened'):
                current.pop(pid, None)
                code = int(words[0])
                expected = {'failed': (TIMED_OUT, LOST), 'unreleased': (LOST,), 'unopened': ()}
                if code not in expected[event] + tuple(allowed):
                    self.unexpected.append(f'{pid} {usec} {event} {" ".join(words)}')
                self.counts[f'{event} {code}'] += 1
            elif event == 'end':
                self.ended.add(pid)
                current.pop(pid, None)
        for hold in self.holds:
            if hold.pid in self.kills:
                self.finish(hold, self.kills[hold.pid], 'kill')
            for begin, end in self.stops[hold.pid]:
                # What was stopped while it was on its way to the log has a time before @end, too.
                if hold.start < end and (hold.end is None or hold.end > begin):
                    self.finish(hold, max(begin, hold.start), 'stop')
        self.unexpected += [f'a release succeeded although {hold}' for hold in self.holds
                            if hold.is_released and hold.why in ('lost', 'stop')]

    def finish(self, hold, usec, why):
        if hold.end is None or usec < hold.end:
            hold.end, hold.why = usec, why

    # --- Checking -------------------------------------------------------------------------------

    def check(self):
        faults = [*self.unexpected, *self.find_overlaps(), *self.find_old_tokens(),
                  *self.find_equal_tokens()]
        if faults:
            raise AssertionError('\n'.join([f'{len(faults)} faults:', *faults[:20]]))

    def find_overlaps(self):
        """Walks along the time; at one moment, ends come before starts."""
        moments = []
        for hold in self.holds:
            end = self.end + 1 if hold.end is None else hold.end
            if end > hold.start:
                moments += [(hold.start, 1, hold), (end, 0, hold)]
        moments.sort(key=lambda moment: moment[:2])
        current = {}
        faults = []
        for usec, is_start, hold in moments:
            if not is_start:
                current.pop(id(hold), None)
                continue
            current[id(hold)] = hold
            units = sum(other.units for other in current.values())
            if units > self.total:
                faults.append(f'at {usec}, {units} of {self.total} units are held: ' +
                              '; '.join(map(str, current.values())))
        return faults

    def find_old_tokens(self):
        """For each grant: the greatest token of those that had returned before it was asked for."""
        returned = sorted(self.holds, key=lambda hold: hold.start)
        asked = sorted(self.holds, key=lambda hold: hold.asked)
        faults = []
        greatest, i = None, 0
        for hold in asked:
            while i < len(returned) and returned[i].start < hold.asked:
                if greatest is None or returned[i].token > greatest.token:
                    greatest = returned[i]
                i += 1
            if greatest is not None and hold.token <= greatest.token:
                faults.append(f'{hold}, after {greatest}')
        return faults

    def find_equal_tokens(self):
        """One transaction may serve several; then they fit beside each other."""
        groups = collections.defaultdict(list)
        for hold in self.holds:
            groups[hold.token].append(hold)
        return [f'token {token} is that of {len(holds)} holds: ' + '; '.join(map(str, holds))
                for token, holds in groups.items()
                if token == 0 or sum(hold.units for hold in holds) > self.total or
                len({hold.pid for hold in holds}) < len(holds)]

    def summary(self):
        return ', '.join(f'{count} {event}' for event, count in sorted(self.counts.items()))
