/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <windows.h>

G_BEGIN_DECLS

/* A system that has no handles or no memory left. Each function of the table is one by which the
 * library gets something that the system may refuse. A call that is refused does nothing but set the
 * error. */

#define REFUSALS_ANY "*"
#define REFUSALS_ALL (-1)

/* Returns the name of a function of the table; NULL if there are no more. */
const char *refusals_get_name (guint       i);

/* From now on refuses calls of the library, in any thread of this process, with @error: of the
 * functions of those names, with commas between them, or of REFUSALS_ANY function in the table; only
 * the @n-th one, from 0, or REFUSALS_ALL. */
void        refusals_begin    (const char *names,
                               DWORD       error,
                               int         n);

/* Returns how many calls have been refused since then. */
guint       refusals_count    (void);

/* Refuses no more. */
void        refusals_end      (void);

G_END_DECLS
