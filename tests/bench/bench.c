/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-rows.h"
#include "bench-run.h"
#include "bench-scenarios.h"
#include "bench-scratch.h"
#include "bench-table.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Measures the library side by side with others, and prints a table of ratios: see --help.
 *
 * Exit status: 0 when everything was measured that can be measured here, whatever came out; 1 when
 * something failed, or with --check when a bar was not met; 2 for a wrong command line.
 */

static char *option_backend;
static char *option_only;
static char *option_tsv;
static char *option_scratch;
static int option_rounds = 7;
static int option_traced = -1;
static int option_pairs;
static gboolean option_check;
static gboolean option_list;
static gboolean option_quick;

static const GOptionEntry options[] = {
  { "backend", 0, 0, G_OPTION_ARG_STRING, &option_backend,
    "Measure this backend only: shared-memory or sysv", "NAME" },
  { "rounds", 0, 0, G_OPTION_ARG_INT, &option_rounds,
    "How many ratios to take the median of (7)", "N" },
  { "only", 0, 0, G_OPTION_ARG_STRING, &option_only,
    "Measure only scenarios that match, such as 'pair/*'", "PATTERN" },
  { "list", 0, 0, G_OPTION_ARG_NONE, &option_list,
    "List backends and scenarios, and measure nothing", NULL },
  { "tsv", 0, 0, G_OPTION_ARG_FILENAME, &option_tsv,
    "Write the figures to a file, parted by tabs", "FILE" },
  { "check", 0, 0, G_OPTION_ARG_NONE, &option_check,
    "Fail if a bar is not met", NULL },
  { "quick", 0, 0, G_OPTION_ARG_NONE, &option_quick,
    "Only see that everything runs: the figures mean nothing", NULL },
  { "traced", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &option_traced, NULL, NULL },
  { "pairs", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &option_pairs, NULL, NULL },
  { "scratch", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_FILENAME, &option_scratch, NULL, NULL },
  { NULL },
};

typedef struct
{
  const GEnumValue *backend;
  const BenchPeer *peers[BENCH_N_CONTENDERS];
  const char *names[BENCH_N_CONTENDERS];
} Contest;

static void
contest_init (Contest          *contest,
              const GEnumValue *backend)
{
  *contest = (Contest) {
    .backend = backend,
    .peers = {
      [BENCH_OURS] = &bench_peer_ssem,
      [BENCH_OURS_FEW] = &bench_peer_ssem,
      [BENCH_SEMOP] = &bench_peer_semop,
      [BENCH_SEM_T] = &bench_peer_sem_t,
      [BENCH_QT] = bench_peer_qt (),
    },
    .names = {
      [BENCH_OURS] = "ours",
      [BENCH_OURS_FEW] = "ours",
      [BENCH_SEMOP] = "semop",
      [BENCH_SEM_T] = "sem_t",
      [BENCH_QT] = bench_peer_qt () != NULL ? bench_peer_qt ()->name : "Qt",
      [BENCH_PYQT] = "PyQt6",
    },
  };
}

static gboolean
is_wanted_backend (const GEnumValue *backend)
{
  return backend->value != SSEM_BACKEND_DEFAULT && ssem_backend_is_supported (backend->value) &&
         (option_backend == NULL || g_str_equal (option_backend, backend->value_nick));
}

static gboolean
is_wanted_row (const BenchGroup *group,
               const BenchRow   *row)
{
  g_autofree char *name = bench_row_name (group, row);

  return option_only == NULL || g_pattern_match_simple (option_only, name);
}

/* Ours, and those that the wanted rows are against, as far as they are here. */
static unsigned int
wanted_contenders (const Contest    *contest,
                   const BenchGroup *group)
{
  const BenchRow *row;
  unsigned int wanted = 0;
  int who;

  for (row = group->rows; row->name != NULL; row++)
    {
      if (is_wanted_row (group, row))
        wanted |= row->against | BENCH_BIT (BENCH_OURS);
    }

  for (who = 0; who < BENCH_N_CONTENDERS; who++)
    {
      if (contest->peers[who] == NULL && who != BENCH_PYQT)
        wanted &= ~BENCH_BIT (who);
    }

  return wanted;
}

