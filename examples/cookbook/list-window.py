#!/usr/bin/env python3
# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A window with the user's semaphores, which follows their values."""

# sample: list-window
import gi
gi.require_version("Gtk", "4.0")
gi.require_version("Ssem", "1")
from gi.repository import GObject, Gtk, Ssem

def bind(factory, row):
    item, label = row.get_item(), Gtk.Label(xalign=0)
    row.set_child(label)
    item.bind_property("value", label, "label", GObject.BindingFlags.SYNC_CREATE,
                       lambda binding, value: f"{item.props.key}: {value} free")

def activate(app):
    factory = Gtk.SignalListItemFactory()
    factory.connect("bind", bind)
    model = Gtk.NoSelection(model=Ssem.SemaphoreList())
    view = Gtk.ListView(model=model, factory=factory)
    Gtk.ApplicationWindow(application=app, title="Semaphores", child=view).present()

app = Gtk.Application()
app.connect("activate", activate)
app.run()
# end of sample
