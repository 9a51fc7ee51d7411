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
import math
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import typing

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from semaphores import IPC_RMID, die_with_parent, find_set, libc

PAIRS = pathlib.Path(__file__).with_name('pairs.py')
MEMORY = pathlib.Path('/dev/shm')
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
PR_SET_CHILD_SUBREAPER = 36
EXIT_SKIP = 77

# --- What is measured -----------------------------------------------------------------------------


class Row(typing.NamedTuple):
    """A line of the table. Of several peers, the best is compared with."""
    name: str         # after the group's name and a slash
    title: str        # {n} stands for the group's size
    kind: str         # 'ratio': ours divided by the peer's; 'value': ours
    unit: str
    peers: tuple
    figure: int = 0   # of the group's scenario


class Group(typing.NamedTuple):
    """The rows of one scenario. Of a pair of numbers, the second is for --quick."""
    name: str
    scenario: str     # of bench-measure, or a method of Bench
    size: tuple       # how many waiters, processes or requests
    blocks: int       # turns of a contender in each round, of which the median counts
    repeats: tuple    # in a turn
    rows: list
    max_rounds: int = 99
    is_long: bool = False   # measured with --long only


# In the order of their turns, with their names and sizes for bench-measure. "few" and "none" are
# ours again, in a lighter case for comparison.
CONTENDERS = {'ours': 'ssem:{n}', 'few': 'ssem:1', 'none': 'ssem:0', 'semop': 'semop:{n}',
              'sem_t': 'sem_t:{n}', 'qt': 'qt:{n}', 'pyqt': ''}


def rows_against(title, unit, *peers):
    return [Row(peer, title, 'ratio', unit, (peer,)) for peer in peers]


HAMMER = [
    *rows_against('{n} processes, one unit', '1/s', 'semop', 'sem_t', 'qt'),
    Row('share', '{n} processes, share of the last', 'value', '%', ('sem_t',), 1),
]
KILL = rows_against('SIGKILL to wake-up, {n} waiting', 'ns', 'semop', 'qt')


def crowd_group(name, scenario, size, blocks, repeats, rows, max_rounds=3):
    """Returns a group for one number of holders and waiters."""
    return Group(f'crowd-{name}-{size}', scenario, (size, min(size, 2)), blocks, repeats, rows,
                 max_rounds, is_long=size > 1000)


def crowd_groups():
    """Shows what many holders cost. There are at most 4095 threads: 2000 wait beside 2000."""
    for size in (1, 10, 100, 300, 1000, 3000):
        yield crowd_group('try', 'crowd-try', size, 1, (200000, 1000), [
            Row('try', '{n} holding, a try that fails', 'value', 'ns', ('semop',)),
            Row('value', '{n} holding, reading the value', 'value', 'ns', ('semop',), 1),
        ], 7)
    for size in (1, 10, 100, 300, 800, 1000):
        usec = 1000000 if size <= 100 else 3000000
        yield crowd_group('idle', 'crowd-idle', size, 1, (usec, 10000), [
            Row('cpu', '{n} holding, {n} waiting, idle', 'value', '%', ('semop',)),
        ])
    yield crowd_group('idle', 'crowd-idle-one', 3000, 1, (3000000, 10000), [
        Row('cpu', '1 holding, {n} waiting, idle', 'value', '%', ('semop',)),
    ])
    for size, blocks in ((1, 11), (10, 11), (100, 5), (300, 5), (1000, 1), (2000, 1)):
        yield crowd_group('kill', 'crowd-kill', size, blocks, (1, 1), [
            Row('semop', '{n} holding, {n} waiting, wake-up', 'ratio', 'ns', ('semop',)),
            Row('cpu', '{n} holding, {n} waiting, CPU', 'value', 'ns', ('semop',), 1),
        ], 7 if size <= 300 else 3)
    for size in (1, 10, 100, 300, 1000, 3000):
        yield crowd_group('hammer', 'crowd-hammer', size, 1, (250000, 20000), [
            Row('none', '8 contending, {n} holding or none', 'ratio', '1/s', ('none',)),
            Row('semop', '8 contending, {n} holding', 'ratio', '1/s', ('semop',)),
        ], 7)
    for size in (10, 100, 1000, 3000):
        yield crowd_group('open', 'attach', size, 11, (20, 3), [
            Row('one', 'open + close, {n} attached or 1', 'ratio', 'ns', ('few',)),
        ], 7)
    yield Group('crowd-listeners', 'open-beside', (3, 1), 1, (50, 2), [
        Row('same', 'open + close, {n} waiting, CPU', 'value', 'ns', ('semop',)),
        Row('process', 'a new process does so, waiters’ CPU', 'value', 'ns', ('semop',), 1),
    ])


