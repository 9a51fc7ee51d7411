/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-scenarios.h"

#include <gio/gio.h>
#include <string.h>

/* The pair once more, from Python: our module through PyGObject, against PyQt6, both in one
 * process. The script alternates by itself and prints a line for each round.
 *
 * Metric 0: nanoseconds per pair.
 */

#define EXIT_SKIP 77
#define N_PAIRS "2000"
#define N_PAIRS_QUICK "50"

static void
parse_rounds (BenchRun   *run,
              const char *output)
{
  g_auto(GStrv) lines = g_strsplit (output, "\n", -1);
  int round;

  for (round = 0; round < run->rounds; round++)
    {
      char *rest;

      if (lines[round] == NULL || *lines[round] == '\0')
        bench_fail ("the Python program printed too few lines");

      run->results->values[round][BENCH_OURS][0] = g_ascii_strtod (lines[round], &rest);
      run->results->values[round][BENCH_PYQT][0] = g_ascii_strtod (rest, NULL);
    }
}

static void
prepend_path (GSubprocessLauncher *launcher,
              const char          *variable,
              const char          *folder)
{
  const char *old = g_getenv (variable);
  g_autofree char *path = NULL;

  path = g_strjoin (G_SEARCHPATH_SEPARATOR_S, folder, old, NULL);
  g_subprocess_launcher_setenv (launcher, variable, path, TRUE);
}

void
bench_measure_python (BenchRun *run)
{
  g_autoptr(GSubprocessLauncher) launcher = NULL;
  g_autoptr(GSubprocess) process = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *output = NULL;
  g_autofree char *messages = NULL;
  g_autofree char *rounds = g_strdup_printf ("%d", run->rounds);

  if (strlen (BENCH_PYTHON) == 0)
    bench_skip ("built without the typelib");

  launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                        G_SUBPROCESS_FLAGS_STDERR_PIPE);
  prepend_path (launcher, "GI_TYPELIB_PATH", BENCH_LIBRARY_FOLDER);
  prepend_path (launcher, "LD_LIBRARY_PATH", BENCH_LIBRARY_FOLDER);
  prepend_path (launcher, "PYTHONPATH", BENCH_PYTHON_FOLDER);

  process = g_subprocess_launcher_spawn (launcher, &error, BENCH_PYTHON, BENCH_PYTHON_SCRIPT,
                                         rounds, run->is_quick ? N_PAIRS_QUICK : N_PAIRS, NULL);
  if (process == NULL ||
      !g_subprocess_communicate_utf8 (process, NULL, NULL, &output, &messages, &error))
    bench_fail ("%s", error->message);

  g_strstrip (messages);
  if (g_subprocess_get_if_exited (process) &&
      g_subprocess_get_exit_status (process) == EXIT_SKIP)
    bench_skip ("%s", messages);
  if (!g_subprocess_get_successful (process))
    bench_fail ("%s", messages);

  parse_rounds (run, output);
}
