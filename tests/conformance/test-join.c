/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

/* The mode JOIN: the limit that a program asks for holds whenever nobody else uses the semaphore.
 *
 * In each case the semaphore has the limit 3 at first, and JOIN asks for 5. A value of 5, or of 5
 * less what is held, shows that JOIN has reset the semaphore; one of 3 that it has not. script.h
 * explains the scripts. */

static void
test_number (Fixture *fixture)
{
  g_assert_cmpint (SSEM_ACCESS_MODE_JOIN, ==, 4);
}

/* Ends that leave the semaphore over. */
static const char *const ends[] = { "kill", "signal TERM", "_exit 0", NULL };

/* --- Racing --- */

#define N_RACERS 4
#define N_RACES 25

/* Each racer asks for a limit of its own and takes a unit at once. All of them come to one
 * semaphore, whose limit is that of one of them; a second reset would forget a unit that was taken
 * before. */
static void
test_race (Fixture *fixture)
{
  Helper *racers[N_RACERS];
  int i, j, value, limit;

  for (i = 0; i < N_RACERS; i++)
    racers[i] = fixture_helper (fixture);

  for (j = 0; j < N_RACES && fixture_has_time (fixture); j++)
    {
      /* Every third race is for a key that is unknown. */
      if (j % 3 != 0)
        {
          Helper *user = fixture_open_helper (fixture, 3);

          helper_run_expect_ok (user, "acquire 0 2");
          helper_kill (user);
        }

      for (i = 0; i < N_RACERS; i++)
        {
          helper_send_open (racers[i], 0, SSEM_ACCESS_MODE_JOIN, 100 + i, TRUE, fixture->key);
          helper_send (racers[i], "acquire 0 1");
        }
      for (i = 0; i < N_RACERS; i++)
        {
          helper_expect_ok (racers[i]);
          helper_expect_ok (racers[i]);
        }

      value = helper_get_value (racers[0], 0);
      limit = value + N_RACERS;
      g_assert_cmpint (limit, >=, 100);
      g_assert_cmpint (limit, <, 100 + N_RACERS);
      for (i = 1; i < N_RACERS; i++)
        g_assert_cmpint (helper_get_value (racers[i], 0), ==, value);

      for (i = 0; i < N_RACERS; i++)
        helper_run_expect_ok (racers[i], "release 0 1");
      g_assert_cmpint (helper_get_value (racers[0], 0), ==, limit);
      for (i = 0; i < N_RACERS; i++)
        helper_run_expect_ok (racers[i], "close 0");
      fixture_assert_empty (fixture);
    }
}

const char conformance_topic[] = "join";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "number", 0, test_number },

  /* It is one semaphore with the one that other modes open. */
  { "unknown", .script =
    "a open JOIN 5; a value = 5; b open OPEN_EXISTING; b acquire 1; a value = 4" },

  /* --- In use --- */

  { "live", .script =
    "a open OPEN 3; a acquire 1; b open JOIN 5; b value = 2;"
    "b try 2; a value = 0; a release 1; b value = 1; b release 2" },

  /* A process that has only opened it is a user, also where another user was killed. */
  { "live-beside-dead", NEEDS_UNDO, .script =
    "a open OPEN 3; b open OPEN 3; b acquire 2; b kill;"
    "c open JOIN 5; c value = 3; a acquire 1; c value = 2" },

  /* The process that joins may itself be the user. */
  { "own-process", .script =
    "a open OPEN 3; a try 1; a.1 open JOIN 5; a.1 value = 2;"
    "a close; a.1 value = 2; a.1 release 1" },

  /* A stopped process is alive. */
  { "stopped-user", NEEDS_SIGNALS, .script =
    "a open OPEN 3; a acquire 1; a stop; b open JOIN 5; b value = 2; a continue" },

  /* --- Left over --- */

  /* A leftover is reset, and counts as any semaphore from here on. */
  { "left-over", NEEDS_LEFTOVERS, .rows = ends, .script =
    "a open OPEN 3; a acquire 2; a $1; b open JOIN 5; b value = 5;"
    "c open JOIN 9; c acquire 4; b value = 1; c kill; b value = 5" },

  /* What the dead process took for good is there again. */
  { "left-over-without-undo", NEEDS_LEFTOVERS, .script =
    "a open OPEN 3 no-undo; a acquire 3; a release 1; a kill; b open JOIN 5; b value = 5" },

  /* A limit that is refused leaves the leftover as it is. */
  { "left-over-past-maximum", NEEDS_LEFTOVERS | NEEDS_BOUND, .script =
    "a open OPEN 3; a acquire 2; a kill;"
    "b open JOIN MAX+1 = OUT_OF_RESOURCES; b open OPEN_EXISTING; b value = 3" },

  { "race", NEEDS_LEFTOVERS, test_race },

  /* --- set_key --- */

  /* The object leaves before it comes back: the other user keeps the semaphore meanwhile. Alone,
   * the object removes the semaphore and creates another. */
  { "set-key", .script =
    "a open OPEN 1 other; b open OPEN 3;"
    "a set-key JOIN 5; a mode = 4; a value = 3; a set-key JOIN 5; a value = 3;"
    "b quit; a set-key JOIN 5; a value = 5" },

  { "set-key-left-over", NEEDS_LEFTOVERS, .script =
    "a open OPEN 3; a acquire 2; a signal TERM;"
    "b open OPEN 1 other; b set-key JOIN 5; b mode = 4; b value = 5" },

  /* --- fork () --- */

  /* In a child, a new object joins what its parent uses. */
  { "child", NEEDS_LEFTOVERS, .script =
    "a open OPEN 3; a acquire 1; a fork b; b.1 open JOIN 5; b.1 value = 2" },

  /* The child resets what nobody uses any more. An object that it has inherited stays with the
   * semaphore that it was of. The last step takes the leftover of the child away. */
  { "child-left-over", NEEDS_LEFTOVERS | NEEDS_PRIVATE_MEMORY, .script =
    "a open OPEN 3; a acquire 1; a fork b; a kill;"
    "b.1 open JOIN 5; b.1 value = 5; b value = 5; b kill; c open OPEN" },

  /* A child that uses what its parent has joined is a user, though the parent is dead. */
  { "child-of-joiner", NEEDS_LEFTOVERS | NEEDS_PRIVATE_MEMORY, .script =
    "a open JOIN 3; a acquire 1; a fork b; b acquire 2; a kill;"
    "c open JOIN 5; c value = 1; b kill; c value = 3" },

  { NULL },
};
