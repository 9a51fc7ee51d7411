# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Processes of ours and of Qt's that share a key, which works with System V only. The first
argument names Qt's binding for Python.
"""

import importlib.util
import os
import subprocess
import sys
import unittest

import gi

gi.require_version('Ssem', '1')
from gi.repository import Ssem  # noqa: E402

import tap  # noqa: E402
from semaphores import BACKEND, KeyDirectoryCase, Refused, key_file, list_keys  # noqa: E402

BINDING = sys.argv[1]
HERE = os.path.dirname(os.path.abspath(__file__))
OPEN, CREATE, OPEN_EXISTING, CREATE_EXCLUSIVE = map(int, [
    Ssem.AccessMode.OPEN, Ssem.AccessMode.CREATE,
    Ssem.AccessMode.OPEN_EXISTING, Ssem.AccessMode.CREATE_EXCLUSIVE])


def find_fault():
    """Returns why this binding cannot be used, or None."""
    if BINDING == 'PySide2' and not os.environ.get('SSEM_TEST_THOROUGH'):
        return 'only in the set-up "thorough": its Qt is that of PyQt5'
    if importlib.util.find_spec(BINDING) is None:
        return f'{BINDING} is not installed'
    probe = f'from {BINDING}.QtCore import QSystemSemaphore'
    result = subprocess.run([sys.executable, '-c', probe], stderr=subprocess.PIPE, encoding='utf-8')
    return result.stderr.strip().splitlines()[-1] if result.returncode != 0 else None


FAULT = find_fault()


@unittest.skipIf(FAULT is not None, FAULT)
class QtCase(KeyDirectoryCase):
    variable = 'TMPDIR'
    backend = 'sysv'

    def open(self, initial_value, mode, *command):
        child = self.start(sys.executable, *command)
        child.ask('open', self.key, initial_value, mode)
        self.find_set()
        return child

    def ours(self, initial_value=0, mode=OPEN):
        return self.open(initial_value, mode, os.path.join(HERE, 'ssem-child.py'))

    def qts(self, initial_value=0, mode=OPEN):
        return self.open(initial_value, mode, os.path.join(HERE, 'qt-child.py'), BINDING)

    def pairs(self):
        """Yields a process of ours and one of Qt's on a semaphore of 0 units, made by either."""
        ours = self.ours(0, CREATE)
        yield ours, self.qts()
        self.key += '2'
        qts = self.qts(0, CREATE)
        yield self.ours(), qts


class Units(QtCase):
    def test_qt_acquires_what_we_release(self):
        for ours, qts in self.pairs():
            ours.ask('release', 3)
            qts.ask('acquire', 2)
            self.assertEqual(ours.ask('value'), 1)
            ours.ask('acquire', 1)
            qts.ask('release', 2)
            self.assertEqual(ours.ask('value'), 2)

    def test_we_acquire_what_qt_releases(self):
        for ours, qts in self.pairs():
            qts.ask('release', 3)
            ours.ask('acquire', 2)
            self.assertEqual(ours.ask('value'), 1)
            qts.ask('acquire', 1)
            self.assertEqual(ours.ask('value'), 0)
            ours.ask('release', 2)
            qts.ask('acquire', 2)
            self.assertEqual(ours.ask('value'), 0)

    def test_qts_waiter_wakes_by_our_release(self):
        for ours, qts in self.pairs():
            qts.send('acquire', 1)
            self.wait_for_waiters(1)
            ours.ask('release', 1)
            qts.reply()
            self.assertEqual(ours.ask('value'), 0)

    def test_our_waiter_wakes_by_qts_release(self):
        for ours, qts in self.pairs():
            ours.send('acquire', 2)
            self.wait_for_waiters(1)
            qts.ask('release', 2)
            ours.reply()
            self.assertEqual(ours.ask('value'), 0)

    def test_killing_us_serves_qts_waiter(self):
        for ours, qts in self.pairs():
            witness = self.ours()
            qts.ask('release', 1)
            ours.ask('acquire', 1)
            qts.send('acquire', 1)
            self.wait_for_waiters(1)
            ours.kill()
            qts.reply()
            self.assertEqual(witness.ask('value'), 0)

    def test_killing_qt_serves_our_waiter(self):
        for ours, qts in self.pairs():
            ours.ask('release', 1)
            qts.ask('acquire', 1)
            ours.send('acquire', 1)
            self.wait_for_waiters(1)
            qts.kill()
            ours.reply()
            self.assertEqual(ours.ask('value'), 0)
            # The killed process may have been the one that would have removed the semaphore.
            self.qts(0, CREATE).leave()

    def test_create_resets_the_others(self):
        for ours, qts in self.pairs():
            self.qts(5, CREATE).kill()
            self.assertEqual(ours.ask('value'), 5)
            ours.ask('open', self.key, 2, CREATE)
            qts.ask('acquire', 2)
            self.assertEqual(ours.ask('value'), 0)


