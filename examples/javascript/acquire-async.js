#!/usr/bin/env -S gjs -m
// Copyright 2026 The Ssem authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Waits for a unit while the main loop runs, and cancels a wait. Run it with:
// gjs -m acquire-async.js
//
// The only unit is taken. The first request waits, and gets the unit when it is released. The
// second request waits until it is cancelled, as by a cancel button. Meanwhile the main loop prints
// ticks.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Ssem from 'gi://Ssem?version=1';
import System from 'system';

const TICK_MSEC = 100;
const RELEASE_TICK = 3;
const CANCEL_TICK = 6;

function startTicking(semaphore, cancellable) {
  let ticks = 0;

  GLib.timeout_add(GLib.PRIORITY_DEFAULT, TICK_MSEC, () => {
    print(`tick ${++ticks}`);
    if (ticks === RELEASE_TICK)
      semaphore.release();
    if (ticks === CANCEL_TICK)
      cancellable.cancel();
    return GLib.SOURCE_CONTINUE;
  });
}

async function run() {
  const semaphore = new Ssem.SystemSemaphore({
    key: 'acquire-async',
    initial_value: 1,
    mode: Ssem.AccessMode.CREATE,
  });
  const cancellable = new Gio.Cancellable();

  semaphore.acquire();
  startTicking(semaphore, cancellable);

  print('first request: waits');
  await semaphore.acquire_async();
  print('first request: has the unit');

  print('second request: waits');
  try {
    await semaphore.acquire_async(1, cancellable);
  } catch (error) {
    if (!error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED))
      throw error;
    print('second request: cancelled');
    return;
  }
  throw new Error('The second request has a unit');
}

const loop = new GLib.MainLoop(null, false);
let status = 0;

run().catch(error => {
  printerr(`acquire-async: ${error.message}`);
  status = 1;
}).finally(() => loop.quit());
loop.run();
System.exit(status);
