/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Tests the library in JavaScript with the override module. */

import Gio from 'gi://Gio?version=2.0';
import GLib from 'gi://GLib?version=2.0';
import Ssem from 'gi://Ssem?version=1';

import {CHOSEN, assertEqual, assertRejects, assertThrows, keep, randomKey, run} from './tap.js';

const {AccessMode, Backend, Hold, QtNaming, SemaphoreInfo, SemaphoreList, SystemSemaphore} = Ssem;

function open(initialValue) {
    return keep(new SystemSemaphore({key: randomKey(), initialValue}));
}

run({
    'new opens the semaphore': () => {
        const key = randomKey();
        const semaphore = keep(new SystemSemaphore({
            key,
            initial_value: 3,
            mode: AccessMode.CREATE,
        }));
        assertEqual(semaphore.backend, CHOSEN);
        assertEqual(semaphore.get_value(), 3);
        assertEqual(keep(new SystemSemaphore({key})).get_value(), 3);
        const other = keep(new SystemSemaphore({key, undo: false, mode: AccessMode.OPEN_EXISTING}));
        assertEqual([other.undo, other.get_value()], [false, 3]);
        assertEqual(other instanceof SystemSemaphore, true);
    },

    'new throws': () => {
        const key = randomKey();
        const semaphore = keep(new SystemSemaphore({key, initialValue: 1}));
        const cases = [
            ['KEY_ERROR', {}],
            ['KEY_ERROR', {key: ''}],
            ['NOT_FOUND', {key: randomKey(), mode: AccessMode.OPEN_EXISTING}],
            ['ALREADY_EXISTS', {key, mode: AccessMode.CREATE_EXCLUSIVE}],
        ];
        for (const [name, properties] of cases)
            assertThrows(name, () => new SystemSemaphore(properties));
        assertThrows('KEY_ERROR', () => new SystemSemaphore());
        assertThrows('NOT_SUPPORTED', () => new SystemSemaphore({key, backend: Backend.WINDOWS}));
        assertEqual(semaphore.get_value(), 1);
    },

    'the constructor of the library': () => {
        const semaphore = keep(SystemSemaphore.new(randomKey(), 2, AccessMode.OPEN));
        assertEqual(semaphore.acquire(), true);
        assertEqual(semaphore.get_value(), 1);
    },

    'native keys': () => {
        const path = `${GLib.getenv('SSEM_RUNTIME_DIR')}/native ${randomKey()}`;
        const nativeKey = `systemv:${path}`;
        const semaphore = new SystemSemaphore({nativeKey, initialValue: 2});
        const same = SystemSemaphore.new_for_native_key(nativeKey, 0, AccessMode.OPEN_EXISTING);
        assertEqual([same.get_value(), same.backend, same.key], [2, Backend.SYSV, null]);
        assertEqual([semaphore.nativeKey, same.get_native_key()], [nativeKey, nativeKey]);
        assertEqual(SemaphoreInfo.query_native(nativeKey).get_native_key(), nativeKey);
        assertEqual(Ssem.semaphore_reset_native(nativeKey, 5), true);
        assertEqual(semaphore.get_value(), 5);
        assertThrows('BUSY', () => Ssem.semaphore_remove_leftover_native(nativeKey));
        semaphore.run_dispose();
        same.run_dispose();
        assertEqual(GLib.file_test(path, GLib.FileTest.EXISTS), false);

        assertThrows('KEY_ERROR', () => new SystemSemaphore({nativeKey: 'market'}));
        assertThrows('INVALID_ARGUMENT', () => new SystemSemaphore({key: 'market', nativeKey}));
        const key = randomKey();
        const ofKey = keep(new SystemSemaphore({key}));
        assertEqual(ofKey.nativeKey !== null, CHOSEN === Backend.SYSV);
        assertEqual(SemaphoreInfo.query(key, CHOSEN).get_native_key(), ofKey.nativeKey);
    },

    'names of Qt': () => {
        const {LEGACY, PLATFORM_SAFE} = QtNaming;
        assertEqual(Ssem.native_key_for_qt('market', Backend.DEFAULT, PLATFORM_SAFE),
            'posix:/market');
        /* From sha1sum. */
        assertEqual(Ssem.native_key_for_qt('market', Backend.POSIX, LEGACY),
            'posix:/qipc_systemsem_market5c9f73af73334ffe350c60ec076e5744db0ecda3');
        assertThrows('INVALID_ARGUMENT',
            () => Ssem.native_key_for_qt('market', Backend.SHARED_MEMORY, LEGACY));
    },

    'defaults': () => {
        const semaphore = open(2);
        assertEqual([semaphore.acquire(), semaphore.try_acquire()], [true, true]);
        assertEqual(semaphore.get_value(), 0);
        assertThrows('WOULD_BLOCK', () => semaphore.try_acquire());
        assertThrows('TIMED_OUT', () => semaphore.acquire_timeout(1, 1000));
        assertEqual([semaphore.release(), semaphore.release(4)], [true, true]);
        assertEqual(semaphore.get_value(), 5);
        assertEqual([semaphore.acquire(2), semaphore.acquire_timeout(2, 0)], [true, true]);
        assertEqual(semaphore.acquire_interruptible(1, -1), true);
        assertEqual(semaphore.get_value(), 0);
    },

    'a cancelled acquire': () => {
        const semaphore = open(1);
        const cancellable = new Gio.Cancellable();
        cancellable.cancel();
        for (const call of [() => semaphore.acquire(1, cancellable),
            () => semaphore.acquire_timeout(1, 1000, cancellable),
            () => semaphore.acquire_interruptible(1, -1, cancellable),
            () => semaphore.init(cancellable)])
            assertThrows('CANCELLED', call);
        assertEqual(semaphore.get_value(), 1);
    },

    'await': async () => {
        const semaphore = open(2);
        assertEqual(await semaphore.acquire_async(1, null), true);
        assertEqual(await semaphore.acquire_async(), true);
        assertEqual(semaphore.get_value(), 0);
        const order = [];
        const ends = [1, 2].map(n => semaphore.acquire_async(n).then(() => order.push(n)));
        semaphore.release(3);
        await Promise.all(ends);
        assertEqual(order, [1, 2]);
        assertEqual(semaphore.get_value(), 0);
    },

    'await, cancelled and failed': async () => {
        const semaphore = open(0);
        const cancellable = new Gio.Cancellable();
        const end = semaphore.acquire_async(1, cancellable);
        cancellable.cancel();
        await assertRejects('CANCELLED', end);
        await assertRejects('INVALID_ARGUMENT', semaphore.acquire_async(0));
        semaphore.release();
        assertEqual(semaphore.get_value(), 1);
    },

    'await, with a time-out': async () => {
        const semaphore = open(1);
        assertEqual(await semaphore.acquire_timeout_async(1, 600 * GLib.USEC_PER_SEC), true);
        await assertRejects('TIMED_OUT', semaphore.acquire_timeout_async(1, 1000));
        await assertRejects('WOULD_BLOCK', semaphore.acquire_timeout_async(1, 0, null));
        await assertRejects('INVALID_ARGUMENT', semaphore.acquire_timeout_async(0, -1));
        await assertRejects(RangeError, semaphore.acquire_timeout_async(1, 0.5));
        const end = semaphore.acquire_timeout_async(1, -1);
        semaphore.release();
        assertEqual(await end, true);
        assertEqual(semaphore.get_value(), 0);
    },

    'with': async () => {
        const semaphore = open(3);
        const found = await semaphore.with(2, async hold => {
            assertEqual(semaphore.get_value(), 1);
            assertEqual(hold.get_fencing_token(), 0);
            await Promise.resolve();
            return 'done';
        });
        assertEqual([found, semaphore.get_value()], ['done', 3]);
        await assertRejects(RangeError, semaphore.with(1, () => {
            throw new RangeError('of the callback');
        }));
        await semaphore.with(1, hold => hold.release());
        assertEqual(semaphore.get_value(), 3);
        let isCalled = false;
        const cancellable = new Gio.Cancellable();
        const end = semaphore.with(4, () => (isCalled = true), cancellable);
        cancellable.cancel();
        await assertRejects('CANCELLED', end);
        await assertRejects('INVALID_ARGUMENT', semaphore.with(0, () => (isCalled = true)));
        assertEqual([isCalled, semaphore.get_value()], [false, 3]);
    },

    'holds': () => {
        const semaphore = open(3);
        const hold = Hold.new(semaphore, 2);
        assertEqual(semaphore.get_value(), 1);
        assertEqual([hold.release(), semaphore.get_value()], [true, 3]);
        assertEqual([hold.release(), semaphore.get_value()], [true, 3]);
        semaphore.acquire();
        const adopted = Hold.adopt(semaphore);
        adopted.release();
        assertEqual(semaphore.get_value(), 3);
        assertThrows('INVALID_ARGUMENT', () => Hold.new(semaphore, 0));
        assertThrows(RangeError, () => Hold.adopt(semaphore, 0));
        assertThrows(RangeError, () => Hold.new(semaphore, 0.5));
    },

    'the list model': async () => {
        const semaphore = open(3);
        const list = new SemaphoreList({backend: CHOSEN, interval_usec: 0});
        const refreshed = () => new Promise((resolve, reject) => {
            const handler = list.connect('refreshed', (source, error) => {
                list.disconnect(handler);
                return error === null ? resolve() : reject(error);
            });
        });
        await refreshed();
        const items = Array.from({length: list.get_n_items()}, (_, i) => list.get_item(i));
        const item = items.find(({key}) => key === semaphore.key);
        const values = [];
        item.connect('notify::value', ({value}) => values.push(value));
        semaphore.acquire(2);
        list.refresh();
        await refreshed();
        assertEqual([values, item.info.get_value()], [[1], 1]);
    },

    'await the opening': async () => {
        const key = randomKey();
        const semaphore = keep(await SystemSemaphore.new_async(key, 3, AccessMode.CREATE));
        assertEqual([semaphore.key, semaphore.get_value()], [key, 3]);
        assertEqual(semaphore instanceof SystemSemaphore, true);
        assertEqual(keep(await SystemSemaphore.new_async(key)).get_value(), 3);
        assertEqual(keep(await SystemSemaphore.open_async(key)).get_value(), 3);
        await assertRejects('NOT_FOUND',
            SystemSemaphore.new_async(randomKey(), 0, AccessMode.OPEN_EXISTING));
        await assertRejects('KEY_ERROR', SystemSemaphore.new_async('a\0b'));
        await assertRejects(TypeError, SystemSemaphore.new_async());
        await assertRejects(RangeError, SystemSemaphore.new_async(key, 0.5));
    },

    'a callback still works': async () => {
        const semaphore = open(1);
        const found = await new Promise(resolve => {
            semaphore.acquire_async(1, null,
                (source, result) => resolve(source.acquire_finish(result)));
        });
        assertEqual(found, true);
        assertEqual(semaphore.get_value(), 0);
    },

    'promisifying again changes nothing': async () => {
        Gio._promisify(SystemSemaphore.prototype, 'acquire_async', 'acquire_finish');
        const semaphore = open(1);
        assertEqual(await semaphore.acquire_async(1, null), true);
        assertEqual(semaphore.get_value(), 0);
    },
});
