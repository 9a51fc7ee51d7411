/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"
#include "bench-scenarios.h"

#include <stdatomic.h>
#include <unistd.h>

/* Many processes that hold one unit each are killed at once. A collector takes what comes back,
 * unit by unit, until it sleeps because there is no more.
 *
 * Metric 0: nanoseconds from the first kill to the last unit.
 * Metric 1: the units that have come back, in percent.
 */

#define POLL_USEC 1000
#define PATIENCE_NS G_GINT64_CONSTANT (20000000000)

typedef struct
{
  atomic_int n_units;
  _Atomic gint64 last_ns; /* when the last of them came */
} Shared;

typedef struct
{
  const BenchPeer *peer;
  char *key;
  Shared *shared;
  int n;
} Fixture;

static void
hold_unit (BenchCrowd *crowd,
           int         index,
           gpointer    data)
{
  Fixture *fixture = data;
  gpointer handle = fixture->peer->open (fixture->key, fixture->n, TRUE);

  fixture->peer->acquire (handle);
  bench_helper_ready (crowd);
  for (;;)
    pause ();
}

static void
collect (BenchCrowd *crowd,
         int         index,
         gpointer    data)
{
  Fixture *fixture = data;
  gpointer handle = fixture->peer->open (fixture->key, fixture->n, TRUE);

  bench_helper_ready (crowd);
  for (;;)
    {
      fixture->peer->acquire (handle);
      atomic_store (&fixture->shared->last_ns, bench_now_ns ());
      atomic_fetch_add (&fixture->shared->n_units, 1);
    }
}

static gpointer
set_up (BenchRun       *run,
        BenchContender  who)
{
  Fixture *fixture = g_new0 (Fixture, 1);

  fixture->peer = run->peers[who];
  fixture->n = run->size;
  fixture->key = bench_new_key ();
  fixture->shared = bench_shared_new (sizeof (Shared));

  return fixture;
}

static void
measure (BenchRun *run,
         gpointer  data,
         double   *values)
{
  Fixture *fixture = data;
  Shared *shared = fixture->shared;
  gpointer handle = fixture->peer->open (fixture->key, fixture->n, TRUE);
  BenchCrowd *holders = bench_crowd_new (fixture->n, hold_unit, fixture);
  BenchCrowd *collector;
  gint64 start;

  bench_crowd_wait_ready (holders);
  atomic_store (&shared->n_units, 0);
  collector = bench_crowd_new (1, collect, fixture);
  bench_crowd_wait_ready (collector);
  bench_wait_asleep (bench_crowd_pid (collector, 0));

  start = bench_now_ns ();
  bench_crowd_free (holders);
  while (atomic_load (&shared->n_units) < fixture->n && bench_now_ns () - start < PATIENCE_NS)
    g_usleep (POLL_USEC);
  bench_wait_asleep (bench_crowd_pid (collector, 0));

  values[0] = (double) (atomic_load (&shared->last_ns) - start);
  values[1] = 100.0 * atomic_load (&shared->n_units) / fixture->n;

  bench_crowd_free (collector);
  fixture->peer->close (handle);
}

static void
tear_down (gpointer data)
{
  Fixture *fixture = data;

  bench_shared_free (fixture->shared, sizeof (Shared));
  g_free (fixture->key);
  g_free (fixture);
}

void
bench_measure_holders (BenchRun *run)
{
  static const BenchScenario scenario = { set_up, measure, tear_down, .blocks = 1 };

  bench_run_rounds (run, &scenario);
}
