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
import datetime
import fnmatch
import functools
import hashlib
import importlib.util
import os
import pathlib
import platform
import re
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
import callgrind
from rows import CONTENDERS, GROUPS, PEER, find_bar, is_met, suits
from semaphores import IPC_RMID, die_with_parent, find_set, libc
from table import print_head, print_line, write_head, write_line

HERE = pathlib.Path(__file__).parent
PROCESSORS = pathlib.Path('/sys/devices/system/cpu')
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
        # Names of POSIX semaphores contain the hash of the directory.
        moved = hashlib.sha1(str(self.disk.resolve()).encode()).hexdigest()
        for path in [*self.disk.iterdir(), *self.memory.iterdir(),
                     *MEMORY.glob(f'sem.{self.disk.name}-*'), *MEMORY.glob(f'sem.ssem={moved}=*')]:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def name_processor():
    """Returns the model, with the numbers that distinguish models of one name, and the number of
    processors."""
    facts = {}
    for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines():
        name, _, value = line.partition(':')
        facts.setdefault(name.strip(), value.strip())
    numbers = [f'{name.split()[-1]} {facts[name]}' for name in ('cpu family', 'model')
               if name in facts]
    name = ', '.join([facts.get('model name', platform.machine()), *numbers])
    return f'{len(os.sched_getaffinity(0))} × {name}'


def find_two_processors():
    """Returns two processors, and what the second is for the first. Virtual machines often do not
    tell which processors share a core."""
    allowed = os.sched_getaffinity(0)
    for number in sorted(allowed):
        path = PROCESSORS / f'cpu{number}/topology/thread_siblings_list'
        ranges = re.findall(r'(\d+)(?:-(\d+))?', path.read_text() if path.exists() else '')
        siblings = {n for first, last in ranges for n in range(int(first), int(last or first) + 1)}
        if len(siblings & allowed) > 1:
            return sorted(siblings & allowed)[:2], 'core’s other half'
    return sorted(allowed)[:2], 'another processor'


def end_cb(number, frame):
    """Lets a signal end the program as an exception, so that everything is cleaned up."""
    for other in ENDING:
        signal.signal(other, signal.SIG_IGN)
    sys.exit(1)


def set_up_child(processors):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    die_with_parent()
    os.sched_setaffinity(0, processors)


class Skipped(Exception):
    """This machine cannot measure the scenario, for this reason."""


class Failed(Exception):
    """The measurement failed, for this reason."""


# --- Measuring ------------------------------------------------------------------------------------


