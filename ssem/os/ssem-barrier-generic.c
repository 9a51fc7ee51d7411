/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-barrier-private.h"

#include <stdatomic.h>

gboolean ssem_barrier_is_asymmetric = FALSE;

void
ssem_barrier_init (void)
{
}

gboolean
ssem_barrier_heavy (void)
{
  atomic_thread_fence (memory_order_seq_cst);

  return TRUE;
}
