/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Two threads that each write one word and then read the other's need a full fence on both sides,
 * or both may read the old value. Where one side runs all the time and the other almost never, the
 * rare side can pay for both: it calls ssem_barrier_heavy (), which makes every running thread of
 * this process pass a fence, and the frequent one only keeps the compiler in order. See
 * membarrier(2), "PRIVATE_EXPEDITED".
 */

/* Whether the system can do that; else ssem_barrier_heavy () is a fence in this thread alone.
 * Constant after ssem_barrier_init (). */
extern G_GNUC_INTERNAL gboolean ssem_barrier_is_asymmetric;

/* To be called before the first fence, and again in a child of fork (). */
void     ssem_barrier_init  (void);

/* FALSE where a system that could do it refuses it by now, and no thread has passed a fence. */
gboolean ssem_barrier_heavy (void);

G_END_DECLS
