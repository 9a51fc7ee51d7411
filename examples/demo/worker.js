#!/usr/bin/env -S gjs -m
// Copyright 2026 The Ssem authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A worker of the demonstration: worker.js NAME KEY UNITS TURNS
//
// It prints a line for each step on standard output, and holds its unit until demo.py writes a line
// to its standard input. It prints "holds" after it has acquired a unit, and "releases" before it
// releases the unit. So a worker that is between these two lines does hold a unit.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Ssem from 'gi://Ssem?version=1';
import System from 'system';

const [name, key, nUnits, nTurns] = System.programArgs;
const input = Gio.DataInputStream.new(Gio.File.new_for_path('/dev/stdin').read(null));

function say(what) {
  print(name, what, GLib.get_monotonic_time());
}

// Waits for a line of demo.py. Returns false if demo.py has ended.
function isTold() {
  const [line] = input.read_line(null);
  return line !== null;
}

function run() {
  const units = new Ssem.SystemSemaphore({
    key,
    initial_value: Number(nUnits),
    mode: Ssem.AccessMode.JOIN,
  });

  say('ready');
  if (!isTold())
    return;

  for (let turn = 0; turn < Number(nTurns); turn++) {
    say('waits');
    units.acquire();
    say('holds');

    // The unit also comes back if the process ends without a release.
    if (!isTold())
      return;

    say('releases');
    units.release();
  }
}

if (System.programArgs.length !== 4) {
  printerr('Usage: worker.js NAME KEY UNITS TURNS');
  System.exit(2);
}

try {
  run();
} catch (error) {
  printerr(`${name}: ${error.message}`);
  System.exit(1);
}
