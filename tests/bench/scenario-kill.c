/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"

#include <stdatomic.h>

/* Holders are killed, and their units come back
 *
 * kill      The holder of the only unit is killed while @size processes wait for the unit. When all
 *           of them sleep, the holder gets SIGKILL. The first waiter whose acquire returns stops
 *           the clock. Then each waiter releases, so all are served before the next turn.
 *           Figure 0: nanoseconds from just before kill(2) to the first waiter's return.
 *
 * holders   @size processes that hold one unit each are killed together. A collector takes each
 *           unit that comes back, until the collector sleeps because there is no more.
 *           Figure 0: nanoseconds from the first kill(2) to the last unit.
 *           Figure 1: the units that have come back, in percent.
 *
 * The kernel frees a dying process's memory before it gives back its units. So what a peer's code
 * has written to in the holder counts against the peer: some ten percent between a library and bare
 * calls.
 */

#define WAITERS_POLL_USEC 200
#define UNITS_POLL_USEC 1000
#define PATIENCE_NS G_GINT64_CONSTANT (20000000000)

typedef struct
{
  _Atomic gint64 first_ns; /* when the first waiter's acquire returned; 0 before */
  _Atomic gint64 last_ns;  /* when the collector got its last unit */
  atomic_int n_waiting;    /* waiters that are about to call acquire, or inside */
  atomic_int n_served;     /* waiters that have released, or units of the collector */
} Shared;

/* --- One unit, many waiters --- */

static void
wait_for_unit (BenchHelpers   *helpers,
               int             index,
               BenchContender *contender)
{
  const BenchPeer *peer = contender->peer;
  Shared *shared = contender->shared;
  gpointer handle = peer->open (contender->key, 1, TRUE);

  bench_helper_ready (helpers);
  for (;;)
    {
      gint64 nobody = 0;

      bench_helper_await_order (helpers);
      atomic_fetch_add (&shared->n_waiting, 1);
      peer->acquire (handle);
      atomic_compare_exchange_strong (&shared->first_ns, &nobody, bench_now_ns ());
      peer->release (handle, 1);
      atomic_fetch_add (&shared->n_served, 1);
    }
}

static void
set_up_waiters (BenchContender *self)
{
  self->handle = self->peer->open (self->key, 1, TRUE);
  self->helpers = bench_helpers_new (self->size, wait_for_unit, self);
}

static void
wait_counter (atomic_int *counter,
              int         n)
{
  while (atomic_load (counter) != n)
    g_usleep (WAITERS_POLL_USEC);
}

static void
measure_kill (BenchContender *self,
              double         *figures)
{
  Shared *shared = self->shared;
  BenchHelpers *holder;
  gint64 start;

  atomic_store (&shared->first_ns, 0);
  atomic_store (&shared->n_waiting, 0);
  atomic_store (&shared->n_served, 0);

  holder = bench_helpers_new (1, bench_helper_hold, self);

  /* Between counting itself and the acquire a waiter does not sleep. */
  bench_helpers_order (self->helpers);
  wait_counter (&shared->n_waiting, self->size);
  bench_helpers_await_sleep (self->helpers);

  start = bench_now_ns ();
  bench_helpers_free (holder);
  wait_counter (&shared->n_served, self->size);
  figures[0] = (double) (atomic_load (&shared->first_ns) - start);
}

const BenchScenario bench_scenario_kill = {
  .name = "kill",
  .set_up = set_up_waiters,
  .measure = measure_kill,
  .n_figures = 1,
  .shared_size = sizeof (Shared),
};

/* --- Many units, one collector --- */

static void
collect (BenchHelpers   *helpers,
         int             index,
         BenchContender *contender)
{
  Shared *shared = contender->shared;
  gpointer handle = contender->peer->open (contender->key, contender->size, TRUE);

  bench_helper_ready (helpers);
  for (;;)
    {
      contender->peer->acquire (handle);
      atomic_store (&shared->last_ns, bench_now_ns ());
      atomic_fetch_add (&shared->n_served, 1);
    }
}

static void
measure_holders (BenchContender *self,
                 double         *figures)
{
  Shared *shared = self->shared;
  gpointer handle = self->peer->open (self->key, self->size, TRUE);
  BenchHelpers *holders = bench_helpers_new (self->size, bench_helper_hold, self);
  BenchHelpers *collector;
  gint64 start;

  atomic_store (&shared->n_served, 0);
  collector = bench_helpers_new (1, collect, self);
  bench_helpers_await_sleep (collector);

  start = bench_now_ns ();
  bench_helpers_free (holders);
  while (atomic_load (&shared->n_served) < self->size && bench_now_ns () - start < PATIENCE_NS)
    g_usleep (UNITS_POLL_USEC);
  bench_helpers_await_sleep (collector);

  figures[0] = (double) (atomic_load (&shared->last_ns) - start);
  figures[1] = 100.0 * atomic_load (&shared->n_served) / self->size;

  bench_helpers_free (collector);
  self->peer->close (handle);
}

const BenchScenario bench_scenario_holders = {
  .name = "holders",
  .measure = measure_holders,
  .n_figures = 2,
  .shared_size = sizeof (Shared),
};
