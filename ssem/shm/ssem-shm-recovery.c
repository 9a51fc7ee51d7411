/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-recovery-private.h"

#include "ssem-shm-counter-private.h"
#include "ssem-shm-waiters-private.h"

#include <errno.h>

/* No attach id is used twice, so a process that is seen as dead stays dead. Any number of processes
 * may reclaim the same process concurrently: see ssem-shm-counter.c.
 *
 * To ask whether a process is alive costs a system call. So a sweep for units asks only about
 * processes that would return some: those that hold units or were in the middle of an operation.
 *
 * A dead process may also have been woken for units that are still there, and so have kept the
 * wake-up from others. So all waiters look again after a death. A process that may have been woken
 * is marked as waiting until it has its units or has passed the wake-up on.
 */

/* Returns whether the sweep asks about the owner of the slot. */
static gboolean
is_relevant (SsemShmSegment *segment,
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
         ssem_shm_counter_next_operation_succeeded (slot, index, word);
}

int
ssem_shm_recovery_sweep (SsemShmMember *member,
                         SsemShmSweep   sweep)
{
  SsemShmSegment *segment = member->segment;
  guint32 used = atomic_load (&segment->slots_used);
  guint64 last_seen = member->attach_id;
  gboolean can_ask = FALSE;
  guint32 index;
  int n_dead = 0;

  /* A sweep over all asks about the waiters, too. */
  if (sweep == SSEM_SHM_SWEEP_ALL)
    {
      can_ask = ssem_shm_member_can_ask (member);
      if (!can_ask)
        return -EBADF;
    }

  for (index = 1; index < used; index++)
    {
      SsemShmSlot *slot = &segment->slots[index];
      guint64 owner = atomic_load (&slot->owner) >> SSEM_SHM_OWNER_SHIFT;

      /* The slots of one process are mostly adjacent. */
      if (owner == 0 || owner == member->attach_id || owner == last_seen)
        continue;
      if (!is_relevant (segment, index, sweep))
        continue;

      can_ask = can_ask || ssem_shm_member_can_ask (member);
      if (!can_ask)
        return -EBADF;

      last_seen = owner;
      if (ssem_shm_member_is_alive (member, owner))
        continue;

      ssem_shm_counter_reclaim (segment, owner);
      n_dead++;
    }

  if (sweep == SSEM_SHM_SWEEP_ALL)
    ssem_shm_waiters_recount (member);
  if (n_dead > 0)
    ssem_shm_waiters_wake_all (member);

  return n_dead;
}

void
ssem_shm_recovery_handle_death (SsemShmMember *member,
                                gboolean       is_last)
{
  /* First what a waiter may be waiting for right now. */
  int n_holders = ssem_shm_recovery_sweep (member, SSEM_SHM_SWEEP_UNITS);
  int n_waiters = ssem_shm_recovery_sweep (member, SSEM_SHM_SWEEP_WAITERS);

  if (n_holders <= 0 && n_waiters <= 0 && !is_last)
    return;

  /* The dead process may have returned another's units and died before it woke anyone, and may have
   * had no slot by which it is found. Or it watched for deaths, and needs a successor. So in the
   * end all waiters look again, whatever the sweep finds. */
  if (ssem_shm_recovery_sweep (member, SSEM_SHM_SWEEP_ALL) >= 0)
    ssem_shm_waiters_wake_all (member);
}
