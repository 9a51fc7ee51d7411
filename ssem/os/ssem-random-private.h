/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A number that no other process gets. Not GLib's generator: the children of one parent inherit its
 * state, so siblings would draw the same numbers; and it has a lock that a child of fork () may
 * find taken forever. See getrandom(2). Never 0. */
guint64 ssem_random_unique (void);

G_END_DECLS
