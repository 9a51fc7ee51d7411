/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"

#include <stdatomic.h>

/* Processes contend for one unit without a pause. The helpers run before the measured time begins
 * and go on after its end; the figures are by how much their counters grow meanwhile.
 *
 * hammer        @size processes.
 * crowd-hammer  CROWD_HELPERS processes, beside @size others that hold one unit each and sleep.
 *               Here the process that has the unit sleeps as briefly as the kernel can. So the
 *               others wait, and each operation wakes one of them. Without that sleep, most
 *               operations find the unit free, and wake nobody.
 *
 * Repeats: the measured time in microseconds.
 * Figure 0: pairs per second, of all helpers together.
 * Figure 1: the pairs of the helper that is served least, in percent of an equal share.
 */

#define POLL_USEC 500
#define MAX_HELPERS 16
#define CROWD_HELPERS 8

typedef struct
{
  int n_helpers;       /* constant after the set-up */
  gboolean must_sleep; /* while it has the unit; constant after the set-up */
  _Alignas (128) atomic_int n_running;
  _Alignas (128) atomic_bool must_stop;
  struct
  {
    _Alignas (128) _Atomic gint64 n_pairs;
  } helpers[MAX_HELPERS];
} Shared;

static void
hammer (BenchHelpers   *helpers,
        int             index,
        BenchContender *contender)
{
  const BenchPeer *peer = contender->peer;
  Shared *shared = contender->shared;
  _Atomic gint64 *n_pairs = &shared->helpers[index].n_pairs;
  gpointer handle = peer->open (contender->key, 1, TRUE);
  gboolean must_sleep = shared->must_sleep;
  gint64 n = 0;

  bench_helper_ready (helpers);
  for (;;)
    {
      bench_helper_await_order (helpers);
      atomic_fetch_add (&shared->n_running, 1);
      while (!atomic_load_explicit (&shared->must_stop, memory_order_relaxed))
        {
          peer->acquire (handle);
          if (must_sleep)
            g_usleep (1);
          peer->release (handle, 1);
          atomic_store_explicit (n_pairs, ++n, memory_order_relaxed);
        }
      atomic_fetch_sub (&shared->n_running, 1);
    }
}

static void
start_helpers (BenchContender *self,
               int             n,
               gboolean        must_sleep)
{
  Shared *shared = self->shared;

  g_assert (n <= MAX_HELPERS);

  shared->n_helpers = n;
  shared->must_sleep = must_sleep;
  self->helpers = bench_helpers_new (n, hammer, self);
}

static void
set_up (BenchContender *self)
{
  self->handle = self->peer->open (self->key, 1, TRUE);
  start_helpers (self, self->size, FALSE);
}

static void
set_up_crowd (BenchContender *self)
{
  self->handle = self->peer->open (self->key, self->size + 1, TRUE);
  self->crowd = bench_helpers_new (self->size, bench_helper_hold, self);
  start_helpers (self, CROWD_HELPERS, TRUE);
}

static void
wait_running (Shared *shared,
              int     n)
{
  while (atomic_load (&shared->n_running) != n)
    g_usleep (POLL_USEC);
}

/* Returns the sum. */
static gint64
read_counters (BenchContender *self,
               gint64         *counters)
{
  Shared *shared = self->shared;
  gint64 total = 0;
  int i;

  for (i = 0; i < shared->n_helpers; i++)
    {
      counters[i] = atomic_load_explicit (&shared->helpers[i].n_pairs, memory_order_relaxed);
      total += counters[i];
    }

  return total;
}

static void
measure (BenchContender *self,
         double         *figures)
{
  Shared *shared = self->shared;
  gint64 before[MAX_HELPERS], after[MAX_HELPERS];
  gint64 start, elapsed, first_total, total, least = G_MAXINT64;
  int i;

  atomic_store (&shared->must_stop, FALSE);
  bench_helpers_order (self->helpers);
  wait_running (shared, shared->n_helpers);

  start = bench_now_ns ();
  first_total = read_counters (self, before);
  /* On a busy machine it may take longer until any helper has run. */
  do
    {
      g_usleep (self->repeats);
      total = read_counters (self, after) - first_total;
    }
  while (total == 0);
  elapsed = bench_now_ns () - start;

  atomic_store (&shared->must_stop, TRUE);
  wait_running (shared, 0);

  for (i = 0; i < shared->n_helpers; i++)
    least = MIN (least, after[i] - before[i]);
  figures[0] = (double) total * 1e9 / (double) elapsed;
  figures[1] = 100.0 * (double) least * shared->n_helpers / (double) total;
}

const BenchScenario bench_scenario_hammer = {
  .name = "hammer",
  .set_up = set_up,
  .measure = measure,
  .n_figures = 2,
  .shared_size = sizeof (Shared),
};

const BenchScenario bench_scenario_crowd_hammer = {
  .name = "crowd-hammer",
  .set_up = set_up_crowd,
  .measure = measure,
  .n_figures = 2,
  .shared_size = sizeof (Shared),
};
