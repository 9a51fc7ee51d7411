/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"

#include <ssem.h>

/* @size acquires are pending in one process, and one release of that many units serves them.
 *
 * The peer is the least possible: a thread that takes one unit after the other from the bare
 * semaphore, and returns a GTask for each. So the ratio shows what our queue adds.
 *
 * Figure 0: nanoseconds for each request, from the release to the last callback.
 * Figure 1: nanoseconds to make a request.
 * Figure 2: threads while requests are pending that were not there before.
 */

/* Counted before the first request: a thread of a turn may still be ending in the next turn. */
static int n_threads_before;

static int n_served;

static int
count_threads (void)
{
  g_autoptr(GDir) directory = g_dir_open ("/proc/self/task", 0, NULL);
  int n = 0;

  while (directory != NULL && g_dir_read_name (directory) != NULL)
    n++;

  return n;
}

static void
prepare (void)
{
  /* GTask needs GLib's worker thread from its first use on. */
  g_type_ensure (G_TYPE_TASK);
  n_threads_before = count_threads ();
}

static void
set_up (BenchContender *self)
{
  self->handle = self->peer->open (self->key, 0, TRUE);
}

static void
ours_served_cb (GObject      *source,
                GAsyncResult *result,
                gpointer      data)
{
  g_autoptr(GError) error = NULL;

  if (!ssem_system_semaphore_acquire_finish (SSEM_SYSTEM_SEMAPHORE (source), result, &error))
    bench_fail ("%s", error->message);
  n_served++;
}

static void
theirs_served_cb (GObject      *source,
                  GAsyncResult *result,
                  gpointer      data)
{
  if (!g_task_propagate_boolean (G_TASK (result), NULL))
    bench_fail ("a task failed");
  n_served++;
}

typedef struct
{
  BenchContender *contender;
  GAsyncQueue *tasks;
} Server;

static gpointer
serve (gpointer data)
{
  Server *server = data;
  int i;

  for (i = 0; i < server->contender->size; i++)
    {
      g_autoptr(GTask) task = g_async_queue_pop (server->tasks);

      server->contender->peer->acquire (server->contender->handle);
      g_task_return_boolean (task, TRUE);
    }

  return NULL;
}

static void
measure (BenchContender *self,
         double         *figures)
{
  g_autoptr(GAsyncQueue) tasks = g_async_queue_new ();
  Server server = { self, tasks };
  GThread *thread = NULL;
  gint64 start, requested, released;
  int n_threads, i;

  n_served = 0;
  start = bench_now_ns ();
  if (self->peer == &bench_peer_ssem)
    {
      for (i = 0; i < self->size; i++)
        ssem_system_semaphore_acquire_async (self->handle, 1, NULL, ours_served_cb, NULL);
    }
  else
    {
      thread = g_thread_new ("server", serve, &server);
      for (i = 0; i < self->size; i++)
        g_async_queue_push (tasks, g_task_new (NULL, NULL, theirs_served_cb, NULL));
    }
  requested = bench_now_ns ();
  n_threads = count_threads () - n_threads_before;

  released = bench_now_ns ();
  self->peer->release (self->handle, self->size);
  while (n_served < self->size)
    g_main_context_iteration (NULL, TRUE);

  figures[0] = (double) (bench_now_ns () - released) / self->size;
  figures[1] = (double) (requested - start) / self->size;
  figures[2] = n_threads;

  if (thread != NULL)
    g_thread_join (thread);
}

const BenchScenario bench_scenario_async = {
  .name = "async",
  .prepare = prepare,
  .set_up = set_up,
  .measure = measure,
  .n_figures = 3,
};
