/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-recovery-private.h"

#include "ssem-shm-counter-private.h"
#include "ssem-shm-waiters-private.h"
#include "ssem/os/ssem-debug-private.h"

/* No attach id is used twice, so a process that is seen as dead stays dead. Any number of processes
 * may reclaim the same process concurrently: see ssem-shm-counter.c.
 *
 * To ask whether a process is alive costs some microseconds. So the cost must not be the number of
 * processes that look times the number that they ask about.
 *
 * Listening
 *
 *   Where processes wait, up to three of them listen: the system tells a listener which process has
 *   died. So a death costs one question and one walk through the slots. `listeners` contains the
 *   attach ids of the listeners. A process first begins to watch and then writes its id, so an id
 *   means that deaths are noticed; then it looks once for those who had died before, and again a
 *   little later. A process that stops listening writes 0. For one that dies, another listener
 *   wakes all waiters and then writes 0. A process that begins to listen replaces a dead one's id
 *   by its own. Nobody else clears it, or the waiters would not be woken.
 *
 * Looking
 *
 *   Without a listener, somebody has to ask about all processes that hold units, or were in the
 *   middle of an operation. The result serves all:
 *
 *   next_try_look    No try and no read of the value asks before this time. After a look that took
 *                    the time D it lies 20 D ahead, but at most 10 ms. It is 0 if only a few were
 *                    asked: then every try asks, and finds the units of a dead process at once.
 *   next_wait_look   The waiters' look, once a second, in case that all listeners are dead or
 *                    stopped, or that the system has no means to listen.
 *
 *   Both contain microseconds of the monotonic clock. A process that looks first moves the time
 *   ahead, so others do not look meanwhile. A time that lies too far ahead does not count: it is
 *   from another clock, before a reboot or in another time name space.
 *
 * Waking
 *
 *   A dead process may have been woken for units that are still there, and so have kept the wake-up
 *   from others. Or it has returned units and died before it woke anybody. So after a death as many
 *   waiters look again as there are units. If there are none, nothing was kept from anybody. All of
 *   them look again after the death of a listener, which needs a successor.
 */

#define FEW_QUESTIONS 3
#define LOOK_SHARE 20
#define MAX_TRY_PAUSE_USEC G_GINT64_CONSTANT (10000)
#define WAIT_PAUSE_USEC G_USEC_PER_SEC

/* A process may have died so shortly before this process began to watch that the first look still
 * finds it alive. So the second look comes soon. */
#define SECOND_LOOK_USEC G_GINT64_CONSTANT (20000)

/* Which processes are asked about: those of a slot for which this returns TRUE. */
typedef gboolean (*RelevanceFunc) (SsemShmSegment *segment,
                                   guint32         index);

static gboolean
is_any (SsemShmSegment *segment,
        guint32         index)
{
  return TRUE;
}

static gboolean
is_waiting (SsemShmSegment *segment,
            guint32         index)
{
  return atomic_load (&segment->slots[index].waiting) != 0;
}

/* Returns whether a reclaim of the slot could return units. */
static gboolean
has_units (SsemShmSegment *segment,
           guint32         index)
{
  SsemShmSlot *slot = &segment->slots[index];
  guint64 word = atomic_load (&segment->state);
  guint32 committed = atomic_load (&slot->committed);

  return atomic_load (&slot->holding[committed & 1]) != 0 ||
         ssem_shm_counter_next_operation_succeeded (slot, index, word);
}

static void
wake_for_units (SsemShmMember *member)
{
  int value = ssem_shm_counter_get_value (member->segment);

  if (value > 0 && ssem_shm_waiters_is_anybody (member->segment))
    ssem_shm_waiters_wake (member, value);
}

