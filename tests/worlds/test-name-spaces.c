/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "script.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEEDS_ROOT "this needs the right to make name spaces"

/* --- Two containers --- */

static const char *const containers[] = { "one", "two" };

/* Starts a process in name spaces of its own for processes and mounts, where the directory of keys
 * has another name. Returns NULL, and skips the test, where that is forbidden. */
static Helper *
make_container (Fixture    *fixture,
                const char *name)
{
  Helper *parent = fixture_helper (fixture);
  g_autofree char *elsewhere = g_build_filename (fixture->directory, name, NULL);
  g_autofree char *bind = g_strdup_printf ("bind 0 %s %s", fixture->keys_directory, elsewhere);

  g_assert_cmpint (g_mkdir (elsewhere, 0700), ==, 0);
  if (!helper_may (parent, "new-pids", NEEDS_ROOT) || !helper_may (parent, bind, NEEDS_ROOT))
    {
      g_assert_cmpint (g_rmdir (elsewhere), ==, 0);
      return NULL;
    }
  helper_run_expect_ok (parent, "setenv SSEM_RUNTIME_DIR %s", elsewhere);

  return fixture_fork (fixture, parent);
}

static gboolean
make_containers (Fixture  *fixture,
                 Helper  **helpers)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (containers); i++)
    {
      helpers[i] = make_container (fixture, containers[i]);
      if (helpers[i] == NULL)
        return FALSE;
    }

  return TRUE;
}

/* Removes the directories below which the containers have mounted the keys for themselves. */
static void
remove_containers (Fixture *fixture)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (containers); i++)
    {
      g_autofree char *elsewhere = g_build_filename (fixture->directory, containers[i], NULL);

      g_assert_cmpint (g_rmdir (elsewhere), ==, 0);
    }
}

/* Returns the process ID that the helper itself sees. */
static int
get_pid_inside (Helper *helper)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/status", (int) helper->pid);
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) numbers = NULL;
  char *line;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  line = strstr (text, "\nNSpid:");
  g_assert_nonnull (line);
  *strchr (line + 1, '\n') = '\0';
  numbers = g_strsplit (line + 1, "\t", -1);

  return atoi (numbers[g_strv_length (numbers) - 1]);
}

static void
expect_served_by_death (Fixture *fixture,
                        Helper  *waiter,
                        Helper  *holder)
{
  helper_run_expect_ok (holder, "acquire 0 1");
  g_assert_cmpint (helper_get_value (waiter, 0), ==, 0);
  helper_send (waiter, "acquire 0 1");
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  helper_kill (holder);
  helper_expect_ok (waiter);
  g_assert_cmpint (helper_get_value (waiter, 0), ==, 0);
  helper_run_expect_ok (waiter, "release 0 1");
}

