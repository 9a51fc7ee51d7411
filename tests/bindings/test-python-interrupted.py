# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A signal handler that raises, at each place where CPython can run one.

CPython runs handlers where a function written in Python begins, and after a call of a function
written in C. It also calls a profiler at these places, and an exception of the profiler takes the
same way. So a profiler plays the handler here. Each place is tried in a child of its own, in which
nothing has been interrupted before. The first child that reaches no such place is the last.
"""

import subprocess
import sys

import gi

gi.require_version('Ssem', '1')
from gi.repository import Ssem  # noqa: E402

import tap  # noqa: E402
from semaphores import KeyFolderCase  # noqa: E402

LONG_SECONDS = 50

# A program of its own for each test, because PyGObject makes a class when it is first used.
PROGRAM = '''
import gc, os, sys
import gi
gi.require_version('Ssem', '1')
from gi.repository import Gio, GLib, Ssem

class Interrupted(Exception):
    pass

def contended_acquire(semaphore):
    assert semaphore.acquire(2, 0) is False

def contended_wait(semaphore):
    assert semaphore.acquire(2, 1e-6) is False

def contended_acquire_timeout(semaphore):
    try:
        semaphore.acquire_timeout(2, 1)
    except GLib.Error as error:
        assert error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.TIMED_OUT)

def contended_try(semaphore):
    assert semaphore.try_acquire(2) is False

def contended_hold(semaphore):
    try:
        with semaphore.hold(2, 0):
            assert False
    except TimeoutError:
        pass

def cancelled_acquire(semaphore):
    cancellable = Gio.Cancellable()
    cancellable.cancel()
    try:
        semaphore.acquire(1, None, cancellable)
    except GLib.Error as error:
        assert error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED)

def wrong_key(semaphore):
    try:
        semaphore.set_key('')
    except Ssem.InvalidKeyError:
        pass

def wrong_mode(semaphore):
    try:
        Ssem.SystemSemaphore(sys.argv[1], 0, 99)
    except GLib.Error as error:
        assert error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.INVALID_ARGUMENT)

def hold_that_is_not_entered(semaphore):
    semaphore.hold()

def hold(semaphore):
    with semaphore.hold():
        pass

def hold_that_is_dropped(semaphore):
    semaphore.hold().__enter__()

def open_another(semaphore):
    Ssem.SystemSemaphore(sys.argv[1], 0, Ssem.AccessMode.OPEN_EXISTING)

def look(semaphore):
    Ssem.SemaphoreInfo.query(sys.argv[1], Ssem.Backend.DEFAULT)

function = globals()[sys.argv[2]]
semaphore = Ssem.SystemSemaphore(sys.argv[1], 1)

def is_interrupted(place):
    """Whether there is that place, in the function that is tested."""
    n_left = place
    raised = None

    def profile(frame, event, argument):
        nonlocal n_left, raised
        if event in ('call', 'c_return') and raised is None:
            n_left -= 1
            if n_left < 0:
                raised = Interrupted(place)
                raise raised

    caught = None
    sys.setprofile(profile)
    try:
        function(semaphore)
    except Interrupted as error:
        caught = error
    finally:
        sys.setprofile(None)
    assert caught is raised, 'lost or replaced'
    return raised is not None

def play(place):
    there_is = is_interrupted(place)
    # What the exception refers to goes.
    gc.collect()
    assert semaphore.get_value() == 1, 'units are lost'
    # It works as if nothing had happened.
    function(semaphore)
    assert semaphore.get_value() == 1
    return 3 if there_is else 4

place = 0
while True:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = play(place)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            print('at place', place, file=sys.stderr, flush=True)
        os._exit(status)
    _, status = os.waitpid(child, 0)
    status = os.waitstatus_to_exitcode(status)
    if status != 3:
        break
    place += 1
print(place)
sys.exit(0 if status == 4 else 1)
'''


class Interrupted(KeyFolderCase):
    def check(self, function):
        command = [sys.executable, '-c', PROGRAM, self.key, function]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONG_SECONDS)
        self.find_set()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn('Exception ignored', done.stderr)
        # The profiler has been at work.
        self.assertGreater(int(done.stdout), 3)

    def test_contended_acquire(self):
        self.check('contended_acquire')

    def test_contended_wait(self):
        self.check('contended_wait')

    def test_contended_acquire_timeout(self):
        self.check('contended_acquire_timeout')

    def test_contended_try(self):
        self.check('contended_try')

    def test_contended_hold(self):
        self.check('contended_hold')

    def test_cancelled_acquire(self):
        self.check('cancelled_acquire')

    def test_wrong_key(self):
        self.check('wrong_key')

    def test_wrong_mode(self):
        self.check('wrong_mode')

    def test_hold_that_is_not_entered(self):
        self.check('hold_that_is_not_entered')

    def test_hold(self):
        self.check('hold')

    def test_hold_that_is_dropped(self):
        self.check('hold_that_is_dropped')

    def test_open_another(self):
        self.check('open_another')

    def test_look(self):
        self.check('look')


tap.main()
