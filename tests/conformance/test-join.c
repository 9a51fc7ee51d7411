/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

/* The mode JOIN: the limit that a program asks for holds whenever nobody else uses the semaphore.
 *
 * In each case the semaphore has another limit than the one that JOIN asks for.
 */
#define OLD_LIMIT 3
#define NEW_LIMIT 5

static SsemSystemSemaphore *
join (Fixture *fixture)
{
  return fixture_open (fixture, SSEM_ACCESS_MODE_JOIN, NEW_LIMIT);
}

static void
helper_join (Helper  *self,
             int      slot,
             Fixture *fixture)
{
  helper_open (self, slot, SSEM_ACCESS_MODE_JOIN, NEW_LIMIT, TRUE, fixture->key);
}

static void
test_number (Fixture *fixture)
{
  g_assert_cmpint (SSEM_ACCESS_MODE_JOIN, ==, 4);
}

static void
test_unknown (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = join (fixture);
  Helper *user = fixture_helper (fixture);

  assert_value (semaphore, NEW_LIMIT);

  /* It is one semaphore with what other modes open. */
  helper_open (user, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  helper_do (user, "acquire 0 1");
  assert_value (semaphore, NEW_LIMIT - 1);
  drop_object (&semaphore);
}

/* --- In use --- */

static void
test_live (Fixture *fixture)
{
  Helper *user = fixture_user (fixture, OLD_LIMIT);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;

  helper_do (user, "acquire 0 1");
  semaphore = join (fixture);
  assert_value (semaphore, OLD_LIMIT - 1);
  assert_acquire (semaphore, 2);
  g_assert_cmpint (helper_get_value (user, 0), ==, 0);
  helper_do (user, "release 0 1");
  assert_value (semaphore, 1);
  assert_release (semaphore, 2);
  drop_object (&semaphore);
}

/* A process that has only opened it is a user, also where another user was killed. */
static void
test_live_beside_dead (Fixture *fixture)
{
  Helper *idle = fixture_user (fixture, OLD_LIMIT);
  Helper *killed = fixture_user (fixture, OLD_LIMIT);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;

  helper_do (killed, "acquire 0 2");
  helper_kill (killed);
  semaphore = join (fixture);
  assert_value (semaphore, OLD_LIMIT);
  helper_do (idle, "acquire 0 1");
  assert_value (semaphore, OLD_LIMIT - 1);
  drop_object (&semaphore);
}

/* The process that joins may itself be the one that uses it. */
static void
test_own_process (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) first = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, OLD_LIMIT);
  g_autoptr(SsemSystemSemaphore) second = NULL;

  assert_acquire (first, 1);
  second = join (fixture);
  assert_value (second, OLD_LIMIT - 1);
  drop_object (&first);
  assert_value (second, OLD_LIMIT - 1);
  assert_release (second, 1);
  drop_object (&second);
}

/* A stopped process is a living one. */
static void
test_stopped_user (Fixture *fixture)
{
  Helper *user = fixture_user (fixture, OLD_LIMIT);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;

  helper_do (user, "acquire 0 1");
  helper_stop (user);
  semaphore = join (fixture);
  assert_value (semaphore, OLD_LIMIT - 1);
  helper_signal (user, SIGCONT);
  drop_object (&semaphore);
}

/* --- Left over --- */

typedef enum
{
  END_BY_SIGKILL,
  END_BY_SIGTERM,
  END_BY_UNDERSCORE_EXIT,
  N_ENDS,
} End;

static void
leave_over (Fixture *fixture,
            End      end)
{
  Helper *user = fixture_user (fixture, OLD_LIMIT);

  helper_do (user, "acquire 0 2");
  switch (end)
    {
    case END_BY_SIGKILL:
      helper_signal (user, SIGKILL);
      break;
    case END_BY_SIGTERM:
      helper_signal (user, SIGTERM);
      break;
    case END_BY_UNDERSCORE_EXIT:
      helper_send (user, "_exit 0");
      break;
    case N_ENDS:
    default:
      g_assert_not_reached ();
    }
  helper_reap (user);
}