/* Asks about the relevant processes, and reclaims the dead ones. Adds to @n_asked. */
static int
reclaim_dead (SsemShmMember *member,
              RelevanceFunc  is_relevant,
              int           *n_asked)
{
  SsemShmSegment *segment = member->segment;
  guint32 used = atomic_load (&segment->slots_used);
  guint64 last_asked = member->attach_id;
  guint32 index;
  int result = 0, n_dead = 0;

  for (index = 1; index < used && result >= 0; index++)
    {
      guint64 owner = atomic_load (&segment->slots[index].owner) >> SSEM_SHM_OWNER_SHIFT;

      /* The slots of one process are mostly adjacent. */
      if (owner == 0 || owner == member->attach_id || owner == last_asked ||
          !is_relevant (segment, index))
        continue;

      last_asked = owner;
      (*n_asked)++;
      result = ssem_shm_member_ask (member, owner);
      if (result != 0)
        continue;

      ssem_shm_counter_reclaim (segment, owner);
      ssem_shm_member_bury (member, owner);
      n_dead++;
    }

  /* Also after an error: the units that came back before it must not lie unnoticed. */
  if (n_dead > 0)
    {
      ssem_shm_waiters_recount (segment);
      wake_for_units (member);
    }

  return result < 0 ? result : n_dead;
}

/* Tells of @n_dead processes in the log; not where a signal handler may call. Returns @n_dead. */
static int
trace_dead (SsemShmMember *member,
            int            n_dead)
{
  if (n_dead > 0)
    ssem_debug_reclaimed (n_dead, ssem_shm_member_get_culprit (member));

  return n_dead;
}

/* --- Looking --- */

/* Returns whether the time has come that @next contains, and moves it @pause_usec ahead. */
static gboolean
begin_look (atomic_uint_least64_t *next,
            gint64                 now,
            gint64                 pause_usec)
{
  guint64 due = atomic_load_explicit (next, memory_order_relaxed);

  if (due == 0)
    return TRUE;
  if ((guint64) now < due && due <= (guint64) (now + pause_usec))
    return FALSE;

  return atomic_compare_exchange_strong (next, &due, (guint64) (now + pause_usec));
}

int
ssem_shm_recovery_look (SsemShmMember *member)
{
  atomic_uint_least64_t *next = &member->segment->next_try_look;
  gint64 start = g_get_monotonic_time ();
  gint64 end, pause;
  int n_asked = 0;
  int n_dead;

  if (!begin_look (next, start, MAX_TRY_PAUSE_USEC))
    return 0;

  n_dead = reclaim_dead (member, has_units, &n_asked);
  if (n_asked > FEW_QUESTIONS)
    {
      end = g_get_monotonic_time ();
      pause = MIN ((end - start) * LOOK_SHARE, MAX_TRY_PAUSE_USEC);
      atomic_store (next, (guint64) (end + pause));
    }
  else if (atomic_load_explicit (next, memory_order_relaxed) != 0)
    {
      atomic_store (next, 0);
    }

  return n_dead;
}

/* Writes 0 for a listener of that process. Returns whether there was one. */
static gboolean
remove_listener (SsemShmSegment *segment,
                 guint64         process_id)
{
  gboolean is_removed = FALSE;
  int i;

  for (i = 0; i < SSEM_SHM_N_LISTENERS; i++)
    {
      guint64 listener = atomic_load (&segment->listeners[i]);

      if (SSEM_SHM_ATTACH_ID_PROCESS (listener) == process_id &&
          atomic_compare_exchange_strong (&segment->listeners[i], &listener, 0))
        is_removed = TRUE;
    }

  return is_removed;
}

/* Has a waiter take the place of a listener that has died. Wakes first: if this process dies in
 * between, the entry shows what is still to be done. */
static void
replace_listener (SsemShmMember *member,
                  guint64        process_id)
{
  ssem_shm_waiters_wake_all (member);
  remove_listener (member->segment, process_id);
}

/* Returns how many listeners are alive. */
static int
count_listeners (SsemShmMember *member)
{
  int i, n = 0;

  for (i = 0; i < SSEM_SHM_N_LISTENERS; i++)
    {
      guint64 listener = atomic_load (&member->segment->listeners[i]);

      if (listener != 0 && ssem_shm_member_ask (member, listener) != 0)
        n++;
    }

  return n;
}

int
ssem_shm_recovery_look_again (SsemShmMember *member)
{
  int n_asked = 0;
  int n_dead = trace_dead (member, reclaim_dead (member, has_units, &n_asked));
  int i;

  wake_for_units (member);
  for (i = 0; i < SSEM_SHM_N_LISTENERS; i++)
    {
      guint64 listener = atomic_load (&member->segment->listeners[i]);

      if (listener != 0 && ssem_shm_member_ask (member, listener) == 0)
        replace_listener (member, SSEM_SHM_ATTACH_ID_PROCESS (listener));
    }

  return n_dead;
}

