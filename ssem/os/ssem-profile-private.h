/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Marks in a capture of Sysprof: one for each wait for units. They exist in a build with Sysprof
 * alone, and cost nothing in another one.
 */
#ifdef HAVE_SYSPROF

/* Returns whether Sysprof records this process. */
gboolean ssem_profile_is_on    (void);

/* Returns the time, for ssem_profile_mark_wait (). */
gint64   ssem_profile_get_time (void);

/* Adds a mark for a wait for @n units of @key that began at @begin and ends now, with @outcome. */
void     ssem_profile_mark_wait (gint64      begin,
                                 const char *key,
                                 int         n,
                                 const char *outcome);

#else

#define ssem_profile_is_on() FALSE
#define ssem_profile_get_time() G_GINT64_CONSTANT (0)
#define ssem_profile_mark_wait(begin, key, n, outcome) \
  G_STMT_START { (void) (begin); (void) (key); } G_STMT_END

#endif

G_END_DECLS
