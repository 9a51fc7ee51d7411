#!/usr/bin/env python3
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Six workers in four languages share three units; one of them is killed, and nothing is lost.

demo.sh builds everything and runs this. It starts the workers, tells them when their work is done,
kills one, and judges what it saw. It does not use the library itself.

All workers write to one pipe, and they say that they hold a unit after they acquired it and that
they release it before they do. What was written first is read first. So at any place in what comes
out of the pipe, those that said "holds" and not yet "releases" held their units at the same moment:
a count above three proves a fault, and the order in which processes happen to run cannot feign one.

The workers hold a unit until they are told otherwise. That makes it certain that the one that is
killed holds one at that moment, and that the unit that a waiter gets next can be no other.
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

KILL_AFTER_TURNS = 9    # by then, everybody has had a turn where waiters are served in order
PAUSE_SEC = 0.5         # before the kill, so that whoever waits has fallen asleep in the kernel
PATIENCE_SEC = 10
WATCHDOG_SEC = 45

USEC = 1000000

# What the library brings for Python and JavaScript, as long as it is not installed.
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

        # A folder of our own: whatever is in it at the end was left behind, and an interrupted run
        # leaves nothing where other programs look.
        self.folder = tempfile.mkdtemp(prefix='ssem-demo-')
        self.key = 'demo-' + secrets.token_hex(4)
        self.traces = traces.Traces(self.folder, [self.key])
        self.initial_value = initial_value
        library = os.path.join(os.path.abspath(build), 'ssem')
        self.environment = os.environ | {
            'SSEM_RUNTIME_DIR': self.folder,
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
        self.victim = self.heir = None
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
            # In a session of its own: Ctrl-C is for us alone, and we end the workers in good order.
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
        """Nothing that comes later is evidence of anything: this is the only fault to tell."""
        if not self.is_aborted:
            self.is_aborted = True
            self.faults = [fault]
            self.playing.cancel()

    async def clean_up(self):
        running = [w for w in self.workers.values() if w.process is not None and w.status is None]
        for worker in running:
            worker.suspend_timer()
            # When nobody is left to tell them anything, the workers end in good order.
            worker.process.stdin.close()
        if self.watchers:
            _, late = await asyncio.wait(self.watchers, timeout=3)
            if late:
                for worker in running:
                    if worker.status is None:
                        worker.process.kill()
                await asyncio.wait(late)
        self.close_pipe()

        # The last user of a leftover removes it: this one opens it, and has nobody to work for.
        if os.listdir(self.folder):
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run([*self.workers['c'].command, 'sweeper', self.key, '0', '0'],
                               env=self.environment, check=False, timeout=5,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        shutil.rmtree(self.folder)

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

        if self.killed_usec is not None and self.heir is None:
            self.heir = worker
            self.return_usec = usec - self.killed_usec
            self.show(usec, worker, 'acquires that unit')
            self.tell_reader(f'That was {self.return_text()} after the kill. Everybody goes on.')
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
        if self.victim is not None and self.heir is None:
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
        """From then on holders keep their units, so that all units come to be held and a worker waits,
        whatever the machine does. With a unit too many there may be no worker left to wait."""
        return (self.victim is None and self.turns_begun >= KILL_AFTER_TURNS and
                self.most_held <= UNITS)

    def prepare_kill(self):
        """When all units are held by workers that have not been told to stop, nobody is told any
        more, until a waiter has got the unit of the one that is killed."""
        holders = self.holders()
        if (self.victim is not None or self.turns_begun < KILL_AFTER_TURNS or not self.waiters() or
                len(holders) < UNITS or any(w.is_told for w in holders)):
            return

        for worker in holders:
            worker.suspend_timer()
        self.victim = random.choice(holders)
        self.tell_reader('All units are held. Nobody releases one now,'
                         f' and {self.victim.name} is killed.')
        asyncio.get_running_loop().call_later(PAUSE_SEC, self.kill)

    def kill(self):
        if self.is_aborted:
            return
        if self.most_held > UNITS:
            # The fault is known, and the unit too many may have left nobody to wait.
            self.victim = None
            for holder in self.holders():
                holder.let_work()
            return

        self.n_waiting = len(self.waiters())
        self.killed_usec = time.monotonic_ns() // 1000
        os.write(self.pipe, f'{self.victim.name} killed {self.killed_usec}\n'.encode())
        self.victim.process.kill()
        asyncio.get_running_loop().call_later(PATIENCE_SEC, self.miss_heir)

    def miss_heir(self):
        if self.heir is None:
            self.abort('nobody got the unit of the one that was killed')

    def run_out_of_time(self):
        late = ', '.join(f'{w.name} {w.state}' for w in self.workers.values() if w.status is None)
        self.abort(f'not done after {WATCHDOG_SEC} seconds: {late}')

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
            pass    # then nobody need have been killed
        elif self.victim is None:
            self.faults.append('there was nobody to kill: never three holders and a waiter')
        elif self.heir is None:
            self.faults.append('the unit of the one that was killed did not come back in time')

        self.faults += self.traces.faults()
        if self.traces.left_behind():
            self.faults.append('something was left behind')

    # --- What is shown ---

    def show_head(self):
        print(f'Six workers in four languages share {UNITS} units of the semaphore "{self.key}".')
        print(f'Each takes {TURNS} turns: waits for a unit, holds it while it works, releases it.')
        print('One of them is killed in the middle of its work.')
        print(f'The backend is "{traces.backend()}".\n')
        units = ''.join(f'unit {i + 1:<9}' for i in range(UNITS))
        print(f'{"time":>7}  {"worker":14}{"":21}{units}'.rstrip(), flush=True)

    def show(self, usec, worker, what):
        # What was written first happened first, even if its clock was read a moment later.
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
        if self.heir is not None:
            print(f'  killed                {self.victim.name}, which held a unit'
                  f' while {self.n_waiting} others waited')
            print(f'  its unit came back    to {self.heir.name},'
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
    parser.add_argument('build', help='the build folder')
    parser.add_argument('--initial-value', type=int, default=UNITS,
                        help='what the workers open the semaphore with; with 4, the demonstration '
                             'has to fail')
    args = parser.parse_args()
    sys.exit(asyncio.run(run(args.build, args.initial_value)))


main()
