#!/usr/bin/env -S gjs -m
// Copyright 2026 The Ssem authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Acquires and releases three units. Run it with: gjs -m market.js
//
// Every process that opens the key "market" shares these three units. The comments give the value
// while no other process uses the semaphore.

import Ssem from 'gi://Ssem?version=1';
import System from 'system';

function show(market, step) {
  print(`${step.padEnd(10)}  units available = ${market.get_value()}`);
}

try {
  const market = new Ssem.SystemSemaphore({
    key: 'market',
    initial_value: 3,
    mode: Ssem.AccessMode.CREATE,
  });
  show(market, 'new');        // units available = 3
  market.acquire();
  show(market, 'acquire');    // units available = 2
  market.acquire();
  show(market, 'acquire');    // units available = 1
  market.acquire();
  show(market, 'acquire');    // units available = 0
  market.release();
  show(market, 'release');    // units available = 1
  market.release(2);
  show(market, 'release 2');  // units available = 3
} catch (error) {
  printerr(`market: ${error.message}`);
  System.exit(1);
}
