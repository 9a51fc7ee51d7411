/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The path of a semaphore names another file by now: somebody has moved files, or the process sees
 * other mounts. It goes on with the semaphore that it has, and removes no other.
 */

#define NEEDS_ROOT "only root can mount file systems"

/* Longer than a waiter goes without a look whether its semaphore is still there. */
#define WAIT_USEC 1500000

static gboolean
is_named_by_path (Fixture *fixture)
{
  if (fixture->backend == SSEM_BACKEND_SHARED_MEMORY)
    return TRUE;

  g_test_skip ("the kernel finds the set by the file");
  return FALSE;
}

/* @user has the key open in slot 0, which has 2 units. */
static void
expect_in_use (Helper *user)
{
  g_assert_cmpint (helper_get_value (user, 0), ==, 2);
  helper_do (user, "acquire 0 2");
  helper_send (user, "timeout 0 1 %d", WAIT_USEC);
  helper_expect_error (user, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  helper_do (user, "release 0 2");
}

static void
test_renamed (Fixture *fixture)
{
  Helper *user = fixture_user (fixture, 2);
  g_auto(GStrv) names = fixture_list_keys (fixture);
  g_autofree char *path = g_build_filename (fixture->keys_folder, names[0], NULL);
  g_autofree char *moved = g_build_filename (fixture->folder, "moved", NULL);
  Helper *next, *third;

  if (!is_named_by_path (fixture))
    return;

  g_assert_cmpint (g_rename (path, moved), ==, 0);
  next = fixture_user (fixture, 5);
  g_assert_cmpint (helper_get_value (next, 0), ==, 5);
  expect_in_use (user);

  /* The last one leaves it. */
  helper_do (user, "close 0");
  third = fixture_user (fixture, 9);
  g_assert_cmpint (helper_get_value (third, 0), ==, 5);
  helper_do (third, "acquire 0 5");
  g_assert_cmpint (helper_get_value (next, 0), ==, 0);

  g_assert_cmpint (g_unlink (moved), ==, 0);
}

/* The process has put another directory where the key's file was. */
static void
test_covered (Fixture *fixture)
{
  Helper *user = fixture_user (fixture, 2);
  Helper *other = fixture_user (fixture, 0);
  g_autofree char *cover = NULL;

  cover = g_strdup_printf ("cover %s", fixture->keys_folder);
  if (!helper_may (user, cover, NEEDS_ROOT))
    return;
  expect_in_use (user);

  /* There it opens another semaphore, which stays when it leaves the one that it had. */
  helper_open (user, 1, SSEM_ACCESS_MODE_OPEN, 7, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (user, 1), ==, 7);
  helper_do (user, "close 0");
  helper_open (user, 2, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (user, 2), ==, 7);
  g_assert_cmpint (helper_get_value (other, 0), ==, 2);
}

/* --- A directory that comes in between --- */

#define NOBODY 65534
#define MAX_CALLS 200

/* Another user makes the directory of all semaphores after so many system calls of opening. Answers
 * whether it was not there yet. */
static gboolean
open_beside_other_user (Fixture    *fixture,
                        int         uid,
                        const char *path,
                        int         n_calls)
{
  Helper *user = fixture_helper (fixture);
  g_autofree char *answer = NULL;
  g_autoptr(GDir) dir = NULL;
  gboolean is_theirs;
  int i;

  helper_do (user, "uid %d", uid);
  helper_do (user, "setenv SSEM_RUNTIME_DIR ");
  if (!helper_trace (user))
    {
      g_test_skip ("the system forbids to trace another process");
      return FALSE;
    }

  helper_send_open (user, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
  for (i = 0; i < n_calls && !helper_has_answered (user); i++)
    helper_step (user);
  is_theirs = g_mkdir (path, 0777) == 0;
  if (is_theirs)
    {
      g_assert_cmpint (chown (path, NOBODY, NOBODY), ==, 0);
      g_assert_cmpint (chmod (path, 0777), ==, 0);
    }
  helper_let_go (user);

  answer = helper_receive (user);
  if (!is_theirs)
    {
      g_assert_cmpstr (answer, ==, "ok");
      helper_quit (user);
      return FALSE;
    }

  g_assert_true (g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 1 "));
  dir = g_dir_open (path, 0, NULL);
  g_assert_nonnull (dir);
  g_assert_null (g_dir_read_name (dir));
  helper_quit (user);
  g_assert_cmpint (g_rmdir (path), ==, 0);

  return TRUE;
}

static void
test_directory_of_other_user (Fixture *fixture)
{
  g_autofree char *path = NULL;
  int uid, n_calls = 0;

  if (!is_named_by_path (fixture) || !fixture_can_change_user (fixture))
    return;

  /* A user that nobody is. */
  uid = g_test_rand_int_range (1000000000, 2000000000);
  path = g_strdup_printf ("/dev/shm/ssem-%d", uid);
  while (open_beside_other_user (fixture, uid, path, n_calls))
    {
      n_calls++;
      g_assert_cmpint (n_calls, <, MAX_CALLS);
    }
  g_test_message ("%d system calls before the directory is there", n_calls);
}

int
main (int    argc,
      char **argv)
{
  conformance_init (&argc, &argv, "moved");
  conformance_add_needing ("renamed", NEEDS_FILES, test_renamed);
  conformance_add_needing ("covered", NEEDS_FILES, test_covered);
  conformance_add_needing ("directory-of-other-user", NEEDS_FILES, test_directory_of_other_user);

  return conformance_run ();
}
