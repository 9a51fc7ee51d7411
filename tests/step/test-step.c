/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "scenario.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A victim is led to every point of an operation (see tracer.h), and there
 *
 *   killed    The other processes have run before, or not. The victim's units come back. A process
 *             that waits for all units gets them. The next process to open the key finds the right
 *             value, and nothing is left.
 *   stopped   Meanwhile the other processes finish many operations each, including opening and
 *             closing. Then the victim continues, and all figures add up.
 *
 * All points take minutes. By default, some are chosen, spread over all; SSEM_TEST_EVERY_POINT asks
 * for all of them, and SSEM_TEST_THOROUGH for more work by the others as well. The points that a
 * victim did not come to, because it went another way than the one that was recorded, are counted,
 * and may only be few.
 */

#define QUICK_KILLS 20
#define QUICK_STOPS 8

/* How often each of two others opens, takes a unit, gives it back and closes. */
#define QUICK_ROUNDS 5
#define THOROUGH_ROUNDS 250

/* Helpers live for some minutes only. */
#define ROUNDS_OF_A_HELPER 50
#define ROUND_SECONDS "60"

/* State has three bits of the epoch's number. */
#define N_EPOCHS 8

/* How many standers may go another way, one after the other. */
#define MAX_STANDERS 20

typedef struct
{
  Fixture *fixture;
  const Scenario *scenario;
  Victim victim;
  VictimTable table;
  Helper *owner;  /* has a unit, where the scenario has company */
  Helper *waiter;
  Victim stander;
  VictimTable stander_table;
  Point stander_point;
  pid_t stander_pid; /* 0 for none */
  int last_total; /* of a reset */
} World;

static gboolean
is_thorough (void)
{
  return g_getenv ("SSEM_TEST_THOROUGH") != NULL;
}

static gboolean
asks_for_every_point (void)
{
  return is_thorough () || g_getenv ("SSEM_TEST_EVERY_POINT") != NULL;
}

/* A process that waits forever dies of it. */
static void
set_watchdog (void)
{
  const char *seconds = g_getenv ("SSEM_TEST_ROUND_SECONDS");

  alarm ((unsigned int) atoi (seconds != NULL ? seconds : ROUND_SECONDS));
}

/* --- The others --- */

static void
start_others (World *self)
{
  self->owner = fixture_helper (self->fixture);
  self->waiter = fixture_helper (self->fixture);
  if (self->scenario->company == COMPANY_NONE)
    return;

  helper_open (self->owner, 0, SSEM_ACCESS_MODE_OPEN, UNITS, TRUE, self->fixture->key);
  helper_open (self->waiter, 0, SSEM_ACCESS_MODE_OPEN, UNITS, TRUE, self->fixture->key);
}

static void
end_others (World *self)
{
  helper_quit (self->owner);
  helper_quit (self->waiter);
  g_ptr_array_set_size (self->fixture->helpers, 0);
  fixture_assert_empty (self->fixture);
}

/* Nobody is attached: whatever the victim left is of no harm to the next, and goes with it. */
static void
assert_next_is_fine (World *self,
                     guint  round)
{
  SsemAccessMode mode = round % 3 == 0 ? SSEM_ACCESS_MODE_CREATE_EXCLUSIVE
                        : round % 3 == 1 ? SSEM_ACCESS_MODE_CREATE
                        : SSEM_ACCESS_MODE_OPEN;

  helper_open (self->owner, 0, mode, UNITS, TRUE, self->fixture->key);
  helper_open (self->waiter, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, UNITS, TRUE, self->fixture->key);
  g_assert_cmpint (helper_get_value (self->waiter, 0), ==, UNITS);
  helper_run_expect_ok (self->owner, "try 0 %d", UNITS);
  g_assert_cmpint (helper_get_value (self->waiter, 0), ==, 0);
  helper_run_expect_ok (self->owner, "release 0 %d", UNITS);
  helper_run_expect_ok (self->owner, "close 0");
  helper_run_expect_ok (self->waiter, "close 0");
  fixture_assert_empty (self->fixture);
}

/* All are back, after whatever happened to the victim. */
static void
assert_total (World    *self,
              gboolean  is_there)
{
  int total = helper_get_value (self->owner, 0);

  if (!self->scenario->resets)
    {
      g_assert_cmpint (total, ==, UNITS);
      return;
    }

  /* The reset has made the owner's unit forgotten, which the owner then created again; or has not
   * happened. Once it has, it has at all later points; a victim that went another way was killed
   * when it had happened. */
  g_assert_cmpint (total, >=, is_there ? MAX (UNITS, self->last_total) : UNITS);
  g_assert_cmpint (total, <=, UNITS + 1);
  if (is_there)
    self->last_total = total;
  helper_open (self->owner, 1, SSEM_ACCESS_MODE_CREATE, UNITS, TRUE, self->fixture->key);
  helper_run_expect_ok (self->owner, "close 1");
}

/* --- Rounds --- */

