# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Processes of ours and programs that use the same POSIX semaphore without this library. The
arguments are the programs, as NAME=PATH; a path of a Python program ends with .py.
"""

import errno
import os
import pathlib
import secrets
import subprocess
import sys
import unittest
import unittest.mock

import gi

gi.require_version('Ssem', '1')
from gi.repository import Ssem  # noqa: E402

import tap  # noqa: E402
from semaphores import Child, Refused, n_sleeping, wait_until  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
PEERS = dict(argument.split('=', 1) for argument in sys.argv[1:])
OPEN, CREATE, OPEN_EXISTING = map(int, [
    Ssem.AccessMode.OPEN, Ssem.AccessMode.CREATE, Ssem.AccessMode.OPEN_EXISTING])
CREATE_EXCLUSIVE, JOIN = map(int, [Ssem.AccessMode.CREATE_EXCLUSIVE, Ssem.AccessMode.JOIN])


class PeerCase(unittest.TestCase):
    def setUp(self):
        self.enterContext(unittest.mock.patch.dict(os.environ))
        os.environ.pop('SSEM_RUNTIME_DIR', None)
        os.environ['SSEM_BACKEND'] = 'posix'
        # As multiprocessing makes them.
        self.key = f'mp-{secrets.token_hex(6)}'
        self.name = f'/{self.key}'
        self.path = pathlib.Path(f'/dev/shm/sem.{self.key}')

    def tearDown(self):
        left = self.path.exists()
        if left:
            self.path.unlink()
        self.assertFalse(left, 'left behind')

    def wait_until_sleeping(self, child):
        wait_until(lambda: n_sleeping(child.process.pid, self.path) == 1, 'it waits')

    def start(self, *command):
        child = Child(*command)
        self.addCleanup(child.leave)
        return child

    def peer(self, name):
        path = PEERS[name]
        return self.start(*([sys.executable] if path.endswith('.py') else []), path)

    def ours(self, initial_value=0, mode=OPEN):
        child = self.start(sys.executable, str(HERE.parent / 'qt' / 'ssem-child.py'))
        child.ask('open', self.key, initial_value, mode)
        return child

    def pairs(self):
        """Yields a process of ours and a peer on a semaphore of 3 units, made by either."""
        for name in PEERS:
            for is_ours in (True, False):
                peer = self.peer(name)
                with self.subTest(peer=name, is_ours=is_ours):
                    if is_ours:
                        ours = self.ours(3)
                        peer.ask('open', self.name)
                    else:
                        peer.ask('create', self.name, 3)
                        ours = self.ours(9)
                    yield ours, peer
                    peer.ask('close')
                    ours.ask('drop')
                    self.assertNotEqual(self.path.exists(), is_ours)
                    if not is_ours:
                        peer.ask('remove', self.name)


class Peers(PeerCase):
    def test_units(self):
        for ours, peer in self.pairs():
            self.assertEqual(ours.ask('value'), 3)
            self.assertEqual(peer.ask('try'), 1)
            self.assertEqual(ours.ask('value'), 2)
            ours.ask('acquire', 2)
            self.assertEqual(peer.ask('try'), 0)
            peer.ask('post')
            self.assertEqual(ours.ask('value'), 1)
            ours.ask('release', 2)
            for _ in range(3):
                self.assertEqual(peer.ask('try'), 1)
            self.assertEqual(peer.ask('try'), 0)

    def test_waits(self):
        for ours, peer in self.pairs():
            ours.ask('acquire', 3)
            peer.send('wait')
            self.wait_until_sleeping(peer)
            ours.ask('release', 1)
            self.assertEqual(peer.reply(), 0)

            ours.send('acquire', 1)
            self.wait_until_sleeping(ours)
            peer.ask('post')
            ours.reply()

            ours.send('acquire', 2)
            peer.ask('post')
            peer.ask('post')
            ours.reply()
            self.assertEqual(ours.ask('value'), 0)

    def test_peer_outlives_ours(self):
        """While a peer has our semaphore open, it stays; the last of ours removes it later."""
        for name in PEERS:
            with self.subTest(name):
                ours, peer = self.ours(1), self.peer(name)
                peer.ask('open', self.name)
                ours.ask('drop')
                self.assertTrue(self.path.exists())
                peer.ask('post')
                ours = self.ours(0, OPEN_EXISTING)
                self.assertEqual(ours.ask('value'), 2)
                peer.kill()
                ours.ask('drop')
                self.assertFalse(self.path.exists())

    def test_modes(self):
        """What a peer has made is in use, as far as we can know, and CREATE replaces it."""
        for name in PEERS:
            with self.subTest(name):
                peer = self.peer(name)
                peer.ask('create', self.name, 3)
                with self.assertRaises(Refused) as raised:
                    self.ours(5, CREATE_EXCLUSIVE)
                self.assertEqual(raised.exception.code,
                                 int(Ssem.SystemSemaphoreError.ALREADY_EXISTS))
                self.assertEqual(self.ours(5, JOIN).ask('value'), 3)
                ours = self.ours(5, CREATE)
                self.assertEqual(ours.ask('value'), 5)
                self.assertEqual(peer.ask('try'), 1)
                self.assertEqual(ours.ask('value'), 5)
                ours.ask('drop')
                self.assertFalse(self.path.exists())

    def test_peer_cannot_create_ours(self):
        for name in PEERS:
            with self.subTest(name):
                ours, peer = self.ours(1), self.peer(name)
                with self.assertRaises(Refused) as raised:
                    peer.ask('create', self.name, 3)
                self.assertEqual(raised.exception.code, errno.EEXIST)
                self.assertEqual(ours.ask('value'), 1)
                ours.ask('drop')

    def test_peer_removes(self):
        """A peer removes it under us: who asks is told so, and opening again helps."""
        for ours, peer in self.pairs_without_end():
            peer.ask('remove', self.name)
            with self.assertRaises(Refused) as raised:
                ours.ask('value')
            self.assertEqual(raised.exception.code, int(Ssem.SystemSemaphoreError.NOT_FOUND))
            again = self.ours(7)
            self.assertEqual(again.ask('value'), 7)
            again.ask('drop')
            ours.ask('drop')

    def pairs_without_end(self):
        for name in PEERS:
            with self.subTest(name):
                peer = self.peer(name)
                peer.ask('create', self.name, 3)
                yield self.ours(9), peer

    def test_shared_by_multiprocessing(self):
        """A semaphore that the module makes itself, with a name of its own, is ours to use."""
        program = '''
import multiprocessing, sys
semaphore = multiprocessing.get_context("spawn").Semaphore(2)
print(semaphore._semlock.name, flush=True)
semaphore.acquire()
print("acquired", flush=True)
sys.stdin.readline()
'''
        child = self.start(sys.executable, '-c', program)
        name = child.read_line()
        self.assertTrue(name.startswith('/mp-'), name)
        self.assertEqual(child.read_line(), 'acquired')
        self.key = name[1:]
        ours = self.ours(9, OPEN_EXISTING)
        self.assertEqual(ours.ask('value'), 1)
        ours.ask('acquire', 1)
        ours.ask('release', 2)
        ours.ask('drop')
        self.assertTrue(pathlib.Path('/dev/shm/sem.' + self.key).exists())
        child.process.stdin.write('\n')
        child.leave()
        self.assertFalse(pathlib.Path('/dev/shm/sem.' + self.key).exists())


class Command(PeerCase):
    """The command sees what peers have made, and limits jobs beside them."""

    def test_command(self):
        tool = os.environ.get('SSEM_TOOL')
        if not tool:
            self.skipTest('built without the tool')
        peer = self.peer('sem-open')
        peer.ask('create', self.name, 2)
        show = subprocess.run([tool, 'show', '--json', self.key], check=True, capture_output=True,
                              text=True).stdout
        self.assertIn('"value" : 2', show)
        listed = subprocess.run([tool, 'list', '--json'], check=True, capture_output=True,
                                text=True).stdout
        self.assertIn(self.key, listed)
        # While the command runs, it has one of the two units.
        program = f'import sys; print(open({str(self.path)!r}, "rb").read(1)[0])'
        ran = subprocess.run([tool, 'run', '--count', '9', self.key, '--', sys.executable, '-c',
                              program], check=True, capture_output=True, text=True).stdout
        self.assertEqual(ran.strip(), '1')
        self.assertEqual(peer.ask('value'), 2)

        # Nobody but a request by name removes it, and not while it is open.
        subprocess.run([tool, 'clean'], check=True, capture_output=True)
        self.assertTrue(self.path.exists())
        self.assertNotEqual(subprocess.run([tool, 'remove', self.key],
                                           capture_output=True).returncode, 0)
        peer.ask('close')
        subprocess.run([tool, 'remove', self.key], check=True, capture_output=True)
        self.assertFalse(self.path.exists())


tap.main()
