# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The window of the cookbook: its list follows the semaphores. The argument is the program."""

import os
import runpy
import sys
import tempfile
import unittest

import gi

gi.require_version('Gtk', '4.0')
gi.require_version('Ssem', '1')
from gi.repository import Gio, GLib, Gtk, Ssem

import tap

PROGRAM = sys.argv.pop()
WATCHDOG_SECONDS = 50


def find_labels(widget):
    if isinstance(widget, Gtk.Label):
        yield widget.get_label()
    child = widget.get_first_child()
    while child is not None:
        yield from find_labels(child)
        child = child.get_next_sibling()


class Window(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix='ssem-list-window-')
        self.addCleanup(directory.cleanup)
        os.environ['SSEM_RUNTIME_DIR'] = directory.name

    def test_follows(self):
        """Runs the program to its end; what happens around it is in a callback of its main loop."""
        market = Ssem.SystemSemaphore('market', 3)
        notes = Ssem.SystemSemaphore('notes', 1)
        steps = [(lambda: market.acquire(2), ['market: 3 free', 'notes: 1 free']),
                 (notes.run_dispose, ['market: 1 free', 'notes: 1 free']),
                 (market.release, ['market: 1 free']),
                 (lambda: Gio.Application.get_default().quit(), ['market: 2 free'])]
        labels = None
        is_late = []

        def look():
            nonlocal labels
            windows = Gtk.Window.get_toplevels()
            labels = [*find_labels(windows.get_item(0))] if windows.get_n_items() > 0 else []
            if steps and [label for label in labels if 'free' in label] == steps[0][1]:
                steps.pop(0)[0]()
            return GLib.SOURCE_CONTINUE

        def end():
            is_late.append(True)
            Gio.Application.get_default().quit()

        sources = [GLib.timeout_add(20, look), GLib.timeout_add_seconds(WATCHDOG_SECONDS, end)]
        runpy.run_path(PROGRAM)
        for source in sources:
            GLib.source_remove(source)
        self.assertFalse(is_late, f'the labels are {labels}')
        self.assertEqual(steps, [])
        market.run_dispose()


tap.main()