static void
test_left_over (Fixture *fixture)
{
  End end;

  for (end = 0; end < N_ENDS; end++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      Helper *next;

      leave_over (fixture, end);
      semaphore = join (fixture);
      assert_value (semaphore, NEW_LIMIT);

      /* It counts as any other from here on. */
      next = fixture_helper (fixture);
      helper_open (next, 0, SSEM_ACCESS_MODE_JOIN, 9, TRUE, fixture->key);
      helper_do (next, "acquire 0 4");
      assert_value (semaphore, NEW_LIMIT - 4);
      helper_kill (next);
      assert_value (semaphore, NEW_LIMIT);
      drop_object (&semaphore);
      fixture_assert_empty (fixture);
    }
}

/* What the dead one created, or took for good, is gone with its limit. */
static void
test_left_over_without_undo (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  Helper *user = fixture_helper (fixture);

  helper_open (user, 0, SSEM_ACCESS_MODE_OPEN, OLD_LIMIT, FALSE, fixture->key);
  helper_do (user, "acquire 0 3");
  helper_do (user, "release 0 1");
  helper_kill (user);
  semaphore = join (fixture);
  assert_value (semaphore, NEW_LIMIT);
  drop_object (&semaphore);
}

/* A refused limit leaves the leftover as it is. */
static void
test_left_over_past_maximum (Fixture *fixture)
{
  int maximum = fixture_maximum (fixture);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;

  if (maximum == G_MAXINT)
    {
      g_test_skip ("every limit that can be asked for is possible");
      return;
    }

  leave_over (fixture, END_BY_SIGKILL);
  semaphore = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_JOIN, maximum + 1, TRUE,
                                 &error);
  assert_code (error, OUT_OF_RESOURCES);
  g_assert_null (semaphore);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN_EXISTING, 0);
  assert_value (semaphore, OLD_LIMIT);
  drop_object (&semaphore);
}

/* --- Racing --- */

#define N_RACERS 4
#define N_RACES 25

/* Each one asks for a limit of its own and takes a unit at once. All of them come to one semaphore,
 * whose limit is that of one of them; a second reset would forget a unit that was taken before. */
static void
test_race (Fixture *fixture)
{
  Helper *racers[N_RACERS];
  int i, j, value, limit;

  for (i = 0; i < N_RACERS; i++)
    racers[i] = fixture_helper (fixture);

  for (j = 0; j < N_RACES && fixture_has_time (fixture); j++)
    {
      /* Every third race is for a key that nobody knows. */
      if (j % 3 != 0)
        leave_over (fixture, j % 3 == 1 ? END_BY_SIGKILL : END_BY_SIGTERM);

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
        helper_do (racers[i], "release 0 1");
      g_assert_cmpint (helper_get_value (racers[0], 0), ==, limit);
      for (i = 0; i < N_RACERS; i++)
        helper_do (racers[i], "close 0");
      fixture_assert_empty (fixture);
    }
}

/* --- set_key --- */

static void
set_key_to_join (SsemSystemSemaphore *semaphore,
                 Fixture             *fixture)
{
  g_autoptr(GError) error = NULL;
  gboolean is_set = ssem_system_semaphore_set_key (semaphore, fixture->key, NEW_LIMIT,
                                                   SSEM_ACCESS_MODE_JOIN, &error);

  g_assert_no_error (error);
  g_assert_true (is_set);
  g_assert_cmpint (ssem_system_semaphore_get_mode (semaphore), ==, SSEM_ACCESS_MODE_JOIN);
}

static void
test_set_key (Fixture *fixture)
{
  g_autofree char *other_key = g_strconcat (fixture->key, " other", NULL);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  Helper *user;

  semaphore = fixture_open_full (fixture, other_key, SSEM_ACCESS_MODE_OPEN, 1, TRUE, &error);
  g_assert_no_error (error);

  user = fixture_user (fixture, OLD_LIMIT);
  set_key_to_join (semaphore, fixture);
  assert_value (semaphore, OLD_LIMIT);

  /* The object leaves before it comes back, and the user keeps the semaphore meanwhile. */
  set_key_to_join (semaphore, fixture);
  assert_value (semaphore, OLD_LIMIT);

  /* Alone, it removes the semaphore and creates it. */
  helper_quit (user);
  set_key_to_join (semaphore, fixture);
  assert_value (semaphore, NEW_LIMIT);
  drop_object (&semaphore);
}

