/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-pin-private.h"

#include "ssem/os/ssem-barrier-private.h"
#include "ssem/os/ssem-fork-private.h"

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
 * malloc (3), or this file with pins_lock held. Such an operation takes a moment, so the thread that
 * retires waits for it, but not for long: the thread that is inside may be stopped. An operation that
 * may last says so (stay), and frees as it leaves (leave, fence, look at must_look). What is still not
 * free then, the next thread that retires frees, or the end of a thread.
 *
 * Where the system can make every thread pass a fence, retire does that, and enter and leave only
 * keep the compiler in order. Where it can't, the thread's FAST_PIN stays NULL and must_look stays
 * set, so that both go the slow way, which has a fence. Its PIN is set in any case.
 *
 * pins_lock protects the list of pins and the list of the retired. It is never held while anything
 * is freed.
 */

/* How often a thread that retires looks again, first in turns with others, then after a pause each. */
#define N_YIELDS 100
#define N_PAUSES 100
#define PAUSE_USEC 1000

static GMutex pins_lock;
static SsemPin *pins;
static SsemInstance *retired;
static atomic_bool are_any_retired; /* written under pins_lock */

static void free_retired (void);

static void
unregister_cb (gpointer data)
{
  SsemPin **link;

  g_mutex_lock (&pins_lock);
  for (link = &pins; *link != data; link = &(*link)->next)
    ;
  *link = (*link)->next;
  g_mutex_unlock (&pins_lock);

  ssem_thread_slot_set (SSEM_THREAD_SLOT_FAST_PIN, NULL);
  ssem_thread_slot_set (SSEM_THREAD_SLOT_PIN, NULL);
  g_free (data);
  free_retired ();
}

static void
keep_own_pin_in_child (void)
{
  SsemPin *pin;

  /* The other threads are gone, and what they were inside of may be freed. Their pins are not: the
   * destructors that would have done it are gone, too. */
  while ((pin = pins) != NULL)
    {
      pins = pin->next;
      if (pin != ssem_thread_slot_get (SSEM_THREAD_SLOT_PIN))
        g_free (pin);
    }

  pins = ssem_thread_slot_get (SSEM_THREAD_SLOT_PIN);
  if (pins != NULL)
    pins->next = NULL;

  ssem_barrier_init ();
}

void
ssem_pin_init (void)
{
  ssem_barrier_init ();
  ssem_fork_protect (&pins_lock, keep_own_pin_in_child);
}

/* With pins_lock. */
static void
set_must_look (SsemPin *pin)
{
  atomic_store_explicit (&pin->must_look, retired != NULL || !ssem_barrier_is_asymmetric,
                         memory_order_relaxed);
}

static SsemPin *
register_thread (void)
{
  static GPrivate at_thread_exit = G_PRIVATE_INIT (unregister_cb);
  SsemPin *pin = g_new0 (SsemPin, 1);

  g_mutex_lock (&pins_lock);
  set_must_look (pin);
  pin->next = pins;
  pins = pin;
  g_mutex_unlock (&pins_lock);

  g_private_set (&at_thread_exit, pin);
  ssem_thread_slot_set (SSEM_THREAD_SLOT_PIN, pin);
  if (ssem_barrier_is_asymmetric)
    ssem_thread_slot_set (SSEM_THREAD_SLOT_FAST_PIN, pin);

  return pin;
}

static SsemPin *
get_pin (void)
{
  SsemPin *pin = ssem_thread_slot_get (SSEM_THREAD_SLOT_PIN);

  return pin != NULL ? pin : register_thread ();
}

guint
ssem_pin_get_depth (void)
{
  SsemPin *pin = get_pin ();
  guint depth = 0;

  while (depth + 1 < SSEM_PIN_MAX_DEPTH &&
         atomic_load_explicit (&pin->inside[depth + 1], memory_order_relaxed) != NULL)
    depth++;

  return depth;
}

/* The first that is free. A handler that interrupts this frees what it takes, so it stays so. */
static guint
find_depth (SsemPin *pin)
{
  guint depth = 0;

  while (depth < SSEM_PIN_MAX_DEPTH &&
         atomic_load_explicit (&pin->inside[depth], memory_order_relaxed) != NULL)
    depth++;

  return depth;
}

