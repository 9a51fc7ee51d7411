/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Tests addresses, fencing tokens and losses in JavaScript, with the backend "memory" of the
 * tests. */

import Gio from 'gi://Gio?version=2.0';
import GLib from 'gi://GLib?version=2.0';
import Ssem from 'gi://Ssem?version=1';

import {assertEqual, assertRejects, assertThrows, keep, matches, randomKey, run} from './tap.js';

const {Backend, SemaphoreInfo, SystemSemaphore} = Ssem;

const directory = GLib.Dir.make_tmp('ssem-test-XXXXXX');
const pipe = `${directory}/losses`;

GLib.spawn_command_line_sync(`mkfifo ${pipe}`);
GLib.setenv('SSEM_MEMORY_LOSES', pipe, true);
GLib.setenv('SSEM_BACKEND', 'memory', true);

function lose() {
    GLib.spawn_command_line_sync(`sh -c 'printf x > ${pipe}'`);
}

run({
    'address': () => {
        const key = randomKey();
        const here = keep(new SystemSemaphore({key, initialValue: 3, address: 'here'}));
        const there = keep(new SystemSemaphore({key, initialValue: 3, address: 'there'}));
        here.acquire();
        assertEqual([here.get_value(), there.get_value()], [2, 3]);
        assertEqual([here.address, there.get_address()], ['here', 'there']);
    },

    'an address on this machine': () => {
        const key = randomKey();
        const backend = Backend.SYSV;
        for (const call of [
            () => new SystemSemaphore({key, backend, address: 'here'}),
            () => SemaphoreInfo.list_at(backend, 'here'),
            () => SemaphoreInfo.query_at(key, backend, 'here'),
            () => Ssem.semaphore_remove_leftover_at(key, backend, 'here'),
            () => Ssem.semaphore_reset_at(key, 1, backend, 'here'),
        ])
            assertThrows('INVALID_ARGUMENT', call);
    },

    'addresses that GJS would change': () => {
        for (const [address, type] of [[1, TypeError], ['he\0re', RangeError],
            ['\ud800', RangeError]]) {
            let thrown = null;
            try {
                new SystemSemaphore({key: randomKey(), address});
            } catch (error) {
                thrown = error;
            }
            assertEqual(thrown instanceof type, true);
        }
    },

    'tokens': async () => {
        const semaphore = keep(new SystemSemaphore({key: randomKey(), initialValue: 3}));
        assertEqual(semaphore.get_fencing_token(), 0);
        semaphore.acquire();
        const first = semaphore.get_fencing_token();
        await semaphore.acquire_async();
        const second = semaphore.get_fencing_token();
        assertEqual([first > 0, second > first], [true, true]);
    },

    'the signal': async () => {
        const semaphore = keep(new SystemSemaphore({key: randomKey(), initialValue: 3}));
        semaphore.acquire();
        assertEqual(semaphore.get_n_losses(), 0);
        const error = await new Promise(resolve => {
            semaphore.connect('lost', (source, reason) => resolve(reason));
            lose();
        });
        assertEqual(matches(error, 'LOST'), true);
        assertEqual(error.message.includes(semaphore.key), true);
        assertEqual(semaphore.get_n_losses(), 1);
        assertThrows('LOST', () => semaphore.release());
        assertEqual(semaphore.get_value(), 2);
    },

    'a loss during with()': async () => {
        const semaphore = keep(new SystemSemaphore({key: randomKey(), initialValue: 3}));
        const end = semaphore.with(1, () => new Promise(resolve => {
            semaphore.connect('lost', resolve);
            lose();
        }));
        await assertRejects('LOST', end);
        // The loss itself is reported once.
        assertThrows('LOST', () => semaphore.get_value());
        assertEqual(semaphore.get_value(), 2);
    },

    'the end': () => {
        Gio.File.new_for_path(pipe).delete(null);
        Gio.File.new_for_path(directory).delete(null);
    },
});
