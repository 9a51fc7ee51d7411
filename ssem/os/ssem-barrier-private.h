/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* Two threads that each write one word and then read the other's need a full fence on both sides,
 * or both may read the old value. Where one side runs all the time and the other almost never, the
 * rare side can pay for both: the frequent one calls ssem_barrier_light (), which keeps only the
 * compiler in order, the rare one ssem_barrier_heavy (), which makes every running thread of this
 * process pass a fence. See membarrier(2), "PRIVATE_EXPEDITED".
 */

/* TRUE where the rare side can do it; constant after ssem_barrier_init (). */
extern gboolean ssem_barrier_is_asymmetric;

/* To be called before the first fence, and again in a child of fork (). */
void ssem_barrier_init  (void);
void ssem_barrier_heavy (void);

static inline void
ssem_barrier_light (void)
{
  if (G_LIKELY (ssem_barrier_is_asymmetric))
    atomic_signal_fence (memory_order_seq_cst);
  else
    atomic_thread_fence (memory_order_seq_cst);
}

G_END_DECLS