static void
test_two_containers (Fixture *fixture)
{
  Helper *inside[2];
  Helper *outside;

  if (!make_containers (fixture, inside))
    return;

  /* Both have the same process ID. */
  g_assert_cmpint (get_pid_inside (inside[0]), ==, 1);
  g_assert_cmpint (get_pid_inside (inside[1]), ==, 1);

  helper_open (inside[0], 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
  helper_open (inside[1], 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  expect_served_by_death (fixture, inside[1], inside[0]);

  /* A death inside serves a waiter outside, and nobody inside is left. */
  outside = fixture_helper (fixture);
  helper_open (outside, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  expect_served_by_death (fixture, outside, inside[1]);
  helper_run_expect_ok (outside, "close 0");
  fixture_assert_empty (fixture);
  remove_containers (fixture);
}

/* Three processes open and close the key at the same time, under different names of the
 * directory: each may be the one that creates or removes the semaphore. */
static void
test_containers_churn (Fixture *fixture)
{
  g_autofree char *flag = g_build_filename (fixture->directory, "flag", NULL);
  Helper *helpers[3];
  guint i;

  if (!make_containers (fixture, helpers))
    return;

  helpers[2] = fixture_helper (fixture);
  for (i = 0; i < G_N_ELEMENTS (helpers); i++)
    helper_send (helpers[i], "churn 400 %u %s %s", g_test_rand_int (), flag, "churned");
  for (i = 0; i < G_N_ELEMENTS (helpers); i++)
    helper_expect_ok (helpers[i]);
  fixture_assert_empty (fixture);

  g_assert_cmpint (g_unlink (flag), ==, 0);
  remove_containers (fixture);
}

/* --- Two users --- */

#define ONE_USER 65533
#define OTHER_USER 65534

static char *
user_directory (Helper *helper,
             int     user)
{
  return g_strdup_printf ("/proc/%d/root/dev/shm/ssem-%d", (int) helper->pid, user);
}

static void
assert_private (Helper *helper,
                int     user)
{
  g_autofree char *directory = user_directory (helper, user);
  struct stat found;

  g_assert_cmpint (stat (directory, &found), ==, 0);
  g_assert_cmpint (found.st_uid, ==, user);
  g_assert_cmpint (found.st_mode & 07777, ==, 0700);
}

/* Without SSEM_RUNTIME_DIR, users do not meet, and leave nothing. */
static void
test_two_users (Fixture *fixture)
{
  Helper *one = fixture_helper (fixture);
  Helper *other;
  g_autofree char *directory_of_other = NULL;

  if (geteuid () != 0)
    {
      g_test_skip ("only root can become two users");
      return;
    }
  /* The two have the directory for themselves, so that they meet no semaphores of others. */
  if (!helper_may (one, "cover /dev/shm", NEEDS_ROOT))
    return;

  helper_run_expect_ok (one, "setenv SSEM_RUNTIME_DIR ");
  other = fixture_fork (fixture, one);
  helper_run_expect_ok (one, "uid %d", ONE_USER);
  helper_run_expect_ok (other, "uid %d", OTHER_USER);

  helper_open (one, 0, SSEM_ACCESS_MODE_OPEN, 2, TRUE, fixture->key);
  helper_send_open (other, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  helper_expect_error (other, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
  helper_open (other, 0, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 5, TRUE, fixture->key);
  helper_run_expect_ok (one, "acquire 0 2");
  g_assert_cmpint (helper_get_value (other, 0), ==, 5);
  helper_run_expect_ok (other, "acquire 0 5");
  g_assert_cmpint (helper_get_value (one, 0), ==, 0);
  assert_private (one, ONE_USER);
  assert_private (one, OTHER_USER);

  helper_run_expect_ok (one, "release 0 2");
  helper_run_expect_ok (one, "close 0");
  g_assert_cmpint (helper_get_value (other, 0), ==, 0);
  helper_run_expect_ok (other, "release 0 5");
  helper_run_expect_ok (other, "close 0");
  directory_of_other = user_directory (one, OTHER_USER);
  helper_quit (other);
  g_assert_false (g_file_test (directory_of_other, G_FILE_TEST_EXISTS));
}

/* The parent of the user's directory is missing, as in a bare chroot. */
static void
test_no_memory_directory (Fixture *fixture)
{
  Helper *user = fixture_helper (fixture);
  g_autofree char *answer = NULL;

  if (!helper_may (user, "cover /dev", NEEDS_ROOT))
    return;

  helper_run_expect_ok (user, "setenv SSEM_RUNTIME_DIR ");
  helper_send_open (user, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
  answer = helper_receive (user);
  g_assert_true (g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 4 "));
  g_assert_nonnull (strstr (answer, "The directory for semaphores does not exist"));
  g_assert_nonnull (strstr (answer, "/dev/shm/ssem-"));
}

/* --- No /proc --- */

/* /proc is missing, as in a bare chroot. Root needs none; another user gets an error that says what
 * the system lacks, and not that the semaphore or its directory is missing. */
static void
test_no_proc (Fixture *fixture)
{
  Helper *root = fixture_helper (fixture);
  Helper *other = fixture_helper (fixture);
  g_autofree char *answer = NULL;

  if (geteuid () != 0)
    {
      g_test_skip (NEEDS_ROOT);
      return;
    }
  if (!helper_may (root, "cover /proc", NEEDS_ROOT))
    return;

  helper_open (root, 0, SSEM_ACCESS_MODE_OPEN, 2, TRUE, fixture->key);
  helper_run_expect_ok (root, "acquire 0 2");
  helper_send (root, "timeout 0 1 1000");
  helper_expect_error (root, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (helper_get_value (root, 0), ==, 0);
  helper_run_expect_ok (root, "close 0");
  helper_quit (root);
  fixture_remove_processes (fixture, fixture->keys_directory);

  helper_run_expect_ok (other, "cover /proc");
  g_assert_cmpint (chmod (fixture->directory, 0711), ==, 0);
  g_assert_cmpint (chown (fixture->keys_directory, OTHER_USER, OTHER_USER), ==, 0);
  helper_run_expect_ok (other, "uid %d", OTHER_USER);
  helper_send_open (other, 0, SSEM_ACCESS_MODE_OPEN, 2, TRUE, fixture->key);
  answer = helper_receive (other);
  if (!g_str_equal (answer, "ok"))
    {
      g_assert_true (g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 6 "));
      g_assert_nonnull (strstr (answer, g_strerror (ENOSYS)));
    }
  helper_quit (other);
  fixture_assert_empty (fixture);
  g_assert_cmpint (chown (fixture->keys_directory, geteuid (), getegid ()), ==, 0);
}

/* --- Other clocks --- */

/* The clocks inside are a day ahead, and the system was suspended for another day. */
#define DAY "86400"
#define TWO_DAYS "172800"
#define TIMEOUT_USEC 30000

static void
test_other_clocks (Fixture *fixture)
{
  Helper *parent = fixture_helper (fixture);
  Helper *outside = fixture_open_helper (fixture, 1);
  Helper *inside;
  g_autofree char *path = NULL;
  g_autofree char *clock_inside = NULL;
  g_autofree char *clock_outside = g_file_read_link ("/proc/self/ns/time", NULL);
  gint64 begin_usec;

  if (!helper_may (parent, "new-time " DAY " " TWO_DAYS, "this needs a name space for clocks"))
    return;
  inside = fixture_fork (fixture, parent);
  path = g_strdup_printf ("/proc/%d/ns/time", (int) inside->pid);
  clock_inside = g_file_read_link (path, NULL);
  g_assert_cmpstr (clock_inside, !=, clock_outside);

  helper_open (inside, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  helper_run_expect_ok (outside, "acquire 0 1");

  /* A deadline of another clock would be over before the wait begins, or a day later. */
  begin_usec = g_get_monotonic_time ();
  helper_send (inside, "timeout 0 1 %d", TIMEOUT_USEC);
  helper_expect_error (inside, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (g_get_monotonic_time () - begin_usec, >=, TIMEOUT_USEC);

  helper_send (inside, "timeout 0 1 " DAY "000000");
  wait_until_blocked (fixture->backend, inside->pid, 1);
  helper_run_expect_ok (outside, "release 0 1");
  helper_expect_ok (inside);

  helper_send (outside, "timeout 0 1 " DAY "000000");
  wait_until_blocked (fixture->backend, outside->pid, 1);
  helper_kill (inside);
  helper_expect_ok (outside);
}

static const char *const creating_modes[] = { "OPEN", "CREATE", "CREATE_EXCLUSIVE", NULL };

const char conformance_topic[] = "worlds/name-spaces";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "two-containers", NEEDS_UNDO, test_two_containers },
  { "containers-churn", NEEDS_DIRECTORY, test_containers_churn },
  /* With System V, users share a directory: see keys/other-user. */
  { "two-users", NEEDS_SHARED_MEMORY, test_two_users },
  { "no-memory-directory", NEEDS_SHARED_MEMORY, test_no_memory_directory },

  /* The directory cannot be written to. A semaphore that exists cannot be opened, either, and its
   * users do not notice. */
  { "read-only", NEEDS_DIRECTORY, .rows = creating_modes, .script =
    "r may bind 1 KEYS KEYS; r open $1 1 = PERMISSION_DENIED; files 0;"
    "r open OPEN_EXISTING 1 = NOT_FOUND; a open OPEN 2; a acquire 1;"
    "r open $1 7 = PERMISSION_DENIED; a value = 1" },

  /* The directory becomes read-only for a process that uses it: the process goes on, and an opener
   * that can write gets the key as a new one. */
  { "read-only-later", NEEDS_DIRECTORY, .script =
    "a open OPEN 2; a may bind 1 KEYS KEYS; a acquire 2; a timeout 1 1000 = TIMED_OUT;"
    "a release 2; a value = 2; a close; b open CREATE_EXCLUSIVE 4; b value = 4" },

  { "no-proc", NEEDS_FILES, test_no_proc },
  { "other-clocks", NEEDS_UNDO, test_other_clocks },
  { NULL },
};