int
ssem_shm_recovery_look_as_waiter (SsemShmMember *member)
{
  if (!begin_look (&member->segment->next_wait_look, g_get_monotonic_time (), WAIT_PAUSE_USEC))
    return 0;

  return ssem_shm_recovery_look_again (member);
}

int
ssem_shm_recovery_sweep (SsemShmMember *member)
{
  int n_asked = 0;

  return trace_dead (member, reclaim_dead (member, is_any, &n_asked));
}

int
ssem_shm_recovery_sweep_waiters (SsemShmMember *member)
{
  int n_asked = 0;
  int n_dead = reclaim_dead (member, is_waiting, &n_asked);

  if (n_dead == 0)
    ssem_shm_waiters_recount (member->segment);

  return n_dead;
}

/* --- Listening --- */

static gboolean
has_listener (SsemShmSegment *segment,
              guint64         process_id)
{
  int i;

  for (i = 0; i < SSEM_SHM_N_LISTENERS; i++)
    {
      if (SSEM_SHM_ATTACH_ID_PROCESS (atomic_load (&segment->listeners[i])) == process_id)
        return TRUE;
    }

  return FALSE;
}

/* A SsemShmDeathFunc. */
static void
handle_death (SsemShmMember *member,
              guint64        process_id)
{
  SsemShmSegment *segment = member->segment;
  guint32 used = atomic_load (&segment->slots_used);
  gboolean is_member = FALSE;
  guint32 index;

  for (index = 1; index < used; index++)
    {
      guint64 owner = atomic_load (&segment->slots[index].owner) >> SSEM_SHM_OWNER_SHIFT;

      if (SSEM_SHM_ATTACH_ID_PROCESS (owner) != process_id)
        continue;
      ssem_shm_counter_reclaim (segment, owner);
      is_member = TRUE;
    }

  if (is_member)
    {
      trace_dead (member, 1);
      ssem_shm_waiters_recount (segment);
      wake_for_units (member);
    }
  if (has_listener (segment, process_id))
    replace_listener (member, process_id);
}

/* A SsemShmDeafFunc. */
static void
handle_end_of_watch (SsemShmMember *member)
{
  /* Any waiter can become a listener, also one of this process. */
  remove_listener (member->segment, SSEM_SHM_ATTACH_ID_PROCESS (member->attach_id));
  ssem_shm_waiters_wake_all (member);
}

static gboolean
add_listener (SsemShmMember *member)
{
  int i;

  for (i = 0; i < SSEM_SHM_N_LISTENERS; i++)
    {
      guint64 listener = atomic_load (&member->segment->listeners[i]);

      if ((listener == 0 || ssem_shm_member_ask (member, listener) == 0) &&
          atomic_compare_exchange_strong (&member->segment->listeners[i], &listener,
                                          member->attach_id))
        return TRUE;
    }

  return FALSE;
}

gboolean
ssem_shm_recovery_watch (SsemShmMember *member,
                         gboolean      *is_watched)
{
  int n_asked = 0;

  *is_watched = TRUE;
  if (count_listeners (member) >= SSEM_SHM_N_LISTENERS)
    return FALSE;

  if (!ssem_shm_member_watch (member, handle_death, handle_end_of_watch))
    {
      *is_watched = count_listeners (member) > 0;
      return FALSE;
    }
  if (!add_listener (member))
    {
      ssem_shm_member_unwatch (member);
      return FALSE;
    }

  trace_dead (member, reclaim_dead (member, has_units, &n_asked));
  atomic_store (&member->segment->next_wait_look,
                (guint64) (g_get_monotonic_time () + SECOND_LOOK_USEC));

  return TRUE;
}

gboolean
ssem_shm_recovery_is_watching (SsemShmMember *member)
{
  int i;

  for (i = 0; i < SSEM_SHM_N_LISTENERS; i++)
    {
      if (atomic_load (&member->segment->listeners[i]) == member->attach_id)
        return TRUE;
    }

  return FALSE;
}

gboolean
ssem_shm_recovery_unwatch (SsemShmMember *member)
{
  ssem_shm_member_unwatch (member);

  return remove_listener (member->segment, SSEM_SHM_ATTACH_ID_PROCESS (member->attach_id));
}
