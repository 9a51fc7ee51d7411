# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Arguments in Python: they reach the library unchanged, or are refused before anything happens."""

import asyncio
import decimal
import enum
import fractions
import math
import os
import pathlib
import threading

from gi.repository import Gio, GObject

import tap
from bindings import CHOSEN, INVALID_ARGUMENT, OverrideCase, Ssem
from semaphores import list_keys, wait_until

KEY_ERROR = Ssem.SystemSemaphoreError.KEY_ERROR
MODES = [Ssem.AccessMode.OPEN, Ssem.AccessMode.CREATE, Ssem.AccessMode.OPEN_EXISTING,
         Ssem.AccessMode.CREATE_EXCLUSIVE, Ssem.AccessMode.JOIN]

# Text that cannot be a C string or UTF-8.
BAD_KEYS = ['a\0b', '\0', 'a\0', '\ud800', 'a\udfffb', '\udcff', '\udf00\ud83c']
NOT_NUMBERS = [1.5, 1.0, -0.0, math.nan, math.inf, -math.inf, '1', b'1', '', [1], (1,), {}, 1j,
               object(), True, False, decimal.Decimal(1), fractions.Fraction(1)]
TOO_LARGE = [2**31, -2**31 - 1, 2**32, 2**32 + 1, 2**63, -2**64 + 1, 10**30]


class One:
    """An integer that is not an int, as in NumPy."""

    def __index__(self):
        return 1


class OneEnum(enum.IntEnum):
    ONE = 1


class OneInt(int):
    pass


ONES = [One(), OneEnum.ONE, OneInt(1)]


class Case(OverrideCase):
    def setUp(self):
        super().setUp()
        self.semaphore = self.new(3)
        self.names = list_keys(self.directory)

    def tearDown(self):
        """Checks that the semaphore has not changed, and that no other semaphore exists."""
        self.assertEqual(self.semaphore.get_key(), self.key)
        self.assertEqual(self.semaphore.get_value(), 3)
        self.assertEqual(list_keys(self.directory), self.names)
        self.semaphore = None
        # The await thread ends with its last request.
        wait_until(lambda: threading.active_count() == 1, 'all threads end')

    def assertRefused(self, errors, calls, value):
        for name, call in calls.items():
            with self.subTest(call=name, value=value), self.assertRaises(errors):
                call(value)

    def assertInvalid(self, calls, value):
        for name, call in calls.items():
            with self.subTest(call=name, value=value):
                error = self.assertFails(INVALID_ARGUMENT, call, value)
                self.assertIn(str(int(value)), error.message)

    def find_set_of_other(self):
        """Finds the set of the only other key, so that the test notices a leftover."""
        name, = set(list_keys(self.directory)) - set(self.names)
        self.find_set(os.path.join(self.directory, name))