static void
announce (SsemPin      *pin,
          guint         depth,
          SsemInstance *instance)
{
  atomic_store_explicit (&pin->inside[depth], instance, memory_order_relaxed);
  if (ssem_pin_get_fast () != NULL)
    atomic_signal_fence (memory_order_seq_cst);
  else
    atomic_thread_fence (memory_order_seq_cst);
}

SsemInstance *
ssem_pin_enter (_Atomic (SsemInstance *) *place,
                guint                    *depth)
{
  SsemPin *pin = get_pin ();
  SsemInstance *instance, *announced;

  *depth = find_depth (pin);
  if (*depth == SSEM_PIN_MAX_DEPTH)
    return NULL;

  instance = atomic_load_explicit (place, memory_order_acquire);
  do
    {
      announced = instance;
      announce (pin, *depth, announced);
      instance = atomic_load_explicit (place, memory_order_acquire);
    }
  while (instance != announced);

  return instance;
}

gboolean
ssem_pin_enter_new (SsemInstance *instance,
                    guint        *depth)
{
  SsemPin *pin = get_pin ();

  *depth = find_depth (pin);
  if (*depth == SSEM_PIN_MAX_DEPTH)
    return FALSE;

  announce (pin, *depth, instance);

  return TRUE;
}

void
ssem_pin_stay (guint depth)
{
  atomic_store_explicit (&get_pin ()->may_last[depth], TRUE, memory_order_relaxed);
}

void
ssem_pin_leave (guint depth)
{
  SsemPin *pin = get_pin ();

  if (depth == SSEM_PIN_MAX_DEPTH)
    return;

  /* Release: what we did inside comes before the memory is freed. */
  atomic_store_explicit (&pin->may_last[depth], FALSE, memory_order_relaxed);
  atomic_store_explicit (&pin->inside[depth], NULL, memory_order_release);
}

void
ssem_pin_leave_and_free (guint depth)
{
  SsemPin *pin = get_pin ();

  ssem_pin_leave (depth);
  atomic_signal_fence (memory_order_seq_cst);
  if (G_UNLIKELY (atomic_load_explicit (&pin->must_look, memory_order_relaxed)))
    {
      /* The fence of those whose system has none for all threads. */
      atomic_thread_fence (memory_order_seq_cst);
      free_retired ();
    }
}

static gboolean
is_anybody_inside (SsemInstance *instance)
{
  SsemPin *pin;
  int i;

  for (pin = pins; pin != NULL; pin = pin->next)
    {
      for (i = 0; i < SSEM_PIN_MAX_DEPTH; i++)
        {
          /* Acquire: pairs with the release in leave. */
          if (atomic_load_explicit (&pin->inside[i], memory_order_acquire) == instance)
            return TRUE;
        }
    }

  return FALSE;
}

/* With pins_lock: whether another thread could be inside anything. */
static gboolean
are_there_others (void)
{
  return pins != NULL &&
         (pins->next != NULL || pins != ssem_thread_slot_get (SSEM_THREAD_SLOT_PIN));
}

/* With pins_lock, after a change to the list of the retired. */
static void
tell_all (void)
{
  SsemPin *pin;

  atomic_store_explicit (&are_any_retired, retired != NULL, memory_order_relaxed);
  for (pin = pins; pin != NULL; pin = pin->next)
    set_must_look (pin);
}

/* With pins_lock: takes those that no thread is inside out of the list of the retired. */
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

  g_mutex_lock (&pins_lock);
  unused = take_unused ();
  g_mutex_unlock (&pins_lock);

  while (unused != NULL)
    {
      SsemInstance *instance = unused;

      unused = instance->next_retired;
      instance->table->free (instance);
    }
}

/* With pins_lock. */
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
  SsemPin *pin;
  int i;

  g_mutex_lock (&pins_lock);
  for (pin = is_retired (instance) ? pins : NULL; pin != NULL; pin = pin->next)
    {
      for (i = 0; i < SSEM_PIN_MAX_DEPTH; i++)
        {
          if (atomic_load_explicit (&pin->inside[i], memory_order_acquire) == instance &&
              !atomic_load_explicit (&pin->may_last[i], memory_order_relaxed))
            is_used = TRUE;
        }
    }
  g_mutex_unlock (&pins_lock);

  return is_used;
}

void
ssem_pin_retire (SsemInstance *instance)
{
  int i;

  g_mutex_lock (&pins_lock);
  instance->next_retired = retired;
  retired = instance;
  atomic_store_explicit (&are_any_retired, TRUE, memory_order_relaxed);
  g_mutex_unlock (&pins_lock);

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
