# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Measures the library side by side with other semaphores, and prints a table of ratios.

bench-measure, in C, has the measuring loops and prints raw figures. This program starts it for each
scenario, takes the medians and the ratios, and compares them with the bars.

Exit status: 0 when everything was measured that can be measured here, whatever the figures; 1 when
a measurement failed, or with --check when a bar was not met; 2 for a wrong command line.
"""

import argparse
import collections
import contextlib
import fnmatch
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from rows import CONTENDERS, GROUPS, find_bar, is_met
from semaphores import IPC_RMID, die_with_parent, find_set, libc
from table import print_head, print_line, write_head, write_line

PAIRS = pathlib.Path(__file__).with_name('pairs.py')
MEMORY = pathlib.Path('/dev/shm')
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
PR_SET_CHILD_SUBREAPER = 36
EXIT_SKIP = 77

# --- Where it is measured -------------------------------------------------------------------------


class Scratch:
    """A directory on the disk and one in memory, for everything that a run gives a name to.

    Their files lead to the System V sets, and their common name to the named sem_t. So everything
    is removed at the end, whatever happened to the processes that made it."""

    def __enter__(self):
        self.disk = pathlib.Path(tempfile.mkdtemp(prefix='ssem-bench-'))
        self.memory = MEMORY / self.disk.name
        self.memory.mkdir(0o700)
        return self

    def __exit__(self, *error):
        self.sweep()
        self.disk.rmdir()
        self.memory.rmdir()

    def environment(self, backend):
        """Returns the variables that make Qt and us work here."""
        # By default, too, shared memory keeps its files in memory.
        directory = self.memory if backend == 'shared-memory' else self.disk
        return {'SSEM_BACKEND': backend, 'TMPDIR': str(self.disk),
                'SSEM_RUNTIME_DIR': str(directory)}

    def sweep(self):
        """Removes what killed processes have left."""
        sets = [find_set(str(path)) for path in self.disk.rglob('qipc_*')]
        sets += [int(path.name.partition('.')[2]) for path in self.disk.glob('semop.*')]
        for number in sets:
            if number is not None:
                libc.semctl(number, 0, IPC_RMID)
        for path in [*self.disk.iterdir(), *self.memory.iterdir(),
                     *MEMORY.glob(f'sem.{self.disk.name}-*')]:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def end_cb(number, frame):
    """Lets a signal end the program as an exception, so that everything is cleaned up."""
    for other in ENDING:
        signal.signal(other, signal.SIG_IGN)
    sys.exit(1)


def set_up_child():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    die_with_parent()


class Skipped(Exception):
    """This machine cannot measure the scenario, for this reason."""


class Failed(Exception):
    """The measurement failed, for this reason."""


# --- Measuring ------------------------------------------------------------------------------------


def run(command, environment, patience):
    """Runs a program, and returns its status, output and messages once it and its helpers are gone.

    A signal may end this program only while it waits here."""
    process = subprocess.Popen(command, env={**os.environ, **environment}, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, preexec_fn=set_up_child)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        output, messages = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        raise Failed(f'no end after {patience} seconds') from None
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        process.kill()
        process.wait()
        # The helpers get a signal when their parent dies, and become children of this process.
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)
    return process.returncode, output, messages.strip()


class Bench:
    def __init__(self, options, build, scratch):
        self.options = options
        self.build = build
        self.scratch = scratch
        # A round of the longest scenario takes a few seconds.
        self.patience = 60 + 30 * options.rounds

    def rounds_of(self, group):
        return min(self.options.rounds, group.max_rounds)

    def pick(self, pair):
        return pair[self.options.quick]

    def run(self, backend, *command, **environment):
        environment.update(self.scratch.environment(backend))
        try:
            status, output, messages = run([str(word) for word in command], environment,
                                           self.patience)
        finally:
            self.scratch.sweep()
        if status == EXIT_SKIP:
            raise Skipped(messages)
        if status != 0:
            raise Failed(messages.partition('\n')[0] or 'the measuring process died')
        return output

    def measure(self, backend, group, contenders):
        """Returns a list for each contender: for each round, the tuple of its figures."""
        measure = getattr(self, group.scenario, self.measure_scenario)
        output = measure(backend, group, contenders)
        turns = collections.defaultdict(list)
        for line in output.splitlines():
            number, index, *figures = line.split()
            turns[int(number), contenders[int(index)]].append([float(figure) for figure in figures])
        return {contender: [tuple(map(statistics.median, zip(*turns[number, contender])))
                            for number in range(self.rounds_of(group))]
                for contender in contenders}

    def measure_scenario(self, backend, group, contenders):
        if group.scenario == 'ping-pong' and len(os.sched_getaffinity(0)) < 2:
            raise Skipped('there is only one processor')
        size = self.pick(group.size)
        return self.run(backend, self.build['measure'], group.scenario, self.rounds_of(group),
                        1 if self.options.quick else group.blocks, self.pick(group.repeats),
                        *(CONTENDERS[name].format(n=size) for name in contenders))

    def measure_python(self, backend, group, contenders):
        """Measures the pair from Python, our module through PyGObject and PyQt6 in one process."""
        if not self.build['library_path']:
            raise Skipped('built without the typelib')
        paths = {'GI_TYPELIB_PATH': self.build['library_path'],
                 'LD_LIBRARY_PATH': self.build['library_path'],
                 'PYTHONPATH': self.build['python_path']}
        return self.run(backend, sys.executable, PAIRS, self.options.rounds,
                        1 if self.options.quick else group.blocks, self.pick(group.repeats),
                        **{name: ':'.join(filter(None, [path, os.environ.get(name)]))
                           for name, path in paths.items()})

    def count_calls(self, backend, group, contenders):
        """Counts the system calls of a pair: the difference of two runs of different length. A
        count does not vary, so one round stands for all."""
        lines = []
        for index, name in enumerate(contenders):
            few, many = (self.strace(backend, name, n) for n in (100, 100 + group.repeats[0]))
            # Each run warms up with as many pairs as it then measures.
            count = (many - few) / (2 * group.repeats[0])
            lines += [f'{number} {index} {count}' for number in range(self.options.rounds)]
        return '\n'.join(lines)

    def strace(self, backend, contender, n):
        if shutil.which('strace') is None:
            raise Skipped('strace is not installed')
        try:
            output = self.run(backend, 'strace', '-c', '-U', 'calls,name', '-o', '/dev/stdout',
                              self.build['measure'], 'calls', 1, 1, n,
                              CONTENDERS[contender].format(n=1))
        except Failed as error:
            # Containers often forbid tracing.
            raise Skipped(f'strace cannot count here: {error}') from None
        return next(int(words[0]) for words in map(str.split, output.splitlines())
                    if words[1:] == ['total'])

    def measure_group(self, backend, group):
        """Returns the lines of the group's rows, as far as they are wanted."""
        wanted = self.wanted_rows(group)
        if not wanted:
            return []
        if self.options.verbose:
            print(f'bench: {backend}, {group.name}', file=sys.stderr, flush=True)
        names = {'ours', *(name for row in wanted for name in row.peers)}
        if not self.build['qt']:
            names.discard('qt')
        figures, status, message = {}, 'done', ''
        try:
            figures = self.measure(backend, group, [name for name in CONTENDERS if name in names])
        except Skipped as error:
            status, message = 'skipped', str(error)
        except Failed as error:
            status, message = 'failed', str(error)
        return [self.make_line(backend, group, row, figures, status, message) for row in wanted]

    def wanted_rows(self, group):
        if group.is_long and not self.options.long:
            return []
        return [row for row in group.rows
                if fnmatch.fnmatchcase(f'{group.name}/{row.name}', self.options.only)]

    def make_line(self, backend, group, row, figures, status, message):
        line = {'backend': backend, 'scenario': f'{group.name}/{row.name}',
                'title': row.title.format(n=self.pick(group.size)), 'status': status,
                'unit': row.unit, 'kind': row.kind, 'message': message}
        line['sense'], line['bar'], line['aim'] = find_bar(backend, line['scenario'])
        if status == 'done':
            line.update(self.work_out(row, figures, line['sense'], line['bar']))
        return line

    def work_out(self, row, figures, sense, bar):
        rounds = {name: [figures_of_round[row.figure] for figures_of_round in figures[name]]
                  for name in figures}
        medians = {name: statistics.median(rounds[name]) for name in row.peers if name in rounds}
        if not medians:
            return {'status': 'skipped', 'message': 'built without the peer'}

        peer = (max if row.unit == '1/s' else min)(medians, key=medians.get)
        results = rounds['ours']
        if row.kind == 'ratio':
            if 0 in rounds[peer]:
                return {'status': 'failed', 'message': "the peer's figure is 0"}
            results = [ours / theirs for ours, theirs in zip(results, rounds[peer])]
        median = statistics.median(results)
        names = {'few': 'ours', 'none': 'ours', 'qt': self.build['qt'], 'pyqt': 'PyQt6'}
        return {'ours': statistics.median(rounds['ours']), 'peer_name': names.get(peer, peer),
                'peer': medians[peer], 'median': median, 'min': min(results), 'max': max(results),
                'met': '-' if bar is None else 'yes' if is_met(sense, bar, median) else 'no'}


