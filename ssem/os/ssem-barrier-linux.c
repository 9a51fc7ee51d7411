/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-barrier-private.h"

#include <linux/membarrier.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

gboolean ssem_barrier_is_asymmetric;

static long
membarrier (int command)
{
  return syscall (SYS_membarrier, command, 0, 0);
}

void
ssem_barrier_init (void)
{
  /* Kernels before 4.14 and some sandboxes refuse this. */
  ssem_barrier_is_asymmetric = membarrier (MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

gboolean
ssem_barrier_heavy (void)
{
  if (ssem_barrier_is_asymmetric)
    return membarrier (MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;

  atomic_thread_fence (memory_order_seq_cst);

  return TRUE;
}
