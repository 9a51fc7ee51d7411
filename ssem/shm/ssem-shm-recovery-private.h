/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-port-private.h"

G_BEGIN_DECLS

/* Finds dead processes, and does for them what they can no longer do. */

typedef enum
{
  SSEM_SHM_SWEEP_UNITS,   /* only dead processes whose units would be returned */
  SSEM_SHM_SWEEP_WAITERS, /* only dead processes that were waiting, and may have been woken */
  SSEM_SHM_SWEEP_ALL,     /* all dead processes: frees their slots, and recounts the waiters */
} SsemShmSweep;

/* Reclaims what the dead hold, and wakes the waiters if there are any dead. Returns how many dead
 * processes it found; or, having done nothing, -EBADF if nobody can tell which processes are
 * alive. */
int  ssem_shm_recovery_sweep        (SsemShmMember *member,
                                     SsemShmSweep   sweep);

/* Does what is needed after a death has been noticed: see SsemShmDeathFunc. */
void ssem_shm_recovery_handle_death (SsemShmMember *member,
                                     gboolean       is_last);

G_END_DECLS