# --- The command ----------------------------------------------------------------------------------


def parse_options(backends):
    parser = argparse.ArgumentParser(prog='bench', description=__doc__.partition('\n')[0])
    parser.add_argument('--backend', choices=backends, help='measure this backend only')
    parser.add_argument('--rounds', type=int, default=7, metavar='N',
                        help='how many ratios to take the median of (7; at most 99)')
    parser.add_argument('--only', default='*', metavar='PATTERN',
                        help="measure only scenarios that match, such as 'pair/*'")
    parser.add_argument('--list', action='store_true',
                        help='list backends and scenarios, and measure nothing')
    parser.add_argument('--tsv', type=argparse.FileType('w', encoding='utf-8'), metavar='FILE',
                        help='write the figures to a file, separated by tabs')
    parser.add_argument('--long', action='store_true',
                        help='measure also the scenarios with thousands of processes')
    parser.add_argument('--verbose', action='store_true',
                        help='print to the standard error what is being measured')
    parser.add_argument('--check', action='store_true', help='fail if a bar is not met')
    parser.add_argument('--quick', action='store_true',
                        help='only see that everything runs: the figures mean nothing')
    options = parser.parse_args()
    if not 1 <= options.rounds <= 99:
        parser.error('--rounds takes 1 to 99')
    return options


def main(**build):
    """Measures what the command line asks for, and returns the exit status. The program to measure
    with, the name of Qt, and the paths for Python are the build's; an empty one is missing."""
    backends = subprocess.run([build['measure'], 'backends'], check=True, capture_output=True,
                              text=True).stdout.split()
    options = parse_options(backends)
    backends = [options.backend] if options.backend else backends
    is_good = True

    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    for number in ENDING:
        signal.signal(number, end_cb)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if options.tsv:
        write_head(options.tsv)

    with Scratch() as scratch:
        bench = Bench(options, build, scratch)
        for backend in backends:
            if options.list:
                for group in GROUPS:
                    for row in bench.wanted_rows(group):
                        print(f'{backend}\t{group.name}/{row.name}')
                continue
            print_head(backend)
            for group in GROUPS:
                for line in bench.measure_group(backend, group):
                    print_line(line)
                    if options.tsv:
                        write_line(options.tsv, line)
                    if line['status'] == 'failed' or (options.check and line.get('met') == 'no'):
                        is_good = False
    return 0 if is_good else 1
