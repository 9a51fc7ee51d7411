/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-thread-private.h"

#include "ssem-thread-slot-private.h"

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
  return 0;
}

void
ssem_thread_restore_cancel (int state)
{
}

void
ssem_thread_lock (GMutex *lock)
{
  g_mutex_lock (lock);
}

void
ssem_thread_unlock (GMutex *lock)
{
  g_mutex_unlock (lock);
}

gboolean
ssem_thread_may_hold_locks (void)
{
  return FALSE;
}
