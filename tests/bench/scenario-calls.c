/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-process.h"
#include "bench-scenarios.h"
#include "bench-scratch.h"

#include <gio/gio.h>
#include <string.h>

/* The same pair, and how many system calls it makes: strace counts those of this very program,
 * which does nothing but pairs. Two runs of different length tell what belongs to the pairs.
 *
 * Metric 0: calls per pair.
 */

#define FEW_PAIRS 100
#define MANY_PAIRS 1100

void
bench_traced_pairs (const BenchPeer *peer,
                    int              n)
{
  g_autofree char *key = bench_new_key ();
  gpointer handle = peer->open (key, 1, TRUE);

  peer->pairs (handle, n);
  peer->close (handle);
}

static double
parse_total (const char *table)
{
  g_auto(GStrv) lines = g_strsplit (table, "\n", -1);
  int i;

  for (i = 0; lines[i] != NULL; i++)
    {
      char *name;
      double n_calls = g_ascii_strtod (lines[i], &name);

      if (g_str_equal (g_strstrip (name), "total"))
        return n_calls;
    }

  bench_fail ("strace printed no total");
}

static double
count_calls (BenchRun       *run,
             BenchContender  who,
             const char     *strace,
             int             n)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GSubprocess) process = NULL;
  g_autofree char *messages = NULL;
  g_autofree char *table = NULL;
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *output = bench_scratch_file ("strace");
  g_autofree char *n_pairs = g_strdup_printf ("%d", n);
  g_autofree char *contender = g_strdup_printf ("%d", who);

  process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_PIPE,
                              &error, strace, "-c", "-U", "calls,name", "-o", output, program,
                              "--backend", run->backend, "--traced", contender,
                              "--pairs", n_pairs, "--scratch", bench_scratch_folder (), NULL);
  if (process == NULL ||
      !g_subprocess_communicate_utf8 (process, NULL, NULL, NULL, &messages, &error))
    bench_fail ("%s", error->message);

  /* Containers often forbid tracing. */
  if (!g_subprocess_get_successful (process))
    bench_skip ("strace cannot count here: %s", g_strstrip (messages));

  if (!g_file_get_contents (output, &table, NULL, &error))
    bench_fail ("%s", error->message);

  return parse_total (table);
}

void
bench_measure_calls (BenchRun *run)
{
  g_autofree char *strace = g_find_program_in_path ("strace");
  int round, who;

  if (strace == NULL)
    bench_skip ("strace is not installed");

  for (who = 0; who < BENCH_N_CONTENDERS; who++)
    {
      double few, many;

      if ((run->contenders & BENCH_BIT (who)) == 0)
        continue;

      /* A count does not depend on the moment: one round stands for all. */
      few = count_calls (run, who, strace, FEW_PAIRS);
      many = count_calls (run, who, strace, MANY_PAIRS);
      for (round = 0; round < run->rounds; round++)
        run->results->values[round][who][0] = (many - few) / (MANY_PAIRS - FEW_PAIRS);
    }
}
