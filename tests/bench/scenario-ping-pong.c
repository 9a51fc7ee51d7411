/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"
#include "bench-scenarios.h"

/* Two processes, each on a processor of its own, that hand the turn to each other: one semaphore
 * for each direction, without undo.
 *
 * Each turn of a contender gets new semaphores and a new helper, because Qt's undo counts end.
 *
 * Metric 0: nanoseconds per round trip.
 */

#define N_TRIPS 1000
#define N_TRIPS_QUICK 20

typedef struct
{
  const BenchPeer *peer;
  char *ping;
  char *pong;
} Fixture;

static gpointer
set_up (BenchRun       *run,
        BenchContender  who)
{
  Fixture *fixture = g_new0 (Fixture, 1);

  fixture->peer = run->peers[who];
  fixture->ping = bench_new_key ();
  fixture->pong = bench_new_key ();

  return fixture;
}

static void
answer (BenchCrowd *crowd,
        int         index,
        gpointer    data)
{
  Fixture *fixture = data;
  const BenchPeer *peer = fixture->peer;
  gpointer ping = peer->open (fixture->ping, 0, FALSE);
  gpointer pong = peer->open (fixture->pong, 0, FALSE);

  bench_helper_ready (crowd);
  for (;;)
    {
      peer->acquire (ping);
      peer->release (pong, 1);
    }
}

/* The helper runs where the measuring process does when it is made. */
static BenchCrowd *
start_helper_elsewhere (Fixture *fixture)
{
  BenchCrowd *crowd;

  bench_pin_to (1);
  crowd = bench_crowd_new (1, answer, fixture);
  bench_pin_to (0);
  bench_crowd_wait_ready (crowd);

  return crowd;
}

static void
measure (BenchRun *run,
         gpointer  data,
         double   *values)
{
  Fixture *fixture = data;
  const BenchPeer *peer = fixture->peer;
  gpointer ping = peer->open (fixture->ping, 0, FALSE);
  gpointer pong = peer->open (fixture->pong, 0, FALSE);
  BenchCrowd *crowd = start_helper_elsewhere (fixture);
  int n = bench_run_pick (run, N_TRIPS, N_TRIPS_QUICK);
  gint64 start = bench_now_ns ();
  int i;

  for (i = 0; i < n; i++)
    {
      peer->release (ping, 1);
      peer->acquire (pong);
    }
  values[0] = (double) (bench_now_ns () - start) / n;

  bench_crowd_free (crowd);
  peer->close (ping);
  peer->close (pong);
}

static void
tear_down (gpointer data)
{
  Fixture *fixture = data;

  g_free (fixture->ping);
  g_free (fixture->pong);
  g_free (fixture);
}

void
bench_measure_ping_pong (BenchRun *run)
{
  static const BenchScenario scenario = { set_up, measure, tear_down, .blocks = 5 };

  if (bench_n_processors () < 2)
    bench_skip ("there is only one processor");

  bench_run_rounds (run, &scenario);
}