def run(command, environment, patience, processors):
    """Runs a program on these processors, and returns its status, output and messages once it and
    its helpers are gone.

    A signal may end this program only while it waits here."""
    process = subprocess.Popen(command, env={**os.environ, **environment}, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE,
                               preexec_fn=functools.partial(set_up_child, processors))
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
        self.two_processors, self.busy = find_two_processors()
        self.missing = {name for name, is_there in (
            ('qt', build['qt']),
            ('pyqt', importlib.util.find_spec('PyQt6')),
            ('sysv_ipc', importlib.util.find_spec('sysv_ipc')),
            ('flock', shutil.which('flock')),
            ('lslocks', shutil.which('lslocks'))) if not is_there}
        self.circumstances = {'processor': name_processor(),
                              'date': datetime.date.today().isoformat()}

    def rounds_of(self, group):
        return min(self.options.rounds, group.max_rounds)

    def blocks_of(self, group):
        return 1 if self.options.quick else group.blocks

    def pick(self, pair):
        return pair[self.options.quick]

    def run(self, backend, *command, processors=None, **environment):
        environment.update(self.scratch.environment(backend))
        try:
            status, output, messages = run([str(word) for word in command], environment,
                                           self.patience,
                                           processors or os.sched_getaffinity(0))
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
        return {contender: [tuple(map(group.take, zip(*turns[number, contender])))
                            for number in range(self.rounds_of(group))]
                for contender in contenders}

    def measure_scenario(self, backend, group, contenders):
        if group.scenario in ('ping-pong', 'pair-busy') and len(self.two_processors) < 2:
            raise Skipped('there is only one processor')
        size = self.pick(group.size)
        return self.run(backend, self.build['measure'], group.scenario, self.rounds_of(group),
                        self.blocks_of(group), self.pick(group.repeats),
                        *(CONTENDERS[name].format(n=size) for name in contenders),
                        processors=self.two_processors if group.scenario == 'pair-busy' else None)

    def run_python(self, backend, program, *arguments):
        if not self.build['library_path']:
            raise Skipped('built without the typelib')
        paths = {'GI_TYPELIB_PATH': self.build['library_path'],
                 'LD_LIBRARY_PATH': self.build['library_path'],
                 'PYTHONPATH': self.build['python_path']}
        return self.run(backend, sys.executable, HERE / program, *arguments,
                        **{name: ':'.join(filter(None, [path, os.environ.get(name)]))
                           for name, path in paths.items()})

    def measure_python(self, backend, group, contenders):
        return self.run_python(backend, 'pairs.py', self.rounds_of(group), self.blocks_of(group),
                               self.pick(group.repeats), *contenders)

    def measure_objects(self, backend, group, contenders):
        """Starts a process for each turn: a process imports a module only once."""
        lines = []
        for number in range(self.rounds_of(group)):
            for _ in range(self.blocks_of(group)):
                figures = self.run_python(backend, 'objects.py', self.pick(group.repeats))
                lines.append(f'{number} 0 {figures.strip()}')
        return '\n'.join(lines)

    def measure_commands(self, backend, group, contenders):
        tool = self.build['tool']
        if not tool:
            raise Skipped('built without the tool')
        ours = {'run': [tool, 'run', 'bench', '--', 'true'], 'list': [tool, 'list']}
        commands = {'ours': ours[group.name],
                    'flock': ['flock', str(self.scratch.disk / 'flock'), 'true'],
                    'lslocks': ['lslocks']}
        return self.run(backend, sys.executable, HERE / 'commands.py', self.rounds_of(group),
                        self.blocks_of(group), self.pick(group.size), tool,
                        *(shlex.join(commands[name]) for name in contenders))

    def measure_etcd(self, backend, group, contenders):
        """Each scenario has a server of its own. Only what is compared with is also measured."""
        name = 'etcd-hammer' if group.name.startswith('etcd-hammer-') else group.name
        return self.run(backend, sys.executable, HERE / 'etcd.py', name, self.rounds_of(group),
                        self.blocks_of(group), self.pick(group.repeats), self.pick(group.size),
                        self.build['etcd_measure'], *contenders,
                        SSEM_MODULE_DIR=self.build['etcd_module'])

    def count_instructions(self, backend, group, contenders):
        """A count does not vary, so one round stands for all."""
        if shutil.which('valgrind') is None:
            raise Skipped('valgrind is not installed')
        count = callgrind.count_pair(functools.partial(self.run, backend), self.build['pairs'])
        return '\n'.join(f'{number} 0 {count:.1f}' for number in range(self.rounds_of(group)))

    def count_calls(self, backend, group, contenders):
        """Counts the system calls of a pair: the difference of two runs of different length. One
        round stands for all here, too."""
        lines = []
        for index, name in enumerate(contenders):
            few, many = (self.strace(backend, name, n) for n in (100, 100 + group.repeats[0]))
            # Each run warms up with as many pairs as it then measures.
            count = (many - few) / (2 * group.repeats[0])
            lines += [f'{number} {index} {count}' for number in range(self.rounds_of(group))]
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
        wanted = self.wanted_rows(backend, group)
        if not wanted:
            return []
        if self.options.verbose:
            print(f'bench: {backend}, {group.name}', file=sys.stderr, flush=True)
        names = {'ours', *(name for row in wanted for name in row.peers)} - self.missing
        figures, status, message = {}, 'done', ''
        try:
            figures = self.measure(backend, group, [name for name in CONTENDERS if name in names])
        except Skipped as error:
            status, message = 'skipped', str(error)
        except Failed as error:
            status, message = 'failed', str(error)
        return [self.make_line(backend, group, row, figures, status, message) for row in wanted]

    def wanted_rows(self, backend, group):
        if (group.is_long and not self.options.long) or not suits(backend, group):
            return []
        return [row for row in group.rows
                if fnmatch.fnmatchcase(f'{group.name}/{row.name}', self.options.only)]

    def make_line(self, backend, group, row, figures, status, message):
        line = {'backend': backend, 'scenario': f'{group.name}/{row.name}',
                'title': row.title.format(n=self.pick(group.size), busy=self.busy),
                'status': status, 'unit': row.unit, 'kind': row.kind, 'message': message,
                **self.circumstances}
        line['sense'], line['bar'], line['aim'] = find_bar(backend, line['scenario'])
        if status == 'done':
            line.update(self.work_out(row, figures))
        if line['aim'] == PEER:
            line['aim'] = line.get('peer')
        if line['status'] == 'done':
            for bar, met in (('bar', 'met'), ('aim', 'aim_met')):
                line[met] = is_met(line['sense'], line[bar], line['median'])
        return line

    def work_out(self, row, figures):
        rounds = {name: [figures_of_round[row.figure] for figures_of_round in figures[name]]
                  for name in figures}
        medians = {name: statistics.median(rounds[name]) for name in row.peers if name in rounds}
        if row.peers and not medians:
            return {'status': 'skipped', 'message': 'the peer is missing'}

        peer = (max if row.unit == '1/s' else min)(medians, key=medians.get, default='')
        results = rounds['ours']
        if row.kind == 'ratio':
            if 0 in rounds[peer]:
                return {'status': 'failed', 'message': "the peer's figure is 0"}
            results = [ours / theirs for ours, theirs in zip(results, rounds[peer])]
        names = {'few': 'ours', 'none': 'ours', 'qt': self.build['qt'], 'pyqt': 'PyQt6'}
        return {'ours': statistics.median(rounds['ours']), 'peer_name': names.get(peer, peer),
                'peer': medians.get(peer), 'median': statistics.median(results),
                'min': min(results), 'max': max(results)}


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
    """Measures what the command line asks for, and returns the exit status. The programs to measure
    with and to count in, the command, the name of Qt, and the paths for Python are the build's; an
    empty one is missing. The backend etcd needs its module, which the library may not find in its
    own place."""
    backends = subprocess.run([build['measure'], 'backends'], check=True, capture_output=True,
                              text=True).stdout.split()
    backends = [name for name in backends if name != 'etcd'] + ['etcd'] * bool(build['etcd_module'])
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
                    for row in bench.wanted_rows(backend, group):
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
