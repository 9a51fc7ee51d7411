/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Runs tests in JavaScript, each a function with a name, and reports them in TAP. Their semaphores
 * live in a folder that has to be empty in the end. */

import GLib from 'gi://GLib?version=2.0';
import System from 'system';

const WATCHDOG_SECONDS = 60;

export function assertEqual(found, wanted) {
    if (JSON.stringify(found) !== JSON.stringify(wanted))
        throw new Error(`found ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
}

export function assertThrows(domain, code, call) {
    try {
        call();
    } catch (error) {
        if (!(error instanceof GLib.Error) || !error.matches(domain, code))
            throw error;
        return error;
    }
    throw new Error(`no error, where ${domain.name} ${code} should be`);
}

export function randomKey() {
    return `key-${GLib.uuid_string_random()}`;
}

/* The garbage collector comes when it likes, so the runner closes these itself. */
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
            // One after the other: they report in order.
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

/* Ends the program. */
export function run(tests) {
    const folder = GLib.Dir.make_tmp('ssem-test-XXXXXX');
    GLib.setenv('SSEM_RUNTIME_DIR', folder, true);
    const loop = new GLib.MainLoop(null, false);
    let status = 1;
    GLib.timeout_add_seconds(GLib.PRIORITY_HIGH, WATCHDOG_SECONDS, () => {
        printerr('Something that a test waits for never came');
        return loop.quit();
    });
    runAll(tests).then(nFailed => {
        status = nFailed > 0 ? 1 : 0;
    }, logError).finally(() => loop.quit());
    loop.run();
    /* Fails where a semaphore is left behind in it. */
    if (GLib.rmdir(folder) !== 0) {
        printerr(`${folder} is not empty`);
        status = 1;
    }
    System.exit(status);
}
