# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Adds up what several runs of "meson test" say: summary.py LABEL=LOG...

Each log is Meson's testlog.json. A test that speaks TAP counts as many as it has cases, any other
counts as one. One that was killed, ran out of time or ended before its plan was done counts as one
more that failed. So does a run without a log, one that no build made possible. Below what failed
stands what was printed about it.
"""

import itertools
import json
import re
import sys

CASE = re.compile(r'(ok|not ok)\b[\s\d-]*([^#]*?)\s*(?:#\s*(skip)\S*\s*(.*)|#.*)?$', re.IGNORECASE)
PLAN = re.compile(r'1\.\.(\d+)')
SKIP_ALL = re.compile(r'1\.\.0\s*#\s*skip\S*\s*(.*)$', re.IGNORECASE)

# More of them would hide what else failed; all are in the log.
MOST_LINES = 20


class Summary:
    def __init__(self):
        self.n_passed = 0
        self.failed = []
        self.skipped = []

    def add_failed(self, name, lines=()):
        self.failed.append((name, list(lines)[-MOST_LINES:]))

    def add_case(self, name, match, following):
        result, case, skip, reason = match.groups()
        if result.lower() != 'ok':
            self.add_failed(f'{name}: {case}',
                            itertools.takewhile(lambda line: line.startswith('#'), following))
        elif skip:
            self.skipped.append((f'{name}: {case}', reason))
        else:
            self.n_passed += 1

    def add_test(self, name, test):
        lines = (test.get('stdout') or '').splitlines()
        plans = [int(match.group(1)) for match in map(PLAN.match, lines) if match]
        cases = [(match, lines[number:]) for number, match in enumerate(map(CASE.match, lines), 1)
                 if match and plans]
        skip_all = [match for match in map(SKIP_ALL.match, lines) if match]
        result = test['result']
        n_failed_before = len(self.failed)

        for match, following in cases:
            self.add_case(name, match, following)

        if result == 'SKIP':
            if not cases:
                reason = skip_all[0].group(1) if skip_all else ' '.join(lines[-1:])
                self.skipped.append((name, reason))
        elif result in ('OK', 'EXPECTEDFAIL'):
            if not cases:
                self.n_passed += 1
        elif len(self.failed) == n_failed_before or plans != [len(cases)]:
            self.add_failed(f'{name}: {result.lower()}, status {test.get("returncode")}',
                            lines + (test.get('stderr') or '').splitlines())

    def add_run(self, label, path):
        try:
            with open(path, encoding='utf-8') as log:
                tests = [json.loads(line) for line in log]
        except OSError:
            self.add_failed(f'{label}: not run')
            return
        for test in tests:
            self.add_test(f'{label}: {test["name"]}', test)

    def report(self):
        for name, reason in self.skipped:
            print(f'skipped: {name}: {reason or "no reason given"}')
        for name, lines in self.failed:
            print(f'failed: {name}')
            for line in lines:
                print(f'  {line}')
        print(f'{self.n_passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped')
        return 0 if self.n_passed > 0 and not self.failed else 1


def main():
    summary = Summary()
    for argument in sys.argv[1:]:
        label, path = argument.split('=', 1)
        summary.add_run(label, path)
    sys.exit(summary.report())


if __name__ == '__main__':
    main()
