#!/usr/bin/env python3
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Runs an example and checks its output: check.py EXAMPLE COMMAND...

Every run gets separate directories for keys and rings, and must leave them empty. SSEM_BACKEND
names the backend, if it is set.
"""

import os
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'demo'))
import traces  # noqa: E402

WATCHDOG_SEC = 60

MARKET = ''.join(f'{step:10}  units available = {value}\n' for step, value in [
    ('new', 3), ('acquire', 2), ('acquire', 1), ('acquire', 0), ('release', 1), ('release 2', 3)])

ASYNC_BEFORE = ['first request: waits']
ASYNC_TICKS = ['tick 1', 'tick 2', 'tick 3']
ASYNC_AFTER = ['first request: has the unit', 'second request: waits', 'second request: cancelled']


def run(command):
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=WATCHDOG_SEC)
    assert result.returncode == 0, f'{command} ended with status {result.returncode}'
    return result.stdout


def run_pair(producer_command, consumer_command, name='ring', producer=None):
    """Returns the exit statuses of the producer, which may already run, and of the consumer."""
    processes = [producer or subprocess.Popen([*producer_command, 'producer', name])]
    try:
        processes.append(subprocess.Popen([*consumer_command, 'consumer', name]))
        return [process.wait(WATCHDOG_SEC) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def split_pair(command):
    middle = command.index('--')
    return command[:middle], command[middle + 1:]


def check_market(command):
    output = run(command)
    assert output == MARKET, output


def check_acquire_async(command):
    lines = run(command).splitlines()

    # The third tick releases the unit, so three ticks come first even on a slow machine.
    assert lines[:4] == ASYNC_BEFORE + ASYNC_TICKS, lines
    assert [line for line in lines[4:] if not line.startswith('tick ')] == ASYNC_AFTER, lines


def check_circular_buffer(command):
    statuses = run_pair(*split_pair(command))
    assert statuses == [0, 0], statuses


def check_circular_buffer_mismatch(command):
    """Checks that the consumer rejects a wrong item, and that the leftovers do not harm a later
    run."""
    producer_command, consumer_command = split_pair(command)
    ring = os.path.join(os.environ['XDG_RUNTIME_DIR'], 'ring')
    producer = subprocess.Popen([*producer_command, 'producer', 'ring'])
    try:
        wait_for_full_ring(ring)
        left = note_traces()
        with open(ring, 'r+b') as file:
            file.seek(5 * 8)
            file.write(b'damaged!')
        result = subprocess.run([*consumer_command, 'consumer', 'ring'], stderr=subprocess.PIPE,
                                text=True, timeout=WATCHDOG_SEC)
    finally:
        producer.kill()
        producer.wait()
    assert result.returncode == 1, result
    assert 'Item 5 differs from the item that was produced' in result.stderr, result
    assert left.left_behind(), 'the dead producer left no semaphore over'

    check_circular_buffer(command)
    assert not left.left_behind(), f'left behind: {left.left_behind()}'


def note_traces():
    """Returns the files and sets of the semaphores, while a process uses them."""
    found = traces.Traces(os.environ['SSEM_RUNTIME_DIR'])
    found.note()
    assert len(found.names) == 2 and not found.faults(), (found.names, found.faults())
    return found


def wait_for_full_ring(path):
    """Waits until the producer has written the last cell, and so waits for a free cell."""
    deadline = time.monotonic() + WATCHDOG_SEC
    while time.monotonic() < deadline:
        try:
            with open(path, 'rb') as file:
                content = file.read()
        except FileNotFoundError:
            content = b''
        if content and struct.unpack('=Q', content[-8:]) != (0,):
            return
        time.sleep(0.01)
    raise AssertionError('the producer did not fill the ring')


def check_fencing(command):
    """Checks that the resource refuses a holder that was stopped until another one had the unit."""
    resource = os.path.join(os.environ['XDG_RUNTIME_DIR'], 'resource')
    holder = subprocess.Popen([*command, resource, 'pause'], stdout=subprocess.PIPE, text=True)
    try:
        # The first holder writes, and stops itself.
        _, status = os.waitpid(holder.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), status
        other = run([*command, resource]).splitlines()
        holder.send_signal(signal.SIGCONT)
        lines = holder.communicate(timeout=WATCHDOG_SEC)[0].splitlines()
    finally:
        holder.kill()
        holder.wait()
    assert holder.returncode == 0, holder.returncode

    token, other_token = (int(output[0].removeprefix('holds the unit, token '))
                          for output in (lines, other))
    assert token < other_token, (token, other_token)
    refusal = f'refused: token {token} is less than {other_token}'
    assert lines[1:] == ['wrote', refusal, 'lost'], lines
    assert other[1:] == ['wrote', 'released'], other
    with open(resource, encoding='utf-8') as file:
        assert file.read() == f'{other_token}\nfirst\n'
    os.unlink(resource)


def check_demo(command):
    output = run(command)
    assert output.endswith('\nPASSED\n'), output
    assert f'The backend is "{traces.backend()}".\n' in output, output


def check_demo_fault(command):
    """Checks that the demonstration fails with one unit too many, and prints the reason."""
    result = subprocess.run([*command, '--initial-value', '4'], stdout=subprocess.PIPE, text=True,
                            timeout=WATCHDOG_SEC)
    assert result.returncode == 1, result
    assert '  FAULT: 4 units were held at once\nFAILED\n' in result.stdout, result.stdout


CHECKS = {
    'market': check_market,
    'acquire-async': check_acquire_async,
    'circular-buffer': check_circular_buffer,
    'circular-buffer-mismatch': check_circular_buffer_mismatch,
    'fencing': check_fencing,
    'demo': check_demo,
    'demo-fault': check_demo_fault,
}


def main():
    with tempfile.TemporaryDirectory(prefix='ssem-example-') as directory:
        for variable in 'SSEM_RUNTIME_DIR', 'XDG_RUNTIME_DIR', 'TMPDIR':
            os.environ[variable] = os.path.join(directory, variable)
            os.mkdir(os.environ[variable], 0o700)

        expected = traces.Traces(os.environ['SSEM_RUNTIME_DIR'])
        # Meson names the program that runs cross-built programs.
        wrapper = shlex.split(os.environ.get('MESON_EXE_WRAPPER', ''))
        CHECKS[sys.argv[1]](wrapper + sys.argv[2:])

        left = expected.left_behind()
        for variable in 'XDG_RUNTIME_DIR', 'TMPDIR':
            left += os.listdir(os.environ[variable])
        assert not left, f'left behind: {left}'


main()
