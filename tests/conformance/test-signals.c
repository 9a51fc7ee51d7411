/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <signal.h>
#include <stdio.h>

/* Signal handlers that release and try to acquire, while their thread is in the middle of the same.
 *
 * Each case sends thousands of signals to a helper, one a few microseconds after the handler of the
 * one before has returned. In the end each unit is where the operations have put it, and when the
 * process is killed, what it held comes back.
 */
#define N_SIGNALS 3000
#define INITIAL 20
#define N_ROUNDS 4

/* What it has acquired less what it has released; fails where a release failed. */
static int
receive_balance (Helper *helper)
{
  g_autofree char *answer = helper_receive (helper);
  int balance;

  g_assert_cmpint (sscanf (answer, "ok %d", &balance), ==, 1);

  return balance;
}

static int
operate_under_signals (Helper *helper,
                       int     slot)
{
  helper_send (helper, "signals %d %d", slot, N_SIGNALS);

  return receive_balance (helper);
}

/* What it has acquired less what it has released is known at any time. */
static void
test_operations (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, INITIAL);
  Helper *helper = fixture_open_helper (fixture, 0);
  int value = INITIAL;
  int balance = 0;
  int i;

  for (i = 0; i < N_ROUNDS && fixture_has_time (fixture); i++)
    {
      int change = operate_under_signals (helper, 0);

      balance += change;
      value -= change;
      assert_value (semaphore, value);
    }

  helper_kill (helper);
  assert_value (semaphore, value + MAX (0, balance));
  drop_object (&semaphore);
}

/* There is nothing to be had most of the time, so that most of the tries are in vain. */
static void
test_in_vain (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Helper *helper = fixture_open_helper (fixture, 0);
  Helper *taker = fixture_open_helper (fixture, 0);
  int balance, taken, value;

  helper_run_expect_ok (taker, "hammer 0 1 3");
  balance = operate_under_signals (helper, 0);
  /* The taker may be waiting for units that nobody has. */
  helper_kill (taker);
  value = ssem_system_semaphore_get_value (semaphore, NULL);
  taken = -balance - value;
  g_assert_cmpint (taken, ==, 0);

  helper_kill (helper);
  assert_value (semaphore, value + MAX (0, balance));
  drop_object (&semaphore);
}

/* Units of an object without undo count neither for nor against the process. */
static void
test_without_undo (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, INITIAL);
  Helper *helper = fixture_helper (fixture);
  int value;

  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 0, FALSE, fixture->key);
  value = INITIAL - operate_under_signals (helper, 0);
  assert_value (semaphore, value);
  helper_kill (helper);
  assert_value (semaphore, value);
  drop_object (&semaphore);
}

/* While others acquire and release, and wait for what the handler gives. */
static void
test_among_others (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, INITIAL);
  Helper *helper = fixture_open_helper (fixture, 0);
  Helper *other = fixture_open_helper (fixture, 0);
  int balance;

  helper_run_expect_ok (other, "hammer 0 2 2");
  balance = operate_under_signals (helper, 0);
  /* One that waits has what it needs. */
  assert_release (semaphore, 4);
  helper_run_expect_ok (other, "calm");
  assert_value (semaphore, INITIAL + 4 - balance);
  helper_kill (helper);
  assert_value (semaphore, INITIAL + 4 - balance + MAX (0, balance));
  assert_acquire (semaphore, 4);
  drop_object (&semaphore);
}

/* The handler releases what the acquire that it interrupts waits for, as with sem_post (3). */
static void
test_wait (Fixture *fixture)
{
  int n;

  for (n = 1; n <= 2; n++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
      Helper *helper = fixture_open_helper (fixture, 0);

      helper_send (helper, "signals-in-wait 0 %d %d", N_SIGNALS, n);
      g_assert_cmpint (receive_balance (helper), ==, 0);
      assert_value (semaphore, 0);
      helper_kill (helper);
      assert_value (semaphore, 0);
      drop_object (&semaphore);
    }
}

/* A wait that a handler interrupts goes on: what the handler does is not what it waits for. */
static void
test_wait_goes_on (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Helper *helper = fixture_open_helper (fixture, 0);
  int i;

  helper_run_expect_ok (helper, "release-on-signal 0 1");
  helper_send (helper, "acquire 0 %d", 50);
  for (i = 1; i < 50; i++)
    {
      wait_until_blocked (fixture->backend, helper->pid, 1);
      helper_signal (helper, SIGUSR1);
      while (ssem_system_semaphore_get_value (semaphore, NULL) < i)
        g_thread_yield ();
      g_assert_false (helper_has_answered (helper));
    }

  /* The last unit serves it, from outside. */
  wait_until_blocked (fixture->backend, helper->pid, 1);
  assert_release (semaphore, 1);
  helper_expect_ok (helper);
  assert_value (semaphore, 0);

  /* 50 acquired, 49 released. */
  helper_kill (helper);
  assert_value (semaphore, 1);
  drop_object (&semaphore);
}

/* In a child, once it has used the object. */
static void
test_child (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, INITIAL);
  Helper *parent = fixture_open_helper (fixture, 0);
  Helper *child;
  int balance, value;

  helper_run_expect_ok (parent, "acquire 0 5");
  child = fixture_fork (fixture, parent);
  helper_run_expect_ok (child, "release 0 1");
  balance = operate_under_signals (child, 0) - 1;
  value = INITIAL - 5 - balance;
  assert_value (semaphore, value);
  helper_kill (child);
  value += MAX (0, balance);
  assert_value (semaphore, value);
  helper_kill (parent);
  assert_value (semaphore, value + 5);
  drop_object (&semaphore);
}

const char conformance_topic[] = "signals";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "operations", NEEDS_UNDO, test_operations },
  { "in-vain", NEEDS_UNDO, test_in_vain },
  { "without-undo", 0, test_without_undo },
  { "among-others", NEEDS_UNDO, test_among_others },
  { "wait", 0, test_wait },
  { "wait-goes-on", NEEDS_UNDO, test_wait_goes_on },
  { "child", NEEDS_UNDO, test_child },
  { NULL },
};
