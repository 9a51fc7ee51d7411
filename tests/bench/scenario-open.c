/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"
#include "bench-scenarios.h"

#include <unistd.h>

/* Two ways to open and close
 *
 * open     Nobody else uses the key: opening makes the semaphore, closing removes it.
 * attach   Others use it: opening joins them, closing leaves them. Ours with many others is
 *          compared to ours with one other.
 *
 * Metric 0: nanoseconds for opening and closing.
 */

#define N_OPENS 20
#define N_OPENS_QUICK 3

typedef struct
{
  const BenchPeer *peer;
  char *key;
  BenchCrowd *others; /* NULL: nobody */
} Fixture;

static void
stay_attached (BenchCrowd *crowd,
               int         index,
               gpointer    data)
{
  Fixture *fixture = data;

  fixture->peer->open (fixture->key, 1, TRUE);
  bench_helper_ready (crowd);
  for (;;)
    pause ();
}

static Fixture *
fixture_new (const BenchPeer *peer,
             int              n_others)
{
  Fixture *fixture = g_new0 (Fixture, 1);
  gpointer handle;

  fixture->peer = peer;
  fixture->key = bench_new_key ();
  if (n_others > 0)
    {
      handle = peer->open (fixture->key, 1, TRUE);
      fixture->others = bench_crowd_new (n_others, stay_attached, fixture);
      bench_crowd_wait_ready (fixture->others);
      peer->close (handle);
    }

  return fixture;
}

static gpointer
set_up_alone (BenchRun       *run,
              BenchContender  who)
{
  return fixture_new (run->peers[who], 0);
}

static gpointer
set_up_among_others (BenchRun       *run,
                     BenchContender  who)
{
  return fixture_new (run->peers[who], who == BENCH_OURS ? run->size : 1);
}

static void
measure (BenchRun *run,
         gpointer  data,
         double   *values)
{
  Fixture *fixture = data;
  int n = bench_run_pick (run, N_OPENS, N_OPENS_QUICK);
  gint64 start = bench_now_ns ();
  int i;

  for (i = 0; i < n; i++)
    fixture->peer->close (fixture->peer->open (fixture->key, 1, TRUE));
  values[0] = (double) (bench_now_ns () - start) / n;
}

static void
tear_down (gpointer data)
{
  Fixture *fixture = data;

  if (fixture->others != NULL)
    bench_crowd_free (fixture->others);
  g_free (fixture->key);
  g_free (fixture);
}

void
bench_measure_open (BenchRun *run)
{
  static const BenchScenario scenario = { set_up_alone, measure, tear_down, .blocks = 51 };

  bench_run_rounds (run, &scenario);
}

void
bench_measure_attach (BenchRun *run)
{
  static const BenchScenario scenario = { set_up_among_others, measure, tear_down, .blocks = 11 };

  bench_run_rounds (run, &scenario);
}