GROUPS = [
    Group('pair', 'pair', (1, 1), 31, (2000, 100),
          rows_against('acquire + release, uncontended', 'ns', 'semop', 'sem_t', 'qt')),
    Group('calls', 'count_calls', (1, 1), 1, (1000, 1000),
          [Row('pair', 'system calls in acquire + release', 'value', '', ('semop',))]),
    Group('python', 'measure_python', (1, 1), 11, (2000, 50),
          rows_against('acquire + release from Python', 'ns', 'pyqt')),
    Group('ping-pong', 'ping-pong', (2, 2), 5, (1000, 20), [
        *rows_against('round trip of two processes', 'ns', 'semop', 'sem_t', 'qt'),
        Row('best', 'the same against the better one', 'ratio', 'ns', ('semop', 'sem_t')),
    ]),
    Group('hammer-2', 'hammer', (2, 2), 3, (250000, 20000), HAMMER),
    Group('hammer-4', 'hammer', (4, 4), 3, (250000, 20000), HAMMER),
    Group('hammer-16', 'hammer', (16, 16), 3, (250000, 20000), HAMMER),
    Group('kill-1', 'kill', (1, 1), 21, (1, 1), KILL),
    Group('kill-50', 'kill', (50, 5), 21, (1, 1), KILL),
    Group('open', 'open', (1, 1), 51, (20, 3),
          rows_against('open + close, nobody else', 'ns', 'qt')),
    Group('holders', 'holders', (1000, 20), 1, (1, 1), [
        Row('units', '{n} holders killed, units back', 'value', '%', ('semop',), 1),
        Row('semop', '{n} holders killed, all back', 'ratio', 'ns', ('semop',)),
    ]),
    Group('async', 'async', (10000, 100), 3, (1, 1), [
        Row('serve', '{n} pending, to serve one', 'ratio', 'ns', ('semop',)),
        Row('request', '{n} pending, to ask for one', 'ratio', 'ns', ('semop',), 1),
        Row('threads', '{n} pending, threads for them', 'value', '', ('semop',), 2),
    ]),
    *crowd_groups(),
]

# Backend, pattern of rows, comparison, bar, and aim where there is one.
BARS = [
    ('sysv', 'pair/qt', '<=', 1.15, None),
    ('sysv', 'kill-*/semop', '<=', 1.5, None),
    ('sysv', 'holders/units', '=', 100, None),
    ('sysv', 'async/threads', '<=', 2, None),

    ('shared-memory', 'pair/sem_t', '<=', 1.25, 1.1),
    ('shared-memory', 'pair/qt', '<=', 1 / 12, 1 / 15),
    ('shared-memory', 'calls/pair', '=', 0, None),
    ('shared-memory', 'python/pyqt', '<=', 0.9, 0.7),
    ('shared-memory', 'ping-pong/best', '<=', 0.5, 0.15),
    ('shared-memory', 'hammer-*/sem_t', '>=', 0.5, 0.9),
    ('shared-memory', 'hammer-*/semop', '>=', 2, 5),
    ('shared-memory', 'hammer-*/share', '>=', 25, 50),
    ('shared-memory', 'kill-*/semop', '<=', 2, 1.2),
    ('shared-memory', 'open/qt', '<=', 2.2, 1.7),
    ('shared-memory', 'holders/units', '=', 100, None),
    ('shared-memory', 'async/threads', '<=', 2, None),

    ('shared-memory', 'crowd-try-1000/*', '<=', 5e3, 2e3),
    ('shared-memory', 'crowd-idle-300/cpu', '<=', 100 * 0.05 / 3, 100 * 0.01 / 3),
    ('shared-memory', 'crowd-idle-800/cpu', '<=', 1, None),
    ('shared-memory', 'crowd-idle-3000/cpu', '<=', 0.5, None),
    ('shared-memory', 'crowd-kill-300/semop', '<=', 2, 1.2),
    ('shared-memory', 'crowd-kill-300/cpu', '<=', 20e6, None),
    ('shared-memory', 'crowd-hammer-300/none', '>=', 0.9, 0.98),
    ('shared-memory', 'crowd-open-1000/one', '<=', 1.5, 1.1),
    ('shared-memory', 'crowd-listeners/*', '<=', 0.7e6 / 3, None),
]


