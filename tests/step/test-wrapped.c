/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "scenario.h"
#include "tracer.h"

#include <stdlib.h>
#include <unistd.h>

/* A victim reclaims what a dead process held, and is stopped before each compare-and-swap in turn.
 * Meanwhile the owner reclaims it instead, and then makes exactly so many operations that state is
 * again the very word that the victim has read: the number of operations in it has 17 bits. The
 * victim goes on. A swap that takes the word for unchanged gives the units twice.
 */

#define N_NUMBERS (1 << 17)

/* The owner has the last word before the victim reads it, with this many units. */
#define OWNED 1

#define ROUND_SECONDS 60

/* In the victim: it succeeds where the victim gives the units back itself. */
static gboolean has_most;

static void
try_most (gpointer victim)
{
  Victim *self = victim;

  has_most = ssem_system_semaphore_try_acquire (self->semaphore, MOST_UNITS, NULL);
}

static void
open_only (gpointer victim)
{
  Victim *self = victim;

  self->semaphore = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, NULL, "key", self->key,
                                    "initial-value", UNITS, "backend", self->backend, NULL);
  /* Its slot is there before: the points are those of the reclaiming. */
  if (self->semaphore == NULL ||
      !ssem_system_semaphore_acquire (self->semaphore, 1, NULL, NULL) ||
      !ssem_system_semaphore_release (self->semaphore, 1, NULL))
    _exit (1);
}

static void
drop (gpointer victim)
{
  Victim *self = victim;

  if (has_most)
    ssem_system_semaphore_release (self->semaphore, MOST_UNITS, NULL);
  g_clear_object (&self->semaphore);
}

/* The n-th point after a swap has that swap before it; NULL when there are fewer swaps. */
static const Point *
find_before_swap (GArray *points,
                  guint   n)
{
  const Point *after = tracer_find_swap (points, n);

  return after != NULL && after > &g_array_index (points, Point, 0) ? after - 1 : NULL;
}

static void
go_round (Helper *owner)
{
  /* It reclaims, takes what came back, and operates until its number is what it was. */
  g_assert_cmpint (helper_get_value (owner, 0), ==, UNITS - OWNED);
  helper_run_expect_ok (owner, "acquire 0 %d", CORPSE_UNITS - 1);
  helper_run_expect_ok (owner, "acquire 0 1");
  helper_run_expect_ok (owner, "pairs 0 %d", (N_NUMBERS - 2) / 2);
}

static pid_t
start (Victim            *victim,
       const VictimTable *table,
       Helper            *owner)
{
  pid_t pid = tracer_start (table);

  scenario_make_corpse (victim);
  helper_run_expect_ok (owner, "acquire 0 %d", OWNED);

  return pid;
}

static void
test_wrapped (Fixture *fixture)
{
  Victim victim = { .backend = fixture->backend, .key = fixture->key };
  const VictimTable table = { open_only, try_most, drop, &victim };
  g_autoptr(GArray) points = NULL;
  const Point *point;
  const char *reason;
  Helper *owner;
  guint n = 1;
  pid_t pid;

  if (!tracer_is_supported (&reason))
    {
      g_test_skip (reason);
      return;
    }

  owner = fixture_open_helper (fixture, UNITS);
  pid = start (&victim, &table, owner);
  points = tracer_record (pid, (gconstpointer) ssem_system_semaphore_new, FALSE);
  g_assert_cmpint (tracer_conclude (pid), ==, 0);
  helper_run_expect_ok (owner, "release 0 %d", OWNED);

  for (; (point = find_before_swap (points, n)) != NULL; n++)
    {
      gboolean is_there;

      alarm (ROUND_SECONDS);
      pid = start (&victim, &table, owner);
      is_there = tracer_lead (pid, point);
      if (is_there)
        {
          go_round (owner);
          tracer_finish (pid);
          helper_run_expect_ok (owner, "release 0 %d", CORPSE_UNITS);
        }
      g_assert_cmpint (tracer_conclude (pid), ==, 0);

      helper_run_expect_ok (owner, "release 0 %d", OWNED);
      g_test_message ("point before swap %u: %s", n, is_there ? "reached" : "not reached");
      g_assert_cmpint (helper_get_value (owner, 0), ==, UNITS);
    }
  alarm (0);

  /* The swap of the mark and that of the units, at least. */
  g_assert_cmpuint (n, >, 2);
  helper_quit (owner);
  fixture_assert_empty (fixture);
}

const char conformance_topic[] = "wrapped";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "reclaimed", NEEDS_SHARED_MEMORY | NEEDS_UNDO | NEEDS_SIGNALS, test_wrapped },
  { NULL },
};
