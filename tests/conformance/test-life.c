/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <glib/gstdio.h>

/* The end of life: the last process removes the semaphore, and no process cuts off the others by
 * leaving. script.h explains the scripts.
 */

static gboolean
has_no_death_watch (gpointer data)
{
  Helper *helper = data;

  return count_threads_named (helper->pid, "ssem-watch") == 0;
}

/* A program's own exit handlers may run after the library's. They can use the semaphore, and open
 * it again; the thread with which the library watched for deaths is gone. */
static void
test_used_at_exit (Fixture *fixture)
{
  Helper *helper = fixture_open_helper (fixture, 0);

  helper_send (helper, "timeout 0 1 1000");
  helper_expect_error (helper, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  helper_run_expect_ok (helper, "serve-late");
  helper_send (helper, "exit 0");

  helper_run_expect_ok (helper, "close 0");
  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 2, TRUE, fixture->key);
  wait_for ("the death watch to end", has_no_death_watch, helper);
  helper_run_expect_ok (helper, "acquire 0 1");
  g_assert_cmpint (helper_get_value (helper, 0), ==, 1);
  helper_run_expect_ok (helper, "close 0");
  fixture_assert_empty (fixture);
  helper_quit (helper);
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
  g_autofree char *flag = g_build_filename (fixture->directory, "flag", NULL);
  Helper *helpers[N_PROCESSES];
  const int n_rounds = fixture_scale (fixture, N_ROUNDS);
  int i;

  for (i = 0; i < N_PROCESSES; i++)
    {
      helpers[i] = fixture_helper (fixture);
      start_churn (fixture, helpers[i], n_rounds / N_PROCESSES, flag);
    }
  for (i = 0; i < N_PROCESSES; i++)
    helper_expect_ok (helpers[i]);

  fixture_assert_empty (fixture);
  g_assert_cmpint (g_unlink (flag), ==, 0);
}

/* The same while three processes are killed. Each has a flag of its own: the unit of a dead process
 * comes back while its flag is still up. */
static void
test_churn_and_kill (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  int i;

  for (i = 0; i < 30 && fixture_has_time (fixture); i++)
    {
      g_autofree char *flag = g_build_filename (fixture->directory, "flag", NULL);
      Helper *victims[3];
      Helper *survivor = fixture_helper (fixture);
      guint j;

      start_churn (fixture, survivor, 60, flag);
      for (j = 0; j < G_N_ELEMENTS (victims); j++)
        {
          g_autofree char *own_flag = g_strdup_printf ("%s-%u", flag, j);

          victims[j] = fixture_helper (fixture);
          start_churn (fixture, victims[j], G_MAXINT, own_flag);
        }
      g_usleep (g_test_rand_int_range (2000, 12000));
      for (j = 0; j < G_N_ELEMENTS (victims); j++)
        helper_signal (victims[j], SIGKILL);
      for (j = 0; j < G_N_ELEMENTS (victims); j++)
        {
          g_autofree char *own_flag = g_strdup_printf ("%s-%u", flag, j);

          helper_reap (victims[j]);
          g_unlink (own_flag);
        }
      helper_expect_ok (survivor);
      helper_quit (survivor);
      g_unlink (flag);

      /* Whether the semaphore is left over or not, its unit is there, and the last process removes
       * it. */
      semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
      assert_value (semaphore, 1);
      drop_object (&semaphore);
      fixture_assert_empty (fixture);
    }
}

/* Eight processes race with CREATE_EXCLUSIVE: exactly one creates, and all others find its
 * semaphore. Where a backend asks the system each time, fewer rounds will do. */
static void
test_one_creator (Fixture *fixture)
{
  g_autofree char *meeting = g_build_filename (fixture->directory, "meeting", NULL);
  g_autofree char *escaped = g_strescape (fixture->key, NULL);
  int n_rounds = MIN (fixture_many (fixture), 2000);
  Helper *helpers[N_PROCESSES];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (helpers); i++)
    {
      helpers[i] = fixture_helper (fixture);
      helper_send (helpers[i], "race %d %d %s %s", N_PROCESSES, n_rounds, meeting, escaped);
    }
  for (i = 0; i < G_N_ELEMENTS (helpers); i++)
    helper_expect_ok (helpers[i]);

  fixture_assert_empty (fixture);
  g_assert_cmpint (g_unlink (meeting), ==, 0);
}

/* In which order three processes leave. */
static const char *const orders[] = { "a | b | c", "b | c | a", "c | a | b", NULL };

/* What is removed | what the processes that were attached before then notice. Without its name
 * alone, the old semaphore is as usable as before. */
static const char *const removals[] = {
  "COUNTER | a release 1 = noticed; a value = NOT_FOUND",
  "NAME |",
  "BOTH | a release 1 = noticed; a value = NOT_FOUND",
  NULL,
};

