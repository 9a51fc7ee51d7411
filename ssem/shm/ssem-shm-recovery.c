/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-recovery-private.h"

#include "ssem-shm-counter-private.h"
#include "ssem-shm-waiters-private.h"

#include <errno.h>

/* A process is dead when the byte with its number is not locked: see ssem-shm-file.c. Numbers
 * are not used again, so dead is dead, and any number of processes may settle the same death at the
 * same time: see ssem-shm-counter.c.
 *
 * Through a descriptor that is a stranger's by now, everybody would seem dead. So it is looked at
 * before the first question.
 *
 * Asking the kernel costs a system call, so in a sweep for units only those are asked for who would
 * give some back: who holds any, or was in the middle of an operation.
 *
 * The dead may also have been woken for units that are still there, and have kept the wake-up from
 * others. So wherever somebody died, those who wait look again. Who may have been woken is marked
 * as waiting until it has its units, or has handed the wake-up on.
 */

static gboolean
matters (SsemShmSegment *segment,
         guint32         index,
         SsemShmSweep    sweep)
{
  SsemShmSlot *slot = &segment->slots[index];
  guint64 word = atomic_load (&segment->state);
  guint32 committed = atomic_load (&slot->committed);

  if (sweep == SSEM_SHM_SWEEP_ALL)
    return TRUE;
  if (sweep == SSEM_SHM_SWEEP_WAITERS)
    return atomic_load (&slot->waiting) != 0;

  return atomic_load (&slot->record[committed & 1].holding) != 0 ||
         ssem_shm_counter_is_ahead (slot, index, word);
}

static gboolean
is_dead_cb (guint64  process,
            gpointer data)
{
  return !ssem_shm_file_is_alive (data, process);
}

int
ssem_shm_recovery_sweep (SsemShmFile *file,
                         SsemShmSweep sweep)
{
  SsemShmSegment *segment = file->memory;
  guint32 used = atomic_load (&segment->slots_used);
  guint64 last_seen = file->process;
  gboolean is_known = sweep == SSEM_SHM_SWEEP_ALL;
  guint32 index;
  int n_dead = 0;

  /* In that case more than the slots is asked for. */
  if (is_known && !ssem_shm_file_has_descriptor (file))
    return -EBADF;

  for (index = 1; index < used; index++)
    {
      SsemShmSlot *slot = &segment->slots[index];
      guint64 process = atomic_load (&slot->owner) >> SSEM_SHM_OWNER_SHIFT;

      /* The slots of one process mostly lie side by side. */
      if (process == 0 || process == file->process || process == last_seen)
        continue;
      if (!matters (segment, index, sweep))
        continue;

      if (!is_known && !ssem_shm_file_has_descriptor (file))
        return -EBADF;
      is_known = TRUE;

      last_seen = process;
      if (ssem_shm_file_is_alive (file, process))
        continue;

      ssem_shm_counter_reclaim (segment, process);
      n_dead++;
    }

  if (sweep == SSEM_SHM_SWEEP_ALL)
    ssem_shm_waiters_recount (segment, is_dead_cb, file);
  if (n_dead > 0)
    ssem_shm_waiters_wake_all (segment);

  return n_dead;
}
