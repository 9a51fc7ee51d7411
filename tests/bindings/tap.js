/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Runs tests in JavaScript and reports them in TAP. Each test is a function with a name. The
 * semaphores of the tests are in a directory that must be empty at the end. */

import Gio from 'gi://Gio?version=2.0';
import GLib from 'gi://GLib?version=2.0';
import Ssem from 'gi://Ssem?version=1';
import System from 'system';

const WATCHDOG_SECONDS = 60;
export const [CHOSEN, MAXIMUM] = GLib.getenv('SSEM_BACKEND') === 'sysv'
    ? [Ssem.Backend.SYSV, 32767] : [Ssem.Backend.SHARED_MEMORY, GLib.MAXINT32];

export function assertEqual(found, wanted) {
    if (JSON.stringify(found) !== JSON.stringify(wanted))
        throw new Error(`found ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
}

/* Returns whether an error has the code with this name, of SystemSemaphoreError or else of
 * IOErrorEnum. Instead of a name, there may be a class of errors. */
export function matches(error, name) {
    if (typeof name === 'function')
        return error instanceof name;
    const domain = name in Ssem.SystemSemaphoreError ? Ssem.SystemSemaphoreError : Gio.IOErrorEnum;
    return error instanceof GLib.Error && error.matches(domain, domain[name]);
}

export function assertThrows(name, call) {
    try {
        call();
    } catch (error) {
        if (!matches(error, name))
            throw error;
        return error;
    }
    throw new Error(`no error, although ${name} was expected`);
}

export async function assertRejects(name, promise) {
    const error = await promise.then(() => null, reason => reason);
    if (!matches(error, name))
        throw error ?? new Error(`no error, although ${name} was expected`);
}

export function randomKey() {
    return `key-${GLib.uuid_string_random()}`;
}

/* The runner closes these semaphores, because the garbage collector may run much later. */
const opened = [];

export function keep(semaphore) {
    opened.push(semaphore);
    return semaphore;
}

async function runAll(tests) {
    const names = Object.keys(tests);
    let nFailed = 0;
    print(`1..${names.length}`);
    for (const [index, name] of names.entries()) {
        try {
            // The tests run one after the other, to report in order.
            await tests[name](); // eslint-disable-line no-await-in-loop
            print(`ok ${index + 1} ${name}`);
        } catch (error) {
            nFailed++;
            print(`not ok ${index + 1} ${name}`);
            print(`${error}\n${error.stack}`.replace(/^/gm, '# '));
        } finally {
            opened.splice(0).forEach(semaphore => semaphore.run_dispose());
        }
    }
    return nFailed;
}

/* Runs the tests and ends the program. */
export function run(tests) {
    const directory = GLib.Dir.make_tmp('ssem-test-XXXXXX');
    GLib.setenv('SSEM_RUNTIME_DIR', directory, true);
    const loop = new GLib.MainLoop(null, false);
    let status = 1;
    GLib.timeout_add_seconds(GLib.PRIORITY_HIGH, WATCHDOG_SECONDS, () => {
        printerr('A test waited too long');
        return loop.quit();
    });
    runAll(tests).then(nFailed => {
        status = nFailed > 0 ? 1 : 0;
    }, logError).finally(() => loop.quit());
    loop.run();
    /* This process has a file there as long as it runs. Nothing else is there, unless a test has left
     * a semaphore. */
    GLib.spawn_command_line_sync(`rm -rf ${directory}/processes`);
    if (GLib.rmdir(directory) !== 0) {
        printerr(`${directory} is not empty`);
        status = 1;
    }
    System.exit(status);
}
