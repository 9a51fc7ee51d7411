/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* What many holders and waiters cost. The holders do nothing: they hold one unit each, and no unit
 * is left.
 *
 * crowd-try       Beside @size holders, this process fails to take a unit, and reads the value.
 *                 Repeats: for how many microseconds a turn repeats each of the two.
 *                 Figure 0: nanoseconds per failing try.
 *                 Figure 1: nanoseconds per value.
 *
 * crowd-idle      @size processes wait beside @size holders, and nothing happens.
 * crowd-idle-one  The same beside one holder.
 *                 Repeats: the measured time in microseconds.
 *                 Figure 0: the processor time of all of them, in percent of one processor.
 *
 * crowd-kill      A holder is killed while @size processes wait beside @size holders. The waiter
 *                 that gets the unit keeps it.
 *                 Figure 0: nanoseconds from just before kill(2) to the waiter's return.
 *                 Figure 1: nanoseconds of processor time that all processes use for the death,
 *                 from just before kill(2) until they rest again and SETTLE_USEC later.
 *
 * open-beside     @size processes wait beside a holder. Another process opens and closes the key a
 *                 hundred times a second.
 *                 Repeats: how often.
 *                 Figure 0: nanoseconds of processor time that all processes use for one of them.
 *                 Figure 1: a process starts for each of them, and ends by exit(3): nanoseconds of
 *                 processor time that the waiters and the holder use for it.
 */

#define CALLS_BETWEEN_CLOCKS 10
#define POLL_USEC 200
#define SETTLE_USEC 20000
#define OPEN_INTERVAL_USEC 10000

typedef struct
{
  _Atomic gint64 served_ns; /* when a waiter's acquire returned; 0 before */
  atomic_int n_waiting;     /* waiters that are about to call acquire, or inside */

  /* Of open-beside. */
  gboolean must_fork;       /* constant while the opener lives */
  _Atomic gint64 opener_ns; /* the processor time that the opener took */
} Shared;

/* --- The crowd --- */

static void
wait_and_keep (BenchHelpers   *helpers,
               int             index,
               BenchContender *contender)
{
  Shared *shared = contender->shared;
  gpointer handle = contender->peer->open (contender->key, 1, TRUE);

  bench_helper_ready (helpers);
  bench_helper_await_order (helpers);
  /* From here until the acquire it does not sleep. */
  atomic_fetch_add (&shared->n_waiting, 1);
  contender->peer->acquire (handle);
  atomic_store (&shared->served_ns, bench_now_ns ());
  for (;;)
    pause ();
}

static void
gather (BenchContender *self,
        int             n_holders,
        int             n_waiters)
{
  Shared *shared = self->shared;

  atomic_store (&shared->served_ns, 0);
  atomic_store (&shared->n_waiting, 0);

  self->handle = self->peer->open (self->key, n_holders, TRUE);
  self->crowd = bench_helpers_new (n_holders, bench_helper_hold, self);
  self->helpers = bench_helpers_new (n_waiters, wait_and_keep, self);
  bench_helpers_order (self->helpers);
  while (atomic_load (&shared->n_waiting) != n_waiters)
    g_usleep (POLL_USEC);
  bench_helpers_await_rest (self->helpers);
}

static gint64
crowd_cpu_ns (BenchContender *self)
{
  return bench_helpers_cpu_ns (self->crowd) + bench_helpers_cpu_ns (self->helpers);
}

/* --- Calls beside holders --- */

static void
set_up_try (BenchContender *self)
{
  self->handle = self->peer->open (self->key, self->size, TRUE);
  self->crowd = bench_helpers_new (self->size, bench_helper_hold, self);
}

/* Returns the nanoseconds per call. */
static double
repeat (BenchContender *self,
        int           (*call) (gpointer handle))
{
  gint64 start = bench_now_ns (), elapsed;
  int i, n = 0;

  do
    {
      for (i = 0; i < CALLS_BETWEEN_CLOCKS; i++)
        {
          if (call (self->handle) != 0)
            bench_fail ("a unit is left beside the holders");
        }
      n += CALLS_BETWEEN_CLOCKS;
      elapsed = bench_now_ns () - start;
    }
  while (elapsed < (gint64) self->repeats * 1000);

  return (double) elapsed / n;
}

static void
measure_try (BenchContender *self,
             double         *figures)
{
  figures[0] = repeat (self, self->peer->try_acquire);
  figures[1] = repeat (self, self->peer->get_value);
}

