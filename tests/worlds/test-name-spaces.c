/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEEDS_ROOT "this needs the right to make name spaces"

/* --- Two containers --- */

/* A process in name spaces of its own for processes and mounts, to which the folder of keys has
 * another name. NULL, and the test skipped, where that is forbidden. */
static Helper *
make_container (Fixture    *fixture,
                const char *name)
{
  Helper *parent = fixture_helper (fixture);
  g_autofree char *elsewhere = g_build_filename (fixture->folder, name, NULL);
  g_autofree char *bind = g_strdup_printf ("bind 0 %s %s", fixture->keys_folder, elsewhere);

  g_assert_cmpint (g_mkdir (elsewhere, 0700), ==, 0);
  if (!helper_may (parent, "new-pids", NEEDS_ROOT) || !helper_may (parent, bind, NEEDS_ROOT))
    {
      g_assert_cmpint (g_rmdir (elsewhere), ==, 0);
      return NULL;
    }
  helper_do (parent, "setenv SSEM_RUNTIME_DIR %s", elsewhere);

  return fixture_fork (fixture, parent);
}

static void
remove_container (Fixture    *fixture,
                  const char *name)
{
  g_autofree char *elsewhere = g_build_filename (fixture->folder, name, NULL);

  /* The folder that is really there, below what the container has mounted for itself. */
  g_assert_cmpint (g_rmdir (elsewhere), ==, 0);
}

/* As it knows itself. */
static int
number_inside (Helper *helper)
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
  helper_do (holder, "acquire 0 1");
  g_assert_cmpint (helper_get_value (waiter, 0), ==, 0);
  helper_send (waiter, "acquire 0 1");
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  helper_kill (holder);
  helper_expect_ok (waiter);
  g_assert_cmpint (helper_get_value (waiter, 0), ==, 0);
  helper_do (waiter, "release 0 1");
}

