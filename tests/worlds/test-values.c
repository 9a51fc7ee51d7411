/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "script.h"

/* Values and numbers of units at their limits, with deaths and waiters. For a single process see
 * conformance/test-operations.c. */

/* Two processes that hold one half each die together. */
static void
test_halves (Fixture *fixture)
{
  int maximum = fixture_maximum (fixture);
  Helper *holders[2] = {
    fixture_open_helper (fixture, maximum), fixture_open_helper (fixture, maximum),
  };
  Helper *waiter = fixture_open_helper (fixture, maximum);
  guint i;

  helper_run_expect_ok (holders[0], "acquire 0 %d", maximum / 2);
  helper_run_expect_ok (holders[1], "acquire 0 %d", maximum - maximum / 2);
  helper_send (waiter, "acquire 0 %d", maximum);
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  for (i = 0; i < G_N_ELEMENTS (holders); i++)
    helper_signal (holders[i], SIGKILL);
  for (i = 0; i < G_N_ELEMENTS (holders); i++)
    helper_reap (holders[i]);
  helper_expect_ok (waiter);
  helper_run_expect_ok (waiter, "release 0 %d", maximum);
  g_assert_cmpint (helper_get_value (waiter, 0), ==, maximum);
  helper_send (waiter, "release 0 1");
  helper_expect_error (waiter, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);
}

/* No value can be one of these numbers. */
static const char *const refused[] = {
  "0", "-1", "-32768", "-2147483648", "-2147483647", NULL,
};

const char conformance_topic[] = "worlds/values";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  /* One process holds all units, and its death hands them to a waiter. */
  { "all-of-it", NEEDS_UNDO, .script =
    "a open OPEN MAX; w open OPEN; w value = MAX; a release 1 = OUT_OF_RESOURCES;"
    "a acquire MAX; w value = 0; w acquire MAX = blocks; a kill; w wakes; w value = 0;"
    "w release MAX-1; w release 1; w release 1 = OUT_OF_RESOURCES; w value = MAX" },

  { "halves", NEEDS_UNDO, test_halves },

  /* A reset to the same maximum makes the holder's units void: the holder cannot release them into
   * the full semaphore, and its death gives nothing back. */
  { "reset-at-maximum", NEEDS_UNDO | NEEDS_RESET, .script =
    "a open OPEN MAX; a acquire MAX; w open CREATE MAX; w value = MAX;"
    "a release 1 = OUT_OF_RESOURCES; a kill; w value = MAX" },

  /* A reset to 0 leaves the waiter waiting, a reset to the maximum wakes it. */
  { "zero-to-maximum", NEEDS_UNDO | NEEDS_RESET, .script =
    "a open OPEN 0; a acquire MAX = blocks; w open CREATE 0; w value = 0;"
    "w release MAX-1; w value = MAX-1; a blocks;"
    "w set-key CREATE MAX; a wakes; w value = 0; a kill; w value = MAX" },

  /* Numbers that no value can be change nothing; nor does a sum that would wrap. */
  { "numbers", 0, .rows = refused, .script =
    "a open OPEN MAX-1; a acquire $1 = INVALID_ARGUMENT; a release $1 = INVALID_ARGUMENT;"
    "a release 2147483647 = OUT_OF_RESOURCES; a release 2 = OUT_OF_RESOURCES;"
    "a try MAX = WOULD_BLOCK; a value = MAX-1" },

  { NULL },
};
