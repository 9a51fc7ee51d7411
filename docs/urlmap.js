// Copyright 2026 The Ssem authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// The manuals of other libraries that this manual links to.
baseURLs = [
  ['GLib', 'https://docs.gtk.org/glib/'],
  ['GObject', 'https://docs.gtk.org/gobject/'],
  ['Gio', 'https://docs.gtk.org/gio/'],
];