static void
test_two_containers (Fixture *fixture)
{
  Helper *one = make_container (fixture, "one");
  Helper *two = one != NULL ? make_container (fixture, "two") : NULL;
  Helper *outside;

  if (two == NULL)
    return;

  /* The same process, by its number. */
  g_assert_cmpint (number_inside (one), ==, 1);
  g_assert_cmpint (number_inside (two), ==, 1);

  helper_open (one, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
  helper_open (two, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  expect_served_by_death (fixture, two, one);

  /* From inside to outside, and with that nobody inside is left. */
  outside = fixture_helper (fixture);
  helper_open (outside, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  expect_served_by_death (fixture, outside, two);
  helper_do (outside, "close 0");
  fixture_assert_empty (fixture);
  remove_container (fixture, "one");
  remove_container (fixture, "two");
}

/* Who creates, who removes: they come and go at the same time, under different names of the
 * folder. */
static void
test_containers_churn (Fixture *fixture)
{
  Helper *one = make_container (fixture, "one");
  Helper *two = one != NULL ? make_container (fixture, "two") : NULL;
  g_autofree char *flag = g_build_filename (fixture->folder, "flag", NULL);
  Helper *helpers[3] = { one, two };
  guint i;

  if (two == NULL)
    return;

  helpers[2] = fixture_helper (fixture);
  for (i = 0; i < G_N_ELEMENTS (helpers); i++)
    helper_send (helpers[i], "churn 400 %u %s %s", g_test_rand_int (), flag, "churned");
  for (i = 0; i < G_N_ELEMENTS (helpers); i++)
    helper_expect_ok (helpers[i]);
  fixture_assert_empty (fixture);

  g_assert_cmpint (g_unlink (flag), ==, 0);
  remove_container (fixture, "one");
  remove_container (fixture, "two");
}

/* --- Two users --- */

#define ONE_USER 65533
#define OTHER_USER 65534

static char *
user_folder (Helper *helper,
             int     user)
{
  return g_strdup_printf ("/proc/%d/root/dev/shm/ssem-%d", (int) helper->pid, user);
}

static void
assert_private (Helper *helper,
                int     user)
{
  g_autofree char *folder = user_folder (helper, user);
  struct stat found;

  g_assert_cmpint (stat (folder, &found), ==, 0);
  g_assert_cmpint (found.st_uid, ==, user);
  g_assert_cmpint (found.st_mode & 07777, ==, 0700);
}

/* Where the folder is not given, users don't meet, and leave nothing. */
static void
test_two_users (Fixture *fixture)
{
  Helper *one = fixture_helper (fixture);
  Helper *other;
  g_autofree char *folder_of_other = NULL;

  if (fixture->backend != SSEM_BACKEND_SHARED_MEMORY)
    {
      g_test_skip ("with System V, users share a folder: see keys/other-user");
      return;
    }
  if (geteuid () != 0)
    {
      g_test_skip ("only root can become two users");
      return;
    }
  /* For these two alone, so that nobody's semaphores are met. */
  if (!helper_may (one, "cover /dev/shm", NEEDS_ROOT))
    return;

  helper_do (one, "setenv SSEM_RUNTIME_DIR ");
  other = fixture_fork (fixture, one);
  helper_do (one, "uid %d", ONE_USER);
  helper_do (other, "uid %d", OTHER_USER);

  helper_open (one, 0, SSEM_ACCESS_MODE_OPEN, 2, TRUE, fixture->key);
  helper_send_open (other, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  helper_expect_error (other, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
  helper_open (other, 0, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 5, TRUE, fixture->key);
  helper_do (one, "acquire 0 2");
  g_assert_cmpint (helper_get_value (other, 0), ==, 5);
  helper_do (other, "acquire 0 5");
  g_assert_cmpint (helper_get_value (one, 0), ==, 0);
  assert_private (one, ONE_USER);
  assert_private (one, OTHER_USER);

  helper_do (one, "release 0 2");
  helper_do (one, "close 0");
  g_assert_cmpint (helper_get_value (other, 0), ==, 0);
  helper_do (other, "release 0 5");
  helper_do (other, "close 0");
  folder_of_other = user_folder (one, OTHER_USER);
  helper_quit (other);
  g_assert_false (g_file_test (folder_of_other, G_FILE_TEST_EXISTS));
}

/* Without the folder that the user's would lie in, as in a bare chroot. */
static void
test_no_memory_folder (Fixture *fixture)
{
  Helper *user = fixture_helper (fixture);
  g_autofree char *answer = NULL;

  if (fixture->backend != SSEM_BACKEND_SHARED_MEMORY)
    {
      g_test_skip ("System V has its files elsewhere");
      return;
    }
  if (!helper_may (user, "cover /dev", NEEDS_ROOT))
    return;

  helper_do (user, "setenv SSEM_RUNTIME_DIR ");
  helper_send_open (user, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
  answer = helper_receive (user);
  g_assert_true (g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 4 "));
  g_assert_nonnull (strstr (answer, "The folder for semaphores does not exist"));
  g_assert_nonnull (strstr (answer, "/dev/shm/ssem-"));
}

/* --- A folder that can't be written to --- */

static void
test_read_only (Fixture *fixture)
{
  const SsemAccessMode modes[] = {
    SSEM_ACCESS_MODE_OPEN, SSEM_ACCESS_MODE_CREATE, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE,
  };
  Helper *reader = fixture_helper (fixture);
  Helper *user;
  g_autofree char *bind = g_strdup_printf ("bind 1 %s %s", fixture->keys_folder,
                                           fixture->keys_folder);
  guint i;

  if (!helper_may (reader, bind, NEEDS_ROOT))
    return;

  for (i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      helper_send_open (reader, 0, modes[i], 1, TRUE, fixture->key);
      helper_expect_error (reader, SSEM_SYSTEM_SEMAPHORE_ERROR,
                           SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED);
      fixture_assert_empty (fixture);
    }
  helper_send_open (reader, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 1, TRUE, fixture->key);
  helper_expect_error (reader, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);

  /* One that is there is not to be had without writing, either; its users don't notice. */
  user = fixture_user (fixture, 2);
  helper_do (user, "acquire 0 1");
  for (i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      helper_send_open (reader, 0, modes[i], 7, TRUE, fixture->key);
      helper_expect_error (reader, SSEM_SYSTEM_SEMAPHORE_ERROR,
                           SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED);
      g_assert_cmpint (helper_get_value (user, 0), ==, 1);
    }
}

/* The folder becomes read-only under one that uses it: it goes on, and who can write afterwards
 * gets the key as new. */
static void
test_read_only_later (Fixture *fixture)
{
  Helper *user = fixture_user (fixture, 2);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autofree char *bind = g_strdup_printf ("bind 1 %s %s", fixture->keys_folder,
                                           fixture->keys_folder);

  if (!helper_may (user, bind, NEEDS_ROOT))
    return;

  helper_do (user, "acquire 0 2");
  helper_send (user, "timeout 0 1 1000");
  helper_expect_error (user, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  helper_do (user, "release 0 2");
  g_assert_cmpint (helper_get_value (user, 0), ==, 2);
  helper_do (user, "close 0");

  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 4);
  assert_value (semaphore, 4);
  drop_object (&semaphore);
}

/* --- No /proc --- */

/* As in a bare chroot. Root does without it; who can't is told that the system lacks something, and
 * not that the semaphore or its folder does. */
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
  helper_do (root, "acquire 0 2");
  helper_send (root, "timeout 0 1 1000");
  helper_expect_error (root, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (helper_get_value (root, 0), ==, 0);
  helper_do (root, "close 0");

  helper_do (other, "cover /proc");
  g_assert_cmpint (chmod (fixture->folder, 0711), ==, 0);
  g_assert_cmpint (chown (fixture->keys_folder, OTHER_USER, OTHER_USER), ==, 0);
  helper_do (other, "uid %d", OTHER_USER);
  helper_send_open (other, 0, SSEM_ACCESS_MODE_OPEN, 2, TRUE, fixture->key);
  answer = helper_receive (other);
  if (!g_str_equal (answer, "ok"))
    {
      g_assert_true (g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 6 "));
      g_assert_nonnull (strstr (answer, g_strerror (ENOSYS)));
    }
  helper_quit (other);
  fixture_assert_empty (fixture);
  g_assert_cmpint (chown (fixture->keys_folder, geteuid (), getegid ()), ==, 0);
}

/* --- Other clocks --- */

/* A day ahead, and another day of which the system was suspended. */
#define DAY "86400"
#define TWO_DAYS "172800"
#define TIMEOUT_USEC 30000

static void
test_other_clocks (Fixture *fixture)
{
  Helper *parent = fixture_helper (fixture);
  Helper *outside = fixture_user (fixture, 1);
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
  helper_do (outside, "acquire 0 1");

  /* Not at once, as with a deadline of another clock; nor a day later. */
  begin_usec = g_get_monotonic_time ();
  helper_send (inside, "timeout 0 1 %d", TIMEOUT_USEC);
  helper_expect_error (inside, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (g_get_monotonic_time () - begin_usec, >=, TIMEOUT_USEC);

  helper_send (inside, "timeout 0 1 " DAY "000000");
  wait_until_blocked (fixture->backend, inside->pid, 1);
  helper_do (outside, "release 0 1");
  helper_expect_ok (inside);

  helper_send (outside, "timeout 0 1 " DAY "000000");
  wait_until_blocked (fixture->backend, outside->pid, 1);
  helper_kill (inside);
  helper_expect_ok (outside);
}

static const Case cases[] = {
  { "two-containers", 0, test_two_containers },
  { "containers-churn", 0, test_containers_churn },
  { "two-users", 0, test_two_users },
  { "no-memory-folder", 0, test_no_memory_folder },
  { "read-only", 0, test_read_only },
  { "read-only-later", 0, test_read_only_later },
  { "no-proc", 0, test_no_proc },
  { "other-clocks", 0, test_other_clocks },
  { NULL },
};

int
main (int    argc,
      char **argv)
{
  return conformance_main (argc, argv, "worlds/name-spaces", cases);
}
