/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "storm.h"

#define N_PHASES 18
#define KILLS_PER_PHASE 120
/* Where the machine has much else to do, there are fewer kills. */
#define SECONDS_PER_PHASE 2
#define PHASE_LIFETIME_SECONDS 110

static void
test_kills (Fixture *fixture)
{
  StormFigures figures = { 0 };
  guint i;

  for (i = 0; i < N_PHASES && fixture_has_time (fixture); i++)
    {
      storm_run (fixture, (StormKind) (i % N_STORM_KINDS), storm_initial_value (i),
                 KILLS_PER_PHASE,
                 g_get_monotonic_time () + SECONDS_PER_PHASE * G_USEC_PER_SEC, &figures);
      g_assert_cmpuint (figures.n_lost, ==, 0);
      g_assert_cmpuint (figures.n_doubled, ==, 0);
      g_assert_cmpuint (figures.n_stuck, ==, 0);
      helper_limit_lifetime (PHASE_LIFETIME_SECONDS);
    }
  g_test_message ("%" G_GUINT64_FORMAT " kills, %" G_GUINT64_FORMAT " operations, "
                  "%" G_GUINT64_FORMAT " recoveries",
                  figures.n_kills, figures.n_operations, figures.n_recoveries);
  g_assert_cmpuint (figures.n_kills, >=, figures.n_phases);
}

const char conformance_topic[] = "storm";
const Needs conformance_needs = NEEDS_UNDO;

const Case conformance_cases[] = {
  { "kills", 0, test_kills },
  { NULL },
};
