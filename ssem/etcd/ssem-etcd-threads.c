/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-threads-private.h"

#include <unistd.h>

/* GIO resolves names and shakes hands for TLS in threads of a pool, which stay for a while to wait
 * for more. A child of fork () has none of them, but their number: a task there is left to a thread
 * that does not exist, and never runs. Each task takes away one such thread. So tasks that do
 * nothing go first, as many as the pool has threads; once the dead ones are used up, GLib starts
 * new threads, which run all that was left. Seen with GLib 2.74.
 *
 * What the parent's pool was doing at the moment of the fork stays counted as busy: that leaves
 * fewer threads, and none only if all ten were busy.
 */

#define MAX_THREADS 10

/* The process that loaded the module, or the last one that was revived. */
static int process;

__attribute__ ((constructor))
static void
remember_process (void)
{
  g_atomic_int_set (&process, (int) getpid ());
}

static void
do_nothing (GTask        *task,
            gpointer      source,
            gpointer      data,
            GCancellable *cancellable)
{
  g_task_return_boolean (task, TRUE);
}

void
ssem_etcd_threads_revive (void)
{
  const int self = (int) getpid ();
  guint i;

  if (g_atomic_int_get (&process) == self)
    return;

  g_atomic_int_set (&process, self);
  for (i = 0; i < MAX_THREADS; i++)
    {
      g_autoptr(GTask) task = g_task_new (NULL, NULL, NULL, NULL);

      g_task_run_in_thread (task, do_nothing);
    }
}
