/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-hazard-private.h"

#include "ssem/os/ssem-barrier-private.h"
#include "ssem/os/ssem-fork-private.h"
#include "ssem/os/ssem-hooks-private.h"

/* How it works
 *
 *   enter    announce the instance; fence; look whether it is still in its place
 *   leave    take the announcement back
 *   retire   (the place is empty already) set all threads' must_look; fence; read all announcements
 *
 * With a fence on both sides at least one of enter and retire sees the other: a thread whose
 * announcement retire missed finds the place changed.
 *
 * An operation that may run in a signal handler frees nothing: the handler may have interrupted
 * malloc (3), or this file with hazards_lock held. Such an operation takes a moment, so the thread that
 * retires waits for it, but not for long: the thread that is inside may be stopped. An operation that
 * may last says so (stay), and frees as it leaves (leave, fence, look at must_look). What is still not
 * free then, the next thread that retires frees, or the end of a thread.
 *
 * Where the system can make every thread pass a fence, retire does that, and enter and leave only
 * keep the compiler in order. Where it can't, the thread's FAST_PIN stays NULL and must_look stays
 * set, so that both go the slow way, which has a fence. Its PIN is set in any case.
 *
 * hazards_lock protects the list of hazards and the list of the retired. It is never held while anything
 * is freed.
 */

/* How often a thread that retires looks again, first in turns with others, then after a pause each. */
#define N_YIELDS 100
#define N_PAUSES 100
#define PAUSE_USEC 1000

static GMutex hazards_lock;
static SsemHazard *hazards;
static SsemInstance *retired;
static atomic_bool are_any_retired; /* written under hazards_lock */

static void free_retired (void);

static void
unregister_thread (void)
{
  SsemHazard *hazard = ssem_thread_slot_get (SSEM_THREAD_SLOT_HAZARD);
  SsemHazard **link;

  if (hazard == NULL)
    return;

  g_mutex_lock (&hazards_lock);
  for (link = &hazards; *link != hazard; link = &(*link)->next)
    ;
  *link = hazard->next;
  g_mutex_unlock (&hazards_lock);

  ssem_thread_slot_set (SSEM_THREAD_SLOT_FAST_HAZARD, NULL);
  ssem_thread_slot_set (SSEM_THREAD_SLOT_HAZARD, NULL);
  g_free (hazard);
  free_retired ();
}

static void
keep_own_hazard_in_child (void)
{
  SsemHazard *hazard;

  /* The other threads are gone, and what they were inside of may be freed. Their hazards are not: the
   * destructors that would have done it are gone, too. */
  while ((hazard = hazards) != NULL)
    {
      hazards = hazard->next;
      if (hazard != ssem_thread_slot_get (SSEM_THREAD_SLOT_HAZARD))
        g_free (hazard);
    }

  hazards = ssem_thread_slot_get (SSEM_THREAD_SLOT_HAZARD);
  if (hazards != NULL)
    hazards->next = NULL;

  ssem_barrier_init ();
}

void
ssem_hazard_init (void)
{
  ssem_barrier_init ();
  ssem_fork_protect (&hazards_lock, keep_own_hazard_in_child);
  ssem_hooks_add_thread_end (unregister_thread);
}

/* With hazards_lock. */
static void
set_must_look (SsemHazard *hazard)
{
  atomic_store_explicit (&hazard->must_look, retired != NULL || !ssem_barrier_is_asymmetric,
                         memory_order_relaxed);
}

static SsemHazard *
register_thread (void)
{
  SsemHazard *hazard = g_new0 (SsemHazard, 1);

  g_mutex_lock (&hazards_lock);
  set_must_look (hazard);
  hazard->next = hazards;
  hazards = hazard;
  g_mutex_unlock (&hazards_lock);

  ssem_hooks_watch_thread ();
  ssem_thread_slot_set (SSEM_THREAD_SLOT_HAZARD, hazard);
  if (ssem_barrier_is_asymmetric)
    ssem_thread_slot_set (SSEM_THREAD_SLOT_FAST_HAZARD, hazard);

  return hazard;
}

static SsemHazard *
get_hazard (void)
{
  SsemHazard *hazard = ssem_thread_slot_get (SSEM_THREAD_SLOT_HAZARD);

  return hazard != NULL ? hazard : register_thread ();
}

guint
ssem_hazard_get_depth (void)
{
  SsemHazard *hazard = get_hazard ();
  guint depth = 0;

  while (depth + 1 < SSEM_HAZARD_MAX_DEPTH &&
         atomic_load_explicit (&hazard->inside[depth + 1], memory_order_relaxed) != NULL)
    depth++;

  return depth;
}

/* The first that is free. A handler that interrupts this frees what it takes, so it stays so. */
static guint
find_depth (SsemHazard *hazard)
{
  guint depth = 0;

  while (depth < SSEM_HAZARD_MAX_DEPTH &&
         atomic_load_explicit (&hazard->inside[depth], memory_order_relaxed) != NULL)
    depth++;

  return depth;
}

static void
announce (SsemHazard      *hazard,
          guint         depth,
          SsemInstance *instance)
{
  atomic_store_explicit (&hazard->inside[depth], instance, memory_order_relaxed);
  if (ssem_hazard_get_fast () != NULL)
    atomic_signal_fence (memory_order_seq_cst);
  else
    atomic_thread_fence (memory_order_seq_cst);
}

