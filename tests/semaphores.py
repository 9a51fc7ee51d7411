# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What tests ask the kernel and the key directory without the library, and processes to talk to."""

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
import urllib.parse

libc = ctypes.CDLL(None, use_errno=True)

# From <sys/ipc.h>, <sys/sem.h> and <sys/prctl.h> of Linux.
IPC_RMID = 0
GETNCNT = 14
PR_SET_PDEATHSIG = 1
# From <fcntl.h> of Linux.
F_OFD_GETLK = 36

# What an object is built from that asks for nothing in particular.
BACKEND = os.environ.get('SSEM_BACKEND') or ('shared-memory' if sys.platform == 'linux' else 'sysv')
# What the name of a key's file or directory begins with: Qt's for System V, and ours.
PREFIXES = {'shared-memory': 'ssem_', 'sysv': 'qipc_systemsem_', 'posix': 'sem.ssem='}
# Where POSIX semaphores are, whatever the directory of the keys is.
POSIX_DIRECTORY = '/dev/shm'
# What shared memory has beside them: a file for each process.
PROCESSES = 'processes'
MAXIMUMS = {'shared-memory': 2**31 - 1, 'sysv': 2**15 - 1, 'posix': 2**31 - 1}

# Less than the runner's watchdog, which does not tell what was waited for.
PATIENCE_SECONDS = 50


def wait_until(condition, what):
    """For what nothing can tell us about: asks again until it is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f'this never happened: {what}')
        time.sleep(0.002)


def posix_prefix(directory):
    """What the names of the POSIX semaphores of a directory begin with."""
    digest = hashlib.sha1(os.path.realpath(directory).encode()).hexdigest()
    return f'{PREFIXES["posix"]}{digest}='


def key_file(directory, key, backend=BACKEND):
    """Where the key's file is, or with shared memory its directory: with System V, as Qt's
    documentation of native keys says; else as our own on platforms does."""
    if backend == 'posix':
        digest = hashlib.sha1(key.encode()).hexdigest()
        return os.path.join(POSIX_DIRECTORY, posix_prefix(directory) + digest)
    if backend == 'shared-memory':
        return os.path.join(directory, PREFIXES[backend] + urllib.parse.quote(key, safe=''))
    letters = re.sub('[^A-Za-z]', '', key)
    digest = hashlib.sha1(key.encode()).hexdigest()
    return os.path.join(directory, PREFIXES[backend] + letters + digest)


def list_posix(directory):
    """The files of the directory's POSIX semaphores."""
    prefix = posix_prefix(directory)
    return [os.path.join(POSIX_DIRECTORY, name)
            for name in os.listdir(POSIX_DIRECTORY) if name.startswith(prefix)]


def list_keys(directory):
    """What the directory contains but the process files, and what belongs to it elsewhere."""
    return sorted(name for name in os.listdir(directory) if name != PROCESSES) + \
        list_posix(directory)


def is_locked(path):
    """Whether a living process has a lock on the file's first byte."""
    # struct flock of 64 bits: type, whence, start, length, process.
    asked = struct.pack('hhqqi4x', fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)
    with open(path, 'rb') as file:
        return struct.unpack_from('h', fcntl.fcntl(file, F_OFD_GETLK, asked))[0] != fcntl.F_UNLCK


def find_set(path):
    """The identifier of the semaphore set that belongs to a key file, or None."""
    token = libc.ftok(path.encode(), ord('Q'))
    number = libc.semget(token, 0, 0) if token != -1 else -1
    if number < 0 and ctypes.get_errno() != errno.ENOENT:
        raise OSError(ctypes.get_errno(), 'semget')
    return number if number >= 0 else None


def n_waiting(number):
    """How many threads of all processes are blocked on a set; -1 where there is none."""
    return libc.semctl(number, 0, GETNCNT)


def n_sleeping(pid, path):
    """How many threads of a process sleep in a system call about a word of the mapped file; where
    the path is that of a key's directory, of the segment in it."""
    if os.path.isdir(path):
        path, = pathlib.Path(path).iterdir()
    with open(f'/proc/{pid}/maps', encoding='utf-8') as maps:
        mapped = [line.split(maxsplit=5) for line in maps]
    # By the inode: the segment had another name when its maker mapped it.
    inode = os.stat(path).st_ino
    ranges = [[int(end, 16) for end in fields[0].split('-')] for fields in mapped
              if int(fields[4]) == inode]
    found = 0
    for thread in os.listdir(f'/proc/{pid}/task'):
        try:
            with open(f'/proc/{pid}/task/{thread}/syscall', encoding='ascii') as syscall:
                fields = syscall.read().split()
        except (FileNotFoundError, ProcessLookupError):
            continue    # it has ended
        # "running", or the number of the system call, then its arguments.
        word = int(fields[1], 16) if len(fields) > 3 else 0
        found += any(start <= word < end for start, end in ranges)
    return found


