/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"
#include "bench-scenarios.h"

#include <stdatomic.h>

/* Several processes that all want one unit, all the time.
 *
 * The helpers run before the measured time begins and go on after it has ended; what counts is by
 * how much their counters have grown meanwhile.
 *
 * Metric 0: pairs per second, of all together.
 * Metric 1: what the one that is served least has got, in percent of an equal share.
 */

#define MEASURED_USEC 250000
#define MEASURED_USEC_QUICK 20000
#define POLL_USEC 500
#define MAX_HELPERS 16

typedef struct
{
  _Alignas (128) atomic_int n_running;
  _Alignas (128) atomic_bool must_stop;
  struct
  {
    _Alignas (128) _Atomic gint64 n_pairs;
  } helpers[MAX_HELPERS];
} Shared;

typedef struct
{
  const BenchPeer *peer;
  char *key;
  gpointer handle;
  Shared *shared;
  BenchCrowd *crowd;
  int n;
} Fixture;

static void
hammer (BenchCrowd *crowd,
        int         index,
        gpointer    data)
{
  Fixture *fixture = data;
  const BenchPeer *peer = fixture->peer;
  Shared *shared = fixture->shared;
  _Atomic gint64 *n_pairs = &shared->helpers[index].n_pairs;
  gpointer handle = peer->open (fixture->key, 1, TRUE);
  gint64 n = 0;

  bench_helper_ready (crowd);
  for (;;)
    {
      bench_helper_await (crowd);
      atomic_fetch_add (&shared->n_running, 1);
      while (!atomic_load_explicit (&shared->must_stop, memory_order_relaxed))
        {
          peer->acquire (handle);
          peer->release (handle, 1);
          atomic_store_explicit (n_pairs, ++n, memory_order_relaxed);
        }
      atomic_fetch_sub (&shared->n_running, 1);
    }
}

static gpointer
set_up (BenchRun       *run,
        BenchContender  who)
{
  Fixture *fixture = g_new0 (Fixture, 1);

  g_assert (run->size <= MAX_HELPERS);

  fixture->peer = run->peers[who];
  fixture->n = run->size;
  fixture->key = bench_new_key ();
  fixture->shared = bench_shared_new (sizeof (Shared));
  fixture->handle = fixture->peer->open (fixture->key, 1, TRUE);
  fixture->crowd = bench_crowd_new (fixture->n, hammer, fixture);
  bench_crowd_wait_ready (fixture->crowd);

  return fixture;
}

static void
wait_running (Shared *shared,
              int     n)
{
  while (atomic_load (&shared->n_running) != n)
    g_usleep (POLL_USEC);
}

/* Answers how many they are together. */
static gint64
read_counters (Fixture *fixture,
               gint64  *counters)
{
  gint64 total = 0;
  int i;

  for (i = 0; i < fixture->n; i++)
    {
      counters[i] = atomic_load_explicit (&fixture->shared->helpers[i].n_pairs,
                                          memory_order_relaxed);
      total += counters[i];
    }

  return total;
}

static void
measure (BenchRun *run,
         gpointer  data,
         double   *values)
{
  Fixture *fixture = data;
  gint64 before[MAX_HELPERS], after[MAX_HELPERS];
  gint64 start, elapsed, first_total, total, least = G_MAXINT64;
  int i;

  atomic_store (&fixture->shared->must_stop, FALSE);
  bench_crowd_order (fixture->crowd);
  wait_running (fixture->shared, fixture->n);

  start = bench_now_ns ();
  first_total = read_counters (fixture, before);
  /* Where the machine has so much else to do that none of them has run, it takes longer. */
  do
    {
      g_usleep (bench_run_pick (run, MEASURED_USEC, MEASURED_USEC_QUICK));
      total = read_counters (fixture, after) - first_total;
    }
  while (total == 0);
  elapsed = bench_now_ns () - start;

  atomic_store (&fixture->shared->must_stop, TRUE);
  wait_running (fixture->shared, 0);

  for (i = 0; i < fixture->n; i++)
    least = MIN (least, after[i] - before[i]);
  values[0] = (double) total * 1e9 / (double) elapsed;
  values[1] = 100.0 * (double) least * fixture->n / (double) total;
}

static void
tear_down (gpointer data)
{
  Fixture *fixture = data;

  bench_crowd_free (fixture->crowd);
  fixture->peer->close (fixture->handle);
  bench_shared_free (fixture->shared, sizeof (Shared));
  g_free (fixture->key);
  g_free (fixture);
}

void
bench_measure_hammer (BenchRun *run)
{
  static const BenchScenario scenario = { set_up, measure, tear_down, .blocks = 3 };

  bench_run_rounds (run, &scenario);
}
