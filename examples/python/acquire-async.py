#!/usr/bin/env python3
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Waits for a unit while the main loop runs, and cancels a wait. Run it with:
python3 acquire-async.py

The only unit is taken. The first request waits, and gets the unit when it is released. The second
request waits until it is cancelled, as by a cancel button. Meanwhile the main loop prints ticks.
"""

import sys

import gi

gi.require_version('Ssem', '1')
from gi.repository import Gio, GLib, Ssem

TICK_MSEC = 100
RELEASE_TICK = 3
CANCEL_TICK = 6


class Example:
    def __init__(self):
        self.loop = GLib.MainLoop()
        self.cancellable = Gio.Cancellable()
        self.ticks = 0
        self.is_served = False
        self.is_cancelled = False
        self.semaphore = Ssem.SystemSemaphore('acquire-async', 1, Ssem.AccessMode.CREATE)
        self.semaphore.acquire()

    def run(self):
        print('first request: waits')
        self.semaphore.acquire_async(1, None, self.on_first_acquired)
        GLib.timeout_add(TICK_MSEC, self.on_tick)
        self.loop.run()
        return self.is_served and self.is_cancelled

    def on_tick(self):
        self.ticks += 1
        print(f'tick {self.ticks}')
        if self.ticks == RELEASE_TICK:
            self.semaphore.release()
        if self.ticks == CANCEL_TICK:
            self.cancellable.cancel()
        return GLib.SOURCE_CONTINUE

    def on_first_acquired(self, semaphore, result):
        try:
            semaphore.acquire_finish(result)
        except GLib.Error as error:
            print(f'first request: {error.message}', file=sys.stderr)
            self.loop.quit()
            return

        print('first request: has the unit')
        self.is_served = True

        print('second request: waits')
        semaphore.acquire_async(1, self.cancellable, self.on_second_acquired)

    def on_second_acquired(self, semaphore, result):
        try:
            semaphore.acquire_finish(result)
            print('second request: has a unit')
        except GLib.Error as error:
            if error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED):
                print('second request: cancelled')
                self.is_cancelled = True
            else:
                print(f'second request: {error.message}', file=sys.stderr)
        self.loop.quit()


sys.exit(0 if Example().run() else 1)