class Life(QtCase):
    def test_what_qt_made_is_not_removed_by_us(self):
        qts = self.qts(1, CREATE)
        made = self.find_set()
        ours = self.ours()
        self.assertEqual(ours.ask('value'), 1)
        ours.ask('drop')
        self.assertEqual(self.find_set(), made)
        self.ours().leave()
        self.assertEqual(self.find_set(), made)
        self.ours().kill()
        qts.ask('acquire', 1)
        qts.leave()
        self.assertRemoved()

    def test_what_we_made_is_not_removed_by_an_open_of_qts(self):
        ours = self.ours(1, CREATE)
        made = self.find_set()
        qts = self.qts()
        qts.ask('acquire', 1)
        qts.ask('release', 1)
        qts.ask('drop')
        self.qts().leave()
        self.assertEqual(self.find_set(), made)
        ours.ask('acquire', 1)
        ours.leave()
        self.assertRemoved()

    def check_removed(self, child, *request):
        with self.assertRaises(Refused) as caught:
            child.reply() if not request else child.ask(*request)
        self.assertEqual(caught.exception.domain, 'ssem-system-semaphore-error-quark')
        self.assertEqual(caught.exception.code, int(Ssem.SystemSemaphoreError.NOT_FOUND))
        self.assertIn(self.key, caught.exception.message)

    def test_removed_by_qt_is_not_found(self):
        ours = self.ours(0, CREATE)
        waiter = self.ours()
        waiter.send('acquire', 1)
        self.wait_for_waiters(1)
        # Qt removes a semaphore that it opened with Create, even if another process made it.
        self.qts(0, CREATE).leave()
        self.check_removed(waiter)
        self.check_removed(ours, 'value')
        self.check_removed(ours, 'acquire', 1)
        self.check_removed(ours, 'release', 1)
        self.assertIsNone(self.find_set())

        # A new semaphore is not the old one, and the users of the old one do not remove it.
        new = self.ours(4, OPEN)
        ours.leave()
        waiter.leave()
        self.assertEqual(new.ask('value'), 4)

    def test_exclusive_meets_qts(self):
        qts = self.qts(1, CREATE)
        with self.assertRaises(Refused) as caught:
            self.ours(1, CREATE_EXCLUSIVE)
        self.assertEqual(caught.exception.code, int(Ssem.SystemSemaphoreError.ALREADY_EXISTS))
        self.assertEqual(self.ours(7, OPEN_EXISTING).ask('value'), 1)
        qts.leave()


class NativeKeys(QtCase):
    """Our processes use the native key of what Qt makes of a string. Qt 5.15 and 6.4 use strings
    alone; the native keys of Qt 6.6 and later are tested by their texts, in ../conformance."""

    # The variable chooses no backend here.
    backend = BACKEND

    def setUp(self):
        super().setUp()
        self.backend = 'sysv'

    def native(self, initial_value=0, mode=OPEN):
        child = self.start(sys.executable, os.path.join(HERE, 'ssem-child.py'))
        native_key = child.ask('open_for_qt', self.key, initial_value, mode)
        self.assertEqual(native_key, f'systemv:{self.path}')
        self.find_set()
        return child

    def pairs(self):
        natives = self.native(0, CREATE)
        yield natives, self.qts()
        self.key += '2'
        qts = self.qts(0, CREATE)
        yield self.native(), qts

    def test_units(self):
        for natives, qts in self.pairs():
            natives.ask('release', 3)
            qts.ask('acquire', 2)
            self.assertEqual(natives.ask('value'), 1)
            qts.ask('release', 4)
            natives.ask('acquire', 5)
            self.assertEqual(natives.ask('value'), 0)

    def test_waiters_wake(self):
        for natives, qts in self.pairs():
            qts.send('acquire', 1)
            self.wait_for_waiters(1)
            natives.ask('release', 1)
            qts.reply()
            natives.send('acquire', 2)
            self.wait_for_waiters(1)
            qts.ask('release', 2)
            natives.reply()
            self.assertEqual(natives.ask('value'), 0)

    def test_killing_serves_the_other(self):
        for natives, qts in self.pairs():
            witness = self.native()
            # Qt would take its own releases back, too.
            witness.ask('release', 1)
            natives.ask('acquire', 1)
            qts.send('acquire', 1)
            self.wait_for_waiters(1)
            natives.kill()
            qts.reply()
            witness.send('acquire', 1)
            self.wait_for_waiters(1)
            qts.kill()
            witness.reply()
            self.assertEqual(witness.ask('value'), 0)
            # The killed process may have been the one that would have removed the semaphore.
            self.qts(0, CREATE).leave()

    def test_life(self):
        qts = self.qts(1, CREATE)
        made = self.find_set()
        natives = self.native(7, OPEN_EXISTING)
        self.assertEqual(natives.ask('value'), 1)
        natives.leave()
        self.assertEqual(self.find_set(), made)
        with self.assertRaises(Refused) as caught:
            self.native(1, CREATE_EXCLUSIVE)
        self.assertEqual(caught.exception.code, int(Ssem.SystemSemaphoreError.ALREADY_EXISTS))
        qts.leave()
        self.assertRemoved()

        natives = self.native(2, CREATE_EXCLUSIVE)
        made = self.find_set()
        self.qts().leave()
        self.assertEqual(self.find_set(), made)
        natives.leave()
        self.assertRemoved()

    def test_a_key_a_native_key_and_qt(self):
        """All three are one semaphore; what a key reports is what Qt uses."""
        os.environ['SSEM_BACKEND'] = 'sysv'
        ours = self.ours(3, CREATE)
        self.assertEqual(ours.ask('native_key'), f'systemv:{self.path}')
        natives, qts = self.native(), self.qts()
        qts.ask('acquire', 1)
        natives.ask('acquire', 1)
        self.assertEqual([ours.ask('value'), natives.ask('value')], [1, 1])

    def test_any_letters(self):
        for name in ['Grüße', 'ключ', '/../a b', '%41?#', 'new\nline', '🔑', 'a' * 180]:
            self.key = name
            with self.subTest(key=name):
                natives = self.native(0, CREATE)
                self.assertEqual(list_keys(self.directory), [os.path.basename(self.path)])
                qts = self.qts()
                natives.ask('release', 1)
                qts.ask('acquire', 1)
                self.assertEqual(natives.ask('value'), 0)
                qts.leave()
                natives.leave()


