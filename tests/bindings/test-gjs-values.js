/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Tests arguments in JavaScript: they reach the library unchanged, or are refused before anything
 * happens. */

import Gio from 'gi://Gio?version=2.0';
import GLib from 'gi://GLib?version=2.0';
import GObject from 'gi://GObject?version=2.0';
import Ssem from 'gi://Ssem?version=1';

import {CHOSEN, assertEqual, assertThrows, keep, matches, randomKey, run} from './tap.js';

const {AccessMode, Backend, QtNaming, SemaphoreInfo, SystemSemaphore, SystemSemaphoreError} = Ssem;

/* Text that cannot be a C string or UTF-8. */
const BAD_KEYS = ['a\0b', '\0', 'a\0', '\ud800', 'a\udfffb', '\udf00\ud83c'];
const NOT_NUMBERS = ['1', '', 'x', true, false, null, [], [1], {}, 1n, Symbol('1'), new Number(1),
    () => 1];
const NOT_INTEGERS = [1.5, -0.5, NaN, Infinity, -Infinity, -0, Number.MIN_VALUE];
const TOO_LARGE = [2 ** 31, -(2 ** 31) - 1, 2 ** 32, 4294967297, 2 ** 53, 1e30];

function text(value) {
    return typeof value === 'symbol' ? 'symbol' : `${typeof value} ${value}`;
}

/* Checks that each call fails as expected with each value. A call may return a promise. */
async function assertAllFail(isExpected, calls, values) {
    for (const [name, call] of Object.entries(calls)) {
        for (const value of values) {
            let failure = null;
            try {
                await call(value); // eslint-disable-line no-await-in-loop
            } catch (error) {
                failure = error;
            }
            if (!isExpected(failure))
                throw new Error(`${name} with ${text(value)}: ${failure}`);
        }
    }
}

function assertRefused(type, calls, values) {
    return assertAllFail(error => error instanceof type, calls, values);
}

function assertRefusedByLibrary(name, calls, values) {
    return assertAllFail(error => matches(error, name), calls, values);
}

/* Returns a test with a semaphore. At the end, the semaphore must be unchanged and the only one. */
function withSemaphore(test) {
    return async () => {
        const key = randomKey();
        const semaphore = keep(new SystemSemaphore({key, initialValue: 3}));
        await test(semaphore, key);
        assertEqual([semaphore.key, semaphore.get_value()], [key, 3]);
        assertEqual(SemaphoreInfo.list(CHOSEN).map(info => info.get_key()), [key]);
    };
}

function callsWithKey(semaphore) {
    return {
        'new': key => new SystemSemaphore({key}),
        'the constructor of the library': key => SystemSemaphore.new(key, 1, AccessMode.OPEN),
        'GObject.Object.new': key => GObject.Object.new(SystemSemaphore, {key}),
        'set_key': key => semaphore.set_key(key, 1, AccessMode.OPEN),
        'query': key => SemaphoreInfo.query(key, Backend.DEFAULT),
        'function query': key => Ssem.semaphore_info_query(key, Backend.DEFAULT),
        'remove_leftover': key => Ssem.semaphore_remove_leftover(key, Backend.DEFAULT),
        'reset': key => Ssem.semaphore_reset(key, 1, Backend.DEFAULT),
        'for Qt': key => Ssem.native_key_for_qt(key, Backend.POSIX, QtNaming.LEGACY),
    };
}

function callsWithNativeKey() {
    return {
        'new': nativeKey => new SystemSemaphore({nativeKey}),
        'the constructor of the library':
            nativeKey => SystemSemaphore.new_for_native_key(nativeKey, 1, AccessMode.OPEN),
        'query': nativeKey => SemaphoreInfo.query_native(nativeKey),
        'function query': nativeKey => Ssem.semaphore_info_query_native(nativeKey),
        'remove_leftover':
            nativeKey => Ssem.semaphore_remove_leftover_native(nativeKey),
        'reset': nativeKey => Ssem.semaphore_reset_native(nativeKey, 1),
    };
}

function callsWithNumber(semaphore) {
    return {
        'acquire': n => semaphore.acquire(n),
        'try_acquire': n => semaphore.try_acquire(n),
        'acquire_timeout': n => semaphore.acquire_timeout(n, 0),
        'acquire_interruptible': n => semaphore.acquire_interruptible(n, 0),
        'acquire_async': n => semaphore.acquire_async(n),
        'acquire_async with a callback': n => semaphore.acquire_async(n, null, () => {}),
        'release': n => semaphore.release(n),
    };
}

