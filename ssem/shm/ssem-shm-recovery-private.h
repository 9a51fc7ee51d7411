/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/linux/ssem-shm-file-private.h"

G_BEGIN_DECLS

/* Looking for the dead, and doing for them what they can't. */

typedef enum
{
  /* Only the dead whose units would come back. */
  SSEM_SHM_SWEEP_UNITS,
  /* Only the dead who were waiting, and may have been woken. */
  SSEM_SHM_SWEEP_WAITERS,
  /* All the dead: their slots become free, and the waiters are counted anew. */
  SSEM_SHM_SWEEP_ALL,
} SsemShmSweep;

/* Settles the dead, and wakes who can go on thereby. Answers how many dead it found, or -EBADF
 * where the program has closed the descriptor through which the living are known: then nothing is
 * done. */
int ssem_shm_recovery_sweep (SsemShmFile  *file,
                             SsemShmSweep  sweep);

G_END_DECLS
