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
 *   leave    take the announcement back; fence; look at must_look
 *   retire   (the place is empty already) set all threads' must_look; fence; read all announcements
 *
 * With a fence on both sides at least one of enter and retire sees the other: a thread whose
 * announcement retire missed finds the place changed. In the same way a thread whose leaving retire
 * missed finds must_look, and reclaims. Who is inside for long, a waiter, only delays the freeing
 * of the one instance.
 *
 * Where the system can make every thread pass a fence, retire does that, and enter and leave only
 * keep the compiler in order. Where it can't, the thread's FAST_PIN stays NULL and must_look stays
 * set, so that both go the slow way, which has a fence. Its PIN is set in any case.
 *
 * pins_lock protects the list of pins and the list of the retired. It is never held while anything
 * is freed.
 */

static GMutex pins_lock;
static SsemPin *pins;
static SsemInstance *retired;
static atomic_bool are_any_retired; /* written under pins_lock */

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

SsemInstance *
ssem_pin_enter (_Atomic (SsemInstance *)  *place,
                SsemPin                  **pin)
{
  SsemInstance *instance, *announced;
  gboolean is_fast;

  *pin = ssem_thread_slot_get (SSEM_THREAD_SLOT_PIN);
  if (*pin == NULL)
    *pin = register_thread ();
  is_fast = ssem_pin_get_fast () != NULL;

  instance = atomic_load_explicit (place, memory_order_acquire);
  do
    {
      announced = instance;
      atomic_store_explicit (&(*pin)->inside, announced, memory_order_relaxed);
      if (is_fast)
        atomic_signal_fence (memory_order_seq_cst);
      else
        atomic_thread_fence (memory_order_seq_cst);
      instance = atomic_load_explicit (place, memory_order_acquire);
    }
  while (instance != announced);

  return instance;
}

static gboolean
is_anybody_inside (SsemInstance *instance)
{
  SsemPin *pin;

  for (pin = pins; pin != NULL; pin = pin->next)
    {
      /* Acquire: pairs with the release in leave. */
      if (atomic_load_explicit (&pin->inside, memory_order_acquire) == instance)
        return TRUE;
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

static void
reclaim (void)
{
  SsemInstance *free_ones = NULL;
  SsemInstance **link;
  /* Where nobody can be made to tell, nothing is freed. */
  gboolean is_safe = TRUE;

  g_mutex_lock (&pins_lock);
  if (are_there_others ())
    {
      tell_all ();
      is_safe = ssem_barrier_heavy ();
    }
  for (link = &retired; is_safe && *link != NULL;)
    {
      SsemInstance *instance = *link;

      if (is_anybody_inside (instance))
        {
          link = &instance->next_retired;
          continue;
        }

      *link = instance->next_retired;
      instance->next_retired = free_ones;
      free_ones = instance;
    }
  if (retired == NULL)
    tell_all ();
  g_mutex_unlock (&pins_lock);

  while (free_ones != NULL)
    {
      SsemInstance *instance = free_ones;

      free_ones = instance->next_retired;
      instance->table->free (instance);
    }
}

void
ssem_pin_look (void)
{
  /* The fence of those whose system has none for all threads. */
  atomic_thread_fence (memory_order_seq_cst);
  if (atomic_load_explicit (&are_any_retired, memory_order_relaxed))
    reclaim ();
}

void
ssem_pin_retire (SsemInstance *instance)
{
  g_mutex_lock (&pins_lock);
  instance->next_retired = retired;
  retired = instance;
  g_mutex_unlock (&pins_lock);

  reclaim ();
}
