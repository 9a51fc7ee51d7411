/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-pin-private.h"

#include "ssem/os/ssem-fork-private.h"

/* How it works
 *
 *   enter    announce the instance; light barrier; look whether it is still in its place
 *   leave    take the announcement back; light barrier; look at must_reclaim
 *   retire   (the place is empty already) set all threads' must_reclaim; heavy barrier; read all
 *            announcements
 *
 * The heavy barrier is a full fence in every thread, so of enter and retire at least one sees the
 * other: a thread whose announcement retire missed finds the place changed. In the same way a
 * thread whose leaving retire missed finds must_reclaim, and reclaims. Who is inside for long, a
 * waiter, only delays the freeing of the one instance.
 *
 * pins_lock protects the list of pins and the list of the retired. It is never held while anything
 * is freed.
 */

_Thread_local SsemPin *ssem_pin_of_thread;

static GMutex pins_lock;
static SsemPin *pins;
static GSList *retired;

static void
unregister_cb (gpointer data)
{
  SsemPin **link;

  g_mutex_lock (&pins_lock);
  for (link = &pins; *link != data; link = &(*link)->next)
    ;
  *link = (*link)->next;
  g_mutex_unlock (&pins_lock);

  ssem_pin_of_thread = NULL;
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
      if (pin != ssem_pin_of_thread)
        g_free (pin);
    }

  pins = ssem_pin_of_thread;
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

SsemPin *
ssem_pin_register (void)
{
  static GPrivate at_thread_exit = G_PRIVATE_INIT (unregister_cb);
  SsemPin *pin = g_new0 (SsemPin, 1);

  g_mutex_lock (&pins_lock);
  atomic_init (&pin->must_reclaim, retired != NULL);
  pin->next = pins;
  pins = pin;
  g_mutex_unlock (&pins_lock);

  g_private_set (&at_thread_exit, pin);
  ssem_pin_of_thread = pin;

  return pin;
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
  return pins != NULL && (pins->next != NULL || pins != ssem_pin_of_thread);
}

/* With pins_lock. */
static void
set_must_reclaim (gboolean must_reclaim)
{
  SsemPin *pin;

  for (pin = pins; pin != NULL; pin = pin->next)
    atomic_store_explicit (&pin->must_reclaim, must_reclaim, memory_order_relaxed);
}

void
ssem_pin_reclaim (void)
{
  GSList *free_ones = NULL;
  GSList **link;

  g_mutex_lock (&pins_lock);
  if (are_there_others ())
    {
      set_must_reclaim (retired != NULL);
      ssem_barrier_heavy ();
    }
  for (link = &retired; *link != NULL;)
    {
      GSList *entry = *link;

      if (is_anybody_inside (entry->data))
        {
          link = &entry->next;
          continue;
        }

      *link = entry->next;
      entry->next = free_ones;
      free_ones = entry;
    }
  if (retired == NULL)
    set_must_reclaim (FALSE);
  g_mutex_unlock (&pins_lock);

  while (free_ones != NULL)
    {
      SsemInstance *instance = free_ones->data;

      instance->table->free (instance);
      free_ones = g_slist_delete_link (free_ones, free_ones);
    }
}

void
ssem_pin_retire (SsemInstance *instance)
{
  g_mutex_lock (&pins_lock);
  retired = g_slist_prepend (retired, instance);
  g_mutex_unlock (&pins_lock);

  ssem_pin_reclaim ();
}
