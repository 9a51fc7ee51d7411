/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <glib/gstdio.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* --- The last one removes --- */

static void
test_last_object (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) first = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  g_autoptr(SsemSystemSemaphore) second = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  g_autoptr(SsemSystemSemaphore) third = NULL;
  g_autoptr(GError) error = NULL;

  assert_release (first, 1);
  drop_object (&first);
  assert_value (second, 4);
  assert_release (second, 1);
  drop_object (&second);
  fixture_assert_empty (fixture);

  third = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN_EXISTING, 3, TRUE,
                             &error);
  assert_code (error, NOT_FOUND);
  g_assert_null (third);

  /* What comes next is new. */
  third = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  assert_value (third, 3);
  drop_object (&third);
}

/* Whoever is last, whoever created it. */
static void
test_last_process (Fixture *fixture)
{
  int order;

  for (order = 0; order < 3; order++)
    {
      Helper *helpers[3];
      g_auto(GStrv) names = NULL;
      int i;

      for (i = 0; i < 3; i++)
        helpers[i] = fixture_user (fixture, 3);
      helper_do (helpers[0], "acquire 0 1");

      for (i = 0; i < 2; i++)
        {
          Helper *leaver = helpers[(order + i) % 3];
          Helper *stayer = helpers[(order + 2) % 3];

          helper_do (leaver, "close 0");
          /* The others are not cut off: they still have one and the same semaphore. */
          helper_do (stayer, "release 0 1");
          names = fixture_list_keys (fixture);
          g_assert_cmpuint (g_strv_length (names), ==, 1);
          g_clear_pointer (&names, g_strfreev);
        }
      g_assert_cmpint (helper_get_value (helpers[(order + 2) % 3], 0), ==, 4);
      helper_do (helpers[(order + 2) % 3], "close 0");
      fixture_assert_empty (fixture);
      for (i = 0; i < 3; i++)
        helper_quit (helpers[i]);
    }
}

/* One that ends without dropping its objects is a user that goes, too; not so one that crashes. */
static void
test_last_process_exits (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  Helper *helper = fixture_user (fixture, 3);

  helper_send (helper, "exit 0");
  helper_reap (helper);
  fixture_assert_empty (fixture);

  helper = fixture_user (fixture, 3);
  helper_do (helper, "release 0 4");
  helper_kill (helper);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN_EXISTING, 0);
  assert_value (semaphore, 7);
  drop_object (&semaphore);
}

static gboolean
listens_no_more (gpointer data)
{
  Helper *helper = data;

  return count_threads_named (helper->pid, "ssem-watch") == 0;
}

/* What the program itself does at its end may come after the library's: it can go on and begin
 * anew, and what the library listened with is gone. */
static void
test_used_at_exit (Fixture *fixture)
{
  Helper *helper = fixture_user (fixture, 0);

  helper_send (helper, "timeout 0 1 1000");
  helper_expect_error (helper, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  helper_do (helper, "serve-late");
  helper_send (helper, "exit 0");

  helper_do (helper, "close 0");
  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 2, TRUE, fixture->key);
  wait_for ("the bell to be left", listens_no_more, helper);
  helper_do (helper, "acquire 0 1");
  g_assert_cmpint (helper_get_value (helper, 0), ==, 1);
  helper_do (helper, "close 0");
  fixture_assert_empty (fixture);
  helper_quit (helper);
}

/* The objects that it still has at its end keep nobody out, though the process is there. */
static void
test_left_at_exit (Fixture *fixture)
{
  Helper *leaver = fixture_user (fixture, 1);
  Helper *stayer = fixture_user (fixture, 1);
  Helper *comer = fixture_helper (fixture);

  helper_do (leaver, "serve-late");
  helper_send (leaver, "exit 0");
  helper_do (leaver, "setenv SSEM_TEST_IS_LATE 1");

  helper_open (comer, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  helper_do (comer, "close 0");
  helper_do (stayer, "close 0");
  fixture_assert_empty (fixture);
  helper_do (leaver, "close 0");
  helper_quit (leaver);
}

/* The creator crashes; the last of the others removes all the same. */
static void
test_creator_killed (Fixture *fixture)
{
  Helper *creator = fixture_user (fixture, 2);
  Helper *user = fixture_user (fixture, 0);

  helper_kill (creator);
  g_assert_cmpint (helper_get_value (user, 0), ==, 2);
  helper_do (user, "close 0");
  fixture_assert_empty (fixture);
}

static void
test_set_key_leaves (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
  g_autoptr(SsemSystemSemaphore) other = NULL;
  g_autoptr(GError) error = NULL;
  gboolean is_set;

  is_set = ssem_system_semaphore_set_key (semaphore, "elsewhere", 8, SSEM_ACCESS_MODE_OPEN, &error);
  g_assert_no_error (error);
  g_assert_true (is_set);
  assert_value (semaphore, 8);

  other = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE,
                             &error);
  assert_code (error, NOT_FOUND);
  g_assert_null (other);

  /* To the key that it has: dropped and made anew, so the value is new. */
  assert_release (semaphore, 1);
  is_set = ssem_system_semaphore_set_key (semaphore, "elsewhere", 5, SSEM_ACCESS_MODE_OPEN, NULL);
  g_assert_true (is_set);
  assert_value (semaphore, 5);

  drop_object (&semaphore);
}