def find_bar(backend, name):
    """Returns the comparison, the bar and the aim; three times None where there is no bar."""
    found = (bar[2:] for bar in BARS if bar[0] == backend and fnmatch.fnmatchcase(name, bar[1]))
    return next(found, (None, None, None))


def is_met(sense, bar, value):
    if sense == '=':
        return abs(value - bar) < 1e-6
    return value <= bar if sense == '<=' else value >= bar


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


# --- The table ------------------------------------------------------------------------------------

# Where greatest and least are four thirds apart, 1.15 cannot be distinguished from 1.5.
WIDE = 1.33
COLUMNS = ('backend', 'scenario', 'title', 'status', 'unit', 'ours', 'peer_name', 'peer', 'kind',
           'median', 'min', 'max', 'sense', 'bar', 'aim', 'met')


def format_value(unit, number):
    value = float(number)
    if unit == 'ns':
        if value < 1e4:
            return f'{value:.{int(value < 100)}f} ns'
        if value < 1e7:
            return f'{value / 1e3:.{int(value < 1e5)}f} µs'
        return f'{value / 1e6:.{int(value < 1e8)}f} ms'
    if unit == '1/s':
        return (f'{value / 1e3:.{int(value < 1e5)}f} k/s' if value < 1e6
                else f'{value / 1e6:.2f} M/s')
    if unit == '%':
        return f'{value:.{1 if value >= 10 else 2}f} %'
    return f'{value:.6g}'


def format_figure(number):
    """Returns three significant digits: 0.0671 and 12.3."""
    value = float(number)
    decimals = 0 if value == 0 else min(max(2 - math.floor(math.log10(abs(value))), 0), 4)
    return f'{value:.{decimals}f}'


def format_result(line, number):
    """Returns a result or a bar of a line: a ratio has no unit, everything else has."""
    if line['kind'] == 'ratio' or not line['unit']:
        return format_figure(number)
    return format_value(line['unit'], number)


def format_median(line):
    """Returns what the line's comparison comes to, or nothing for a value: it is ours already."""
    if line['kind'] == 'value':
        return ''
    return format_result(line, line['median'])


def print_head(backend):
    print(f'\nbackend {backend}')
    print(f'{"scenario":23} {"":34} {"ours":>10}  {"peer":17} {"ratio":>8}  {"min .. max":20} '
          f'{"bar":10} met', flush=True)


def print_line(line):
    head = f'{line["scenario"]:23} {line["title"]:34}'
    if line['status'] != 'done':
        word = 'FAILED' if line['status'] == 'failed' else line['status']
        print(f'{head} {word}: {line["message"]}', flush=True)
        return
    peer = f'{line["peer_name"]} {format_value(line["unit"], line["peer"])}'
    spread = f'{format_result(line, line["min"])} .. {format_result(line, line["max"])}'
    bar = '-' if line['bar'] is None else f'{line["sense"]} {format_result(line, line["bar"])}'
    wide = '  (wide)' if line['max'] > line['min'] * WIDE else ''
    print(f'{head} {format_value(line["unit"], line["ours"]):>10}  {peer:17} '
          f'{format_median(line):>8}  {spread:20} {bar:10} {line["met"]}{wide}', flush=True)


def write_line(file, line):
    cells = (line.get(column) for column in COLUMNS)
    print(*('' if cell is None else cell if isinstance(cell, str) else f'{cell:.6g}'
            for cell in cells), sep='\t', file=file)


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
        print(*COLUMNS, sep='\t', file=options.tsv)

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