/* Finds out where one that acquires a unit has swapped state and not committed. */
static void
prepare_stander (World *self)
{
  const Scenario *scenario = &scenarios[0];
  g_autoptr(GArray) points = NULL;
  const Point *point;
  pid_t pid;

  self->stander = self->victim;
  self->stander.scenario = scenario;
  self->stander_table = (VictimTable) {
    scenario_prepare, scenario->perform, scenario_conclude, &self->stander,
  };

  pid = tracer_start (&self->stander_table);
  points = tracer_record (pid, (gconstpointer) ssem_system_semaphore_new, FALSE);
  g_assert_cmpint (tracer_conclude (pid), ==, 0);
  point = tracer_find_swap (points, 1);
  g_assert_nonnull (point);
  self->stander_point = *point;
}

/* On a busy machine, a process that has noticed the last victim's death may change `state` only now.
 * Then the stander does not take the fast path, and does not come to its point. The next one
 * does. */
static void
start_stander (World *self)
{
  int i;

  for (i = 0; i < MAX_STANDERS; i++)
    {
      self->stander_pid = tracer_start (&self->stander_table);
      if (tracer_lead (self->stander_pid, &self->stander_point))
        return;
      g_assert_cmpint (tracer_conclude (self->stander_pid), ==, 0);
    }
  g_error ("No stander came to its point");
}

static pid_t
start_victim (World *self)
{
  pid_t victim;

  if (self->scenario->has_corpse)
    scenario_make_corpse (&self->victim);

  victim = tracer_start (&self->table);
  if (self->scenario->has_stander)
    start_stander (self);

  return victim;
}

static void
kill_stander (World *self)
{
  if (self->stander_pid != 0)
    tracer_kill (self->stander_pid);
  self->stander_pid = 0;
}

static void
finish_stander (World *self)
{
  if (self->stander_pid == 0)
    return;

  tracer_finish (self->stander_pid);
  g_assert_cmpint (tracer_conclude (self->stander_pid), ==, 0);
  self->stander_pid = 0;
}

static gboolean
round_killed (World       *self,
              const Point *point,
              guint        round)
{
  gboolean waits = self->scenario->company == COMPANY_ATTACHED;
  gboolean is_alone = self->scenario->company == COMPANY_NONE;
  gboolean is_there;
  pid_t victim;

  if (!is_alone)
    helper_run_expect_ok (self->owner, "acquire 0 1");
  victim = start_victim (self);
  if (waits)
    {
      helper_send (self->waiter, "acquire 0 %d", UNITS);
      wait_until_blocked (self->fixture->backend, self->waiter->pid, 1);
    }

  is_there = tracer_lead (victim, point);

  /* What others do while it stands there overwrites the name that it may have put into state. */
  if (!is_alone && round % 2 == 0)
    {
      g_autofree char *answer = NULL;

      /* After a reset, the waiter may have taken all. */
      helper_send (self->owner, "try 0 1");
      answer = helper_receive (self->owner);
      if (g_str_equal (answer, "ok"))
        helper_run_expect_ok (self->owner, "release 0 1");
      else
        g_assert_true (self->scenario->resets);
    }
  tracer_kill (victim);
  kill_stander (self);

  if (is_alone)
    {
      assert_next_is_fine (self, round);
      return is_there;
    }

  if (!waits)
    g_assert_cmpint (helper_get_value (self->waiter, 0), ==, UNITS - 1);
  helper_run_expect_ok (self->owner, "release 0 1");
  if (!waits)
    helper_send (self->waiter, "acquire 0 %d", UNITS);
  helper_expect_ok (self->waiter);
  helper_run_expect_ok (self->waiter, "release 0 %d", UNITS);
  assert_total (self, is_there);

  return is_there;
}

/* So often that the epoch's few bits in state are again what they were. */
static void
overtake (World *self)
{
  int i;

  for (i = 0; i < N_EPOCHS - 1; i++)
    {
      helper_open (self->owner, 1, SSEM_ACCESS_MODE_CREATE, UNITS, TRUE, self->fixture->key);
      helper_run_expect_ok (self->owner, "close 1");
    }
  scenario_make_corpse (&self->victim);
}

static gboolean
round_stopped (World       *self,
               const Point *point,
               guint        round)
{
  int n_rounds = is_thorough () ? THOROUGH_ROUNDS : QUICK_ROUNDS;
  gboolean is_alone = self->scenario->company == COMPANY_NONE;
  g_autofree char *key = g_strescape (self->fixture->key, NULL);
  pid_t victim = start_victim (self);
  gboolean is_there = tracer_lead (victim, point);

  helper_send (self->owner, "operate %d %d %s", n_rounds, UNITS, key);
  helper_send (self->waiter, "operate %d %d %s", n_rounds, UNITS, key);
  helper_expect_ok (self->owner);
  helper_expect_ok (self->waiter);
  /* The dead are found by another. */
  if (self->scenario->has_corpse)
    helper_get_value (self->owner, 0);
  if (self->scenario->is_overtaken)
    overtake (self);

  if (is_there)
    tracer_finish (victim);
  g_assert_cmpint (tracer_conclude (victim), ==, 0);
  finish_stander (self);

  if (is_alone)
    assert_next_is_fine (self, round);
  else
    g_assert_cmpint (helper_get_value (self->waiter, 0), ==, UNITS);

  return is_there;
}

