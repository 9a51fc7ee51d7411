/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"

/* Two processes, each on its own processor, hand the turn to each other: one semaphore for each
 * direction, without undo. Each turn of a contender takes new semaphores and a new helper, because
 * Qt's undo counts end.
 *
 * Repeats: the round trips in a turn.
 * Figure 0: nanoseconds per round trip.
 */

typedef struct
{
  gpointer ping;
  gpointer pong;
} Semaphores;

static Semaphores
open_both (BenchContender *self)
{
  g_autofree char *key = g_strconcat (self->key, " back", NULL);
  gpointer ping = self->peer->open (self->key, 0, FALSE);

  return (Semaphores) { ping, self->peer->open (key, 0, FALSE) };
}

static void
answer (BenchHelpers   *helpers,
        int             index,
        BenchContender *contender)
{
  const BenchPeer *peer = contender->peer;
  Semaphores both = open_both (contender);

  bench_helper_ready (helpers);
  for (;;)
    {
      peer->acquire (both.ping);
      peer->release (both.pong, 1);
    }
}

static void
measure (BenchContender *self,
         double         *figures)
{
  const BenchPeer *peer = self->peer;
  Semaphores both = open_both (self);
  BenchHelpers *helper;
  gint64 start;
  int i;

  /* The helper stays on the processor on which this process forks it. */
  bench_pin_to (1);
  helper = bench_helpers_new (1, answer, self);
  bench_pin_to (0);

  start = bench_now_ns ();
  for (i = 0; i < self->repeats; i++)
    {
      peer->release (both.ping, 1);
      peer->acquire (both.pong);
    }
  figures[0] = (double) (bench_now_ns () - start) / self->repeats;

  bench_helpers_free (helper);
  peer->close (both.ping);
  peer->close (both.pong);
}

const BenchScenario bench_scenario_ping_pong = {
  .name = "ping-pong",
  .measure = measure,
  .n_figures = 1,
};