const char conformance_topic[] = "life";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  /* The last object of a process removes; what is opened next is new. */
  { "last-object", .script =
    "a open OPEN 3; a.1 open OPEN 3; a release 1; a close; a.1 value = 4;"
    "a.1 release 1; a.1 close; files 0;"
    "a.2 open OPEN_EXISTING 3 = NOT_FOUND; a.2 open OPEN 3; a.2 value = 3" },

  /* Any process may be the last; those who stay keep one and the same semaphore. */
  { "last-process", .rows = orders, .script =
    "a open OPEN 3; b open OPEN 3; c open OPEN 3; a acquire 1;"
    "$1 close; $3 release 1; files 1; $2 close; $3 release 1; files 1;"
    "$3 value = 4; $3 close; files 0" },

  /* A process that exits without dropping its objects leaves, too; one that crashes does not. */
  { "last-process-exits", NEEDS_LEFTOVERS, .script =
    "a open OPEN 3; a exit 0; files 0;"
    "a open OPEN 3; a release 4; a kill; b open OPEN_EXISTING; b value = 7" },

  { "used-at-exit", 0, test_used_at_exit },

  /* A process whose exit handlers still run is attached no more: the others need not wait for it,
   * and the last of them removes. `setenv` answers when the library's own exit handler has run. */
  { "left-at-exit", NEEDS_LEFTOVERS, .script =
    "a open OPEN 1; b open OPEN 1; a serve-late; a exit 0 = later; a setenv SSEM_TEST_IS_LATE 1;"
    "c open OPEN_EXISTING; c close; b close; files 0; a close; a quit" },

  /* The creator crashes; the last of the others removes all the same. */
  { "creator-killed", .script =
    "a open OPEN 2; b open OPEN; a kill; b value = 2; b close; files 0" },

  /* set_key () leaves the old key. To the key that the object has, it makes the semaphore again. */
  { "set-key-leaves", .script =
    "a open OPEN 2; a set-key OPEN 8 other; a value = 8; a.1 open OPEN_EXISTING = NOT_FOUND;"
    "a release 1; a set-key OPEN 5 other; a value = 5" },

  /* A process leaves a key while one of its threads waits there. The thread gets no unit. Other
   * processes can still open the old key, and the last one can remove the semaphore. The thread
   * leaves a moment after the object, and may be the last user: so wait for its end first. */
  { "left-under-waiter", NEEDS_FILES, .script =
    "a open OPEN; b open OPEN; a wait-in-thread 1; a blocks; a set-key OPEN 2 other;"
    "c open OPEN_EXISTING; c close; b close; a join-thread = NOT_FOUND;"
    "c open OPEN_EXISTING = NOT_FOUND; a close; files 0" },

  /* Units that are held when the last process leaves go with the semaphore. They do not come back
   * to the next semaphore of that name, nor count against what their holder releases there. */
  { "units-go-with-it", .script =
    "a open OPEN 5; a acquire 3; a close; files 0;"
    "b open OPEN 5; a open OPEN; a acquire 1; a release 2; b value = 6; a kill; b value = 6" },

  /* --- Removed from outside, as by an administrator --- */

  /* Operations that ask the system say NOT_FOUND, each time. The others go on in the memory that
   * they have, and make nothing new. */
  { "removed", NEEDS_FILES, .script =
    "w open OPEN 30; a open OPEN; w try 1; remove COUNTER;"
    "repeat 2;"
    "a acquire 1 = noticed; a try 1 = noticed; a timeout 1 1000 = noticed;"
    "a timeout 1 -1 = noticed; a release 1 = noticed; a async 1 = noticed; a value = NOT_FOUND;"
    "a acquire 99 = NOT_FOUND; a timeout 99 -1 = NOT_FOUND; a async 99 = NOT_FOUND; again;"
    "w value = NOT_FOUND; w acquire 99 = NOT_FOUND" },

  { "removed-under-waiters", NEEDS_FILES, .script =
    "a open OPEN; b open OPEN; c open OPEN;"
    "a acquire 1 = blocks; b timeout 1 120000000 = blocks; c async 1 = blocks; remove COUNTER;"
    "a wakes = NOT_FOUND; b wakes = NOT_FOUND; c wakes = NOT_FOUND" },

  /* Processes that come later get a new semaphore. Those that were there before do not touch it:
   * not by their operations, not by leaving, not by dying with units. Opening again is what
   * helps. */
  { "openers-after-removal", NEEDS_FILES | NEEDS_UNDO, .rows = removals, .script =
    "a open OPEN 5; b open OPEN 5; a acquire 1; b acquire 1; remove $1;"
    "c open OPEN 2; c value = 2; $2; b kill; c value = 2;"
    "a.1 open OPEN 9; a.1 value = 2; a.1 acquire 1; c value = 1; a close;"
    "d open OPEN 9; d value = 1; a kill; d value = 2; c quit; d quit; files 0" },

  /* A process that has the old and the new semaphore does not wait for itself at its end. */
  { "exit-after-removal", NEEDS_FILES, .rows = removals, .script =
    "a open OPEN 1; remove $1; a.1 open OPEN 2; a.1 value = 2; a exit 0; files 0" },

  /* --- Coming and going at random --- */

  { "churn", 0, test_churn },
  { "churn-and-kill", NEEDS_UNDO, test_churn_and_kill },
  { "one-creator", 0, test_one_creator },
  { NULL },
};