class Keys(Case):
    def calls(self):
        backend = Ssem.Backend.DEFAULT
        return {
            'positional': Ssem.SystemSemaphore,
            'by name': lambda key: Ssem.SystemSemaphore(key=key, initial_value=1),
            'new': Ssem.SystemSemaphore.new,
            'set_key': self.semaphore.set_key,
            'query': Ssem.SemaphoreInfo.query,
            'function query': lambda key: Ssem.semaphore_info_query(key, backend),
            'remove_leftover': lambda key: Ssem.semaphore_remove_leftover(key, backend),
            'reset': lambda key: Ssem.semaphore_reset(key, 1, backend),
            'for Qt': Ssem.native_key_for_qt,
        }

    def test_text_that_is_no_key(self):
        for name, call in self.calls().items():
            for key in [*BAD_KEYS, '', 'k' * 1025]:
                with self.subTest(call=name, key=key):
                    error = self.assertFails(KEY_ERROR, call, key)
                    self.assertIsInstance(error, Ssem.InvalidKeyError)

    def native_calls(self):
        return {
            'by name': lambda native_key: Ssem.SystemSemaphore(native_key=native_key),
            'new': Ssem.SystemSemaphore.new_for_native_key,
            'query': Ssem.SemaphoreInfo.query_native,
            'function query': Ssem.semaphore_info_query_native,
            'remove_leftover': Ssem.semaphore_remove_leftover_native,
            'reset': lambda native_key: Ssem.semaphore_reset_native(native_key, 1),
        }

    def test_native_keys(self):
        prefix = f'systemv:{self.directory}/'
        for name, call in self.native_calls().items():
            for native_key in [*[prefix + key for key in BAD_KEYS], '', 'market', 'posix:',
                               prefix + '/' * 4096]:
                with self.subTest(call=name, native_key=native_key):
                    error = self.assertFails(KEY_ERROR, call, native_key)
                    self.assertIsInstance(error, Ssem.InvalidKeyError)
        calls = self.native_calls()
        for value in [b'posix:/a', 5, ['a'], object(), pathlib.Path('posix:/a')]:
            self.assertRefused(TypeError, calls, value)
        self.assertRefused(Ssem.InvalidKeyError, {'by name': calls.pop('by name')}, None)
        self.assertRefused(TypeError, calls, None)
        reset = Ssem.semaphore_reset_native
        for value in NOT_NUMBERS:
            self.assertRefused(TypeError, {'reset': lambda n: reset(prefix + 'a', n)}, value)
        self.assertRefused(OverflowError, {'reset': lambda n: reset(prefix + 'a', n)}, 2**31)

    def test_last_error(self):
        for key in BAD_KEYS:
            error = self.assertFails(KEY_ERROR, self.semaphore.set_key, key)
            self.assertEqual(self.semaphore.get_error(), KEY_ERROR)
            self.assertEqual(self.semaphore.get_error_string(), error.message)

    def test_other_types(self):
        values = [b'market', bytearray(b'market'), 5, 1.5, ['a'], object(), pathlib.Path('market')]
        calls = self.calls()
        for value in values:
            self.assertRefused(TypeError, calls, value)
        # The constructor treats None as a missing key.
        constructors = {name: calls.pop(name) for name in ['positional', 'by name']}
        self.assertRefused(Ssem.InvalidKeyError, constructors, None)
        self.assertRefused(TypeError, calls, None)

    def test_text_with_another_str(self):
        """str () of a member of a string enumeration is its name, in Python 3.11."""
        class Keys(str, enum.Enum):
            KEY = self.key

        self.assertNotEqual(str(Keys.KEY), self.key)
        for make in [Ssem.SystemSemaphore, Ssem.SystemSemaphore.new]:
            semaphore = make(Keys.KEY)
            self.assertEqual(semaphore.get_key(), self.key)
            self.assertEqual(semaphore.get_value(), 3)
        self.semaphore.set_key(Keys.KEY)
        self.assertEqual(Ssem.SemaphoreInfo.query(Keys.KEY).get_key(), self.key)
        self.semaphore.set_key(self.key, 3, Ssem.AccessMode.CREATE)

    def test_any_other_text(self):
        for key in ['a/../b', '\U0010ffff', '\ufffd', '\ufeff', ' ', '\x7f', '🦊']:
            with self.subTest(key=key):
                key += self.key
                semaphore = Ssem.SystemSemaphore(key, 1)    # keeps the key in use
                self.find_set_of_other()
                self.assertEqual(Ssem.SemaphoreInfo.query(key).get_key(), key)
                semaphore = None


class Numbers(Case):
    def calls(self):
        semaphore = self.semaphore

        def run(n):
            return asyncio.run(semaphore.acquire_async(n))

        return {
            'acquire': semaphore.acquire,
            'acquire with a time-out': lambda n: semaphore.acquire(n, 0),
            'acquire with a cancellable': lambda n: semaphore.acquire(n, None, Gio.Cancellable()),
            'try_acquire': semaphore.try_acquire,
            'acquire_timeout': lambda n: semaphore.acquire_timeout(n, 0),
            'acquire_async': semaphore.acquire_async,
            'awaited': run,
            'acquire_async with a callback': lambda n: semaphore.acquire_async(n, None, print),
            'hold': semaphore.hold,
            'release': semaphore.release,
        }

    def initial_values(self):
        key = self.key + '2'
        return {
            'positional': lambda value: Ssem.SystemSemaphore(key, value),
            'by name': lambda value: Ssem.SystemSemaphore(key=key, initial_value=value),
            'new': lambda value: Ssem.SystemSemaphore.new(key, value),
            'set_key': lambda value: self.semaphore.set_key(key, value),
            'reset': lambda value: Ssem.semaphore_reset(self.key, value, Ssem.Backend.DEFAULT),
        }

    def test_refused(self):
        calls = {**self.calls(), **self.initial_values()}
        for value in [*NOT_NUMBERS, None]:
            self.assertRefused(TypeError, calls, value)
        for value in TOO_LARGE:
            self.assertRefused(OverflowError, calls, value)

    def test_below(self):
        """The library itself refuses numbers below the minimum."""
        calls = self.calls()
        # These calls fail later.
        for name in ['acquire_async', 'acquire_async with a callback', 'hold']:
            del calls[name]
        for value in [0, -1, -2**31]:
            self.assertInvalid(calls, value)
        self.assertInvalid(self.initial_values(), -1)

    def test_integers_of_other_types(self):
        semaphore = self.semaphore
        for one in ONES:
            with self.subTest(one=one):
                self.assertIs(semaphore.acquire(one), True)
                self.assertIs(semaphore.try_acquire(one), True)
                self.assertIs(asyncio.run(semaphore.acquire_async(one)), True)
                self.assertEqual(semaphore.get_value(), 0)
                self.assertIs(semaphore.acquire(one, 0), False)
                for _ in range(3):
                    semaphore.release(one)
                with semaphore.hold(one):
                    self.assertIs(semaphore.acquire_timeout(one, one), True)
                    self.assertEqual(semaphore.get_value(), 1)
                semaphore.release(one)
                self.assertTrue(Ssem.semaphore_reset(self.key, one))
                self.assertEqual(semaphore.get_value(), 1)
                other = Ssem.SystemSemaphore(self.key, one, one)
                self.assertEqual((other.get_initial_value(), other.get_mode()),
                                 (1, Ssem.AccessMode.CREATE))
                semaphore.release(2)


