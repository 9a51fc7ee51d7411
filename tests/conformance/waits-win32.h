/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <windows.h>

G_BEGIN_DECLS

/* Windows does not tell which thread waits for what. So each program of the suite counts the waits
 * that the library makes in it, where other programs can read the number. */

/* To be called once, before the first wait. */
void  waits_watch (void);

/* How many threads of that process are in such a wait. */
guint waits_count (DWORD pid);

G_END_DECLS
