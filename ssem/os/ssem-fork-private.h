/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* What a fork must not break.
 *
 * A child of fork () has one thread, and a copy of every lock as it was at that moment. Whatever
 * another thread of the parent held then stays locked in the child for ever. So each process-wide
 * lock of the library is put under the care of this module, which takes it before the fork and
 * gives it back on both sides: what it protects is whole in the child.
 *
 * Lock order: the fork takes the locks in the order in which they were protected. Code that holds
 * two of them at once has to protect them in the order in which it takes them.
 */

/* Grows by one in every child. Whoever keeps something that a child must not use as its parent's
 * remembers the number and compares. */
extern G_GNUC_INTERNAL atomic_uint ssem_fork_count_;

static inline unsigned int
ssem_fork_count (void)
{
  return atomic_load_explicit (&ssem_fork_count_, memory_order_relaxed);
}

/* @lock is held across every fork from now on; @child, if any, then runs in the child, with all the
 * protected locks held and nothing else running. Call it once for a lock, before its first use. */
void ssem_fork_protect (GMutex *lock,
                        void  (*child) (void));

G_END_DECLS
