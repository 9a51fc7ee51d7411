#!/usr/bin/env python3
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Runs a recipe of the cookbook and checks what it does: check.py RECIPE COMMAND...

Every run gets a separate directory for keys, and must leave it empty.
"""

import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import gi

gi.require_version('Ssem', '1')
from gi.repository import GLib, Ssem

WATCHDOG_SEC = 60
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Lines:
    """Reads the lines that several processes write into one pipe."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        self.buffer = b''

    def next(self):
        while b'\n' not in self.buffer:
            readable, _, _ = select.select([self.reader], [], [], WATCHDOG_SEC)
            assert readable, f'no process writes a line; the buffer is {self.buffer}'
            self.buffer += os.read(self.reader, 1024)
        line, _, self.buffer = self.buffer.partition(b'\n')
        return line.decode()


class Processes(list):
    """Kills its processes at the end of the block."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self:
            process.kill()
            process.wait()

    def start(self, command, **settings):
        self.append(subprocess.Popen(command, stdin=subprocess.PIPE, **settings))
        return self[-1]


def wait_for_waiters(key, n):
    deadline = time.monotonic() + WATCHDOG_SEC
    found = None
    while time.monotonic() < deadline:
        try:
            found = Ssem.SemaphoreInfo.query(key, Ssem.Backend.DEFAULT).get_n_waiters()
        except GLib.Error as error:
            found = error.message
        if found == n:
            return
        time.sleep(0.01)
    raise AssertionError(f'{found} instead of {n} wait for "{key}"')


def check_jobs(command):
    """Checks that three of five jobs run, and that each end of a job starts another."""
    lines = Lines()
    with Processes() as jobs:
        for name in '12345':
            jobs.start([*command, 'sh', '-c', f'echo {name} begins; read _; echo {name} ends'],
                       stdout=lines.writer)
        running = [lines.next() for _ in range(3)]
        assert all(line.endswith(' begins') for line in running), running
        wait_for_waiters('convert', 2)

        for left in 4, 3, 2, 1, 0:
            name = running.pop(0).split()[0]
            jobs[int(name) - 1].communicate(b'\n')
            assert lines.next() == f'{name} ends'
            if left >= 3:
                running.append(lines.next())
                assert running[-1].endswith(' begins'), running
        assert [job.wait() for job in jobs] == [0] * 5


def check_single_instance(command):
    greeting = 'Notes is running. Press Enter to end it.'
    refusals = ['Notes is running already.\n',
                'ssem: The semaphore “org.example.Notes” has too few free units\n']
    lines = Lines()
    with Processes() as programs:
        first = programs.start(command, stdout=lines.writer)
        assert lines.next() == greeting
        second = subprocess.run(command, capture_output=True, text=True, timeout=WATCHDOG_SEC)
        assert second.returncode != 0 and second.stdout == '', second
        assert second.stderr in refusals, second

        first.kill()
        assert first.wait() == -signal.SIGKILL, first.returncode

        third = programs.start(command, stdout=lines.writer)
        assert lines.next() == greeting
        third.communicate(b'\n')
        assert third.returncode == 0, third.returncode


def check_beside_flatpak(command):
    """Checks that the semaphore is in the directory that the application uses."""
    runtime = os.environ.pop('SSEM_RUNTIME_DIR')
    os.environ['XDG_RUNTIME_DIR'] = runtime
    found = run([*command, 'sh', '-c', f'cd {runtime} && find . -type f'])
    assert os.listdir(f'{runtime}/app/org.example.Convert/ssem') == [], 'left behind'
    assert re.search('^./app/org.example.Convert/ssem/ssem_convert/[0-9a-f]{16}$', found,
                     re.MULTILINE), found
    shutil.rmtree(os.path.join(runtime, 'app'))


def run(command, **settings):
    done = subprocess.run(command, capture_output=True, text=True, timeout=WATCHDOG_SEC, **settings)
    assert done.stderr == '', done.stderr
    assert done.returncode == 0, done
    return done.stdout


def check_market(command):
    done = subprocess.run(command, capture_output=True, text=True, input='\n',
                          timeout=WATCHDOG_SEC)
    assert done.returncode == 124, done
    assert done.stdout == 'You have a unit. Press Enter to release it.\n', done
    assert done.stderr == 'ssem: Timed out while waiting for units of the semaphore “market”\n', done


def check_closed(command):
    assert run(command) == 'The semaphore does not exist.\n'
    market = Ssem.SystemSemaphore('market', 3)
    assert run(command) == '', 'a process has it open'
    assert market.get_value() == 3


def check_directory(command):
    """Checks that the command runs once for each text file."""
    with tempfile.TemporaryDirectory() as directory:
        names = [f'{directory}/{name}.txt' for name in 'abcdef']
        for name in [*names, f'{directory}/picture.png']:
            pathlib.Path(name).touch()
        assert sorted(run([*command, directory, 'echo', 'file']).splitlines()) == \
            [f'file {name}' for name in names]


def check_nightly(command):
    """Checks that a second run gives up, and that the exit status of the command is passed on."""
    lines = Lines()
    with Processes() as programs:
        first = programs.start([*command, 'sh', '-c', 'echo begins; read _; exit 7'],
                               stdout=lines.writer)
        assert lines.next() == 'begins'
        second = subprocess.run([*command, 'echo', 'begins'], capture_output=True, text=True,
                                timeout=WATCHDOG_SEC)
        assert second.returncode == 75 and second.stdout == '', second
        first.communicate(b'\n')
        assert first.returncode == 7, first.returncode


def check_flatpak_module(command):
    """Checks that the file is JSON, and that its options exist."""
    module = json.loads(pathlib.Path(*command).read_text(encoding='utf-8'))
    options = re.findall(r"^option\('(\w+)'", (ROOT / 'meson_options.txt').read_text(), re.M)
    assert module['buildsystem'] == 'meson' and module['config-opts'], module
    for setting in module['config-opts']:
        name = re.fullmatch(r'-D(\w+)=(?:disabled|enabled)', setting).group(1)
        assert name in options, f'unknown option "{name}"'


CHECKS = {
    'beside-flatpak': check_beside_flatpak,
    'closed': check_closed,
    'directory': check_directory,
    'flatpak-module': check_flatpak_module,
    'jobs': check_jobs,
    'market': check_market,
    'nightly': check_nightly,
    'single-instance': check_single_instance,
}


def main():
    with tempfile.TemporaryDirectory(prefix='ssem-cookbook-') as directory:
        keys = os.path.join(directory, 'keys')
        os.mkdir(keys, 0o700)
        os.environ['SSEM_RUNTIME_DIR'] = keys
        CHECKS[sys.argv[1]](sys.argv[2:])
        # This process has a file in "processes" as long as it runs.
        left = set(os.listdir(keys)) - {'processes'}
        assert not left, f'left behind: {left}'


main()
