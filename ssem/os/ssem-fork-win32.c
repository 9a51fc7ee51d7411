/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-fork-private.h"

/* Windows has no fork (): both counts stay 0, and no lock needs protection. Blocking forks makes
 * threads wait for each other here, too. */
atomic_uint ssem_fork_count_;
atomic_uint ssem_fork_n_begun_;

static GMutex block_lock;

void
ssem_fork_block (void)
{
  g_mutex_lock (&block_lock);
}

void
ssem_fork_unblock (void)
{
  g_mutex_unlock (&block_lock);
}

void
ssem_fork_protect (GMutex *lock,
                   void  (*child) (void))
{
}
