/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

/* In shared memory up to three of the processes that wait watch for deaths: the listeners. What if
 * they die themselves, or stand still? */

/* The processes that watch for deaths die themselves; the last waiter is served all the same. */
static void
test_listeners_killed (Fixture *fixture)
{
  Helper *waiters[6];
  Helper *holder = fixture_open_helper (fixture, 1);
  guint i;

  helper_run_expect_ok (holder, "acquire 0 1");
  for (i = 0; i < G_N_ELEMENTS (waiters); i++)
    {
      waiters[i] = fixture_open_helper (fixture, 1);
      helper_send (waiters[i], "acquire 0 1");
      wait_until_blocked (fixture->backend, waiters[i]->pid, 1);
    }

  /* All die together, so that no watcher is left to wake the last waiter. */
  for (i = 0; i + 1 < G_N_ELEMENTS (waiters); i++)
    helper_signal (waiters[i], SIGKILL);
  helper_signal (holder, SIGKILL);
  for (i = 0; i + 1 < G_N_ELEMENTS (waiters); i++)
    helper_reap (waiters[i]);
  helper_reap (holder);
  helper_expect_ok (waiters[i]);
}

/* As many processes as may watch for deaths stand still, and the next waiter is served all the
 * same: it looks itself, once a second. */
static void
test_listeners_stopped (Fixture *fixture)
{
  Helper *stopped[3];
  Helper *holder = fixture_open_helper (fixture, 4);
  Helper *waiter = fixture_open_helper (fixture, 4);
  guint i;

  helper_run_expect_ok (holder, "acquire 0 4");
  for (i = 0; i < G_N_ELEMENTS (stopped); i++)
    {
      stopped[i] = fixture_open_helper (fixture, 4);
      helper_send (stopped[i], "acquire 0 1");
      wait_until_blocked (fixture->backend, stopped[i]->pid, 1);
      helper_stop (stopped[i]);
    }
  helper_send (waiter, "acquire 0 1");
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  helper_kill (holder);
  helper_expect_ok (waiter);

  for (i = 0; i < G_N_ELEMENTS (stopped); i++)
    {
      helper_signal (stopped[i], SIGCONT);
      helper_expect_ok (stopped[i]);
    }
  g_assert_cmpint (helper_get_value (waiter, 0), ==, 0);
}

/* One that watches is killed together with a holder, and the others go on watching. */
static void
test_listener_killed (Fixture *fixture)
{
  Helper *waiters[3];
  Helper *holders[2];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (holders); i++)
    {
      holders[i] = fixture_open_helper (fixture, 2);
      helper_run_expect_ok (holders[i], "acquire 0 1");
    }
  for (i = 0; i < G_N_ELEMENTS (waiters); i++)
    {
      waiters[i] = fixture_open_helper (fixture, 2);
      helper_send (waiters[i], "acquire 0 1");
      wait_until_blocked (fixture->backend, waiters[i]->pid, 1);
    }

  for (i = 0; i < G_N_ELEMENTS (holders); i++)
    helper_signal (holders[i], SIGKILL);
  helper_signal (waiters[0], SIGKILL);
  for (i = 0; i < G_N_ELEMENTS (holders); i++)
    helper_reap (holders[i]);
  helper_reap (waiters[0]);
  helper_expect_ok (waiters[1]);
  helper_expect_ok (waiters[2]);
}

const char conformance_topic[] = "listeners";
const Needs conformance_needs = NEEDS_SHARED_MEMORY;

const Case conformance_cases[] = {
  { "all-killed", 0, test_listeners_killed },
  { "all-stopped", 0, test_listeners_stopped },
  { "one-killed", 0, test_listener_killed },
  { NULL },
};
