/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Functions of the system that the library calls in this process. */

/* Has the library call @replacement instead of the function of that name, which it must import.
 * Returns what the library has called so far. */
gpointer imports_replace (const char *name,
                          gpointer    replacement);

G_END_DECLS
