/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "conformance.h"

G_BEGIN_DECLS

/* A storm of kills: processes work on one key, each with two threads, and are killed at random
 * moments, each replaced right away. At the end of a phase the rest ends in good order, and the units
 * are counted. So that they can be counted, each phase keeps to some rules:
 *
 *   kept    the test has the semaphore open all the while. A worker may drop its last object while
 *           its process holds units, and release them later through another.
 *   loose   nobody keeps it: it comes and goes, and is left over by crashes. Units that are held
 *           when the last one leaves would go with it, so a worker that holds units keeps an
 *           object.
 *   reset   as kept, with CREATE among the modes. To release what a reset made everybody forget
 *           would create units, so nobody releases: units come back by the deaths, and from the
 *           first reset on value and living holdings add up to the initial value.
 */
typedef enum
{
  STORM_KEPT,
  STORM_LOOSE,
  STORM_RESET,
  N_STORM_KINDS,
} StormKind;

typedef struct
{
  guint n_phases;
  guint64 n_kills;
  guint64 n_operations;
  guint64 n_recoveries; /* kills of those who surely held units, but for those of the kind reset */
  guint64 n_units_back; /* what these held */
  guint64 n_lost;       /* units that were missing at the end of a phase */
  guint64 n_doubled;    /* units that were too many */
  guint64 n_stuck;      /* workers that did not come to their end */
} StormFigures;

/* One phase, of @n_kills, or fewer if @deadline_usec, a point of the monotonic clock, passes
 * before. Adds to @figures. */
void storm_run (Fixture      *fixture,
                StormKind     kind,
                int           initial_value,
                guint         n_kills,
                gint64        deadline_usec,
                StormFigures *figures);

/* The initial value for the phase of that number. With few units, workers mostly sleep and wake
 * each other; with many, they mostly run. */
static inline int
storm_initial_value (guint phase)
{
  return phase / N_STORM_KINDS % 2 == 0 ? 3 : 40;
}

G_END_DECLS
