/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "cluster.h"
#include "forking.h"
#include "looking.h"

#include <glib/gstdio.h>

#include <string.h>
#include <unistd.h>

/* Looking at a semaphore from outside, where there are files, users and forks: see also
 * test-info.c. */

#define NOBODY 65534

/* The number of a process in another name space could mean another process here: it is not
 * shown. */
static void
test_other_name_space (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  Helper *helper = fixture_helper (fixture);
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  Helper *child;

  if (!helper_may (helper, "new-pids", "this needs the right to make a name space for processes"))
    {
      drop_object (&semaphore);
      return;
    }

  child = fixture_fork (fixture, helper);
  helper_open (child, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
  helper_run_expect_ok (child, "acquire 0 2");
  info = look (fixture);
  g_assert_cmpuint (ssem_semaphore_info_get_holders (info)->len, ==, 1);
  g_assert_cmpint (ssem_process_info_get_pid (ssem_semaphore_info_get_holders (info)->pdata[0]),
                   ==, 0);
  g_assert_null (ssem_process_info_get_command (ssem_semaphore_info_get_holders (info)->pdata[0]));
  g_assert_cmpint (ssem_semaphore_info_get_units_held (info), ==, 2);

  helper_kill (child);
  /* In its own name space it was the first process. */
  if (fixture->backend == SSEM_BACKEND_ETCD)
    cluster_wait_until_gone (1);
  drop_object (&semaphore);
}

/* --- Directories and users --- */

static void
test_directory_missing (Fixture *fixture)
{
  g_autofree char *missing = g_build_filename (fixture->directory, "missing", NULL);
  g_autoptr(GError) error = NULL;

  g_setenv ("SSEM_RUNTIME_DIR", missing, TRUE);
  g_assert_null (ssem_semaphore_info_list (fixture->backend, &error));
  assert_code (error, NOT_FOUND);
  g_assert_nonnull (strstr (error->message, missing));
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);
}

/* A directory whose path leaves no room for the names in it: nothing is created. */
static void
test_directory_too_deep (Fixture *fixture)
{
  g_autofree char *name = g_strnfill (200, 'd');
  g_autoptr(GString) path = g_string_new (fixture->keys_directory);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(GDir) dir = NULL;

  while (path->len + strlen (name) < 4000)
    g_string_append_printf (path, "/%s", name);
  g_string_append_printf (path, "/%.*s", (int) (4030 - path->len), name);
  g_assert_cmpint (g_mkdir_with_parents (path->str, 0700), ==, 0);

  g_setenv ("SSEM_RUNTIME_DIR", path->str, TRUE);
  semaphore = ssem_system_semaphore_new (fixture->key, 1, SSEM_ACCESS_MODE_OPEN, &error);
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);
  g_assert_null (semaphore);
  assert_code (error, UNKNOWN_ERROR);
  dir = g_dir_open (path->str, 0, NULL);
  g_assert_nonnull (dir);
  g_assert_null (g_dir_read_name (dir));
  fixture_unplant (fixture);
}

/* Another user's semaphore in a directory that users share is not listed, and not removed. The
 * error says whose it is. */
static void
test_other_user (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;
  Helper *stranger;

  g_assert_cmpint (g_chmod (fixture->directory, 0755), ==, 0);
  g_assert_cmpint (g_chmod (fixture->keys_directory, 0777), ==, 0);
  stranger = fixture_helper (fixture);
  helper_run_expect_ok (stranger, "uid %d", NOBODY);
  helper_open (stranger, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);

  assert_n_listed (fixture, 0);
  g_assert_cmpuint (ssem_semaphore_info_count_others (fixture->backend), ==, 1);
  g_assert_cmpuint (ssem_semaphore_info_count_others (SSEM_BACKEND_DEFAULT), ==, 1);
  g_assert_null (ssem_semaphore_info_query (fixture->key, fixture->backend, &error));
  assert_code (error, PERMISSION_DENIED);
  g_assert_nonnull (strstr (error->message, G_STRINGIFY (NOBODY)));
  g_clear_error (&error);
  g_assert_false (ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error));
  assert_code (error, PERMISSION_DENIED);
  g_assert_nonnull (strstr (error->message, G_STRINGIFY (NOBODY)));
  helper_run_expect_ok (stranger, "close 0");
  g_assert_cmpuint (ssem_semaphore_info_count_others (fixture->backend), ==, 0);
  helper_kill (stranger);
}

