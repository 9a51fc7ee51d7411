/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native.h"

#include <glib/gstdio.h>

#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534

/* The file and the set of a native key of System V: how long they last, and what else may lie
 * there. */

/* --- The life of the semaphore --- */

/* Makes the file and the set, as Qt does. */
static int
make_peer (const char *path,
           int         project,
           int         value)
{
  union { int val; } argument = { value };
  g_autoptr(GError) error = NULL;
  int set;

  g_file_set_contents (path, "", 0, &error);
  g_assert_no_error (error);
  set = semget (ftok (path, project), 1, IPC_CREAT | IPC_EXCL | 0600);
  g_assert_cmpint (set, >=, 0);
  g_assert_cmpint (semctl (set, 0, SETVAL, argument), ==, 0);

  return set;
}

/* The units of a killed process come back, and the last process removes the file. */
static void
test_death (Fixture *fixture)
{
  g_autofree char *path = make_path (fixture, "market");
  g_autofree char *native_key = make_native_key (path, OTHER);
  g_autoptr(SsemSystemSemaphore) semaphore = open_native (native_key, SSEM_ACCESS_MODE_OPEN, 3);
  g_autoptr(GError) error = NULL;
  Helper *helper = fixture_helper (fixture);

  helper_open_native (helper, 0, SSEM_ACCESS_MODE_OPEN, 0, native_key);
  helper_run_expect_ok (helper, "acquire 0 2");
  assert_value (semaphore, 1);
  helper_kill (helper);
  assert_value (semaphore, 3);
  drop_object (&semaphore);

  /* A crash of the last one leaves it, and it can be reset and removed by its native key. */
  helper = fixture_helper (fixture);
  helper_open_native (helper, 0, SSEM_ACCESS_MODE_OPEN, 2, native_key);
  assert_refused_by_gio (ssem_semaphore_remove_leftover_native (native_key, &error), BUSY);
  assert_done (ssem_semaphore_reset_native (native_key, 6, &error));
  g_assert_cmpint (helper_get_value (helper, 0), ==, 6);
  helper_kill (helper);
  g_assert_cmpint (g_access (path, F_OK), ==, 0);
  assert_done (ssem_semaphore_remove_leftover_native (native_key, &error));
  g_assert_cmpint (g_access (path, F_OK), ==, -1);
  assert_refused (ssem_semaphore_remove_leftover_native (native_key, &error), NOT_FOUND);
  assert_refused (ssem_semaphore_reset_native (native_key, 6, &error), NOT_FOUND);
}

/* A child of fork () attaches to the same semaphore, with the same project number. */
static void
test_fork (Fixture *fixture)
{
  g_autofree char *path = make_path (fixture, "market");
  g_autofree char *native_key = make_native_key (path, OTHER);
  Helper *parent = fixture_helper (fixture);
  Helper *child;

  helper_open_native (parent, 0, SSEM_ACCESS_MODE_OPEN, 3, native_key);
  helper_run_expect_ok (parent, "acquire 0 1");
  child = fixture_fork (fixture, parent);
  helper_run_expect_ok (child, "acquire 0 1");
  g_assert_cmpint (helper_get_value (parent, 0), ==, 1);
  helper_kill (child);
  g_assert_cmpint (helper_get_value (parent, 0), ==, 2);
  helper_quit (parent);
  g_assert_cmpint (g_access (path, F_OK), ==, -1);
}

/* What a peer made is used, and stays. */
static void
test_peer (Fixture *fixture)
{
  const int projects[] = { QT, OTHER };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (projects); i++)
    {
      g_autofree char *path = make_path (fixture, "market");
      g_autofree char *native_key = make_native_key (path, projects[i]);
      int set = make_peer (path, projects[i], 2);
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(SsemSemaphoreInfo) info = NULL;
      g_autoptr(GError) error = NULL;

      semaphore = open_native (native_key, SSEM_ACCESS_MODE_OPEN, 9);
      assert_acquire (semaphore, 1);
      g_assert_cmpint (semctl (set, 0, GETVAL), ==, 1);
      g_assert_cmpint (operate (set, 1), ==, 0);
      assert_value (semaphore, 2);
      assert_release (semaphore, 1);

      info = ssem_semaphore_info_query_native (native_key, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (ssem_semaphore_info_get_native_key (info), ==, native_key);
      g_assert_cmpint (ssem_semaphore_info_get_initial_value (info), ==, -1);
      g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 3);

      expect_refused (native_key, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE,
                      SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS, native_key);
      drop_object (&semaphore);
      g_assert_cmpint (semctl (set, 0, GETVAL), ==, 3);
      g_assert_cmpint (semctl (set, 0, IPC_RMID), ==, 0);
      g_assert_cmpint (g_unlink (path), ==, 0);
    }
}

/* A file has one semaphore: another project number is refused, in this process and elsewhere. */
static void
test_other_project (Fixture *fixture)
{
  g_autofree char *path = make_path (fixture, "market");
  g_autofree char *native_key = make_native_key (path, QT);
  g_autofree char *other = make_native_key (path, OTHER);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  Helper *helper = fixture_helper (fixture);

  semaphore = open_native (native_key, SSEM_ACCESS_MODE_OPEN, 2);
  expect_refused (other, SSEM_ACCESS_MODE_OPEN, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR, path);
  expect_refused (other, SSEM_ACCESS_MODE_CREATE, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR, path);
  assert_refused (ssem_semaphore_info_query_native (other, &error) != NULL, KEY_ERROR);
  drop_object (&semaphore);

  helper_open_native (helper, 0, SSEM_ACCESS_MODE_OPEN, 3, other);
  expect_refused (native_key, SSEM_ACCESS_MODE_OPEN, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR, path);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 3);
  helper_quit (helper);
  g_assert_cmpint (g_access (path, F_OK), ==, -1);
}

