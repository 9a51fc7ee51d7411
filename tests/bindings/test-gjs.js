/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Tests the library in JavaScript through the typelib alone, without the override module. The
 * arguments are the Python interpreter and a program in Python that holds units. */

import Gio from 'gi://Gio?version=2.0';
import GLib from 'gi://GLib?version=2.0';
import Ssem from 'gi://Ssem?version=1';
import System from 'system';

import {
    CHOSEN, MAXIMUM, assertEqual, assertRejects, assertThrows, keep, randomKey, run,
} from './tap.js';

Gio._promisify(Ssem.SystemSemaphore.prototype, 'acquire_async', 'acquire_finish');
Gio._promisify(Gio.Subprocess.prototype, 'wait_async', 'wait_finish');
Gio._promisify(Gio.DataInputStream.prototype, 'read_line_async', 'read_line_finish_utf8');

const [PYTHON, HOLDER] = System.programArgs;
const {AccessMode, Backend, SystemSemaphore, SystemSemaphoreError} = Ssem;

function open(initialValue, mode = AccessMode.OPEN, key = randomKey()) {
    return keep(SystemSemaphore.new(key, initialValue, mode));
}

run({
    'new, and its properties': () => {
        const key = randomKey();
        const semaphore = open(3, AccessMode.CREATE, key);
        assertEqual([semaphore.key, semaphore.initial_value, semaphore.mode, semaphore.undo],
            [key, 3, AccessMode.CREATE, true]);
        assertEqual(semaphore.get_key(), key);
        assertEqual(semaphore.backend, CHOSEN);
        assertEqual(semaphore.get_value(), 3);
    },

    'the first operation opens the semaphore': () => {
        const semaphore = keep(new SystemSemaphore({
            key: randomKey(),
            initialValue: 2,
            undo: false,
        }));
        assertEqual(semaphore.backend, Backend.DEFAULT);
        semaphore.acquire(1, null);
        assertEqual(semaphore.get_value(), 1);
        assertEqual([semaphore.backend, semaphore.undo], [CHOSEN, false]);
    },

    'POSIX': () => {
        if (!Backend.is_supported(Backend.POSIX))
            return;
        const key = randomKey();
        const semaphore = keep(new SystemSemaphore({key, initialValue: 2, backend: Backend.POSIX}));
        semaphore.acquire(2, null);
        assertEqual([semaphore.backend, semaphore.undo, semaphore.get_value()],
            [Backend.POSIX, false, 0]);
        const info = Ssem.SemaphoreInfo.query(key, Backend.POSIX);
        assertEqual([info.get_value(), info.get_n_waiters(), info.get_holders()], [0, -1, null]);
    },

    'no key': () => {
        const semaphore = keep(new SystemSemaphore());
        assertEqual(semaphore.key, null);
        assertThrows('KEY_ERROR', () => semaphore.acquire(1, null));
    },

    'init': () => {
        const semaphore = keep(new SystemSemaphore({key: randomKey(), initialValue: 1}));
        assertEqual(semaphore.init(null), true);
        assertEqual(semaphore.backend, CHOSEN);
        const unknown = new SystemSemaphore({key: randomKey(), mode: AccessMode.OPEN_EXISTING});
        assertThrows('NOT_FOUND', () => unknown.init(null));
    },

    'acquire and release': () => {
        const semaphore = open(3);
        assertEqual(semaphore.acquire(2, null), true);
        assertEqual(semaphore.try_acquire(1), true);
        assertEqual(semaphore.get_value(), 0);
        assertThrows('WOULD_BLOCK', () => semaphore.try_acquire(1));
        assertThrows('TIMED_OUT', () => semaphore.acquire_timeout(1, 1000, null));
        assertThrows('TIMED_OUT', () => semaphore.acquire_interruptible(1, 1000, null));
        assertEqual(semaphore.release(5), true);
        assertEqual(semaphore.get_value(), 5);
    },

    'errors by their codes': () => {
        const key = randomKey();
        const semaphore = open(MAXIMUM, AccessMode.OPEN, key);
        const cases = [
            ['KEY_ERROR', () => SystemSemaphore.new('', 1, AccessMode.OPEN)],
            ['ALREADY_EXISTS', () => SystemSemaphore.new(key, 1, AccessMode.CREATE_EXCLUSIVE)],
            ['NOT_FOUND', () => SystemSemaphore.new(`${key}!`, 1, AccessMode.OPEN_EXISTING)],
            ['OUT_OF_RESOURCES', () => semaphore.release(1)],
        ];
        for (const [name, call] of cases)
            assertThrows(name, call);
        assertThrows('INVALID_ARGUMENT', () => semaphore.release(0));
    },

    'the last error': () => {
        const semaphore = open(MAXIMUM);
        assertEqual([semaphore.get_error(), semaphore.get_error_string()],
            [SystemSemaphoreError.NO_ERROR, '']);
        const error = assertThrows('OUT_OF_RESOURCES', () => semaphore.release(1));
        assertEqual([semaphore.get_error(), semaphore.get_error_string()],
            [SystemSemaphoreError.OUT_OF_RESOURCES, error.message]);
        semaphore.get_value();
        assertEqual([semaphore.get_error(), semaphore.get_error_string()],
            [SystemSemaphoreError.NO_ERROR, '']);
    },

    'numbers': () => {
        assertEqual([AccessMode.OPEN, AccessMode.CREATE, AccessMode.OPEN_EXISTING,
            AccessMode.CREATE_EXCLUSIVE], [0, 1, 2, 3]);
        assertEqual(['NO_ERROR', 'PERMISSION_DENIED', 'KEY_ERROR', 'ALREADY_EXISTS', 'NOT_FOUND',
            'OUT_OF_RESOURCES', 'UNKNOWN_ERROR', 'LOST'].map(name => SystemSemaphoreError[name]),
        [0, 1, 2, 3, 4, 5, 6, 7]);
        assertEqual([CHOSEN, Backend.SYSV].map(Backend.is_supported), [true, true]);
        assertEqual(Ssem.backend_is_supported(Backend.WINDOWS), false);
    },

    'set_key notifies': () => {
        const semaphore = open(1);
        const heard = [];
        semaphore.connect('notify', (source, pspec) => heard.push(pspec.get_name()));
        const key = randomKey();
        semaphore.set_key(key, 2, AccessMode.OPEN);
        /* With shared memory, there is no native key before and after. */
        const native = CHOSEN === Backend.SYSV ? ['native-key'] : [];
        assertEqual(heard.sort(), ['initial-value', 'key', ...native]);
        assertEqual([semaphore.key, semaphore.get_value()], [key, 2]);
    },

    'acquire_async': async () => {
        const semaphore = open(0);
        const order = [];
        const ends = [1, 2].map(n => semaphore.acquire_async(n, null).then(() => order.push(n)));
        semaphore.release(3);
        await Promise.all(ends);
        assertEqual(order, [1, 2]);
        assertEqual(semaphore.get_value(), 0);
    },

    'acquire_async, cancelled': async () => {
        const semaphore = open(0);
        const cancellable = new Gio.Cancellable();
        const end = semaphore.acquire_async(1, cancellable);
        cancellable.cancel();
        await assertRejects('CANCELLED', end);
        semaphore.release(1);
        assertEqual(semaphore.get_value(), 1);
    },

    'a killed process in Python gives back': async () => {
        const key = randomKey();
        const semaphore = open(2, AccessMode.CREATE, key);
        const holder = Gio.Subprocess.new([PYTHON, HOLDER, key, '2'],
            Gio.SubprocessFlags.STDIN_PIPE | Gio.SubprocessFlags.STDOUT_PIPE);
        const output = new Gio.DataInputStream({baseStream: holder.get_stdout_pipe()});
        const [line] = await output.read_line_async(GLib.PRIORITY_DEFAULT, null);
        assertEqual(line, 'holding');
        assertEqual(semaphore.get_value(), 0);
        const end = semaphore.acquire_async(2, null);
        holder.force_exit();
        await end;
        /* The units come back before the system has closed the files of the process. The process
         * counts as attached until then. */
        await holder.wait_async(null);
        assertEqual(semaphore.get_value(), 0);
    },

    'information and repair': () => {
        const key = randomKey();
        const semaphore = open(5, AccessMode.CREATE, key);
        semaphore.acquire(2, null);
        const info = Ssem.SemaphoreInfo.query(key, Backend.DEFAULT);
        assertEqual([info.get_key(), info.get_backend(), info.get_value(), info.is_leftover()],
            [key, CHOSEN, 3, false]);
        if (CHOSEN === Backend.SHARED_MEMORY)
            assertEqual(info.get_holders().map(process => process.get_units()), [2]);
        else
            assertEqual([info.get_holders(), info.get_units_held()], [null, -1]);
        assertEqual(Ssem.SemaphoreInfo.list(Backend.DEFAULT)
            .filter(other => other.get_key() === key).length, 1);
        assertThrows('BUSY', () => Ssem.semaphore_remove_leftover(key, Backend.DEFAULT));
        Ssem.semaphore_reset(key, 7, Backend.DEFAULT);
        assertEqual(semaphore.get_value(), 7);
    },
});
