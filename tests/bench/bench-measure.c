/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"

#include <ssem.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Runs one scenario with several peers side by side, and prints raw figures; bench.py starts it.
 *
 *   bench-measure SCENARIO ROUNDS BLOCKS REPEATS PEER:SIZE...
 *
 * In each round each contender gets BLOCKS turns, in alternating order. A line of the output is a
 * turn: the round, the index of the contender, and the figures.
 *
 *   bench-measure backends
 *
 * lists the backends that work here. A failure is printed to the standard error, and ends all
 * processes with a status other than 0.
 */

static const BenchScenario *const scenarios[] = {
  &bench_scenario_pair,
  &bench_scenario_pair_busy,
  &bench_scenario_calls,
  &bench_scenario_ping_pong,
  &bench_scenario_hammer,
  &bench_scenario_kill,
  &bench_scenario_holders,
  &bench_scenario_open,
  &bench_scenario_attach,
  &bench_scenario_async,
  &bench_scenario_crowd_try,
  &bench_scenario_crowd_idle,
  &bench_scenario_crowd_idle_one,
  &bench_scenario_crowd_kill,
  &bench_scenario_crowd_hammer,
  &bench_scenario_open_beside,
};

static const BenchPeer *const peers[] = {
  &bench_peer_ssem,
  &bench_peer_semop,
  &bench_peer_sem_t,
#ifdef BENCH_HAVE_QT
  &bench_peer_qt,
#endif
};

/* Larger than all that is printed, so that nobody wakes up to read it between two turns. */
static char output[1 << 20];

static pid_t measuring_pid; /* constant after the start of main () */

void
bench_fail (const char *format,
            ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  fprintf (stderr, "%s\n", message);

  /* The other helpers get a signal at its death. */
  if (getpid () != measuring_pid)
    kill (measuring_pid, SIGKILL);
  _exit (EXIT_FAILURE);
}

static const BenchScenario *
find_scenario (const char *name)
{
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (scenarios); i++)
    {
      if (g_str_equal (scenarios[i]->name, name))
        return scenarios[i];
    }
  bench_fail ("no such scenario: %s", name);
}

static const BenchPeer *
find_peer (const char *name)
{
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (peers); i++)
    {
      if (g_str_equal (peers[i]->name, name))
        return peers[i];
    }
  bench_fail ("no such peer: %s", name);
}

static void
set_up (BenchContender      *self,
        const BenchScenario *scenario,
        int                  repeats,
        const char          *peer_and_size)
{
  g_auto(GStrv) parts = g_strsplit (peer_and_size, ":", 2);

  *self = (BenchContender) {
    .peer = find_peer (parts[0]),
    .size = parts[1] != NULL ? atoi (parts[1]) : 1,
    .repeats = repeats,
    .key = g_strdup_printf ("bench %08x%08x", g_random_int (), g_random_int ()),
  };

  if (scenario->shared_size > 0)
    {
      self->shared = mmap (NULL, scenario->shared_size, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
      if (self->shared == MAP_FAILED)
        bench_fail ("mmap: %s", g_strerror (errno));
    }
  if (scenario->set_up != NULL)
    scenario->set_up (self);
}

void
bench_contender_clear (BenchContender *self)
{
  g_clear_pointer (&self->helpers, bench_helpers_free);
  g_clear_pointer (&self->crowd, bench_helpers_free);
  g_clear_pointer (&self->handle, self->peer->close);
}

static void
tear_down (BenchContender      *self,
           const BenchScenario *scenario)
{
  bench_contender_clear (self);
  if (self->shared != NULL)
    munmap (self->shared, scenario->shared_size);
  g_free (self->key);
}

static void
measure_turn (const BenchScenario *scenario,
              BenchContender      *contender,
              int                  round,
              int                  index)
{
  double figures[BENCH_MAX_FIGURES];
  int i;

  scenario->measure (contender, figures);

  printf ("%d %d", round, index);
  for (i = 0; i < scenario->n_figures; i++)
    printf (" %.9g", figures[i]);
  printf ("\n");
}

static void
measure (const BenchScenario *scenario,
         int                  rounds,
         int                  blocks,
         int                  repeats,
         char               **contender_names)
{
  int n = (int) g_strv_length (contender_names);
  g_autofree BenchContender *contenders = g_new0 (BenchContender, n);
  double warm_up[BENCH_MAX_FIGURES];
  int round, block, i;

  if (scenario->prepare != NULL)
    scenario->prepare ();
  for (i = 0; i < n; i++)
    {
      set_up (&contenders[i], scenario, repeats, contender_names[i]);
      scenario->measure (&contenders[i], warm_up);
    }

  for (round = 0; round < rounds; round++)
    {
      for (block = 0; block < blocks; block++)
        {
          for (i = 0; i < n; i++)
            {
              int index = block % 2 == 0 ? i : n - 1 - i;

              measure_turn (scenario, &contenders[index], round, index);
            }
        }
    }

  for (i = 0; i < n; i++)
    tear_down (&contenders[i], scenario);
}

static void
list_backends (void)
{
  g_autoptr(GEnumClass) backends = g_type_class_ref (SSEM_TYPE_BACKEND);
  guint i;

  for (i = 0; i < backends->n_values; i++)
    {
      if (backends->values[i].value != SSEM_BACKEND_DEFAULT &&
          ssem_backend_is_supported (backends->values[i].value))
        puts (backends->values[i].value_nick);
    }
}

int
main (int    argc,
      char **argv)
{
  measuring_pid = getpid ();
  setvbuf (stdout, output, _IOFBF, sizeof output);

  if (argc == 2 && g_str_equal (argv[1], "backends"))
    list_backends ();
  else if (argc > 5)
    measure (find_scenario (argv[1]), atoi (argv[2]), atoi (argv[3]), atoi (argv[4]), argv + 5);
  else
    bench_fail ("usage: bench-measure SCENARIO ROUNDS BLOCKS REPEATS PEER:SIZE...");

  return EXIT_SUCCESS;
}
