/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-life-private.h"

#include "ssem-shm-counter-private.h"

/* The last process that leaves a segment removes it, and no process that attaches meanwhile is cut
 * off.
 *
 * life, 64 bits: version (2-63), phase (0-1)
 *
 *   in use    as it was created
 *   closing   A process that leaves looks whether any other process is attached. A process that
 *             attaches and finds this phase changes it to "in use" again. The version makes the
 *             next step of the leaving process fail then.
 *   removed   No process is attached, and none ever will be.
 *
 *   A process that attaches first marks a slot as attached and then loads `life`. A process that
 *   leaves first changes `life` to "closing" and then loads the slots. Both are sequentially
 *   consistent. So either the leaving process sees the mark, or the attaching process sees the
 *   phase.
 *
 *   A phase of "closing" that stays does no harm: its process has seen others, or has died. The
 *   next process that leaves uses it, and the next one that attaches changes it back.
 *
 *   Processes that leave at the same time share the phase. If each of them swapped in a version of
 *   its own, each would make the last step of another fail, and none might ever get done.
 */

#define LIFE_NEXT(life, phase) ((((life) >> 2) + 1) << 2 | (phase))

gboolean
ssem_shm_life_keep (SsemShmMember *member)
{
  guint64 life = atomic_load (&member->segment->life);

  while (SSEM_SHM_LIFE_PHASE (life) == SSEM_SHM_LIFE_CLOSING &&
         !atomic_compare_exchange_strong (&member->segment->life, &life,
                                          LIFE_NEXT (life, SSEM_SHM_LIFE_IN_USE)))
    ;

  return SSEM_SHM_LIFE_PHASE (life) != SSEM_SHM_LIFE_REMOVED;
}

gboolean
ssem_shm_life_has_others (SsemShmMember *member)
{
  SsemShmSegment *segment = member->segment;
  guint32 used = atomic_load (&segment->slots_used);
  guint32 index;

  for (index = 1; index < used; index++)
    {
      guint64 owner = atomic_load (&segment->slots[index].owner);
      guint64 attach_id = owner >> SSEM_SHM_OWNER_SHIFT;

      if ((owner & SSEM_SHM_OWNER_ATTACHED) != 0 && attach_id != member->attach_id &&
          ssem_shm_member_ask (member, attach_id) != 0)
        return TRUE;
    }

  return FALSE;
}

gboolean
ssem_shm_life_end (SsemShmMember *member)
{
  guint64 life = atomic_load (&member->segment->life);

  while (SSEM_SHM_LIFE_PHASE (life) != SSEM_SHM_LIFE_REMOVED)
    {
      guint64 closing = life;

      if (SSEM_SHM_LIFE_PHASE (life) != SSEM_SHM_LIFE_CLOSING)
        {
          closing = LIFE_NEXT (life, SSEM_SHM_LIFE_CLOSING);
          if (!atomic_compare_exchange_strong (&member->segment->life, &life, closing))
            continue;
        }
      if (ssem_shm_life_has_others (member))
        return FALSE;

      /* Fails if a process has attached meanwhile. */
      life = closing;
      if (atomic_compare_exchange_strong (&member->segment->life, &life,
                                          LIFE_NEXT (closing, SSEM_SHM_LIFE_REMOVED)))
        break;
    }

  return TRUE;
}
