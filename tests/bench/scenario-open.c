/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"

/* Two ways to open and close
 *
 * open     No other process uses the key: opening makes the semaphore, closing removes it.
 * attach   @size other processes use the key: opening joins them, closing leaves them.
 *
 * Repeats: how often a turn opens and closes.
 * Figure 0: nanoseconds for opening and closing.
 */

static void
stay_attached (BenchHelpers   *helpers,
               int             index,
               BenchContender *contender)
{
  contender->peer->open (contender->key, 1, TRUE);
  bench_helper_idle (helpers);
}

static void
set_up_others (BenchContender *self)
{
  gpointer handle = self->peer->open (self->key, 1, TRUE);

  self->helpers = bench_helpers_new (self->size, stay_attached, self);
  self->peer->close (handle);
}

static void
measure (BenchContender *self,
         double         *figures)
{
  gint64 start = bench_now_ns ();
  int i;

  for (i = 0; i < self->repeats; i++)
    self->peer->close (self->peer->open (self->key, 1, TRUE));
  figures[0] = (double) (bench_now_ns () - start) / self->repeats;
}

const BenchScenario bench_scenario_open = {
  .name = "open",
  .measure = measure,
  .n_figures = 1,
};

const BenchScenario bench_scenario_attach = {
  .name = "attach",
  .set_up = set_up_others,
  .measure = measure,
  .n_figures = 1,
};
