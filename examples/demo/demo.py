#!/usr/bin/env python3
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Shows that a killed process loses no units: six workers in four languages share three units.

demo.sh builds everything and runs this program. The program starts the workers, tells each worker
when to release its unit, kills one worker, and checks the result. It does not use the library
itself.

All workers write to one pipe. A worker writes "holds" after it has acquired a unit, and "releases"
before it releases the unit. The pipe keeps the order of the lines. At any position in the output,
the workers between "holds" and "releases" therefore hold their units at the same moment. A count
above three proves a fault. The scheduling of the processes cannot cause a false report.

The workers hold a unit until this program writes to them. So the killed worker certainly holds a
unit at that moment, and the next unit that a waiter gets must be the unit of the killed worker.
"""

import argparse
import asyncio
import contextlib
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import traces

UNITS = 3
TURNS = 4
WORK_SEC = (0.15, 0.35)

KILL_AFTER_TURNS = 9    # by then, every worker has had a turn if waiters are served in order
PAUSE_SEC = 0.5         # before the kill, so that the waiters sleep in the kernel
PATIENCE_SEC = 10
WATCHDOG_SEC = 45

USEC = 1000000

# The modules for Python and JavaScript in the source tree; the library need not be installed.
BINDINGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../ssem/bindings')


class Worker:
    def __init__(self, name, command):
        self.name = name
        self.command = command
        self.process = None
        self.status = None      # of the process, once it has ended
        self.state = 'starts'
        self.turns = 0
        self.timer = None       # runs while the worker works
        self.is_told = False    # that its work is done

    def tell(self):
        self.timer = None
        self.is_told = True
        self.process.stdin.write(b'\n')

    def let_work(self):
        if self.timer is None and not self.is_told:
            self.timer = asyncio.get_running_loop().call_later(random.uniform(*WORK_SEC), self.tell)

    def suspend_timer(self):
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Demo:
    def __init__(self, build, initial_value):
        here = os.path.dirname(os.path.abspath(__file__))
        programs = os.path.join(os.path.abspath(build), 'examples', 'demo')
        python = [sys.executable, os.path.join(here, 'worker.py')]
        javascript = [shutil.which('gjs') or 'gjs', '-m', os.path.join(here, 'worker.js')]
        self.workers = {name: Worker(name, command) for name, command in [
            ('c', [os.path.join(programs, 'worker-c')]),
            ('vala', [os.path.join(programs, 'worker-vala')]),
            ('python-1', python),
            ('python-2', python),
            ('javascript-1', javascript),
            ('javascript-2', javascript),
        ]}

        # A separate directory: everything in it at the end was left behind, and an interrupted run
        # leaves nothing in the directories of other programs.
        self.directory = tempfile.mkdtemp(prefix='ssem-demo-')
        self.key = 'demo-' + secrets.token_hex(4)
        self.traces = traces.Traces(self.directory, [self.key])
        self.initial_value = initial_value
        library = os.path.join(os.path.abspath(build), 'ssem')
        self.environment = os.environ | {
            'SSEM_RUNTIME_DIR': self.directory,
            'LD_LIBRARY_PATH': join_path(library, os.environ.get('LD_LIBRARY_PATH')),
            'GI_TYPELIB_PATH': join_path(library, os.environ.get('GI_TYPELIB_PATH')),
            'PYTHONPATH': join_path(os.path.join(BINDINGS, 'python'),
                                    os.environ.get('PYTHONPATH')),
            'GJS_PATH': join_path(os.path.join(BINDINGS, 'gjs'), os.environ.get('GJS_PATH')),
        }

        self.pipe = None
        self.playing = None
        self.watchers = []
        self.slots = [None] * UNITS
        self.most_held = 0
        self.turns_begun = 0
        self.start_usec = None
        self.last_usec = 0
        self.victim = self.successor = None
        self.n_waiting = 0
        self.killed_usec = self.return_usec = None
        self.faults = []
        self.is_aborted = False

    # --- Processes ---

    async def start(self):
        reading_end, self.pipe = os.pipe()
        events = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(events), os.fdopen(reading_end, 'rb'))

        for worker in self.workers.values():
            # In a separate session, so that Ctrl-C reaches only this program, which ends the
            # workers.
            worker.process = await asyncio.create_subprocess_exec(
                *worker.command, worker.name, self.key, str(self.initial_value), str(TURNS),
                stdin=subprocess.PIPE, stdout=self.pipe, env=self.environment,
                start_new_session=True)
            self.watchers.append(asyncio.ensure_future(self.watch(worker)))

        return events

    async def watch(self, worker):
        worker.status = await worker.process.wait()
        is_expected = worker is self.victim and self.killed_usec is not None
        if worker.status != 0 and not is_expected:
            self.abort(f'{worker.name} ended with status {worker.status}')
        if all(w.status is not None for w in self.workers.values()):
            self.close_pipe()

    def close_pipe(self):
        if self.pipe is not None:
            os.close(self.pipe)
            self.pipe = None

    def abort(self, fault):
        """Ends the demonstration with this fault alone; later results would prove nothing."""
        if not self.is_aborted:
            self.is_aborted = True
            self.faults = [fault]
            self.playing.cancel()

    async def clean_up(self):
        running = [w for w in self.workers.values() if w.process is not None and w.status is None]
        for worker in running:
            worker.suspend_timer()
            # The workers end normally when their standard input is closed.
            worker.process.stdin.close()
        if self.watchers:
            _, late = await asyncio.wait(self.watchers, timeout=3)
            if late:
                for worker in running:
                    if worker.status is None:
                        worker.process.kill()
                await asyncio.wait(late)
        self.close_pipe()

        # Remove a leftover: a worker opens it, does no turn, and removes it as the last user.
        if traces.entries(self.directory):
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run([*self.workers['c'].command, 'sweeper', self.key, '0', '0'],
                               env=self.environment, check=False, timeout=5,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        shutil.rmtree(self.directory)

    # --- What the workers say ---

    async def play(self):
        events = await self.start()
        async for line in events:
            name, what, usec = line.decode().split()
            getattr(self, 'on_' + what)(self.workers[name], int(usec))

    def on_ready(self, worker, usec):
        worker.state = 'ready'
        if any(w.state != 'ready' for w in self.workers.values()):
            return
        self.start_usec = usec
        self.traces.note()
        for w in self.workers.values():
            w.tell()

    def on_waits(self, worker, usec):
        worker.state = 'waits'
        self.prepare_kill()

    def on_holds(self, worker, usec):
        worker.state = 'holds'
        worker.is_told = False
        self.turns_begun += 1
        if None not in self.slots:
            self.slots.append(None)
        self.slots[self.slots.index(None)] = worker.name
        self.most_held = max(self.most_held, self.n_held())

        if self.killed_usec is not None and self.successor is None:
            self.successor = worker
            self.return_usec = usec - self.killed_usec
            self.show(usec, worker, 'gets the freed unit')
            self.tell_reader(f'This was {self.return_text()} after the kill. The workers continue.')
            for holder in self.holders():
                holder.let_work()
        else:
            self.show(usec, worker, 'acquires a unit')
            if not self.is_kill_due():
                for holder in self.holders() if self.victim is None else [worker]:
                    holder.let_work()
            self.prepare_kill()

    def on_releases(self, worker, usec):
        worker.state = 'rests'
        worker.turns += 1
        self.slots[self.slots.index(worker.name)] = None
        self.show(usec, worker, 'releases its unit')
        if self.victim is not None and self.successor is None:
            self.faults.append(f'{worker.name} released a unit before it was told to')

    def on_killed(self, worker, usec):
        worker.state = 'killed'
        self.slots[self.slots.index(worker.name)] = None
        self.show(usec, worker, 'is killed (SIGKILL)')

    def holders(self):
        return [w for w in self.workers.values() if w.state == 'holds']

    def waiters(self):
        return [w for w in self.workers.values() if w.state == 'waits']

    def n_held(self):
        return sum(name is not None for name in self.slots)

    # --- The kill ---

    def is_kill_due(self):
        """Returns whether holders must now keep their units, until all units are held and a worker
        waits. With one unit too many, there may be no worker left to wait."""
        return (self.victim is None and self.turns_begun >= KILL_AFTER_TURNS and
                self.most_held <= UNITS)

    def prepare_kill(self):
        """Chooses the victim when all units are held by workers that were not told to release. From
        then on, no worker is told to release until a waiter has the unit of the victim."""
        holders = self.holders()
        if (self.victim is not None or self.turns_begun < KILL_AFTER_TURNS or not self.waiters() or
                len(holders) < UNITS or any(w.is_told for w in holders)):
            return

        for worker in holders:
            worker.suspend_timer()
        self.victim = random.choice(holders)
        self.tell_reader('All units are held. No worker releases its unit now,'
                         f' and {self.victim.name} is killed.')
        asyncio.get_running_loop().call_later(PAUSE_SEC, self.kill)

    def kill(self):
        if self.is_aborted:
            return
        if self.most_held > UNITS:
            # The fault is known. With one unit too many, no worker may be left to wait.
            self.victim = None
            for holder in self.holders():
                holder.let_work()
            return

        self.n_waiting = len(self.waiters())
        self.killed_usec = time.monotonic_ns() // 1000
        os.write(self.pipe, f'{self.victim.name} killed {self.killed_usec}\n'.encode())
        self.victim.process.kill()
        asyncio.get_running_loop().call_later(PATIENCE_SEC, self.miss_successor)

    def miss_successor(self):
        if self.successor is None:
            self.abort('no worker got the unit of the killed worker')

    def run_out_of_time(self):
        late = ', '.join(f'{w.name} {w.state}' for w in self.workers.values() if w.status is None)
        self.abort(f'not finished after {WATCHDOG_SEC} seconds: {late}')

    # --- The judgement ---

    def judge(self):
        if self.is_aborted:
            return

        if self.most_held > UNITS:
            self.faults.append(f'{self.most_held} units were held at once')
        if self.most_held < UNITS:
            self.faults.append(f'no more than {self.most_held} units were held at once')

        for worker in self.workers.values():
            if worker is self.victim:
                if worker.status != -signal.SIGKILL:
                    self.faults.append(f'{worker.name} was not killed')
            elif worker.turns < TURNS:
                self.faults.append(f'{worker.name} was served {worker.turns} of {TURNS} turns')

        if self.most_held > UNITS:
            pass    # then there may be no victim
        elif self.victim is None:
            self.faults.append('no worker was killed: there were never three holders and a waiter')
        elif self.successor is None:
            self.faults.append('the unit of the killed worker did not come back in time')

        self.faults += self.traces.faults()
        if self.traces.left_behind():
            self.faults.append('files or sets were left behind')

    # --- What is shown ---

    def show_head(self):
        print(f'Six workers in four languages share {UNITS} units of the semaphore "{self.key}".')
        print(f'Each takes {TURNS} turns: waits for a unit, holds it while it works, releases it.')
        print('One worker is killed while it holds a unit.')
        print(f'The backend is "{traces.backend()}".\n')
        units = ''.join(f'unit {i + 1:<9}' for i in range(UNITS))
        print(f'{"time":>7}  {"worker":14}{"":21}{units}'.rstrip(), flush=True)

    def show(self, usec, worker, what):
        # The order of the lines counts, even if a worker read the clock a moment later.
        self.last_usec = max(self.last_usec, usec)
        time_sec = (self.last_usec - self.start_usec) / USEC
        units = ''.join(f'{name or ".":14}' for name in self.slots)
        print(f'{time_sec:7.3f}  {worker.name:14}{what:21}{units}'.rstrip(), flush=True)

    def tell_reader(self, text):
        print(f'\n{"":9}{text}\n', flush=True)

    def return_text(self):
        return f'{self.return_usec / 1000:.2f} ms'

    def show_summary(self):
        print('\nSummary')
        for worker in self.workers.values():
            fate = ''
            if worker.state == 'killed':
                fate = f', killed in its turn {worker.turns + 1}'
            print(f'  {worker.name:14}served {worker.turns} of {TURNS} turns{fate}')
        print()
        if not self.is_aborted:
            self.show_findings()
        for fault in self.faults:
            print(f'  FAULT: {fault}')
        print('PASSED' if not self.faults else 'FAILED', flush=True)

    def show_findings(self):
        print(f'  held at once          {self.most_held} units at most')
        if self.successor is not None:
            print(f'  killed                {self.victim.name}, which held a unit'
                  f' while {self.n_waiting} others waited')
            print(f'  its unit came back    to {self.successor.name},'
                  f' {self.return_text()} after the kill')
        left = ', '.join(self.traces.left_behind())
        print(f'  left behind           {left or "nothing: " + self.traces.describe_gone()}')
        print()


def join_path(first, rest):
    return f'{first}:{rest}' if rest else first


async def run(build, initial_value):
    demo = Demo(build, initial_value)
    loop = asyncio.get_running_loop()
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        loop.add_signal_handler(number, demo.abort, 'interrupted')
    loop.call_later(WATCHDOG_SEC, demo.run_out_of_time)

    demo.show_head()
    demo.playing = asyncio.ensure_future(demo.play())
    try:
        await demo.playing
    except asyncio.CancelledError:
        pass    # aborted, and the fault is known
    except OSError as error:
        demo.abort(f'a worker cannot be started: {error}')
    demo.judge()
    demo.show_summary()
    await demo.clean_up()

    return 1 if demo.faults else 0


def main():
    parser = argparse.ArgumentParser(description='Six workers in four languages share three units.')
    parser.add_argument('build', help='the build directory')
    parser.add_argument('--initial-value', type=int, default=UNITS,
                        help='the initial value of the semaphore; with 4, the demonstration '
                             'must fail')
    args = parser.parse_args()
    sys.exit(asyncio.run(run(args.build, args.initial_value)))


main()
