/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"
#include "bench-scenarios.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

/* A holder of the only unit is killed while others wait for it.
 *
 * When all the waiters sleep, the holder gets SIGKILL; the first waiter to come back from its
 * acquire stops the clock. Then it releases, and so they all come through before the next turn.
 *
 * The kernel frees a dying process's memory before it gives back its units. So what a peer's code
 * has written to in the holder counts against the peer: some ten percent between a library and bare
 * calls.
 *
 * Metric 0: nanoseconds from just before kill(2) to the first waiter's return.
 */

#define POLL_USEC 200

typedef struct
{
  _Atomic gint64 first_ns; /* when the first came back; 0 until then */
  atomic_int n_waiting;    /* that are about to call acquire, or inside */
  atomic_int n_served;
} Shared;

typedef struct
{
  const BenchPeer *peer;
  char *key;
  gpointer handle;
  Shared *shared;
  BenchCrowd *waiters;
  int n;
} Fixture;

static void
wait_for_unit (BenchCrowd *crowd,
               int         index,
               gpointer    data)
{
  Fixture *fixture = data;
  Shared *shared = fixture->shared;
  const BenchPeer *peer = fixture->peer;
  gpointer handle = peer->open (fixture->key, 1, TRUE);

  bench_helper_ready (crowd);
  for (;;)
    {
      gint64 nobody = 0;

      bench_helper_await (crowd);
      atomic_fetch_add (&shared->n_waiting, 1);
      peer->acquire (handle);
      atomic_compare_exchange_strong (&shared->first_ns, &nobody, bench_now_ns ());
      peer->release (handle, 1);
      atomic_fetch_add (&shared->n_served, 1);
    }
}

static void
hold_unit (BenchCrowd *crowd,
           int         index,
           gpointer    data)
{
  Fixture *fixture = data;
  gpointer handle = fixture->peer->open (fixture->key, 1, TRUE);

  fixture->peer->acquire (handle);
  bench_helper_ready (crowd);
  for (;;)
    pause ();
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
  fixture->handle = fixture->peer->open (fixture->key, 1, TRUE);
  fixture->waiters = bench_crowd_new (fixture->n, wait_for_unit, fixture);
  bench_crowd_wait_ready (fixture->waiters);

  return fixture;
}

static void
wait_counter (atomic_int *counter,
              int         n)
{
  while (atomic_load (counter) != n)
    g_usleep (POLL_USEC);
}

static void
measure (BenchRun *run,
         gpointer  data,
         double   *values)
{
  Fixture *fixture = data;
  Shared *shared = fixture->shared;
  BenchCrowd *holder;
  gint64 start;
  int i;

  atomic_store (&shared->first_ns, 0);
  atomic_store (&shared->n_waiting, 0);
  atomic_store (&shared->n_served, 0);

  holder = bench_crowd_new (1, hold_unit, fixture);
  bench_crowd_wait_ready (holder);

  /* Between counting itself and the acquire a waiter has nothing to sleep for. */
  bench_crowd_order (fixture->waiters);
  wait_counter (&shared->n_waiting, fixture->n);
  for (i = 0; i < fixture->n; i++)
    bench_wait_asleep (bench_crowd_pid (fixture->waiters, i));

  start = bench_now_ns ();
  bench_crowd_free (holder);
  wait_counter (&shared->n_served, fixture->n);
  values[0] = (double) (atomic_load (&shared->first_ns) - start);
}

static void
tear_down (gpointer data)
{
  Fixture *fixture = data;

  bench_crowd_free (fixture->waiters);
  fixture->peer->close (fixture->handle);
  bench_shared_free (fixture->shared, sizeof (Shared));
  g_free (fixture->key);
  g_free (fixture);
}

void
bench_measure_kill (BenchRun *run)
{
  static const BenchScenario scenario = { set_up, measure, tear_down, .blocks = 21 };

  bench_run_rounds (run, &scenario);
}