function callsWithInitialValue(semaphore, key) {
    const other = `${key}2`;
    return {
        'new': value => new SystemSemaphore({key: other, initial_value: value}),
        'new, in another spelling': value => new SystemSemaphore({key: other, initialValue: value}),
        'new, in a third one': value => new SystemSemaphore({key: other, 'initial-value': value}),
        'the constructor of the library':
            value => SystemSemaphore.new(other, value, AccessMode.OPEN),
        'set_key': value => semaphore.set_key(other, value, AccessMode.OPEN),
        'reset': value => Ssem.semaphore_reset(key, value, Backend.DEFAULT),
    };
}

function callsWithMode(semaphore, key) {
    return {
        'new': mode => new SystemSemaphore({key, mode}),
        'the constructor of the library': mode => SystemSemaphore.new(key, 3, mode),
        'set_key': mode => semaphore.set_key(key, 3, mode),
    };
}

function callsWithBackend(semaphore, key) {
    return {
        'new': backend => new SystemSemaphore({key, backend}),
        'query': backend => SemaphoreInfo.query(key, backend),
        'list': backend => SemaphoreInfo.list(backend),
        'count others': backend => SemaphoreInfo.count_others(backend),
        'function query': backend => Ssem.semaphore_info_query(key, backend),
        'function list': backend => Ssem.semaphore_info_list(backend),
        'remove_leftover': backend => Ssem.semaphore_remove_leftover(key, backend),
        'reset': backend => Ssem.semaphore_reset(key, 3, backend),
        'is_supported': backend => Backend.is_supported(backend),
        'function is_supported': backend => Ssem.backend_is_supported(backend),
        'for Qt': backend => Ssem.native_key_for_qt(key, backend, QtNaming.LEGACY),
    };
}

function callsWithNaming(semaphore, key) {
    return {'for Qt': naming => Ssem.native_key_for_qt(key, Backend.POSIX, naming)};
}

