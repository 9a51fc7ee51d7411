/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"
#include "bench-scenarios.h"

#include <ssem.h>

/* Many acquires pending in one process, served by one release of that many units.
 *
 * The peer is the least that can be had: a thread that takes one unit after the other from the bare
 * semaphore, and returns a GTask for each. So the ratio tells what our queue adds.
 *
 * Metric 0: nanoseconds for each request, from the release to the last callback.
 * Metric 1: nanoseconds to make a request.
 * Metric 2: threads that are there while requests are pending, and were not before.
 */

typedef struct
{
  const BenchPeer *peer;
  gboolean is_ours;
  gpointer handle;
  int n;
  int n_served;
} Fixture;

/* Before the first request; a thread of the last turn may still be on its way out in the next. */
static int n_threads_before;

static int
count_threads (void)
{
  g_autoptr(GDir) folder = g_dir_open ("/proc/self/task", 0, NULL);
  int n = 0;

  while (folder != NULL && g_dir_read_name (folder) != NULL)
    n++;

  return n;
}

static gpointer
set_up (BenchRun       *run,
        BenchContender  who)
{
  g_autofree char *key = bench_new_key ();
  Fixture *fixture = g_new0 (Fixture, 1);

  fixture->peer = run->peers[who];
  fixture->is_ours = who == BENCH_OURS;
  fixture->n = run->size;
  fixture->handle = fixture->peer->open (key, 0, TRUE);

  return fixture;
}

static void
ours_served_cb (GObject      *source,
                GAsyncResult *result,
                gpointer      data)
{
  g_autoptr(GError) error = NULL;
  Fixture *fixture = data;

  if (!ssem_system_semaphore_acquire_finish (SSEM_SYSTEM_SEMAPHORE (source), result, &error))
    bench_fail ("%s", error->message);
  fixture->n_served++;
}

static void
theirs_served_cb (GObject      *source,
                  GAsyncResult *result,
                  gpointer      data)
{
  Fixture *fixture = data;

  if (!g_task_propagate_boolean (G_TASK (result), NULL))
    bench_fail ("a task failed");
  fixture->n_served++;
}

typedef struct
{
  Fixture *fixture;
  GAsyncQueue *tasks;
} Server;

static gpointer
serve (gpointer data)
{
  Server *server = data;
  int i;

  for (i = 0; i < server->fixture->n; i++)
    {
      g_autoptr(GTask) task = g_async_queue_pop (server->tasks);

      server->fixture->peer->acquire (server->fixture->handle);
      g_task_return_boolean (task, TRUE);
    }

  return NULL;
}

static void
request_ours (Fixture *fixture)
{
  int i;

  for (i = 0; i < fixture->n; i++)
    ssem_system_semaphore_acquire_async (fixture->handle, 1, NULL, ours_served_cb, fixture);
}

static void
request_theirs (Fixture     *fixture,
                GAsyncQueue *tasks)
{
  int i;

  for (i = 0; i < fixture->n; i++)
    g_async_queue_push (tasks, g_task_new (NULL, NULL, theirs_served_cb, fixture));
}

static void
measure (BenchRun *run,
         gpointer  data,
         double   *values)
{
  g_autoptr(GAsyncQueue) tasks = g_async_queue_new ();
  Fixture *fixture = data;
  Server server = { fixture, tasks };
  GThread *thread = NULL;
  int n_threads;
  gint64 start, requested, released;

  fixture->n_served = 0;
  start = bench_now_ns ();
  if (fixture->is_ours)
    {
      request_ours (fixture);
    }
  else
    {
      thread = g_thread_new ("server", serve, &server);
      request_theirs (fixture, tasks);
    }
  requested = bench_now_ns ();
  n_threads = count_threads () - n_threads_before;

  released = bench_now_ns ();
  fixture->peer->release (fixture->handle, fixture->n);
  while (fixture->n_served < fixture->n)
    g_main_context_iteration (NULL, TRUE);

  values[0] = (double) (bench_now_ns () - released) / fixture->n;
  values[1] = (double) (requested - start) / fixture->n;
  values[2] = n_threads;

  if (thread != NULL)
    g_thread_join (thread);
}

static void
tear_down (gpointer data)
{
  Fixture *fixture = data;

  fixture->peer->close (fixture->handle);
  g_free (fixture);
}

void
bench_measure_async (BenchRun *run)
{
  static const BenchScenario scenario = { set_up, measure, tear_down, .blocks = 3 };

  /* GTask needs GLib's worker thread, from its first use on. */
  g_type_ensure (G_TYPE_TASK);
  n_threads_before = count_threads ();
  bench_run_rounds (run, &scenario);
}
