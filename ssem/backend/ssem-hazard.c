/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-hazard-private.h"

#include "ssem/os/ssem-barrier-private.h"
#include "ssem/os/ssem-fork-private.h"
#include "ssem/os/ssem-hooks-private.h"
#include "ssem/os/ssem-thread-slot-private.h"

/* How it works
 *
 *   enter    announce the instance; fence; check whether the object still has it
 *   leave    take the announcement back
 *   retire   (the object has lost the instance) set must_look of all threads; fence; read all
 *            announcements
 *
 * Both sides have a fence, so at least one of enter and retire sees the other: if retire misses the
 * announcement of a thread, that thread finds that the object has lost the instance. If the backend
 * announces operations on the fast path in its own way, retire asks the backend, too.
 *
 * An operation that may run in a signal handler frees nothing: the handler may have interrupted
 * malloc (3), or this file with hazards_lock held. Such an operation is short, so the thread that
 * retires waits for it, but not for long: the other thread may be stopped. An operation that may
 * last says so (stay), and frees as it leaves (leave, fence, look at must_look). An instance that
 * still is in use then is freed by the next thread that retires, or at the end of a thread.
 *
 * Where the system can make every thread pass a fence, retire does that, and enter and leave only
 * keep the compiler in order. On other systems enter has a fence, and so has leave, since must_look
 * stays set.
 *
 * An object keeps the hazard of one thread for the fast path, and may keep it after the thread has
 * ended. So the memory of hazards is never freed.
 *
 * hazards_lock protects the list of hazards and the list of retired instances. It is never held
 * while an instance is freed.
 */

/* How often a thread that retires checks again: first it yields, then it pauses before each
 * check. */
#define N_YIELDS 100
#define N_PAUSES 100
#define PAUSE_USEC 1000

static GMutex hazards_lock;
static SsemHazard *hazards;
static _Atomic (SsemHazard *) spare; /* memory for hazards; only taken with hazards_lock */
static SsemInstance *retired;
static atomic_bool are_any_retired; /* written under hazards_lock */

/* Its depth 0 is taken, forever. */
SsemHazard ssem_no_hazard = { .inside[0] = (SsemInstance *) &ssem_no_hazard };

static void free_retired (void);

/* Puts the hazard of a thread that ends into the list of spare ones. Takes no lock, because a
 * signal handler of the thread may need a hazard at any time, and would register a new one. */
static void
put_into_spare (SsemHazard *hazard)
{
  int i;

  atomic_store_explicit (&hazard->thread, NULL, memory_order_relaxed);
  for (i = 0; i < SSEM_HAZARD_MAX_DEPTH; i++)
    {
      atomic_store_explicit (&hazard->inside[i], NULL, memory_order_relaxed);
      atomic_store_explicit (&hazard->may_last[i], FALSE, memory_order_relaxed);
    }
  hazard->next = atomic_load (&spare);
  while (!atomic_compare_exchange_weak (&spare, &hazard->next, hazard))
    ;
}

/* With hazards_lock: a hazard that others could take and put back would not stay the first. */
static SsemHazard *
take_spare_or_new (void)
{
  SsemHazard *hazard = atomic_load (&spare);

  while (hazard != NULL && !atomic_compare_exchange_weak (&spare, &hazard, hazard->next))
    ;

  return hazard != NULL ? hazard : g_aligned_alloc0 (1, sizeof *hazard, SSEM_HAZARD_LINE);
}

/* Lets the calling thread enter on the fast path, unless each thread has to make its own fences. */
static void
set_thread (SsemHazard *hazard)
{
  atomic_store_explicit (&hazard->thread,
                         ssem_barrier_is_asymmetric ? ssem_thread_slot_owner () : NULL,
                         memory_order_relaxed);
}

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

  ssem_thread_slot_set (SSEM_THREAD_SLOT_HAZARD, NULL);
  /* A signal handler must not find it any more when it is spare. */
  atomic_signal_fence (memory_order_seq_cst);
  put_into_spare (hazard);
  free_retired ();
}

static void
keep_own_hazard_in_child (void)
{
  SsemHazard *own = ssem_thread_slot_get (SSEM_THREAD_SLOT_HAZARD);
  SsemHazard *hazard;

  /* The other threads are gone, so the instances that they announced may be freed. A new thread may
   * be taken for one of them, so it must not find their hazards. */
  while ((hazard = hazards) != NULL)
    {
      hazards = hazard->next;
      if (hazard != own)
        put_into_spare (hazard);
    }

  ssem_barrier_init ();

  hazards = own;
  if (own == NULL)
    return;

  own->next = NULL;
  set_thread (own);
}

void
ssem_hazard_init (void)
{
  ssem_barrier_init ();
  ssem_fork_protect (&hazards_lock, keep_own_hazard_in_child);
  ssem_hooks_add_thread_end (unregister_thread);
}