/* Who leaves a key under a waiter of its own is in nobody's way: not of those who come to the old
 * key, and not of the last of them, who finds that nobody else is there. */
static void
test_left_under_waiter (Fixture *fixture)
{
  Helper *leaver = fixture_user (fixture, 0);
  Helper *stayer = fixture_user (fixture, 0);
  Helper *comer = fixture_helper (fixture);
  g_autofree char *answer = NULL;

  helper_do (leaver, "wait-in-thread 0 1");
  wait_until_blocked (fixture->backend, leaver->pid, 1);
  helper_do (leaver, "set-key 0 %d 2 another", SSEM_ACCESS_MODE_OPEN);

  helper_open (comer, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  helper_do (comer, "close 0");
  helper_do (stayer, "close 0");
  helper_send_open (comer, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  helper_expect_error (comer, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);

  /* It got nothing, for there was nothing. */
  helper_send (leaver, "join-thread");
  answer = helper_receive (leaver);
  g_assert_true (g_str_has_prefix (answer, "error "));
  helper_do (leaver, "close 0");
  fixture_assert_empty (fixture);
}

/* Units that are held when the last one leaves go with the semaphore, and do not come back to the
 * next of that name. */
static void
test_units_go_with_it (Fixture *fixture)
{
  Helper *holder = fixture_user (fixture, 5);
  Helper *next;

  helper_do (holder, "acquire 0 3");
  helper_do (holder, "close 0");
  fixture_assert_empty (fixture);

  next = fixture_user (fixture, 5);
  helper_open (holder, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
  helper_do (holder, "acquire 0 1");
  helper_do (holder, "release 0 2");
  g_assert_cmpint (helper_get_value (next, 0), ==, 6);
  helper_kill (holder);
  g_assert_cmpint (helper_get_value (next, 0), ==, 6);
}

/* --- Removed from outside --- */

/* What does not ask the kernel goes on with what it has; it is not refused, and makes nothing
 * new. */
static void
expect_notice (Fixture  *fixture,
               Helper   *helper,
               gboolean  is_sure)
{
  if (is_sure || fixture_has (fixture, NEEDS_ASKING))
    helper_expect_error (helper, SSEM_SYSTEM_SEMAPHORE_ERROR,
                         SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
  else
    helper_expect_ok (helper);
}

static void
test_removed (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 30);
  g_autoptr(GError) error = NULL;
  Helper *helper = fixture_user (fixture, 0);
  const struct
  {
    const char *line;
    gboolean is_sure;
  } commands[] = {
    { "acquire 0 1", FALSE },
    { "try 0 1", FALSE },
    { "timeout 0 1 1000", FALSE },
    { "timeout 0 1 -1", FALSE },
    { "release 0 1", FALSE },
    { "async 0 1", FALSE },
    { "value 0", TRUE },
    { "acquire 0 99", TRUE },
    { "timeout 0 99 -1", TRUE },
    { "async 0 99", TRUE },
  };
  guint i;

  assert_acquire (semaphore, 1);
  fixture_remove (fixture, fixture->backend == SSEM_BACKEND_SYSV ? REMOVE_COUNTER : REMOVE_BOTH);
  for (i = 0; i < 2 * G_N_ELEMENTS (commands); i++)
    {
      helper_send (helper, "%s", commands[i % G_N_ELEMENTS (commands)].line);
      expect_notice (fixture, helper, commands[i % G_N_ELEMENTS (commands)].is_sure);
    }

  g_assert_cmpint (ssem_system_semaphore_get_value (semaphore, &error), ==, -1);
  assert_code (error, NOT_FOUND);
  g_assert_nonnull (strstr (error->message, fixture->key));
  g_clear_error (&error);
  g_assert_false (ssem_system_semaphore_acquire (semaphore, 99, NULL, &error));
  assert_code (error, NOT_FOUND);

  drop_object (&semaphore);
}

static void
test_removed_under_waiters (Fixture *fixture)
{
  Helper *plain = fixture_user (fixture, 0);
  Helper *timed = fixture_user (fixture, 0);
  Helper *async = fixture_user (fixture, 0);

  helper_send (plain, "acquire 0 1");
  helper_send (timed, "timeout 0 1 %" G_GINT64_FORMAT, (gint64) (2 * WATCHDOG_USEC));
  helper_send (async, "async 0 1");
  wait_until_blocked (fixture->backend, plain->pid, 1);
  wait_until_blocked (fixture->backend, timed->pid, 1);
  wait_until_blocked (fixture->backend, async->pid, 1);

  fixture_remove (fixture, fixture->backend == SSEM_BACKEND_SYSV ? REMOVE_COUNTER : REMOVE_BOTH);
  helper_expect_error (plain, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
  helper_expect_error (timed, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
  helper_expect_error (async, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
}

/* Those who come after get a new one, which those who were there before don't touch: not by their
 * operations, not by leaving, not by dying with units. */
static void
test_openers_after_removal (Fixture *fixture)
{
  Removal removal;

  for (removal = REMOVE_COUNTER; removal <= REMOVE_BOTH; removal++)
    {
      Helper *old = fixture_user (fixture, 5);
      Helper *doomed = fixture_user (fixture, 5);
      Helper *fresh = fixture_helper (fixture);
      Helper *later;

      helper_do (old, "acquire 0 1");
      helper_do (doomed, "acquire 0 1");
      fixture_remove (fixture, removal);

      helper_open (fresh, 0, SSEM_ACCESS_MODE_OPEN, 2, TRUE, fixture->key);
      g_assert_cmpint (helper_get_value (fresh, 0), ==, 2);
      if (removal != REMOVE_NAME)
        {
          helper_send (old, "release 0 1");
          expect_notice (fixture, old, FALSE);
          helper_send (old, "value 0");
          expect_notice (fixture, old, TRUE);
        }
      helper_kill (doomed);
      g_assert_cmpint (helper_get_value (fresh, 0), ==, 2);

      /* The old process, too, gets the new one by opening it anew. */
      helper_open (old, 1, SSEM_ACCESS_MODE_OPEN, 9, TRUE, fixture->key);
      g_assert_cmpint (helper_get_value (old, 1), ==, 2);
      helper_do (old, "acquire 1 1");
      g_assert_cmpint (helper_get_value (fresh, 0), ==, 1);
      helper_do (old, "close 0");
      later = fixture_user (fixture, 9);
      g_assert_cmpint (helper_get_value (later, 0), ==, 1);
      helper_kill (old);
      g_assert_cmpint (helper_get_value (later, 0), ==, 2);

      helper_quit (fresh);
      helper_quit (later);
      fixture_assert_empty (fixture);
    }
}

/* One that has the old and the new does not wait for itself at its end. */
static void
test_exit_after_removal (Fixture *fixture)
{
  Removal removal;

  for (removal = REMOVE_COUNTER; removal <= REMOVE_BOTH; removal++)
    {
      Helper *helper = fixture_user (fixture, 1);

      fixture_remove (fixture, removal);
      helper_open (helper, 1, SSEM_ACCESS_MODE_OPEN, 2, TRUE, fixture->key);
      g_assert_cmpint (helper_get_value (helper, 1), ==, 2);
      helper_send (helper, "exit 0");
      helper_reap (helper);
      fixture_assert_empty (fixture);
    }
}

/* --- Coming and going at random --- */

#define N_PROCESSES 8
#define N_ROUNDS 5000

static void
start_churn (Fixture    *fixture,
             Helper     *helper,
             int         n_rounds,
             const char *flag)
{
  g_autofree char *escaped = g_strescape (fixture->key, NULL);

  helper_send (helper, "churn %d %u %s %s", n_rounds, (guint) g_test_rand_int (), flag, escaped);
}

static void
test_churn (Fixture *fixture)
{
  g_autofree char *flag = g_build_filename (fixture->folder, "flag", NULL);
  Helper *helpers[N_PROCESSES];
  int i;

  for (i = 0; i < N_PROCESSES; i++)
    {
      helpers[i] = fixture_helper (fixture);
      start_churn (fixture, helpers[i], N_ROUNDS / N_PROCESSES, flag);
    }
  for (i = 0; i < N_PROCESSES; i++)
    helper_expect_ok (helpers[i]);

  fixture_assert_empty (fixture);
  g_assert_cmpint (g_unlink (flag), ==, 0);
}

/* The same while some of them are killed. Each has a flag of its own: a dead process's unit comes
 * back before its flag could go down. */
static void
test_churn_and_kill (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  int i;

  for (i = 0; i < 30 && fixture_has_time (fixture); i++)
    {
      g_autofree char *flag = g_build_filename (fixture->folder, "flag", NULL);
      Helper *doomed[3];
      Helper *survivor = fixture_helper (fixture);
      guint j;

      start_churn (fixture, survivor, 60, flag);
      for (j = 0; j < G_N_ELEMENTS (doomed); j++)
        {
          g_autofree char *own_flag = g_strdup_printf ("%s-%u", flag, j);

          doomed[j] = fixture_helper (fixture);
          start_churn (fixture, doomed[j], G_MAXINT, own_flag);
        }
      g_usleep (g_test_rand_int_range (2000, 12000));
      for (j = 0; j < G_N_ELEMENTS (doomed); j++)
        helper_signal (doomed[j], SIGKILL);
      for (j = 0; j < G_N_ELEMENTS (doomed); j++)
        {
          g_autofree char *own_flag = g_strdup_printf ("%s-%u", flag, j);

          helper_reap (doomed[j]);
          g_unlink (own_flag);
        }
      helper_expect_ok (survivor);
      helper_quit (survivor);
      g_unlink (flag);

      /* Left over or not, it has its unit, and the last one takes it away. */
      semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
      assert_value (semaphore, 1);
      drop_object (&semaphore);
      fixture_assert_empty (fixture);
    }
}

/* Many try to be the one that creates: exactly one is, and all others find its semaphore. */
static void
test_one_creator (Fixture *fixture)
{
  g_autofree char *meeting = g_build_filename (fixture->folder, "meeting", NULL);
  g_autofree char *escaped = g_strescape (fixture->key, NULL);
  /* Where the system itself decides, fewer will do. */
  int n_rounds = fixture->backend == SSEM_BACKEND_WINDOWS ? 300 : 2000;
  Helper *helpers[N_PROCESSES];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (helpers); i++)
    {
      helpers[i] = fixture_helper (fixture);
      helper_send (helpers[i], "race %u %d %s %s", (guint) G_N_ELEMENTS (helpers), n_rounds, meeting,
                   escaped);
    }
  for (i = 0; i < G_N_ELEMENTS (helpers); i++)
    helper_expect_ok (helpers[i]);

  fixture_assert_empty (fixture);
  g_assert_cmpint (g_unlink (meeting), ==, 0);
}

static const Case cases[] = {
  { "last-object", 0, test_last_object },
  { "last-process", 0, test_last_process },
  { "last-process-exits", NEEDS_LEFTOVERS, test_last_process_exits },
  { "used-at-exit", 0, test_used_at_exit },
  { "left-at-exit", NEEDS_LEFTOVERS, test_left_at_exit },
  { "creator-killed", 0, test_creator_killed },
  { "set-key-leaves", 0, test_set_key_leaves },
  { "left-under-waiter", NEEDS_FILES, test_left_under_waiter },
  { "units-go-with-it", 0, test_units_go_with_it },
  { "removed", NEEDS_FILES, test_removed },
  { "removed-under-waiters", NEEDS_FILES, test_removed_under_waiters },
  { "openers-after-removal", NEEDS_FILES, test_openers_after_removal },
  { "exit-after-removal", NEEDS_FILES, test_exit_after_removal },
  { "churn", 0, test_churn },
  { "churn-and-kill", NEEDS_UNDO, test_churn_and_kill },
  { "one-creator", 0, test_one_creator },
  { NULL },
};

int
main (int    argc,
      char **argv)
{
  return conformance_main (argc, argv, "life", cases);
}