const BenchScenario bench_scenario_crowd_try = {
  .name = "crowd-try",
  .set_up = set_up_try,
  .measure = measure_try,
  .n_figures = 2,
};

/* --- Nothing happens --- */

static void
set_up_idle (BenchContender *self)
{
  gather (self, self->size, self->size);
}

static void
set_up_beside_one (BenchContender *self)
{
  gather (self, 1, self->size);
}

static void
measure_idle (BenchContender *self,
              double         *figures)
{
  gint64 start = bench_now_ns ();
  gint64 used = crowd_cpu_ns (self);

  g_usleep (self->repeats);
  used = crowd_cpu_ns (self) - used;
  figures[0] = 100.0 * (double) used / (double) (bench_now_ns () - start);
}

const BenchScenario bench_scenario_crowd_idle = {
  .name = "crowd-idle",
  .set_up = set_up_idle,
  .measure = measure_idle,
  .n_figures = 1,
  .shared_size = sizeof (Shared),
};

const BenchScenario bench_scenario_crowd_idle_one = {
  .name = "crowd-idle-one",
  .set_up = set_up_beside_one,
  .measure = measure_idle,
  .n_figures = 1,
  .shared_size = sizeof (Shared),
};

/* --- A death --- */

/* Each turn has a crowd of its own: a peer whose waiters keep the processors busy would otherwise
 * slow down the others. */
static void
measure_kill (BenchContender *self,
              double         *figures)
{
  Shared *shared = self->shared;
  gint64 start, used;

  gather (self, self->size, self->size);

  used = -crowd_cpu_ns (self);
  start = bench_now_ns ();
  used += bench_helpers_kill_last (self->crowd);
  while (atomic_load (&shared->served_ns) == 0)
    g_usleep (POLL_USEC);
  bench_helpers_await_rest (self->helpers);
  g_usleep (SETTLE_USEC);
  used += crowd_cpu_ns (self);

  figures[0] = (double) (atomic_load (&shared->served_ns) - start);
  figures[1] = (double) used;
  bench_contender_clear (self);
}

const BenchScenario bench_scenario_crowd_kill = {
  .name = "crowd-kill",
  .measure = measure_kill,
  .n_figures = 2,
  .shared_size = sizeof (Shared),
};

/* --- Opening beside waiters --- */

static void
open_in_child (BenchContender *self)
{
  pid_t child = fork ();

  if (child < 0)
    bench_fail ("fork: %s", g_strerror (errno));
  if (child == 0)
    {
      self->peer->close (self->peer->open (self->key, 1, TRUE));
      /* The figures of earlier turns are the measuring process's to write. */
      close (STDOUT_FILENO);
      exit (EXIT_SUCCESS);
    }
  while (waitpid (child, NULL, 0) < 0 && errno == EINTR)
    ;
}

/* A process of its own, because the measuring process is attached already. */
static void
open_often (BenchHelpers   *helpers,
            int             index,
            BenchContender *contender)
{
  Shared *shared = contender->shared;
  gint64 used = -bench_cpu_ns (getpid ());
  int i;

  for (i = 0; i < contender->repeats; i++)
    {
      if (shared->must_fork)
        open_in_child (contender);
      else
        contender->peer->close (contender->peer->open (contender->key, 1, TRUE));
      g_usleep (OPEN_INTERVAL_USEC);
    }
  used += bench_cpu_ns (getpid ());
  atomic_store (&shared->opener_ns, used);
  bench_helper_idle (helpers);
}

static double
measure_opener (BenchContender *self,
                gboolean        must_fork)
{
  Shared *shared = self->shared;
  gint64 used = -crowd_cpu_ns (self);
  BenchHelpers *opener;

  shared->must_fork = must_fork;
  opener = bench_helpers_new (1, open_often, self);
  used += crowd_cpu_ns (self);
  /* To start a process takes much longer than all the rest. */
  if (!must_fork)
    used += atomic_load (&shared->opener_ns);
  bench_helpers_free (opener);

  return (double) used / self->repeats;
}

static void
measure_open_beside (BenchContender *self,
                     double         *figures)
{
  figures[0] = measure_opener (self, FALSE);
  figures[1] = measure_opener (self, TRUE);
}

const BenchScenario bench_scenario_open_beside = {
  .name = "open-beside",
  .set_up = set_up_beside_one,
  .measure = measure_open_beside,
  .n_figures = 2,
  .shared_size = sizeof (Shared),
};