/* --- What lies in the file's place --- */

static void
expect_refused_in_every_mode (const char *native_key,
                              int         code)
{
  SsemAccessMode mode;

  for (mode = SSEM_ACCESS_MODE_OPEN; mode <= SSEM_ACCESS_MODE_JOIN; mode++)
    expect_refused (native_key, mode, code, native_key);
}

/* The file of a native key may lie anywhere, so the same is checked as in the directory of keys:
 * the user's own regular file, no link, with no other content. */
static void
test_planted (Fixture *fixture)
{
  g_autofree char *path = make_path (fixture, "market");
  g_autofree char *target = make_path (fixture, "target");
  g_autofree char *native_key = make_native_key (path, QT);
  g_autofree char *content = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (symlink (target, path), ==, 0);
  expect_refused_in_every_mode (native_key, SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED);
  g_assert_cmpint (g_access (target, F_OK), ==, -1);
  g_assert_cmpint (g_unlink (path), ==, 0);

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  expect_refused_in_every_mode (native_key, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  g_assert_cmpint (g_rmdir (path), ==, 0);

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  expect_refused_in_every_mode (native_key, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  g_assert_cmpint (g_unlink (path), ==, 0);

  g_file_set_contents (path, "What somebody wrote", -1, &error);
  g_assert_no_error (error);
  expect_refused_in_every_mode (native_key, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  g_file_get_contents (path, &content, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (content, ==, "What somebody wrote");
  g_assert_cmpint (g_unlink (path), ==, 0);
}

/* An empty file without a set is not a semaphore: who only looks for one leaves it as it is. */
static void
test_empty_file (Fixture *fixture)
{
  g_autofree char *path = make_path (fixture, "market");
  g_autofree char *native_key = make_native_key (path, QT);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  struct stat found;

  g_file_set_contents (path, "", 0, &error);
  g_assert_no_error (error);
  expect_refused (native_key, SSEM_ACCESS_MODE_OPEN_EXISTING,
                  SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND, native_key);
  assert_refused (ssem_semaphore_reset_native (native_key, 1, &error), NOT_FOUND);
  assert_refused (ssem_semaphore_info_query_native (native_key, &error) != NULL, NOT_FOUND);
  g_assert_cmpint (stat (path, &found), ==, 0);
  g_assert_cmpint (found.st_size, ==, 0);

  /* Qt uses it, and removes it with the set that it made. */
  semaphore = open_native (native_key, SSEM_ACCESS_MODE_OPEN, 1);
  drop_object (&semaphore);
  g_assert_cmpint (g_access (path, F_OK), ==, -1);
}

/* The file of a key under another name is not the semaphore of that key, and no other. */
static void
test_copied_file (Fixture *fixture)
{
  g_autofree char *key_path = fixture_key_path (fixture);
  g_autofree char *path = make_path (fixture, "market");
  g_autofree char *native_key = make_native_key (path, QT);
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  g_autofree char *content = NULL;
  g_autoptr(GError) error = NULL;
  gsize length;

  g_file_get_contents (key_path, &content, &length, &error);
  g_assert_no_error (error);
  g_file_set_contents_full (path, content, (gssize) length, G_FILE_SET_CONTENTS_NONE, 0600,
                            &error);
  g_assert_no_error (error);
  expect_refused_in_every_mode (native_key, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  g_assert_cmpint (g_unlink (path), ==, 0);
  drop_object (&semaphore);
}

/* A file of another user is not used, by root neither. */
static void
test_other_user (Fixture *fixture)
{
  g_autofree char *path = g_build_filename (fixture->keys_directory, "market", NULL);
  g_autofree char *native_key = make_native_key (path, QT);
  g_autofree char *sentence = NULL;
  Helper *helper = fixture_helper (fixture);

  if (!fixture_can_change_user (fixture))
    return;

  helper_run_expect_ok (helper, "uid %d", NOBODY);
  helper_open_native (helper, 0, SSEM_ACCESS_MODE_OPEN, 3, native_key);
  sentence = g_strdup_printf ("%d", NOBODY);
  expect_refused (native_key, SSEM_ACCESS_MODE_OPEN, SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED,
                  sentence);
  expect_refused (native_key, SSEM_ACCESS_MODE_CREATE,
                  SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED, sentence);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 3);
  helper_run_expect_ok (helper, "close 0");
}

const char conformance_topic[] = "native-file";
const Needs conformance_needs = NEEDS_SYSV;

const Case conformance_cases[] = {
  { "death", 0, test_death },
  { "fork", 0, test_fork },
  { "peer", 0, test_peer },
  { "other-project", 0, test_other_project },

  { "planted", 0, test_planted },
  { "empty-file", 0, test_empty_file },
  { "copied-file", 0, test_copied_file },
  { "other-user", NEEDS_USERS, test_other_user },
  { NULL },
};