/* The directory cannot be written to: what keeps its name was not removed, and an error says so.
 * System V would use a key file without a set again. */
static void
test_directory_closed (Fixture *fixture)
{
  Helper *helper;

  g_assert_cmpint (g_chmod (fixture->directory, 0755), ==, 0);
  g_assert_cmpint (g_chmod (fixture->keys_directory, 0777), ==, 0);
  helper = fixture_helper (fixture);
  helper_run_expect_ok (helper, "uid %d", NOBODY);
  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  g_assert_cmpint (g_chmod (fixture->keys_directory, 0555), ==, 0);
  helper_run_expect_ok (helper, "close 0");
  helper_send_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  helper_expect_code (helper, PERMISSION_DENIED);

  /* The segment is gone, and its directory is empty. */
  g_assert_cmpint (seteuid (NOBODY), ==, 0);
  assert_not_found (fixture);
  g_assert_cmpint (seteuid (0), ==, 0);

  g_assert_cmpint (g_chmod (fixture->keys_directory, 0777), ==, 0);
  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 5, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 5);
  helper_run_expect_ok (helper, "close 0");
  helper_quit (helper);
}

/* A file of another user lies where this user's would. */
static void
test_file_of_other_user (Fixture *fixture)
{
  Helper *helper = fixture_open_helper (fixture, 5);
  g_autofree char *path = fixture_key_path (fixture);
  g_autofree char *content_path = fixture_content_path (fixture);
  const char *given_away[] = { path, content_path };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (given_away); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_cmpint (chown (given_away[i], NOBODY, -1), ==, 0);
      assert_n_listed (fixture, 0);
      g_assert_null (ssem_semaphore_info_query (fixture->key, fixture->backend, &error));
      assert_code (error, PERMISSION_DENIED);
      g_assert_cmpint (chown (given_away[i], geteuid (), -1), ==, 0);
      assert_n_listed (fixture, 1);
    }
  helper_quit (helper);
}

/* --- Any bytes --- */

static void
expect_no_semaphore (Fixture *fixture,
                     int      code)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (ssem_semaphore_info_query (fixture->key, fixture->backend, &error));
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, code);
  g_clear_error (&error);
  g_assert_false (ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error));
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, code);
  assert_n_listed (fixture, 0);
}

/* Returns the bytes of a semaphore in use. Its user has died since, so the bytes name no process
 * that lives. */
static char *
copy_content (Fixture *fixture,
              gsize   *length)
{
  Helper *helper = fixture_open_helper (fixture, 5);
  g_autofree char *path = fixture_content_path (fixture);
  g_autoptr(GError) error = NULL;
  char *content;

  helper_run_expect_ok (helper, "acquire 0 2");
  g_file_get_contents (path, &content, length, &error);
  g_assert_no_error (error);
  helper_kill (helper);
  assert_done (ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error));

  return content;
}

static void
test_no_semaphore (Fixture *fixture)
{
  gsize length;
  g_autofree char *content = copy_content (fixture, &length);

  fixture_plant_content (fixture, "nonsense, and a little longer", 29);
  expect_no_semaphore (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);
  fixture_plant_content (fixture, content, length / 2);
  expect_no_semaphore (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);
  content[fixture_layout_offset (fixture)] ^= 1;
  fixture_plant_content (fixture, content, length);
  expect_no_semaphore (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR);
  fixture_unplant (fixture);

  fixture_plant_misfit (fixture);
  expect_no_semaphore (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);
}

/* A good file under the name of another key is no semaphore. */
static void
test_wrong_name (Fixture *fixture)
{
  gsize length;
  g_autofree char *content = copy_content (fixture, &length);
  g_autofree char *key = g_steal_pointer (&fixture->key);

  fixture->key = g_strconcat (key, "x", NULL);
  fixture_plant_content (fixture, content, length);
  expect_no_semaphore (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);
}

