/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-win32-member-private.h"

#include <errno.h>

/* Sleep and wake
 *
 *   The sleeper of a slot waits for an auto-reset event whose name contains the slot. A process
 *   that sleeps or wakes opens the event at the first use. Which slots have a sleeper stands in the
 *   section, behind the slots:
 *
 *   tickets[slot]   0, or the ticket of the sleep: a number that grows with each sleep. The
 *                   smallest ticket is that of the longest sleep, which ends first.
 *
 *   sleep   take a ticket; return if `state` has changed; wait for the event; drop the ticket
 *   wake    (`state` has changed) find the smallest ticket; set the event; drop the ticket
 *
 *   All of these are sequentially consistent. So either the sleeper sees the new `state`, or the
 *   waker sees the ticket. The waker sets the event first: if it is killed or stopped after that,
 *   the sleeper is awake. If it is killed before, it has woken nobody: see ssem-shm-recovery.c.
 *
 *   If the ticket is another one, or none, when the waker drops it, the sleeper has left on its own
 *   meanwhile, maybe with the units or with no use for them. Then the waker takes the next ticket.
 *   The event stays set, and a later sleep in that slot ends early, which does no harm.
 *
 *   A dead process may leave a ticket. Once its slots have been freed the ticket counts no more.
 *
 * Without handles
 *
 *   A sleeper for whose event the system has no handle left sleeps for a moment only, and then does
 *   what a waiter does that nobody has woken. A waker that has no event for a sleeper leaves it its
 *   ticket, so that others can wake it, and wakes the next one. That sleeper looks by itself when
 *   its sleep is over.
 */

/* How long to sleep if the system has no event for it. */
#define BLIND_SLEEP_MSEC 10

#define USEC_PER_MSEC 1000

/* Returns the event of @slot; NULL if the system refuses. */
static HANDLE
get_event (SsemShmWin32Member *self,
           guint32             slot)
{
  HANDLE event = atomic_load (&self->events[slot]);
  HANDLE opened = NULL;
  SsemShmObjectName name;

  if (event != NULL)
    return event;

  ssem_shm_anchor_make_slot_name (&self->anchor, self->parent.segment->segment_id, slot, &name);
  if (ssem_shm_object_use_event (&name, &opened, NULL) != 0)
    return NULL;
  if (atomic_compare_exchange_strong (&self->events[slot], &event, opened))
    return opened;
  CloseHandle (opened);

  return event;
}

void
ssem_shm_sleep_close (SsemShmWin32Member *self)
{
  guint32 used, slot;

  if (self->parent.segment == NULL)
    return;

  used = atomic_load (&self->parent.segment->n_slots);
  for (slot = 0; slot < used; slot++)
    {
      HANDLE event = atomic_exchange (&self->events[slot], NULL);

      if (event != NULL)
        CloseHandle (event);
    }
}

/* --- Sleeping --- */

static void
take_ticket (SsemShmSleepers *sleepers,
             guint32          slot)
{
  guint32 ticket;

  do
    ticket = atomic_fetch_add (&sleepers->last_ticket, 1) + 1;
  while (ticket == 0);

  atomic_store (&sleepers->tickets[slot], ticket);
}

/* Waits for the event until the deadline, which the system's coarser clock must not cut short.
 * Returns FALSE if the system refuses to wait, after a moment. */
static gboolean
wait_for_event (HANDLE event,
                gint64 deadline_usec)
{
  gint64 left_usec = deadline_usec - g_get_monotonic_time ();
  DWORD result = WAIT_TIMEOUT;

  while (left_usec > 0 && result == WAIT_TIMEOUT)
    {
      DWORD left_msec = (DWORD) MIN ((left_usec + USEC_PER_MSEC - 1) / USEC_PER_MSEC, G_MAXINT);

      result = event != NULL ? WaitForMultipleObjects (1, &event, FALSE, left_msec) : WAIT_FAILED;
      if (result == WAIT_FAILED)
        Sleep (MIN (left_msec, BLIND_SLEEP_MSEC));
      left_usec = deadline_usec - g_get_monotonic_time ();
    }

  return result != WAIT_FAILED;
}

int
ssem_shm_sleep (SsemShmMember *member,
                guint32        slot,
                guint32        expected,
                gint64         deadline_usec)
{
  SsemShmSegment *segment = member->segment;
  SsemShmSleepers *sleepers = ssem_shm_get_sleepers (segment);
  HANDLE event = get_event (ssem_shm_win32_member (member), slot);
  gboolean is_early = FALSE, is_blind = FALSE;

  take_ticket (sleepers, slot);
  if (ssem_shm_state_get_sleep_half (atomic_load (&segment->state)) == expected)
    is_blind = !wait_for_event (event, deadline_usec);
  else
    is_early = TRUE;

  /* Dropped by a waker: this thread is the one that was woken, whatever has ended its wait. */
  if (atomic_exchange (&sleepers->tickets[slot], 0) == 0 || is_early)
    return 0;

  return is_blind || g_get_monotonic_time () >= deadline_usec ? -ETIMEDOUT : 0;
}

/* --- Waking --- */

/* Finds the slot with the smallest ticket that is not larger than @last, and larger than @tried
 * unless that is 0. Returns 0 if there is none. */
static guint32
find_sleeper (SsemShmSegment *segment,
              guint32         tried,
              guint32         last,
              guint32        *ticket)
{
  SsemShmSleepers *sleepers = ssem_shm_get_sleepers (segment);
  guint32 used = MIN (atomic_load (&segment->slots_used), SSEM_SHM_MAX_SLOTS);
  guint32 found = 0, slot;

  for (slot = 1; slot < used; slot++)
    {
      guint32 other = atomic_load (&sleepers->tickets[slot]);

      /* Tickets wrap, so only their differences count. */
      if (other != 0 && (gint32) (last - other) >= 0 &&
          (tried == 0 || (gint32) (other - tried) > 0) &&
          (found == 0 || (gint32) (*ticket - other) > 0) &&
          atomic_load (&segment->slots[slot].owner) != 0)
        {
          found = slot;
          *ticket = other;
        }
    }

  return found;
}

int
ssem_shm_wake (SsemShmMember *member,
               int            n)
{
  SsemShmWin32Member *self = ssem_shm_win32_member (member);
  SsemShmSleepers *sleepers = ssem_shm_get_sleepers (member->segment);
  /* Nobody needs to wake those who go to sleep from now on. */
  const guint32 last = atomic_load (&sleepers->last_ticket);
  int n_woken = 0;
  guint32 tried = 0, ticket, slot;

  while (n_woken < n && (slot = find_sleeper (member->segment, tried, last, &ticket)) != 0)
    {
      HANDLE event = get_event (self, slot);

      tried = ticket;
      if (event == NULL)
        continue;
      SetEvent (event);
      if (atomic_compare_exchange_strong (&sleepers->tickets[slot], &ticket, 0))
        n_woken++;
    }

  return n_woken;
}

void
ssem_shm_wake_slot (SsemShmMember *member,
                    guint32        slot)
{
  HANDLE event = get_event (ssem_shm_win32_member (member), slot);

  if (event != NULL)
    SetEvent (event);
}