class Times(Case):
    def calls(self):
        semaphore = self.semaphore
        return {
            'acquire': lambda timeout: semaphore.acquire(1, timeout),
            'acquire by name': lambda timeout: semaphore.acquire(timeout=timeout),
            'hold': lambda timeout: semaphore.hold(1, timeout),
            'more than there are': lambda timeout: semaphore.acquire(4, timeout),
        }

    def test_refused(self):
        """A wrong time-out is refused even if units are available."""
        for value in ['1', b'1', '', [], (1,), {}, 1j, object(), True, False, Gio.Cancellable()]:
            self.assertRefused(TypeError, self.calls(), value)
        self.assertRefused(ValueError, self.calls(), math.nan)

    def test_accepted(self):
        semaphore = self.semaphore
        for timeout in [0, -1, -math.inf, 1e-9, fractions.Fraction(1, 1000),
                        decimal.Decimal('0.001'), 10**30, math.inf, OneEnum.ONE, -0.0]:
            with self.subTest(timeout=timeout):
                self.assertIs(semaphore.acquire(3, timeout), True)
                semaphore.release(3)

    def test_microseconds(self):
        def call(timeout_usec):
            return self.semaphore.acquire_timeout(1, timeout_usec)

        calls = {'acquire_timeout': call}
        for value in [*NOT_NUMBERS, None]:
            self.assertRefused(TypeError, calls, value)
        for value in [2**63, -2**63 - 1, 2**64, 2**64 + 1, 10**30]:
            self.assertRefused(OverflowError, calls, value)
        for value in [0, -1, 2**63 - 1, -2**63, 2**32]:
            self.assertIs(call(value), True)
            self.semaphore.release()


