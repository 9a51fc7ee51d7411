/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>

/* An uncontended acquire and release of one unit, in one thread
 *
 * pair       The process has other threads, as every program on GIO has.
 * pair-busy  The same on the first processor, while another process computes on the second. If both
 *            belong to one core, they share what executes instructions.
 * calls      The process has this thread alone, for strace to count its system calls.
 *
 * Repeats: the pairs in a turn.
 * Figure 0: nanoseconds per pair.
 */

#define BUSY_BYTES 16384

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

/* Starts GLib's worker, which a watch for a signal needs, and a thread of GTask's pool. They end
 * with the process. */
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

/* Hashes what fits into the fastest cache, so it computes all the time and waits for no memory. */
static void
keep_busy (BenchHelpers   *helpers,
           int             index,
           BenchContender *contender)
{
  static const guchar bytes[BUSY_BYTES];
  g_autoptr(GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);

  bench_helper_ready (helpers);
  for (;;)
    g_checksum_update (checksum, bytes, sizeof bytes);
}

static void
start_busy_process (void)
{
  /* It stays on the processor on which this process forks it, and ends with this process. */
  bench_pin_to (1);
  bench_helpers_new (1, keep_busy, NULL);
  bench_pin_to (0);
  start_threads ();
}

static void
set_up (BenchContender *self)
{
  self->handle = self->peer->open (self->key, 1, TRUE);
}

static void
measure (BenchContender *self,
         double         *figures)
{
  gint64 start = bench_now_ns ();

  self->peer->pairs (self->handle, self->repeats);
  figures[0] = (double) (bench_now_ns () - start) / self->repeats;
}

const BenchScenario bench_scenario_pair = {
  .name = "pair",
  .prepare = start_threads,
  .set_up = set_up,
  .measure = measure,
  .n_figures = 1,
};

const BenchScenario bench_scenario_pair_busy = {
  .name = "pair-busy",
  .prepare = start_busy_process,
  .set_up = set_up,
  .measure = measure,
  .n_figures = 1,
};

const BenchScenario bench_scenario_calls = {
  .name = "calls",
  .set_up = set_up,
  .measure = measure,
  .n_figures = 1,
};
