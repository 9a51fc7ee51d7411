/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Holds units of a key until its standard input ends: holder.js KEY N */

import GLib from 'gi://GLib?version=2.0';
import Ssem from 'gi://Ssem?version=1';
import System from 'system';

const [key, n] = System.programArgs;
const semaphore = Ssem.SystemSemaphore.new(key, 0, Ssem.AccessMode.OPEN_EXISTING);
semaphore.acquire(Number(n), null);
print('holding');

const input = GLib.IOChannel.unix_new(0);
input.read_to_end();