run({
    'text that cannot be a key': withSemaphore(async semaphore => {
        await assertRefusedByLibrary('KEY_ERROR', callsWithKey(semaphore),
            [...BAD_KEYS, '', 'k'.repeat(1025)]);
    }),

    'text that cannot be a native key': withSemaphore(async () => {
        const path = `systemv:${GLib.getenv('SSEM_RUNTIME_DIR')}/`;
        const calls = callsWithNativeKey();
        await assertRefusedByLibrary('KEY_ERROR', calls, [...BAD_KEYS.map(key => path + key), '',
            'market', 'posix:', path + 'k'.repeat(4096)]);
        await assertRefused(TypeError, calls, [5, true, [], {}, undefined, 1n, Symbol('key')]);
        const {new: construct, ...functions} = calls;
        await assertRefused(TypeError, functions, [null]);
        await assertRefusedByLibrary('KEY_ERROR', {construct}, [null]);
    }),

    'the last error after that': withSemaphore(semaphore => {
        for (const key of BAD_KEYS) {
            const error = assertThrows('KEY_ERROR',
                () => semaphore.set_key(key, 1, AccessMode.OPEN));
            assertEqual([semaphore.get_error(), semaphore.get_error_string()],
                [SystemSemaphoreError.KEY_ERROR, error.message]);
        }
    }),

    'keys of other types': withSemaphore(async semaphore => {
        const calls = callsWithKey(semaphore);
        await assertRefused(TypeError, calls, [5, 1.5, true, [], ['a'], {}, undefined, 1n,
            Symbol('key'), new String('key'), new Uint8Array([107])]);
        /* A property that is null counts as missing. */
        const {new: construct, 'GObject.Object.new': objectNew, ...functions} = calls;
        await assertRefused(TypeError, functions, [null]);
        await assertRefusedByLibrary('KEY_ERROR', {construct, objectNew}, [null]);
    }),

    'any other text': () => {
        for (const beginning of ['a/../b', '\u{10ffff}', '\ufffd', '\ufeff', ' ', '\x7f', '🦊']) {
            const key = beginning + randomKey();
            const semaphore = keep(new SystemSemaphore({key, initialValue: 1}));
            assertEqual([semaphore.key, SemaphoreInfo.query(key, CHOSEN).get_key()], [key, key]);
            keep(SystemSemaphore.new(key, 0, AccessMode.OPEN)).acquire();
            assertEqual(semaphore.get_value(), 0);
        }
    },

    'numbers': withSemaphore(async (semaphore, key) => {
        const calls = {...callsWithNumber(semaphore), ...callsWithInitialValue(semaphore, key)};
        await assertRefused(TypeError, calls, NOT_NUMBERS);
        await assertRefused(RangeError, calls, [...NOT_INTEGERS, ...TOO_LARGE]);
        await assertRefused(TypeError, callsWithInitialValue(semaphore, key), [undefined]);
    }),

    'numbers that the library refuses': withSemaphore(async (semaphore, key) => {
        const calls = callsWithNumber(semaphore);
        /* The error of this call arrives with the result. */
        delete calls['acquire_async with a callback'];
        await assertRefusedByLibrary('INVALID_ARGUMENT', calls, [0, -1, -(2 ** 31)]);
        await assertRefusedByLibrary('INVALID_ARGUMENT', callsWithInitialValue(semaphore, key),
            [-1]);
    }),

    'microseconds': withSemaphore(async semaphore => {
        const calls = {
            'acquire_timeout': usec => semaphore.acquire_timeout(1, usec),
            'acquire_interruptible': usec => semaphore.acquire_interruptible(1, usec),
        };
        await assertRefused(TypeError, calls, [...NOT_NUMBERS, undefined]);
        await assertRefused(RangeError, calls, [...NOT_INTEGERS, 2 ** 63, -(2 ** 64), 1e30]);
        for (const usec of [0, -1, 2 ** 32 + 1, 2 ** 62, -(2 ** 63)]) {
            for (const call of Object.values(calls)) {
                assertEqual(call(usec), true);
                semaphore.release();
            }
        }
    }),

    'modes and backends': withSemaphore(async (semaphore, key) => {
        for (const callsWith of [callsWithMode, callsWithBackend, callsWithNaming]) {
            const calls = callsWith(semaphore, key);
            // eslint-disable-next-line no-await-in-loop
            await assertRefused(TypeError, calls, [...NOT_NUMBERS, 'OPEN', undefined]);
            // eslint-disable-next-line no-await-in-loop
            await assertRefused(RangeError, calls, [...NOT_INTEGERS, ...TOO_LARGE]);
            // eslint-disable-next-line no-await-in-loop
            await assertRefusedByLibrary('INVALID_ARGUMENT', calls,
                [6, 99, -1, 2 ** 31 - 1, -(2 ** 31)]);
        }
    }),

    'each mode': withSemaphore((semaphore, key) => {
        const {OPEN, CREATE, OPEN_EXISTING, CREATE_EXCLUSIVE, JOIN} = AccessMode;
        assertEqual([OPEN, CREATE, OPEN_EXISTING, CREATE_EXCLUSIVE, JOIN], [0, 1, 2, 3, 4]);
        for (const mode of [OPEN, CREATE, OPEN_EXISTING, JOIN]) {
            assertEqual(keep(new SystemSemaphore({key, initialValue: 3, mode})).mode, mode);
            assertEqual(keep(SystemSemaphore.new(key, 3, mode)).mode, mode);
            assertEqual(semaphore.set_key(key, 3, mode), true);
        }
    }),

    'joining an unknown key': () => {
        const mode = AccessMode.JOIN;
        for (const make of [key => new SystemSemaphore({key, initialValue: 5, mode}),
            key => SystemSemaphore.new(key, 5, mode)]) {
            const semaphore = keep(make(randomKey()));
            assertEqual(semaphore.get_value(), 5);
            semaphore.acquire(2);
            assertEqual(keep(make(semaphore.key)).get_value(), 3);
        }
    },

    'other properties': withSemaphore(async (semaphore, key) => {
        await assertRefused(TypeError, {
            'undo': undo => new SystemSemaphore({key, undo}),
        }, ['no', '', 0, 1, null, undefined, {}]);
        await assertRefused(TypeError, {
            'properties': properties => new SystemSemaphore(properties),
        }, [{key, name: 'x'}, {key, initial_value: 1, initialValue: 2}, 'key', 5, null]);
    }),

    'cancellables': withSemaphore(async semaphore => {
        await assertRefused(TypeError, {
            'acquire': cancellable => semaphore.acquire(1, cancellable),
            'acquire_timeout': cancellable => semaphore.acquire_timeout(1, 0, cancellable),
            'acquire_interruptible':
                cancellable => semaphore.acquire_interruptible(1, 0, cancellable),
            'acquire_async': cancellable => semaphore.acquire_async(1, cancellable),
            'init': cancellable => semaphore.init(cancellable),
        }, [5, 'x', true, {}, Gio.Cancellable, semaphore]);
    }),

    'a subclass': () => {
        const makes = [
            () => GObject.registerClass(class Market extends SystemSemaphore {}),
            () => GObject.registerClass({GTypeName: 'Market'}, class extends SystemSemaphore {}),
            () => new (class Market extends SystemSemaphore {})({key: 'market'}),
        ];
        for (const make of makes) {
            let refusal = null;
            try {
                make();
            } catch (error) {
                refusal = error;
            }
            assertEqual([refusal instanceof TypeError, /final[^\n]*$/.test(refusal.message)],
                [true, true]);
        }
    },

    'the class for GObject': withSemaphore(semaphore => {
        assertEqual(semaphore instanceof SystemSemaphore, true);
        assertEqual(semaphore.constructor === SystemSemaphore, true);
        assertEqual(GObject.type_name(SystemSemaphore), 'SsemSystemSemaphore');
        const list = new Gio.ListStore({item_type: SystemSemaphore});
        list.append(semaphore);
        assertEqual(list.get_item(0) === semaphore, true);
    }),
});
