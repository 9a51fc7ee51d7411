# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A signal handler that raises an exception, at each place where CPython can run a handler.

CPython runs handlers when a function written in Python begins, and after a call of a function
written in C. It also calls a profiler at these places, and an exception of the profiler propagates
in the same way. So a profiler takes the role of the handler here. A new child tries each place,
because an earlier exception could have changed the state. The first child that does not reach its
place ends the test. In the extension, there are few such places.
"""

import tap
from bindings import CALLS, OverrideCase

# The operations to interrupt. Each of them leaves the value of the semaphore, 1, unchanged.
OPERATIONS = {
    'contended_acquire': 'assert semaphore.acquire(2, 0) is False',
    'contended_wait': 'assert semaphore.acquire(2, 1e-6) is False',
    'contended_acquire_timeout': 'expect("TIMED_OUT", semaphore.acquire_timeout, 2, 1)',
    'contended_try': 'assert semaphore.try_acquire(2) is False',
    'contended_hold': '''
try:
    with semaphore.hold(2, 0):
        assert False
except TimeoutError:
    pass
''',
    'cancelled_acquire': '''
cancellable = Gio.Cancellable()
cancellable.cancel()
expect("CANCELLED", semaphore.acquire, 1, None, cancellable)
''',
    'invalid_key': '''
try:
    semaphore.set_key('')
except Ssem.InvalidKeyError:
    pass
''',
    'invalid_mode': 'expect("INVALID_ARGUMENT", Ssem.SystemSemaphore, sys.argv[1], 0, 99)',
    'hold_that_is_not_entered': 'semaphore.hold()',
    'hold': '''
with semaphore.hold():
    pass
''',
    'hold_that_is_dropped': 'semaphore.hold().__enter__()',
    'open_another': 'Ssem.SystemSemaphore(sys.argv[1], 0, Ssem.AccessMode.OPEN_EXISTING)',
    'query': 'Ssem.SemaphoreInfo.query(sys.argv[1], Ssem.Backend.DEFAULT)',
}

# Each operation has a program of its own, because PyGObject creates a class at its first use.
PROGRAM = '''
import gc, os, sys
import gi
gi.require_version('Ssem', '1')
from gi.repository import Gio, GLib, Ssem

class Interrupted(Exception):
    pass

def expect(code, function, *arguments):
    try:
        function(*arguments)
    except GLib.Error as error:
        assert error.matches(Gio.io_error_quark(), getattr(Gio.IOErrorEnum, code))
    else:
        assert False, 'no error'

semaphore = Ssem.SystemSemaphore(sys.argv[1], 1)
source = ['def operation():', *sys.argv[2].splitlines()]
exec('\\n    '.join(source))

def is_interrupted(place):
    """Runs the operation, and raises an exception at a place. Returns whether the place exists."""
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
        operation()
    except Interrupted as error:
        caught = error
    finally:
        sys.setprofile(None)
    assert caught is raised, 'lost or replaced'
    return raised is not None

def test_place(place):
    place_exists = is_interrupted(place)
    # Drops the objects that the exception refers to.
    gc.collect()
    assert semaphore.get_value() == 1, 'units are lost'
    # The next operation must work as usual.
    operation()
    assert semaphore.get_value() == 1
    return 3 if place_exists else 4

place = 0
while True:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = test_place(place)
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


class Interrupted(OverrideCase):
    def check(self, operation):
        done = self.run_program(PROGRAM, operation)
        self.find_set()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn('Exception ignored', done.stderr)
        # The profiler has raised exceptions at several places.
        self.assertGreater(int(done.stdout), 1 if CALLS == 'extension' else 3)


for name, operation in OPERATIONS.items():
    setattr(Interrupted, 'test_' + name, lambda self, operation=operation: self.check(operation))

tap.main()