class KeyDirectoryCase(unittest.TestCase):
    """Each test has a directory for its keys, a key, and leaves nothing in either place."""

    # The variable that points the name space at the directory.
    variable = 'SSEM_RUNTIME_DIR'
    backend = BACKEND

    def setUp(self):
        self.sets = set()
        self.children = []
        self.directory = tempfile.mkdtemp(prefix='ssem-test-')
        self.addCleanup(self.remove_directory)
        self.enterContext(unittest.mock.patch.dict(os.environ))
        os.environ.pop('SSEM_RUNTIME_DIR', None)
        os.environ[self.variable] = self.directory
        if self.backend != BACKEND:
            os.environ['SSEM_BACKEND'] = self.backend
        self.key = 'key-' + secrets.token_hex(8)

    def remove_directory(self):
        left = list_keys(self.directory)
        for name in left:
            self.find_set(os.path.join(self.directory, name))
        left += [number for number in self.sets if libc.semctl(number, 0, IPC_RMID) == 0]
        for path in list_posix(self.directory):
            os.unlink(path)
        processes = pathlib.Path(self.directory, PROCESSES)
        alive = [path.name for path in processes.glob('*') if path.is_file() and is_locked(path)]
        shutil.rmtree(self.directory)
        # This process keeps its own file until it ends.
        self.assertLessEqual(len(alive), 1, alive)
        self.assertEqual(left, [], 'left behind')

    @property
    def path(self):
        return key_file(self.directory, self.key, self.backend)

    def find_set(self, path=None):
        """The set of this test's key, if it has one; the test fails if it leaves it behind."""
        path = path or self.path
        if not os.path.basename(path).startswith(PREFIXES['sysv']):
            return None
        number = find_set(path)
        if number is not None:
            self.sets.add(number)
        return number

    def n_waiting(self):
        """The threads that are blocked on the key: with shared memory, those of this process and of
        the ones that the test has started."""
        if self.backend == 'sysv':
            return n_waiting(self.find_set())
        running = [child.process.pid for child in self.children if child.process.poll() is None]
        return sum(n_sleeping(pid, self.path)
                   for pid in [os.getpid(), *running])

    def wait_for_waiters(self, number):
        wait_until(lambda: self.n_waiting() == number, f'{number} blocked in an acquire')

    def assertRemoved(self):
        """Neither the key's file nor a set that this test has seen is there."""
        self.assertFalse(os.path.exists(self.path))
        self.assertEqual([number for number in self.sets if n_waiting(number) >= 0], [])

    def start(self, *command):
        child = Child(*command)
        self.children.append(child)
        self.addCleanup(child.leave)
        return child


class Refused(Exception):
    """An operation failed: in the child with this domain and code, and so in who asked for it."""

    def __init__(self, domain, code, message):
        super().__init__(domain, code, message)
        self.domain, self.code, self.message = domain, code, message


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """Another process, which answers one line of JSON with one line of JSON."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        encoding='utf-8', preexec_fn=die_with_parent)

    def send(self, *request):
        print(json.dumps(request), file=self.process.stdin, flush=True)

    def read_line(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f'{self.process.args} ended with {self.process.wait()}')
        return line.strip()

    def reply(self):
        answer = json.loads(self.read_line())
        if 'refused' in answer:
            raise Refused(*answer['refused'])
        return answer['done']

    def ask(self, *request):
        self.send(*request)
        return self.reply()

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def leave(self):
        """Lets it end as a program ends; it may have ended already."""
        if self.process.returncode is not None:
            return
        try:
            self.process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        if self.process.returncode != 0:
            raise AssertionError(f'{self.process.args} ended with {self.process.returncode}')


def serve(operations):
    """The other side of a Child: what can be asked for are the methods of @operations."""
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {'done': getattr(operations, name)(*arguments)}
        except Refused as refused:
            answer = {'refused': refused.args}
        print(json.dumps(answer), flush=True)