SsemInstance *
ssem_hazard_enter (_Atomic (SsemInstance *) *place,
                guint                    *depth)
{
  SsemHazard *hazard = get_hazard ();
  SsemInstance *instance, *announced;

  *depth = find_depth (hazard);
  if (*depth == SSEM_HAZARD_MAX_DEPTH)
    return NULL;

  instance = atomic_load_explicit (place, memory_order_acquire);
  do
    {
      announced = instance;
      announce (hazard, *depth, announced);
      instance = atomic_load_explicit (place, memory_order_acquire);
    }
  while (instance != announced);

  return instance;
}

gboolean
ssem_hazard_enter_new (SsemInstance *instance,
                    guint        *depth)
{
  SsemHazard *hazard = get_hazard ();

  *depth = find_depth (hazard);
  if (*depth == SSEM_HAZARD_MAX_DEPTH)
    return FALSE;

  announce (hazard, *depth, instance);

  return TRUE;
}

void
ssem_hazard_stay (guint depth)
{
  atomic_store_explicit (&get_hazard ()->may_last[depth], TRUE, memory_order_relaxed);
}

void
ssem_hazard_leave (guint depth)
{
  SsemHazard *hazard = get_hazard ();

  if (depth == SSEM_HAZARD_MAX_DEPTH)
    return;

  /* Release: what we did inside comes before the memory is freed. */
  atomic_store_explicit (&hazard->may_last[depth], FALSE, memory_order_relaxed);
  atomic_store_explicit (&hazard->inside[depth], NULL, memory_order_release);
}

void
ssem_hazard_leave_and_free (guint depth)
{
  SsemHazard *hazard = get_hazard ();

  ssem_hazard_leave (depth);
  atomic_signal_fence (memory_order_seq_cst);
  if (G_UNLIKELY (atomic_load_explicit (&hazard->must_look, memory_order_relaxed)))
    {
      /* The fence of those whose system has none for all threads. */
      atomic_thread_fence (memory_order_seq_cst);
      free_retired ();
    }
}

static gboolean
is_anybody_inside (SsemInstance *instance)
{
  SsemHazard *hazard;
  int i;

  for (hazard = hazards; hazard != NULL; hazard = hazard->next)
    {
      for (i = 0; i < SSEM_HAZARD_MAX_DEPTH; i++)
        {
          /* Acquire: pairs with the release in leave. */
          if (atomic_load_explicit (&hazard->inside[i], memory_order_acquire) == instance)
            return TRUE;
        }
    }

  return FALSE;
}

/* With hazards_lock: whether another thread could be inside anything. */
static gboolean
are_there_others (void)
{
  return hazards != NULL &&
         (hazards->next != NULL || hazards != ssem_thread_slot_get (SSEM_THREAD_SLOT_HAZARD));
}

/* With hazards_lock, after a change to the list of the retired. */
static void
tell_all (void)
{
  SsemHazard *hazard;

  atomic_store_explicit (&are_any_retired, retired != NULL, memory_order_relaxed);
  for (hazard = hazards; hazard != NULL; hazard = hazard->next)
    set_must_look (hazard);
}

/* With hazards_lock: takes those that no thread is inside out of the list of the retired. */
static SsemInstance *
take_unused (void)
{
  SsemInstance *unused = NULL;
  SsemInstance **link;

  if (are_there_others ())
    {
      tell_all ();
      /* Where the threads cannot be made to tell, nothing is freed. */
      if (!ssem_barrier_heavy ())
        return NULL;
    }

  for (link = &retired; *link != NULL;)
    {
      SsemInstance *instance = *link;

      if (is_anybody_inside (instance))
        {
          link = &instance->next_retired;
          continue;
        }

      *link = instance->next_retired;
      instance->next_retired = unused;
      unused = instance;
    }
  if (retired == NULL)
    tell_all ();

  return unused;
}

static void
free_retired (void)
{
  SsemInstance *unused;

  if (!atomic_load_explicit (&are_any_retired, memory_order_relaxed))
    return;

  g_mutex_lock (&hazards_lock);
  unused = take_unused ();
  g_mutex_unlock (&hazards_lock);

  while (unused != NULL)
    {
      SsemInstance *instance = unused;

      unused = instance->next_retired;
      ssem_backend_free (instance);
    }
}

/* With hazards_lock. */
static gboolean
is_retired (SsemInstance *instance)
{
  SsemInstance *other;

  for (other = retired; other != NULL && other != instance; other = other->next_retired)
    ;

  return other != NULL;
}

/* Whether it is still there only because an operation is inside that will be through in a moment.
 * Another thread may have freed it, and its memory be in use again. */
static gboolean
is_briefly_used (SsemInstance *instance)
{
  gboolean is_used = FALSE;
  SsemHazard *hazard;
  int i;

  g_mutex_lock (&hazards_lock);
  for (hazard = is_retired (instance) ? hazards : NULL; hazard != NULL; hazard = hazard->next)
    {
      for (i = 0; i < SSEM_HAZARD_MAX_DEPTH; i++)
        {
          if (atomic_load_explicit (&hazard->inside[i], memory_order_acquire) == instance &&
              !atomic_load_explicit (&hazard->may_last[i], memory_order_relaxed))
            is_used = TRUE;
        }
    }
  g_mutex_unlock (&hazards_lock);

  return is_used;
}

void
ssem_hazard_retire (SsemInstance *instance)
{
  int i;

  g_mutex_lock (&hazards_lock);
  instance->next_retired = retired;
  retired = instance;
  atomic_store_explicit (&are_any_retired, TRUE, memory_order_relaxed);
  g_mutex_unlock (&hazards_lock);

  free_retired ();
  for (i = 0; i < N_YIELDS + N_PAUSES && is_briefly_used (instance); i++)
    {
      if (i < N_YIELDS)
        g_thread_yield ();
      else
        g_usleep (PAUSE_USEC);
      free_retired ();
    }
}