static void
test_set_key_left_over (Fixture *fixture)
{
  g_autofree char *other_key = g_strconcat (fixture->key, " other", NULL);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;

  leave_over (fixture, END_BY_SIGTERM);
  semaphore = fixture_open_full (fixture, other_key, SSEM_ACCESS_MODE_OPEN, 1, TRUE, &error);
  g_assert_no_error (error);
  set_key_to_join (semaphore, fixture);
  assert_value (semaphore, NEW_LIMIT);
  drop_object (&semaphore);
}

/* --- fork () --- */

/* In a child, a new object joins what its parent uses. */
static void
test_child (Fixture *fixture)
{
  Helper *parent = fixture_user (fixture, OLD_LIMIT);
  Helper *child;

  helper_do (parent, "acquire 0 1");
  child = fixture_fork (fixture, parent);
  helper_join (child, 1, fixture);
  g_assert_cmpint (helper_get_value (child, 1), ==, OLD_LIMIT - 1);
}

/* What nobody uses any more it resets. An object that it has inherited stays with the semaphore that
 * it was of. */
static void
test_child_left_over (Fixture *fixture)
{
  Helper *parent = fixture_user (fixture, OLD_LIMIT);
  Helper *child;

  helper_do (parent, "acquire 0 1");
  child = fixture_fork (fixture, parent);
  helper_kill (parent);
  helper_join (child, 1, fixture);
  g_assert_cmpint (helper_get_value (child, 1), ==, NEW_LIMIT);
  g_assert_cmpint (helper_get_value (child, 0), ==, NEW_LIMIT);
  helper_kill (child);
  helper_quit (fixture_user (fixture, 0));
  fixture_assert_empty (fixture);
}

/* A child that uses what its parent has joined is a user, though the parent is dead. */
static void
test_child_of_joiner (Fixture *fixture)
{
  Helper *parent = fixture_helper (fixture);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  Helper *child;

  helper_open (parent, 0, SSEM_ACCESS_MODE_JOIN, OLD_LIMIT, TRUE, fixture->key);
  helper_do (parent, "acquire 0 1");
  child = fixture_fork (fixture, parent);
  helper_do (child, "acquire 0 2");
  helper_kill (parent);
  semaphore = join (fixture);
  assert_value (semaphore, OLD_LIMIT - 2);
  helper_kill (child);
  assert_value (semaphore, OLD_LIMIT);
  drop_object (&semaphore);
}

static const Case cases[] = {
  { "number", 0, test_number },
  { "unknown", 0, test_unknown },
  { "live", 0, test_live },
  { "live-beside-dead", NEEDS_UNDO, test_live_beside_dead },
  { "own-process", 0, test_own_process },
  { "stopped-user", NEEDS_SIGNALS, test_stopped_user },
  { "left-over", NEEDS_LEFTOVERS, test_left_over },
  { "left-over-without-undo", NEEDS_LEFTOVERS, test_left_over_without_undo },
  { "left-over-past-maximum", NEEDS_LEFTOVERS, test_left_over_past_maximum },
  { "race", NEEDS_LEFTOVERS, test_race },
  { "set-key", 0, test_set_key },
  { "set-key-left-over", NEEDS_LEFTOVERS, test_set_key_left_over },
  { "child", NEEDS_LEFTOVERS, test_child },
  { "child-left-over", NEEDS_LEFTOVERS, test_child_left_over },
  { "child-of-joiner", NEEDS_LEFTOVERS, test_child_of_joiner },
  { NULL },
};

int
main (int    argc,
      char **argv)
{
  return conformance_main (argc, argv, "join", cases);
}