/* --- Every point --- */

typedef gboolean (* RoundFunc) (World       *self,
                                const Point *point,
                                guint        round);

/* Returns why System V and POSIX leave a scenario out, or NULL. */
static const char *
find_reason_to_skip (const Scenario *scenario,
                     RoundFunc       round)
{
  if (scenario->has_stander)
    return "the kernel's operations have no middle";
  if (scenario->is_overtaken)
    return "what runs at the very moment of a reset may be booked on the wrong side of it";
  if (round == round_killed && scenario->resets)
    return "a reset that is killed near its end may be done a second time by another";
  if (round == round_stopped && scenario->opens)
    return "a process that opens or closes waits for a process stopped at the attach lock";

  return NULL;
}

static void
at_every_point (Fixture        *fixture,
                const Scenario *scenario,
                RoundFunc       round,
                guint           n_quick)
{
  World self = { .fixture = fixture, .scenario = scenario };
  gconstpointer code = (gconstpointer) ssem_system_semaphore_new;
  g_autoptr(GArray) points = NULL;
  guint n_missed = 0, n_done = 0, n_calls = 0, step, i;
  const char *reason;
  gboolean waits;
  pid_t victim;

  if (!tracer_is_supported (&reason))
    {
      g_test_skip (reason);
      return;
    }

  self.victim = (Victim) {
    .scenario = scenario,
    .backend = fixture->backend,
    .key = fixture->key,
  };
  self.table = (VictimTable) {
    scenario_prepare, scenario->perform, scenario_conclude, &self.victim,
  };

  reason = fixture_supports (fixture, NEEDS_SYSV) || fixture_supports (fixture, NEEDS_POSIX)
           ? find_reason_to_skip (scenario, round) : NULL;
  if (reason != NULL)
    {
      g_test_skip (reason);
      return;
    }

  start_others (&self);
  if (scenario->has_stander)
    prepare_stander (&self);
  /* A release goes another way where a process waits for the units, as in the rounds. */
  waits = round == round_killed && scenario->company == COMPANY_ATTACHED &&
          !scenario->resets && !scenario->has_stander;
  if (waits)
    helper_run_expect_ok (self.owner, "acquire 0 1");
  victim = start_victim (&self);
  if (waits)
    {
      helper_send (self.waiter, "acquire 0 %d", UNITS);
      wait_until_blocked (fixture->backend, self.waiter->pid, 1);
    }
  points = tracer_record (victim, code, FALSE);
  g_assert_cmpint (tracer_conclude (victim), ==, 0);
  finish_stander (&self);
  if (waits)
    {
      helper_run_expect_ok (self.owner, "release 0 1");
      helper_expect_ok (self.waiter);
      helper_run_expect_ok (self.waiter, "release 0 %d", UNITS);
    }
  g_assert_cmpuint (points->len, >, 0);
  for (i = 0; i < points->len; i++)
    n_calls += g_array_index (points, Point, i).kind == POINT_ENTRY ? 1 : 0;

  step = asks_for_every_point () ? 1 : MAX (1, points->len / n_quick);
  for (i = step > 1 ? (guint) g_test_rand_int_range (0, (int) step) : 0; i < points->len; i += step)
    {
      const Point *point = &g_array_index (points, Point, i);
      g_autofree char *where = point_to_string (point, code);

      set_watchdog ();
      g_test_message ("point %u of %u: %s", i, points->len, where);
      if (!round (&self, point, n_done))
        n_missed++;
      if (++n_done % ROUNDS_OF_A_HELPER == 0)
        {
          end_others (&self);
          start_others (&self);
        }
    }
  end_others (&self);

  g_print ("# %s: %u instructions, %u system calls: %u points, %u tried, %u not come to\n",
           g_test_get_path (), points->len - 2 * n_calls, n_calls, points->len, n_done, n_missed);
  /* One in twenty, and where few are tried, two. */
  g_assert_cmpuint (n_missed, <=, 2 + n_done / 20);
}

static void
test_killed (Fixture *fixture)
{
  at_every_point (fixture, fixture->data, round_killed, QUICK_KILLS);
}

static void
test_stopped (Fixture *fixture)
{
  at_every_point (fixture, fixture->data, round_stopped, QUICK_STOPS);
}

int
main (int    argc,
      char **argv)
{
  const Scenario *scenario;

  conformance_init (&argc, &argv, "step");
  for (scenario = scenarios; scenario->name != NULL; scenario++)
    {
      g_autofree char *killed = g_strconcat ("killed/", scenario->name, NULL);
      g_autofree char *stopped = g_strconcat ("stopped/", scenario->name, NULL);

      Needs needs = (scenario->has_corpse ? NEEDS_UNDO : 0) | (scenario->resets ? NEEDS_RESET : 0);

      /* Only opening and closing hold no units. */
      conformance_add (killed, needs | (scenario->opens ? 0 : NEEDS_UNDO), test_killed, scenario);
      conformance_add (stopped, needs, test_stopped, scenario);
    }

  return conformance_run ();
}
