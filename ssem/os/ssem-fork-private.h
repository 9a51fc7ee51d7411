/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* Keeps the library usable in a child of fork ().
 *
 * The child has one thread, and a copy of every lock as it was at that moment. A lock that another
 * thread of the parent held stays locked in the child forever. So each process-wide lock of the
 * library is protected here: the fork takes the lock before and gives it back on both sides. What
 * the lock protects is then consistent in the child.
 *
 * Lock order: the fork takes the locks in the order in which they were protected. Code that holds
 * two of them protects them in the order in which it takes them.
 *
 * Every fork waits for these locks. So they are held while memory is changed, and not while a file
 * is opened or another process is waited for.
 */

/* Grows by one in every child. An object that a child must not use as its parent's remembers the
 * count and compares. */
extern G_GNUC_INTERNAL atomic_uint ssem_fork_count_;

static inline unsigned int
ssem_fork_count (void)
{
  return atomic_load_explicit (&ssem_fork_count_, memory_order_relaxed);
}

/* Holds @lock across every fork from now on. @child, if not NULL, runs in the child, with all the
 * protected locks held and no other thread. There is no limit to how many locks are protected, and
 * a fork allocates nothing. Call it once for a lock, before the first use of the lock. */
void ssem_fork_protect (GMutex *lock,
                        void  (*child) (void));

/* Keeps other threads from forking until ssem_fork_unblock (), for an initialisation that must not
 * be half-done in a child. Locks may be protected meanwhile. */
void ssem_fork_block   (void);
void ssem_fork_unblock (void);

extern G_GNUC_INTERNAL atomic_uint ssem_fork_n_begun_;

/* Returns how many forks this process and its ancestors have begun.
 *
 * A child has a copy of every descriptor. The copy refers to the same open file, so it keeps the
 * file's locks after the death of the parent, and the child must close it. The child can only close
 * descriptors that were stored where its handler finds them. A descriptor that another thread has
 * opened and not stored yet is harmless as long as its open file never gets a lock. So a thread
 * that opens a file to lock it
 *
 *   1. reads this number,
 *   2. opens the file and stores the descriptor,
 *   3. reads this number again; where it has changed, closes the descriptor and begins again,
 *   4. takes locks.
 *
 * A fork that this does not see finds the stored descriptor. All steps are sequentially
 * consistent. */
static inline unsigned int
ssem_fork_get_n_begun (void)
{
  return atomic_load (&ssem_fork_n_begun_);
}

G_END_DECLS
