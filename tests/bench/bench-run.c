/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-run.h"

#include "bench-scratch.h"
#include "bench-statistics.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Three kinds of processes
 *
 *   main       has no thread and no semaphore. Forks one measuring process after the other, and
 *              cleans up behind each: it reaps the helpers, too, because it is their subreaper.
 *   measuring  leads a process group, runs one scenario, may start threads.
 *   helpers    forked by the measuring process, in its group, and killed when it dies.
 *
 * Whoever of the last two meets a failure writes the reason into the results and kills the group,
 * itself included. So nobody waits for a process that is gone.
 */

/* A round of the longest scenario takes a few seconds. */
#define WATCHDOG_SECONDS(rounds) (60 + 30 * (rounds))

static BenchResults *current; /* constant in the measuring process and its helpers; else NULL */
static sigset_t awaited;
static int interrupted;

void
bench_run_block_signals (void)
{
  sigemptyset (&awaited);
  sigaddset (&awaited, SIGCHLD);
  sigaddset (&awaited, SIGHUP);
  sigaddset (&awaited, SIGINT);
  sigaddset (&awaited, SIGTERM);
  sigprocmask (SIG_BLOCK, &awaited, NULL);

  prctl (PR_SET_CHILD_SUBREAPER, 1);
}

int
bench_run_interrupted (void)
{
  return interrupted;
}

BenchResults *
bench_results_new (void)
{
  void *memory = mmap (NULL, sizeof (BenchResults), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  if (memory == MAP_FAILED)
    bench_fail ("mmap: %s", g_strerror (errno));

  return memory;
}

void
bench_results_free (BenchResults *results)
{
  munmap (results, sizeof *results);
}

G_GNUC_PRINTF (2, 0) G_GNUC_NORETURN static void
give_up (BenchStatus  status,
         const char  *format,
         va_list      arguments)
{
  if (current == NULL)
    {
      fputs ("bench: ", stderr);
      vfprintf (stderr, format, arguments);
      fputs ("\n", stderr);
      _exit (EXIT_FAILURE);
    }

  g_vsnprintf (current->message, sizeof current->message, format, arguments);
  current->status = status;
  kill (0, SIGKILL);
  _exit (EXIT_FAILURE);
}

void
bench_fail (const char *format,
            ...)
{
  va_list arguments;

  va_start (arguments, format);
  give_up (BENCH_FAILED, format, arguments);
}

void
bench_skip (const char *format,
            ...)
{
  va_list arguments;

  va_start (arguments, format);
  give_up (BENCH_SKIPPED, format, arguments);
}

char *
bench_new_key (void)
{
  return g_strdup_printf ("bench %08x%08x", g_random_int (), g_random_int ());
}

int
bench_run_pick (BenchRun *run,
                int       full,
                int       quick)
{
  return run->is_quick ? quick : full;
}

/* --- Rounds --- */

static void
measure_round (BenchRun            *run,
               const BenchScenario *scenario,
               gpointer            *fixtures,
               int                  n_blocks,
               int                  round)
{
  g_autofree double *samples = NULL;
  int block, turn, metric;

  samples = g_new0 (double, BENCH_N_CONTENDERS * BENCH_MAX_METRICS * n_blocks);

  for (block = 0; block < n_blocks; block++)
    {
      for (turn = 0; turn < BENCH_N_CONTENDERS; turn++)
        {
          int who = block % 2 == 0 ? turn : BENCH_N_CONTENDERS - 1 - turn;
          double values[BENCH_MAX_METRICS] = { 0 };

          if (fixtures[who] == NULL)
            continue;

          scenario->measure (run, fixtures[who], values);
          for (metric = 0; metric < BENCH_MAX_METRICS; metric++)
            samples[(who * BENCH_MAX_METRICS + metric) * n_blocks + block] = values[metric];
        }
    }

  for (turn = 0; turn < BENCH_N_CONTENDERS; turn++)
    {
      for (metric = 0; metric < BENCH_MAX_METRICS; metric++)
        {
          double *first = samples + (turn * BENCH_MAX_METRICS + metric) * n_blocks;

          run->results->values[round][turn][metric] = bench_summarize (first, n_blocks).median;
        }
    }
}

void
bench_run_rounds (BenchRun            *run,
                  const BenchScenario *scenario)
{
  int n_blocks = bench_run_pick (run, scenario->blocks, 1);
  gpointer fixtures[BENCH_N_CONTENDERS] = { NULL };
  double warm_up[BENCH_MAX_METRICS];
  int who, round;

  for (who = 0; who < BENCH_N_CONTENDERS; who++)
    {
      if ((run->contenders & BENCH_BIT (who)) == 0)
        continue;

      fixtures[who] = scenario->set_up (run, who);
      scenario->measure (run, fixtures[who], warm_up);
    }

  for (round = 0; round < run->rounds; round++)
    measure_round (run, scenario, fixtures, n_blocks, round);

  for (who = 0; who < BENCH_N_CONTENDERS; who++)
    {
      if (fixtures[who] != NULL)
        scenario->tear_down (fixtures[who]);
    }
}

/* --- Processes --- */

G_GNUC_NORETURN static void
measure_in_child (BenchRun         *run,
                  BenchMeasureFunc  measure)
{
  /* give_up () must never meet the group of whoever has started the program. */
  setpgid (0, 0);
  if (getpgrp () != getpid ())
    bench_fail ("setpgid: %s", g_strerror (errno));

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  sigprocmask (SIG_UNBLOCK, &awaited, NULL);

  current = run->results;
  g_setenv ("SSEM_BACKEND", run->backend, TRUE);
  bench_scratch_enter (run->in_memory);

  measure (run);

  run->results->status = BENCH_DONE;
  _exit (EXIT_SUCCESS);
}

/* Waits for the end of @pid, for a signal that ends the program, or for too long a time. */
static void
wait_for_end (BenchRun *run,
              pid_t     pid)
{
  int patience = WATCHDOG_SECONDS (run->rounds);
  gint64 end = g_get_monotonic_time () + (gint64) patience * G_USEC_PER_SEC;
  siginfo_t ended = { 0 };

  for (;;)
    {
      gint64 left = end - g_get_monotonic_time ();
      struct timespec wait = { .tv_sec = left / G_USEC_PER_SEC + 1 };
      int signal_number;

      ended.si_pid = 0;
      if (waitid (P_PID, pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == pid)
        return;

      signal_number = left > 0 ? sigtimedwait (&awaited, NULL, &wait) : -1;
      if (left <= 0)
        {
          g_snprintf (run->results->message, sizeof run->results->message,
                      "no end after %d seconds", patience);
          return;
        }
      if (signal_number > 0 && signal_number != SIGCHLD)
        {
          interrupted = signal_number;
          return;
        }
    }
}

void
bench_run_in_child (BenchRun         *run,
                    BenchMeasureFunc  measure)
{
  pid_t pid;

  run->results->status = BENCH_FAILED;
  g_strlcpy (run->results->message, "the measuring process died", sizeof run->results->message);

  fflush (NULL);
  pid = fork ();
  if (pid < 0)
    bench_fail ("fork: %s", g_strerror (errno));
  if (pid == 0)
    measure_in_child (run, measure);

  setpgid (pid, pid);
  wait_for_end (run, pid);
  kill (-pid, SIGKILL);
  while (waitpid (-pid, NULL, 0) > 0 || errno == EINTR)
    ;
  bench_scratch_sweep ();
}