class Enumerations(Case):
    def modes(self):
        return {
            'positional': lambda mode: Ssem.SystemSemaphore(self.key, 3, mode),
            'by name': lambda mode: Ssem.SystemSemaphore(key=self.key, initial_value=3, mode=mode),
            'new': lambda mode: Ssem.SystemSemaphore.new(self.key, 3, mode),
            'set_key': lambda mode: self.semaphore.set_key(self.key, 3, mode),
        }

    def backends(self):
        return {
            'by name': lambda backend: Ssem.SystemSemaphore(self.key, 3, backend=backend),
            'query': lambda backend: Ssem.SemaphoreInfo.query(self.key, backend),
            'list': Ssem.SemaphoreInfo.list,
            'count others': Ssem.SemaphoreInfo.count_others,
            'function query': lambda backend: Ssem.semaphore_info_query(self.key, backend),
            'function list': Ssem.semaphore_info_list,
            'remove_leftover': lambda backend: Ssem.semaphore_remove_leftover(self.key, backend),
            'reset': lambda backend: Ssem.semaphore_reset(self.key, 3, backend),
            'is_supported': Ssem.Backend.is_supported,
            'function is_supported': Ssem.backend_is_supported,
            'for Qt': lambda backend: Ssem.native_key_for_qt(self.key, backend),
        }

    def namings(self):
        posix = Ssem.Backend.POSIX
        return {'for Qt': lambda naming: Ssem.native_key_for_qt(self.key, posix, naming)}

    def test_refused(self):
        for calls, other in [(self.modes(), Ssem.Backend.SYSV),
                             (self.backends(), Ssem.AccessMode.CREATE),
                             (self.namings(), Ssem.AccessMode.CREATE)]:
            for value in [*NOT_NUMBERS, None, 'OPEN', other]:
                self.assertRefused(TypeError, calls, value)
            for value in TOO_LARGE:
                self.assertRefused(OverflowError, calls, value)
            for value in [6, 99, -1, 2**31 - 1, -2**31]:
                self.assertInvalid(calls, value)

    def test_modes(self):
        """Each mode has a fixed number; OPEN and CREATE have those of Qt."""
        self.assertEqual([int(mode) for mode in MODES], [0, 1, 2, 3, 4])
        keeper = Ssem.SystemSemaphore(self.key)
        for mode in MODES:
            for value in [mode, int(mode)]:
                if mode == Ssem.AccessMode.CREATE_EXCLUSIVE:
                    self.assertRefused(Ssem.AlreadyExistsError, self.modes(), value)
                    continue
                for name, call in self.modes().items():
                    with self.subTest(call=name, mode=value):
                        made = call(value)
                        semaphore = self.semaphore if made is True else made
                        self.assertEqual(semaphore.get_mode(), mode)
        self.assertEqual(keeper.get_value(), 3)

    def test_join(self):
        """JOIN creates the semaphore of an unknown key, and uses an existing one as it is."""
        for make in [Ssem.SystemSemaphore, Ssem.SystemSemaphore.new]:
            first = make(self.key + '2', 5, Ssem.AccessMode.JOIN)
            self.find_set_of_other()
            self.assertEqual(first.get_value(), 5)
            self.assertEqual(make(self.key + '2', 7, Ssem.AccessMode.JOIN).get_value(), 5)
            first = None

    def test_backends(self):
        for backend in [CHOSEN, int(CHOSEN), Ssem.Backend.DEFAULT]:
            semaphore = Ssem.SystemSemaphore(self.key, backend=backend)
            self.assertEqual(semaphore.get_backend(), CHOSEN)
            self.assertEqual(semaphore.get_value(), 3)
            infos = Ssem.SemaphoreInfo.list(backend)
            self.assertEqual([info.get_key() for info in infos], [self.key])
        self.assertEqual([info.get_key() for info in Ssem.SemaphoreInfo.list()], [self.key])


class Others(Case):
    def test_undo(self):
        def call(undo):
            return Ssem.SystemSemaphore(self.key, undo=undo)

        for value in ['no', '', 0, 1, None, 2.0, []]:
            self.assertRefused(TypeError, {'by name': call}, value)
        for value in [True, False]:
            self.assertIs(call(value).get_undo(), value)

    def test_other_properties(self):
        """Other spellings, which GObject accepts, are refused too."""
        for properties in [{'initial-value': 1.5}, {'initialValue': 1}, {'name': 'x'}]:
            with self.subTest(properties=properties), self.assertRaises(TypeError):
                Ssem.SystemSemaphore(self.key, **properties)

    def test_cancellables(self):
        semaphore = self.semaphore
        calls = {
            'acquire': lambda cancellable: semaphore.acquire(1, None, cancellable),
            'acquire with a time-out': lambda cancellable: semaphore.acquire(1, 0, cancellable),
            'acquire_timeout': lambda cancellable: semaphore.acquire_timeout(1, 0, cancellable),
            'acquire_async': lambda cancellable: semaphore.acquire_async(1, cancellable),
            'hold': lambda cancellable: semaphore.hold(1, None, cancellable),
            'init': semaphore.init,
        }
        for value in [5, 'x', True, object(), GObject.Object(), Gio.Cancellable, semaphore]:
            self.assertRefused(TypeError, calls, value)

    def test_callbacks(self):
        def call(callback):
            self.semaphore.acquire_async(1, None, callback)

        for value in [5, 'x', object()]:
            self.assertRefused(TypeError, {'acquire_async': call}, value)


class Final(Case):
    def test_subclass(self):
        def by_statement():
            class Market(Ssem.SystemSemaphore):
                def __init__(self):
                    super().__init__('market')

        def named():
            class Market(Ssem.SystemSemaphore):
                __gtype_name__ = 'Market'

        def mixed():
            class Market(One, Ssem.SystemSemaphore):
                pass

        def by_call():
            type('Market', (Ssem.SystemSemaphore,), {})

        for make in [by_statement, named, mixed, by_call]:
            with self.assertRaises(TypeError) as caught:
                make()
            self.assertIn('final', str(caught.exception))
            self.assertNotIn('\n', str(caught.exception))


tap.main()
