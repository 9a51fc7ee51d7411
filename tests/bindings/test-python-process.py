# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A process forks or exits while threads and coroutines of Python wait for units."""

import tap
from bindings import OverrideCase


class Forked(OverrideCase):
    """A child of fork () has a copy of a coroutine, but not the await thread, and no units."""

    BEGINNING = '''
import asyncio, os, signal, sys, threading, time
import gi
gi.require_version('Ssem', '1')
from gi.repository import Gio, GLib, Ssem
semaphore = Ssem.SystemSemaphore(sys.argv[1])

def fork(child, *arguments):
    """Calls a function in a child. Returns the exit status, which is the function's result."""
    pid = os.fork()
    if pid == 0:
        sys.exit(child(*arguments))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

async def fork_and_wait(child):
    pid = os.fork()
    if pid == 0:
        sys.exit(await child())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def is_quiet():
    """Returns whether all other threads sleep. A running thread may hold a lock of GLib, which a
    child would find locked forever."""
    mine = str(threading.get_native_id())
    try:
        states = [open(f'/proc/self/task/{thread}/stat').read().rpartition(')')[2].split()[0]
                  for thread in os.listdir('/proc/self/task') if thread != mine]
    except OSError:
        return False    # a thread has just ended
    return set(states) == {'S'}

async def begin(n=1):
    task = asyncio.create_task(semaphore.acquire_async(n))
    await asyncio.sleep(0)
    while not (count_waiters() and is_quiet()):
        await asyncio.sleep(0.001)
    return task

def count_waiters():
    return Ssem.SemaphoreInfo.query(sys.argv[1]).get_n_waiters()
'''

    def run_forking(self, code):
        """Returns the words that a program prints. The program must succeed."""
        # GLib's own allocator does not survive a fork while another thread uses it.
        done = self.run_program(self.BEGINNING + code, G_SLICE='always-malloc')
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertRemoved()
        return done.stdout.split()

    def test_exit(self):
        written = self.run_forking('''
async def run():
    tasks = [await begin(), await begin(2)]
    print(fork(lambda: 7))
    semaphore.release(3)
    print(*await asyncio.gather(*tasks), semaphore.get_value())
    # A task that starts after a fork works too.
    task = await begin()
    print(fork(lambda: 8))
    semaphore.release()
    print(await task, semaphore.get_value())
    # The loop cancels the other task when it ends.
    await begin()
asyncio.run(run())
print(semaphore.get_value())
''')
        self.assertEqual(written, ['7', 'True', 'True', '0', '8', 'True', '0', '0'])

    def test_child_that_goes_on(self):
        """The awaiting coroutine gets an error. The child may use the semaphore as any process."""
        written = self.run_forking('''
async def child():
    try:
        await task
    except GLib.Error as error:
        assert error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED)
        semaphore.release()
        assert semaphore.acquire() and not semaphore.try_acquire()
        return 7

async def run():
    global task
    task = await begin(2)
    print(await fork_and_wait(child))
asyncio.run(run())
print(semaphore.get_value())
''')
        self.assertEqual(written, ['7', '0'])

    def test_units_of_the_parent(self):
        """Units that arrive before the fork stay the parent's, even if the coroutine has not
        continued since then."""
        written = self.run_forking('''
async def child():
    try:
        await task
    except GLib.Error as error:
        assert error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED)
        return 7

async def run():
    global task
    for end in [lambda: fork(lambda: 7), lambda: fork(task.cancel), lambda: fork_and_wait(child)]:
        task = await begin()
        semaphore.release()
        # The request has ended, and its thread too.
        while threading.active_count() > 1:
            time.sleep(0.001)
        status = end()
        print(status if isinstance(status, int) else await status)
        print(semaphore.get_value(), await task, semaphore.get_value())
asyncio.run(run())
''')
        self.assertEqual(written, ['7', '0', 'True', '0', '1', '0', 'True', '0',
                                   '7', '0', 'True', '0'])

    WAITING = '''
def handle(number, frame):
    print('child', fork(child), flush=True)
    semaphore.release()

def disturb():
    while count_waiters() == 0:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGUSR1)

signal.signal(signal.SIGUSR1, handle)
threading.Thread(target=disturb).start()
'''

    def test_exit_in_a_handler(self):
        """A handler forks while the main thread waits in a blocking acquire."""
        written = self.run_forking(self.WAITING + '''
def child():
    return 7
print(semaphore.acquire(), semaphore.get_value())
''')
        self.assertEqual(written, ['child', '7', 'True', '0'])

    def test_handler_that_returns_in_the_child(self):
        """The child continues the wait as a process of its own."""
        written = self.run_forking(self.WAITING + '''
def handle(number, frame):
    global pid
    pid = os.fork()
signal.signal(signal.SIGUSR1, handle)

pid = None

def release():
    while pid is None or count_waiters() < 2:
        time.sleep(0.001)
    semaphore.release(2)

threading.Thread(target=release).start()
held = semaphore.acquire()
if pid == 0:
    sys.exit(7 if held else 1)
print(held, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), semaphore.get_value())
''')
        self.assertEqual(written, ['True', '7', '1'])


class Exit(OverrideCase):
    """A program may exit right after a wait, or during one."""

    BEGINNING = '''
import asyncio, atexit, sys, threading

@atexit.register
def print_threads():
    """Runs after the exit functions of the module, because it was registered earlier."""
    print([thread.name for thread in threading.enumerate()])
    if late:
        asyncio.run(late())

late = None
import gi
gi.require_version('Ssem', '1')
from gi.repository import GLib, Ssem
semaphore = Ssem.SystemSemaphore(sys.argv[1], 1)
'''

    def run_to_exit(self, code):
        """Returns the output and the error messages of a program that must succeed."""
        done = self.run_program(self.BEGINNING + code)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRemoved()
        return done.stdout, done.stderr

    def test_thread_that_lingers(self):
        """The await thread ends before Python shuts down: returning to Python later would crash."""
        written = self.run_to_exit('''
may_go = threading.Event()
pop, join = GLib.MainContext.pop_thread_default, threading.Thread.join
GLib.MainContext.pop_thread_default = lambda context: may_go.wait() and pop(context)
threading.Thread.join = lambda thread: may_go.set() or join(thread)

async def run():
    await semaphore.acquire_async()
asyncio.run(run())
''')
        self.assertEqual(written, ("['MainThread']\n", ''))

    def test_still_awaited(self):
        """A program may exit while a coroutine waits."""
        written, _ = self.run_to_exit('''
async def run():
    global task
    task = asyncio.create_task(semaphore.acquire_async(2))
    await asyncio.sleep(0)
loop = asyncio.new_event_loop()
loop.run_until_complete(run())
''')
        self.assertEqual(written, "['MainThread']\n")

    def test_too_late(self):
        """An acquire in an exit function fails instead of waiting forever."""
        _, wrong = self.run_to_exit('''
async def late():
    await semaphore.acquire_async()
''')
        self.assertIn('RuntimeError: cannot await an acquire while', wrong)


tap.main()
