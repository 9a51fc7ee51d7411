/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"
#include "bench-scenarios.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>

/* Acquire and release of one unit that nobody else wants, in one thread of a process that has
 * others, as every program on GIO has.
 *
 * Metric 0: nanoseconds per pair.
 */

#define N_PAIRS 2000
#define N_PAIRS_QUICK 100

typedef struct
{
  const BenchPeer *peer;
  gpointer handle;
} Fixture;

static gboolean
never_cb (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static void
park (GTask        *task,
      gpointer      source,
      gpointer      data,
      GCancellable *cancellable)
{
  GAsyncQueue *alive = data;

  g_async_queue_push (alive, alive);
  for (;;)
    g_usleep (G_MAXULONG);
}

/* GLib's worker, which a watch for a signal needs, and a thread of GTask's pool. They end with the
 * process. */
static void
start_threads (void)
{
  g_autoptr(GAsyncQueue) alive = g_async_queue_new ();
  g_autoptr(GTask) task = g_task_new (NULL, NULL, NULL, NULL);

  g_unix_signal_add (SIGUSR1, never_cb, NULL);
  g_task_set_task_data (task, g_async_queue_ref (alive), (GDestroyNotify) g_async_queue_unref);
  g_task_run_in_thread (task, park);
  g_async_queue_pop (alive);
}

static gpointer
set_up (BenchRun       *run,
        BenchContender  who)
{
  g_autofree char *key = bench_new_key ();
  Fixture *fixture = g_new0 (Fixture, 1);

  fixture->peer = run->peers[who];
  fixture->handle = fixture->peer->open (key, 1, TRUE);

  return fixture;
}

static void
measure (BenchRun *run,
         gpointer  data,
         double   *values)
{
  Fixture *fixture = data;
  int n = bench_run_pick (run, N_PAIRS, N_PAIRS_QUICK);
  gint64 start = bench_now_ns ();

  fixture->peer->pairs (fixture->handle, n);
  values[0] = (double) (bench_now_ns () - start) / n;
}

static void
tear_down (gpointer data)
{
  Fixture *fixture = data;

  fixture->peer->close (fixture->handle);
  g_free (fixture);
}

void
bench_measure_pair (BenchRun *run)
{
  static const BenchScenario scenario = { set_up, measure, tear_down, .blocks = 31 };

  start_threads ();
  bench_run_rounds (run, &scenario);
}
