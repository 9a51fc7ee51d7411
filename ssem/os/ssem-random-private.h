/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Returns a number that no other process gets, and that is never 0. GLib's generator will not do:
 * the children of one parent inherit its state, so siblings would get the same numbers, and a child
 * of fork () may find its lock taken forever. See getrandom(2). */
guint64 ssem_random_unique (void);

G_END_DECLS