class Backends(QtCase):
    def test_shared_memory_is_not_qts(self):
        # All files are in one directory, so the directory makes no difference.
        os.environ['SSEM_RUNTIME_DIR'] = self.directory
        ours = self.ours(1, CREATE)
        qts = self.qts()
        del os.environ['SSEM_BACKEND']
        others = self.ours(5)
        self.assertEqual(ours.ask('backend'), int(Ssem.Backend.SYSV))
        self.assertEqual(others.ask('backend'), int(Ssem.Backend.SHARED_MEMORY))
        paths = [key_file(self.directory, self.key, name) for name in ['sysv', 'shared-memory']]
        self.assertEqual(list_keys(self.directory), sorted(map(os.path.basename, paths)))

        qts.ask('acquire', 1)
        self.assertEqual([ours.ask('value'), others.ask('value')], [0, 5])
        qts.send('acquire', 1)
        self.wait_for_waiters(1)
        others.ask('release', 1)
        self.assertEqual(self.n_waiting(), 1)
        ours.ask('release', 1)
        qts.reply()
        self.assertEqual([ours.ask('value'), others.ask('value')], [0, 6])

        # Qt removes the semaphore that it opened with Create, and nothing of ours.
        self.qts(0, CREATE).leave()
        self.assertRemoved()
        others.ask('acquire', 6)
        self.assertEqual(list_keys(self.directory), [os.path.basename(paths[1])])


class Names(QtCase):
    def test_any_letters_are_a_key(self):
        names = ['Grüße', 'ключ', '鍵', '/../a b', '~"$\'`\\%&', 'new\nline', '🔑', 'a' * 200]
        for name in names:
            self.key = name
            with self.subTest(key=name):
                ours = self.ours(0, CREATE)
                self.assertEqual(list_keys(self.directory), [os.path.basename(self.path)])
                qts = self.qts()
                ours.ask('release', 1)
                qts.ask('acquire', 1)
                self.assertEqual(ours.ask('value'), 0)
                qts.leave()
                ours.leave()

    def test_qt_finds_the_same_file_first(self):
        for name in ['Grüße', '/../a b', '🔑']:
            self.key = name
            with self.subTest(key=name):
                qts = self.qts(3, CREATE)
                self.assertEqual(list_keys(self.directory), [os.path.basename(self.path)])
                ours = self.ours()
                self.assertEqual(ours.ask('value'), 3)
                ours.leave()
                qts.leave()

    def test_other_keys_are_other_files(self):
        self.assertNotEqual(key_file(self.directory, 'a1', 'sysv'),
                            key_file(self.directory, 'a2', 'sysv'))
        ours = self.ours(0, CREATE)
        self.key += '!'
        other = self.qts(1, CREATE)
        self.assertEqual(len(list_keys(self.directory)), 2)
        self.assertEqual(ours.ask('value'), 0)
        other.leave()

    def test_numbers_are_qts(self):
        qts = self.qts(0, CREATE)
        error = Ssem.SystemSemaphoreError
        self.assertEqual(qts.ask('errors'), [int(member) for member in [
            error.NO_ERROR, error.PERMISSION_DENIED, error.KEY_ERROR, error.ALREADY_EXISTS,
            error.NOT_FOUND, error.OUT_OF_RESOURCES, error.UNKNOWN_ERROR]])
        self.assertEqual(qts.ask('modes'), [OPEN, CREATE])


tap.main()
