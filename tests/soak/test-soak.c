/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "storm.h"

/* The storm of kills, for a longer time: 2 seconds for each backend, ten minutes in the set-up
 * "thorough", or SSEM_SOAK_SECONDS. */

#define QUICK_SECONDS 2
#define THOROUGH_SECONDS 600

/* A phase ends with whichever comes first. */
#define KILLS_PER_PHASE 300
#define SECONDS_PER_PHASE 8

static gint64
get_seconds (void)
{
  const char *seconds = g_getenv ("SSEM_SOAK_SECONDS");
  gint64 n;

  if (seconds == NULL)
    return g_getenv ("SSEM_TEST_THOROUGH") != NULL ? THOROUGH_SECONDS : QUICK_SECONDS;

  n = g_ascii_strtoll (seconds, NULL, 10);
  if (n <= 0)
    g_error ("SSEM_SOAK_SECONDS is “%s”, and should be a number of seconds", seconds);

  return n;
}

static void
report (const StormFigures *figures,
        gint64              elapsed_usec)
{
  g_test_message ("%.0f s: %u phases, %" G_GUINT64_FORMAT " operations, "
                  "%" G_GUINT64_FORMAT " kills, "
                  "%" G_GUINT64_FORMAT " recoveries of %" G_GUINT64_FORMAT " units; "
                  "lost %" G_GUINT64_FORMAT ", doubled %" G_GUINT64_FORMAT ", "
                  "stuck %" G_GUINT64_FORMAT,
                  (double) elapsed_usec / G_USEC_PER_SEC, figures->n_phases, figures->n_operations,
                  figures->n_kills, figures->n_recoveries, figures->n_units_back,
                  figures->n_lost, figures->n_doubled, figures->n_stuck);
}

static void
test_soak (Fixture *fixture)
{
  const gint64 begin_usec = g_get_monotonic_time ();
  const gint64 end_usec = begin_usec + get_seconds () * G_USEC_PER_SEC;
  StormFigures figures = { 0 };
  gint64 now = begin_usec;

  /* On a busy machine the storm goes on until there was something to recover. */
  while (now < end_usec || figures.n_recoveries == 0)
    {
      gint64 phase_end_usec = now + SECONDS_PER_PHASE * G_USEC_PER_SEC;
      guint phase = figures.n_phases;

      /* The time of a phase, and of a watchdog for each worker that may be stuck. */
      helper_limit_lifetime (SECONDS_PER_PHASE + 10 * WATCHDOG_USEC / G_USEC_PER_SEC);
      storm_run (fixture, (StormKind) (phase % N_STORM_KINDS), storm_initial_value (phase),
                 KILLS_PER_PHASE,
                 now < end_usec ? MIN (end_usec, phase_end_usec) : phase_end_usec, &figures);
      now = g_get_monotonic_time ();
    }

  report (&figures, now - begin_usec);
  g_assert_cmpuint (figures.n_kills, >, 0);
  g_assert_cmpuint (figures.n_recoveries, >, 0);
  g_assert_cmpuint (figures.n_lost, ==, 0);
  g_assert_cmpuint (figures.n_doubled, ==, 0);
  g_assert_cmpuint (figures.n_stuck, ==, 0);
}

const char conformance_topic[] = "soak";
const Needs conformance_needs = NEEDS_UNDO;

const Case conformance_cases[] = {
  { "kills", 0, test_soak },
  { NULL },
};
