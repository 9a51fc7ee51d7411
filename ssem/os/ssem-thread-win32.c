/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-thread-private.h"

#include "ssem-thread-slot-private.h"

#include <stdatomic.h>

/* How many stretches that take locks all threads are in. Before the system runs the exit handlers
 * of a library, it ends all other threads, wherever they are. The locks of a thread that was in
 * such a stretch stay taken forever. */
static atomic_int n_stretches;

GPrivate ssem_thread_slots_[SSEM_THREAD_N_SLOTS];

/* Windows sends no signals to threads. */
gboolean
ssem_thread_start (const char   *name,
                   GThreadFunc   func,
                   gpointer      data,
                   GError      **error)
{
  GThread *thread = g_thread_try_new (name, func, data, error);

  if (thread != NULL)
    g_thread_unref (thread);

  return thread != NULL;
}

gpointer
ssem_thread_self (void)
{
  return g_thread_self ();
}

/* Windows cancels no thread. */
int
ssem_thread_shield (void)
{
  return 0;
}

void
ssem_thread_unshield (const int *state)
{
}

int
ssem_thread_disable_cancel (void)
{
  atomic_fetch_add (&n_stretches, 1);

  return 0;
}

void
ssem_thread_restore_cancel (int state)
{
  atomic_fetch_sub (&n_stretches, 1);
}

void
ssem_thread_lock (GMutex *lock)
{
  atomic_fetch_add (&n_stretches, 1);
  g_mutex_lock (lock);
}

void
ssem_thread_unlock (GMutex *lock)
{
  g_mutex_unlock (lock);
  atomic_fetch_sub (&n_stretches, 1);
}

gboolean
ssem_thread_may_hold_locks (void)
{
  return atomic_load (&n_stretches) > 0;
}