/* Makes the thread of @hazard look for retired instances if there are any; with hazards_lock. */
static void
set_must_look (SsemHazard *hazard)
{
  atomic_store_explicit (&hazard->must_look, retired != NULL || !ssem_barrier_is_asymmetric,
                         memory_order_relaxed);
}

static SsemHazard *
register_thread (void)
{
  SsemHazard *hazard;

  g_mutex_lock (&hazards_lock);
  hazard = take_spare_or_new ();
  set_thread (hazard);
  set_must_look (hazard);
  hazard->next = hazards;
  hazards = hazard;
  g_mutex_unlock (&hazards_lock);

  ssem_hooks_watch_thread ();
  ssem_thread_slot_set (SSEM_THREAD_SLOT_HAZARD, hazard);

  return hazard;
}

static SsemHazard *
get_hazard (void)
{
  SsemHazard *hazard = ssem_thread_slot_get (SSEM_THREAD_SLOT_HAZARD);

  return hazard != NULL ? hazard : register_thread ();
}

SsemHazard *
ssem_hazard_find_fast (_Atomic (SsemHazard *) *kept)
{
  SsemHazard *hazard = ssem_thread_slot_get (SSEM_THREAD_SLOT_HAZARD);
  SsemHazard *other;

  if (hazard == NULL || atomic_load_explicit (&hazard->thread, memory_order_relaxed) == NULL)
    return &ssem_no_hazard;

  other = atomic_load_explicit (kept, memory_order_relaxed);
  if (atomic_load_explicit (&other->thread, memory_order_relaxed) == NULL)
    atomic_store_explicit (kept, hazard, memory_order_relaxed);

  return hazard;
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

/* Returns the first free depth. It stays free: a handler that interrupts this frees what it
 * takes. */
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
announce (SsemHazard   *hazard,
          guint         depth,
          SsemInstance *instance)
{
  atomic_store_explicit (&hazard->inside[depth], instance, memory_order_relaxed);
  if (ssem_barrier_is_asymmetric)
    atomic_signal_fence (memory_order_seq_cst);
  else
    atomic_thread_fence (memory_order_seq_cst);
}

SsemInstance *
ssem_hazard_enter (_Atomic (SsemInstance *) *location,
                   guint                    *depth)
{
  SsemHazard *hazard = get_hazard ();
  SsemInstance *instance, *announced;

  *depth = find_depth (hazard);
  if (*depth == SSEM_HAZARD_MAX_DEPTH)
    return NULL;

  instance = atomic_load_explicit (location, memory_order_acquire);
  do
    {
      announced = instance;
      announce (hazard, *depth, announced);
      instance = atomic_load_explicit (location, memory_order_acquire);
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

  /* Release: the operation's accesses come before the memory is freed. */
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
      /* Needed where the system has no fence for all threads. */
      atomic_thread_fence (memory_order_seq_cst);
      free_retired ();
    }
}

static gboolean
is_any_thread_inside (SsemInstance *instance)
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

  return ssem_backend_is_in_fast (instance);
}

/* Returns whether another thread could be inside an instance; with hazards_lock. */
static gboolean
are_other_threads_here (void)
{
  return hazards != NULL &&
         (hazards->next != NULL || hazards != ssem_thread_slot_get (SSEM_THREAD_SLOT_HAZARD));
}

/* Sets must_look of all threads after a change to the list of retired instances; with
 * hazards_lock. */
static void
update_must_look (void)
{
  SsemHazard *hazard;

  atomic_store_explicit (&are_any_retired, retired != NULL, memory_order_relaxed);
  for (hazard = hazards; hazard != NULL; hazard = hazard->next)
    set_must_look (hazard);
}

/* Takes the instances that no thread is inside out of the list of retired ones; with
 * hazards_lock. */
static SsemInstance *
take_unused (void)
{
  SsemInstance *unused = NULL;
  SsemInstance **link;

  if (are_other_threads_here ())
    {
      update_must_look ();
      /* Where the system cannot make the threads pass a fence now, nothing is freed. */
      if (!ssem_barrier_heavy ())
        return NULL;
    }

  for (link = &retired; *link != NULL;)
    {
      SsemInstance *instance = *link;

      if (is_any_thread_inside (instance))
        {
          link = &instance->next_retired;
          continue;
        }

      *link = instance->next_retired;
      instance->next_retired = unused;
      unused = instance;
    }
  if (retired == NULL)
    update_must_look ();

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

/* Returns whether @instance is retired and not freed; with hazards_lock. */
static gboolean
is_retired (SsemInstance *instance)
{
  SsemInstance *other;

  for (other = retired; other != NULL && other != instance; other = other->next_retired)
    ;

  return other != NULL;
}

/* Returns whether only a short operation keeps @instance from being freed. Another thread may have
 * freed it already, and its memory may be in use again: only the pointer is compared. */
static gboolean
is_briefly_used (SsemInstance *instance)
{
  gboolean is_used = FALSE;
  SsemHazard *hazard;
  int i;

  g_mutex_lock (&hazards_lock);
  if (is_retired (instance))
    is_used = ssem_backend_is_in_fast (instance);
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