/* A look at a semaphore with random bytes ends, its figures are in range, and its text is UTF-8. */
static void
test_any_bytes (Fixture *fixture)
{
  gsize length;
  g_autofree char *content = copy_content (fixture, &length);
  int n_rounds = g_test_thorough () ? 20000 : 500;
  int round;

  for (round = 0; round < n_rounds; round++)
    {
      g_autofree char *spoilt = g_memdup2 (content, length);
      g_autoptr(SsemSemaphoreInfo) info = NULL;
      g_autoptr(GPtrArray) infos = NULL;
      g_autoptr(GError) error = NULL;
      int n = g_random_int_range (1, 20);
      guint i;

      while (n-- > 0)
        spoilt[g_random_int_range (16, (gint32) MIN (length, 2048))] = (char) g_random_int ();
      /* Each time: what says that it is removed goes when somebody looks. */
      fixture_plant_content (fixture, spoilt, length);
      info = ssem_semaphore_info_query (fixture->key, fixture->backend, &error);
      g_assert_cmpint (info != NULL, !=, error != NULL);
      if (info != NULL)
        {
          g_assert_cmpint (ssem_semaphore_info_get_value (info), >=, 0);
          g_assert_cmpint (ssem_semaphore_info_get_initial_value (info), >=, -1);
          if (fixture_supports (fixture, NEEDS_HOLDERS))
            g_assert_cmpuint (ssem_semaphore_info_get_holders (info)->len, ==, 0);
          g_assert_cmpint (ssem_semaphore_info_get_units_held (info), <=, 0);
        }

      infos = ssem_semaphore_info_list (fixture->backend, NULL);
      g_assert_nonnull (infos);
      for (i = 0; i < infos->len; i++)
        g_assert_true (g_utf8_validate (ssem_semaphore_info_get_key (infos->pdata[i]), -1, NULL));
      fixture_unplant (fixture);
    }
}

/* --- fork () --- */

/* A child that is forked while another thread removes leftovers keeps nobody out, whatever
 * descriptors it has inherited. */
static void
test_remove_and_fork (Fixture *fixture)
{
  Helper *user = fixture_open_helper (fixture, 5);
  Remover *remover = remover_start (fixture);
  pid_t children[100];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (children); i++)
    children[i] = statue_fork ();
  remover_stop (remover);

  helper_open (user, 1, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  for (i = 0; i < G_N_ELEMENTS (children); i++)
    statue_end (children[i]);
  helper_quit (user);
  fixture_assert_empty (fixture);
}

/* How a daemon leaves. */
static const char *const drops[] = { "|", "a close |", NULL };

const char conformance_topic[] = "info-files";
const Needs conformance_needs = NEEDS_INSPECT;

const Case conformance_cases[] = {
  { "other-name-space", NEEDS_HOLDERS, test_other_name_space },
  { "directory-missing", NEEDS_DIRECTORY, test_directory_missing },
  { "other-user", NEEDS_USERS, test_other_user },
  { "file-of-other-user", NEEDS_USERS, test_file_of_other_user },

  /* A daemon opens the key as root, and becomes another user. What it cannot remove is left over,
   * and its owner can remove it. The daemon drops its object, or just ends. */
  { "rights-dropped", NEEDS_USERS | NEEDS_SYSV, .rows = drops, .script =
    "w list = 0; a open OPEN 3; a uid 65534; $1; a quit;"
    "w look leftover 1 attached 0; w list = 1; w clear KEY; files 0;"
    "w look = NOT_FOUND; w list = 0" },
  /* In shared memory it has marked the segment as removed. So the next one to look removes it. */
  { "rights-dropped-removed", NEEDS_USERS | NEEDS_SHARED_MEMORY, .rows = drops, .script =
    "w list = 0; a open OPEN 3; a uid 65534; $1; a quit; w look = NOT_FOUND; files 0; w list = 0" },

  /* A daemon opens the key, and changes its root: its path leads elsewhere then. A set of System V
   * has no path. */
  { "root-changed", NEEDS_USERS | NEEDS_SHARED_MEMORY, .script =
    "w list = 0; a open OPEN 3; a chroot TEMP; a close; a quit; w look = NOT_FOUND; files 0" },

  { "directory-too-deep", NEEDS_SHARED_MEMORY, test_directory_too_deep },
  { "directory-closed", NEEDS_USERS | NEEDS_SHARED_MEMORY, test_directory_closed },
  { "no-semaphore", NEEDS_FILES, test_no_semaphore },
  { "wrong-name", NEEDS_FILES, test_wrong_name },
  { "any-bytes", NEEDS_FILES, test_any_bytes },

  { "remove-and-fork", NEEDS_FORK_AMONG_THREADS, test_remove_and_fork },
  { NULL },
};
