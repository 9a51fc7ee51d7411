/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

/* Values and numbers of units at their limits, where others die and wait. What one process finds
 * there by itself is tested in conformance/test-operations.c. */

static void
expect_full (Helper *helper)
{
  helper_send (helper, "release 0 1");
  helper_expect_error (helper, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);
}

/* All that can be, in one hand, and through a death into another. */
static void
test_all_of_it (Fixture *fixture)
{
  int maximum = fixture_maximum (fixture);
  Helper *holder = fixture_user (fixture, maximum);
  Helper *waiter = fixture_user (fixture, maximum);

  g_assert_cmpint (helper_get_value (waiter, 0), ==, maximum);
  expect_full (holder);
  helper_do (holder, "acquire 0 %d", maximum);
  g_assert_cmpint (helper_get_value (waiter, 0), ==, 0);
  helper_send (waiter, "acquire 0 %d", maximum);
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  helper_kill (holder);
  helper_expect_ok (waiter);
  g_assert_cmpint (helper_get_value (waiter, 0), ==, 0);

  helper_do (waiter, "release 0 %d", maximum - 1);
  helper_do (waiter, "release 0 1");
  expect_full (waiter);
  g_assert_cmpint (helper_get_value (waiter, 0), ==, maximum);
}

/* Two who hold one half each die together. */
static void
test_halves (Fixture *fixture)
{
  int maximum = fixture_maximum (fixture);
  Helper *holders[2] = { fixture_user (fixture, maximum), fixture_user (fixture, maximum) };
  Helper *waiter = fixture_user (fixture, maximum);
  guint i;

  helper_do (holders[0], "acquire 0 %d", maximum / 2);
  helper_do (holders[1], "acquire 0 %d", maximum - maximum / 2);
  helper_send (waiter, "acquire 0 %d", maximum);
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  for (i = 0; i < G_N_ELEMENTS (holders); i++)
    helper_signal (holders[i], SIGKILL);
  for (i = 0; i < G_N_ELEMENTS (holders); i++)
    helper_reap (holders[i]);
  helper_expect_ok (waiter);
  helper_do (waiter, "release 0 %d", maximum);
  g_assert_cmpint (helper_get_value (waiter, 0), ==, maximum);
  expect_full (waiter);
}

/* A reset to the same maximum makes the holder's units void: it can't release into what is full,
 * and its death gives nothing. */
static void
test_reset_at_maximum (Fixture *fixture)
{
  int maximum = fixture_maximum (fixture);
  Helper *holder = fixture_user (fixture, maximum);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;

  helper_do (holder, "acquire 0 %d", maximum);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_CREATE, maximum);
  assert_value (semaphore, maximum);
  expect_full (holder);
  helper_kill (holder);
  assert_value (semaphore, maximum);
  drop_object (&semaphore);
}

/* From nothing to all: a reset to 0 leaves the waiter waiting, one to the maximum wakes it. */
static void
test_zero_to_maximum (Fixture *fixture)
{
  int maximum = fixture_maximum (fixture);
  Helper *waiter = fixture_user (fixture, 0);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  gboolean is_set;

  helper_send (waiter, "acquire 0 %d", maximum);
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_CREATE, 0);
  assert_value (semaphore, 0);
  assert_release (semaphore, maximum - 1);
  assert_value (semaphore, maximum - 1);
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  g_assert_false (helper_has_answered (waiter));

  is_set = ssem_system_semaphore_set_key (semaphore, fixture->key, maximum, SSEM_ACCESS_MODE_CREATE,
                                          &error);
  g_assert_no_error (error);
  g_assert_true (is_set);
  helper_expect_ok (waiter);
  assert_value (semaphore, 0);
  helper_kill (waiter);
  assert_value (semaphore, maximum);
  drop_object (&semaphore);
}

/* Numbers that no value can have change nothing. */
static void
test_numbers (Fixture *fixture)
{
  const int refused[] = { 0, -1, -32768, G_MININT, G_MININT + 1 };
  int maximum = fixture_maximum (fixture);
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN,
                                                           maximum - 1);
  g_autoptr(GError) error = NULL;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_assert_false (ssem_system_semaphore_acquire (semaphore, refused[i], NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_clear_error (&error);
      g_assert_false (ssem_system_semaphore_release (semaphore, refused[i], &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_clear_error (&error);
    }

  /* The sum would wrap. */
  g_assert_false (ssem_system_semaphore_release (semaphore, G_MAXINT, &error));
  assert_code (error, OUT_OF_RESOURCES);
  g_clear_error (&error);
  g_assert_false (ssem_system_semaphore_release (semaphore, 2, &error));
  assert_code (error, OUT_OF_RESOURCES);
  g_clear_error (&error);
  g_assert_false (ssem_system_semaphore_try_acquire (semaphore, maximum, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  assert_value (semaphore, maximum - 1);
  drop_object (&semaphore);
}

static const Case cases[] = {
  { "all-of-it", 0, test_all_of_it },
  { "halves", 0, test_halves },
  { "reset-at-maximum", 0, test_reset_at_maximum },
  { "zero-to-maximum", 0, test_zero_to_maximum },
  { "numbers", 0, test_numbers },
  { NULL },
};

int
main (int    argc,
      char **argv)
{
  return conformance_main (argc, argv, "worlds/values", cases);
}
