# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What is measured, and the bars and aims of the library."""

import fnmatch

import rows_etcd
from row_types import Group, Row, rows_against


# In the order of their turns, with their names and sizes for bench-measure where it has them. "few"
# and "none" are ours again, in a lighter case for comparison.
CONTENDERS = {'ours': 'ssem:{n}', 'few': 'ssem:1', 'none': 'ssem:0', 'semop': 'semop:{n}',
              'sem_t': 'sem_t:{n}', 'qt': 'qt:{n}', 'multiprocessing': '', 'threading': '',
              'sysv_ipc': '', 'pyqt': '', 'flock': '', 'lslocks': '', 'put': '', 'soup': '',
              'kazoo': ''}


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
    Group('pair-busy', 'pair-busy', (1, 1), 31, (2000, 100),
          rows_against('the same, {busy} busy', 'ns', 'sem_t')),
    Group('instructions', 'count_instructions', (1, 1), 1, (1, 1),
          [Row('pair', 'instructions in acquire + release', 'value', '', ())]),
    Group('calls', 'count_calls', (1, 1), 1, (1000, 1000),
          [Row('pair', 'system calls in acquire + release', 'value', '', ('semop',))]),
    Group('python', 'measure_python', (1, 1), 11, (2000, 50),
          rows_against('acquire + release from Python', 'ns',
                       'multiprocessing', 'threading', 'sysv_ipc', 'pyqt')),
    Group('python-own', 'measure_objects', (1, 1), 5, (500, 5), [
        Row('import', 'import from Python', 'value', 'ns', ()),
        Row('object', 'a further object from Python', 'value', 'ns', (), 1),
        Row('async-with', 'async with from Python', 'value', 'ns', (), 2),
    ]),
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
    Group('run', 'measure_commands', (0, 0), 60, (1, 1),
          rows_against('ssem run KEY -- true', 'ns', 'flock'), take=min),
    Group('list', 'measure_commands', (10, 2), 60, (1, 1),
          rows_against('ssem list, {n} semaphores', 'ns', 'lslocks'), take=min),
    *crowd_groups(),
    *rows_etcd.GROUPS,
]

# Backends that give nothing back at death, and the groups in which units of killed processes come
# back or crowds of processes are what shared memory has to cope with.
WITHOUT_UNDO = {'posix'}
ABOUT_UNDO = ('kill-*', 'holders', 'crowd-*')


def suits(backend, group):
    if 'etcd' in (backend, group.name.partition('-')[0]):
        return backend == group.name.partition('-')[0]
    return backend not in WITHOUT_UNDO or not any(fnmatch.fnmatchcase(group.name, pattern)
                                                  for pattern in ABOUT_UNDO)


# As an aim: what the peer reaches in the same run.
PEER = 'peer'

# Backend, pattern of rows, comparison, bar, and aim where there is one. The first match counts.
BARS = [
    ('sysv', 'pair/qt', '<=', 1.15, None),
    ('sysv', 'kill-*/semop', '<=', 1.5, None),
    ('sysv', 'open/qt', '<=', 3, 1.5),
    ('sysv', 'holders/units', '=', 100, None),
    ('sysv', 'async/threads', '<=', 2, None),

    ('posix', 'pair/sem_t', '<=', 1.3, None),
    ('posix', 'async/threads', '<=', 2, None),

    ('shared-memory', 'pair/sem_t', '<=', 1.25, 1.1),
    ('shared-memory', 'pair/qt', '<=', 1 / 12, 1 / 15),
    ('shared-memory', 'pair-busy/sem_t', '<=', 1.5, 1.2),
    ('shared-memory', 'instructions/pair', '<=', 130, 100),
    ('shared-memory', 'calls/pair', '=', 0, None),
    ('shared-memory', 'python/multiprocessing', '<=', 1.4, 1.1),
    ('shared-memory', 'python/threading', '<=', 1, None),
    ('shared-memory', 'python/sysv_ipc', '<=', 1, None),
    ('shared-memory', 'python/pyqt', '<=', 0.9, 0.7),
    ('shared-memory', 'ping-pong/best', '<=', 0.5, 0.15),
    ('shared-memory', 'hammer-2/sem_t', '>=', 0.8, 0.95),
    ('shared-memory', 'hammer-*/sem_t', '>=', 0.5, 0.9),
    ('shared-memory', 'hammer-*/semop', '>=', 2, 5),
    ('shared-memory', 'hammer-16/share', '>=', 60, PEER),
    ('shared-memory', 'hammer-*/share', '>=', 25, 50),
    ('shared-memory', 'kill-1/semop', '<=', 1.25, 1.1),
    ('shared-memory', 'kill-50/semop', '<=', 1.3, 1.1),
    ('shared-memory', 'open/qt', '<=', 2.2, 1.7),
    ('shared-memory', 'holders/units', '=', 100, None),
    ('shared-memory', 'holders/semop', '<=', 1.2, 1),
    ('shared-memory', 'async/request', '<=', 1.2, 1),
    ('shared-memory', 'async/threads', '<=', 2, None),
    ('shared-memory', 'run/flock', '<=', 1.5, 1.2),
    ('shared-memory', 'list/lslocks', '<=', 1.5, 1.2),

    ('shared-memory', 'crowd-try-1000/*', '<=', 5e3, 2e3),
    ('shared-memory', 'crowd-idle-300/cpu', '<=', 100 * 0.05 / 3, 100 * 0.01 / 3),
    ('shared-memory', 'crowd-idle-800/cpu', '<=', 1, None),
    ('shared-memory', 'crowd-idle-3000/cpu', '<=', 0.5, None),
    ('shared-memory', 'crowd-kill-300/semop', '<=', 2, 1.2),
    ('shared-memory', 'crowd-kill-300/cpu', '<=', 20e6, None),
    ('shared-memory', 'crowd-hammer-300/none', '>=', 0.9, 0.98),
    ('shared-memory', 'crowd-open-1000/one', '<=', 1.5, 1.1),
    ('shared-memory', 'crowd-listeners/*', '<=', 0.7e6 / 3, None),

    *rows_etcd.BARS,
]


def find_bar(backend, name):
    """Returns the comparison, the bar and the aim; three times None where there is no bar."""
    found = (bar[2:] for bar in BARS if bar[0] == backend and fnmatch.fnmatchcase(name, bar[1]))
    return next(found, (None, None, None))


def is_met(sense, bar, value):
    """Returns 'yes' or 'no', or '-' where there is no bar."""
    if bar is None:
        return '-'
    if sense == '=':
        is_good = abs(value - bar) < 1e-6
    else:
        is_good = value <= bar if sense == '<=' else value >= bar
    return 'yes' if is_good else 'no'