static gboolean
measure_group (const Contest    *contest,
               const BenchGroup *group,
               BenchResults     *results,
               FILE             *tsv)
{
  BenchRun run = {
    .contenders = wanted_contenders (contest, group),
    .backend = contest->backend->value_nick,
    .in_memory = contest->backend->value == SSEM_BACKEND_SHARED_MEMORY,
    .size = option_quick ? group->quick_size : group->size,
    .rounds = option_rounds,
    .is_quick = option_quick,
    .results = results,
  };
  const BenchRow *row;
  gboolean is_good = TRUE;

  if (run.contenders == 0)
    return TRUE;

  memcpy (run.peers, contest->peers, sizeof run.peers);
  bench_run_in_child (&run, group->measure);
  if (bench_run_interrupted () != 0)
    return FALSE;

  for (row = group->rows; row->name != NULL; row++)
    {
      BenchLine line;

      if (!is_wanted_row (group, row))
        continue;

      bench_line_init (&line, group, row, &run, contest->backend->value, contest->names);
      bench_table_print_line (&line);
      if (tsv != NULL)
        bench_tsv_write_line (tsv, &line);
      if (line.status == BENCH_FAILED ||
          (option_check && line.status == BENCH_DONE && !line.is_met))
        is_good = FALSE;
      bench_line_clear (&line);
    }
  fflush (stdout);

  return is_good;
}

static gboolean
measure_backend (const GEnumValue *backend,
                 BenchResults     *results,
                 FILE             *tsv)
{
  const BenchGroup *group;
  gboolean is_good = TRUE;
  Contest contest;

  contest_init (&contest, backend);
  bench_table_print_head (backend->value_nick);
  for (group = bench_groups; group->name != NULL && bench_run_interrupted () == 0; group++)
    {
      if (!measure_group (&contest, group, results, tsv))
        is_good = FALSE;
    }

  return is_good;
}

static void
list_rows (const GEnumValue *backend)
{
  const BenchGroup *group;
  const BenchRow *row;

  for (group = bench_groups; group->name != NULL; group++)
    {
      for (row = group->rows; row->name != NULL; row++)
        {
          if (is_wanted_row (group, row))
            printf ("%s\t%s/%s\n", backend->value_nick, group->name, row->name);
        }
    }
}

/* What scenario-calls.c starts below strace. */
G_GNUC_NORETURN static void
run_traced (const GEnumValue *backend)
{
  Contest contest;

  contest_init (&contest, backend);
  bench_scratch_adopt (option_scratch);
  bench_traced_pairs (contest.peers[option_traced], option_pairs);
  _exit (EXIT_SUCCESS);
}

static gboolean
measure_all (GEnumClass *backends)
{
  BenchResults *results = bench_results_new ();
  gboolean is_good = TRUE;
  FILE *tsv = NULL;
  guint i;

  if (option_tsv != NULL)
    {
      tsv = fopen (option_tsv, "w");
      if (tsv == NULL)
        bench_fail ("%s: %s", option_tsv, g_strerror (errno));
      bench_tsv_write_head (tsv);
    }

  bench_run_block_signals ();
  bench_scratch_open ();
  for (i = 0; i < backends->n_values && bench_run_interrupted () == 0; i++)
    {
      if (is_wanted_backend (&backends->values[i]) &&
          !measure_backend (&backends->values[i], results, tsv))
        is_good = FALSE;
    }
  bench_scratch_close ();

  if (tsv != NULL && fclose (tsv) != 0)
    bench_fail ("%s: %s", option_tsv, g_strerror (errno));
  bench_results_free (results);

  return is_good;
}

static gboolean
parse_options (int    *argc,
               char ***argv)
{
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);
  g_autoptr(GError) error = NULL;

  g_option_context_set_summary (context,
                                "Measures semaphores side by side and prints a table of ratios.");
  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, argc, argv, &error))
    {
      g_printerr ("bench: %s\n", error->message);
      return FALSE;
    }
  if (*argc > 1 || option_rounds < 1 || option_rounds > BENCH_MAX_ROUNDS)
    {
      g_printerr ("bench: there are no arguments, and 1 to %d rounds\n", BENCH_MAX_ROUNDS);
      return FALSE;
    }

  return TRUE;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(GEnumClass) backends = NULL;
  gboolean is_any = FALSE;
  guint i;

  setlocale (LC_ALL, "");
  if (!parse_options (&argc, &argv))
    return 2;

  backends = g_type_class_ref (SSEM_TYPE_BACKEND);
  for (i = 0; i < backends->n_values; i++)
    {
      if (!is_wanted_backend (&backends->values[i]))
        continue;

      is_any = TRUE;
      if (option_list)
        list_rows (&backends->values[i]);
      else if (option_traced >= 0)
        run_traced (&backends->values[i]);
    }
  if (!is_any)
    {
      g_printerr ("bench: no such backend in this build\n");
      return 2;
    }
  if (option_list)
    return EXIT_SUCCESS;

  return measure_all (backends) ? EXIT_SUCCESS : EXIT_FAILURE;
}
