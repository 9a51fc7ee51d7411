/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#ifdef G_OS_UNIX
#include <sys/wait.h>
#include <unistd.h>
#endif

/* Leaves the function in the middle, as an error does. */
static gboolean
hold_and_return (SsemSystemSemaphore  *semaphore,
                 int                   n,
                 GCancellable         *cancellable,
                 int                  *value,
                 GError              **error)
{
  g_autoptr(SsemHold) hold = ssem_hold_new (semaphore, n, cancellable, error);

  if (hold == NULL)
    return FALSE;

  *value = ssem_system_semaphore_get_value (semaphore, error);

  return *value >= 0;
}

static void
test_scope (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  GError *error = NULL;
  int value = -1;

  g_assert_true (hold_and_return (semaphore, 2, NULL, &value, &error));
  g_assert_no_error (error);
  g_assert_cmpint (value, ==, 1);
  assert_value (semaphore, 3);

  drop_object (&semaphore);
}

static void
test_failed (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  int value = -1;

  g_cancellable_cancel (cancellable);
  g_assert_false (hold_and_return (semaphore, 1, cancellable, &value, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_value (semaphore, 3);

  g_clear_error (&error);
  g_assert_false (hold_and_return (semaphore, 0, NULL, &value, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  assert_value (semaphore, 3);
  g_assert_cmpint (value, ==, -1);

  drop_object (&semaphore);
}

static void
test_adopt (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);

  assert_acquire (semaphore, 2);
  {
    g_autoptr(SsemHold) hold = ssem_hold_adopt (semaphore, 2);

    g_assert_nonnull (hold);
    assert_value (semaphore, 1);
  }
  assert_value (semaphore, 3);

  drop_object (&semaphore);
}

/* The first release counts, and only that. */
static void
test_release (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  g_autoptr(GError) error = NULL;
  g_autoptr(SsemHold) hold = ssem_hold_new (semaphore, 2, NULL, &error);
  int i;

  g_assert_no_error (error);
  assert_value (semaphore, 1);
  for (i = 0; i < 2; i++)
    {
      assert_done (ssem_hold_release (hold, &error));
      assert_value (semaphore, 3);
    }
  g_clear_pointer (&hold, ssem_hold_unref);
  assert_value (semaphore, 3);

  /* A release that fails has ended the hold, too. */
  hold = ssem_hold_new (semaphore, 2, NULL, &error);
  g_object_run_dispose (G_OBJECT (semaphore));
  assert_refused (ssem_hold_release (hold, &error), NOT_FOUND);
  assert_done (ssem_hold_release (hold, &error));
  g_clear_pointer (&hold, ssem_hold_unref);
  drop_object (&semaphore);
}

/* A copy of the boxed type is a reference; the last one releases. */
static void
test_references (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  g_autoptr(SsemHold) hold = ssem_hold_new (semaphore, 2, NULL, NULL);
  SsemHold *copy = g_boxed_copy (SSEM_TYPE_HOLD, hold);

  g_assert_true (copy == hold);
  g_clear_pointer (&hold, ssem_hold_unref);
  assert_value (semaphore, 1);
  g_boxed_free (SSEM_TYPE_HOLD, copy);
  assert_value (semaphore, 3);

  drop_object (&semaphore);
}

/* The units come back to the semaphore even if the hold is the last that keeps it. */
static void
test_outlives_the_object (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) witness = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  g_autoptr(SsemHold) hold = ssem_hold_new (semaphore, 3, NULL, NULL);

  g_assert_nonnull (hold);
  g_clear_object (&semaphore);
  assert_value (witness, 0);
  g_clear_pointer (&hold, ssem_hold_unref);
  assert_value (witness, 3);

  drop_object (&witness);
}

static gpointer
free_in_thread (gpointer data)
{
  ssem_hold_unref (data);

  return NULL;
}

static void
test_other_thread (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  SsemHold *hold = ssem_hold_new (semaphore, 2, NULL, NULL);

  g_thread_join (g_thread_new ("free", free_in_thread, hold));
  assert_value (semaphore, 3);

  drop_object (&semaphore);
}

#ifdef G_OS_UNIX

/* A child that leaves the block, too, creates no units. */
static void
test_child (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  g_autoptr(SsemHold) hold = ssem_hold_new (semaphore, 2, NULL, NULL);
  int status;
  pid_t pid;

  g_assert_nonnull (hold);
  pid = fork ();
  if (pid == 0)
    {
      g_autoptr(SsemHold) own = NULL;
      int value;

      g_clear_pointer (&hold, ssem_hold_unref);
      own = ssem_hold_new (semaphore, 1, NULL, NULL);
      value = ssem_system_semaphore_get_value (semaphore, NULL);
      g_clear_pointer (&own, ssem_hold_unref);
      g_clear_object (&semaphore);
      _exit (value);
    }

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  assert_value (semaphore, 1);
  g_clear_pointer (&hold, ssem_hold_unref);
  assert_value (semaphore, 3);

  drop_object (&semaphore);
}

#endif

const char conformance_topic[] = "hold";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "scope", 0, test_scope },
  { "failed", 0, test_failed },
  { "adopt", 0, test_adopt },
  { "release", 0, test_release },
  { "references", 0, test_references },
  { "outlives-the-object", 0, test_outlives_the_object },
  { "other-thread", 0, test_other_thread },
#ifdef G_OS_UNIX
  { "child", 0, test_child },
#endif
  { NULL },
};
