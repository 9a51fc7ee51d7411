/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "forking.h"

#include <glib/gstdio.h>

#include <string.h>
#include <unistd.h>

#define NOBODY 65534

/* Whether the backend knows by name who holds and who waits. */
static gboolean
tells_processes (Fixture *fixture)
{
  return fixture->backend == SSEM_BACKEND_SHARED_MEMORY;
}

static SsemSemaphoreInfo *
look (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;
  SsemSemaphoreInfo *info = ssem_semaphore_info_query (fixture->key, fixture->backend, &error);

  g_assert_no_error (error);
  g_assert_nonnull (info);
  g_assert_cmpstr (ssem_semaphore_info_get_key (info), ==, fixture->key);
  g_assert_cmpint (ssem_semaphore_info_get_backend (info), ==, fixture->backend);

  return info;
}

static void
assert_n_listed (Fixture *fixture,
                 guint    n)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) infos = ssem_semaphore_info_list (fixture->backend, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (infos->len, ==, n);
}

static void
assert_not_found (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (ssem_semaphore_info_query (fixture->key, fixture->backend, &error));
  assert_code (error, NOT_FOUND);
  assert_n_listed (fixture, 0);
}

/* System V counts the attached only where the list of locks calls the file system by its name. */
static void
assert_attached (Fixture           *fixture,
                 SsemSemaphoreInfo *info,
                 int                n)
{
  int found = ssem_semaphore_info_get_n_attached (info);

  if (fixture->backend != SSEM_BACKEND_SYSV || found != -1)
    g_assert_cmpint (found, ==, n);
  g_assert_cmpint (ssem_semaphore_info_is_leftover (info), ==, n == 0);
}

/* @units_of: for each of the @n helpers, in any order. */
static void
assert_holders (Fixture            *fixture,
                Helper            **helpers,
                const int          *units_of,
                guint               n)
{
  g_autoptr(SsemSemaphoreInfo) info = look (fixture);
  GPtrArray *holders = ssem_semaphore_info_get_holders (info);
  gint64 sum = 0;
  guint i, j;

  if (!tells_processes (fixture))
    {
      g_assert_null (holders);
      g_assert_cmpint (ssem_semaphore_info_get_units_held (info), ==, -1);
      return;
    }

  g_assert_cmpuint (holders->len, ==, n);
  for (i = 0; i < n; i++)
    {
      SsemProcessInfo *process = NULL;

      for (j = 0; j < n && process == NULL; j++)
        {
          if (ssem_process_info_get_pid (holders->pdata[j]) == helpers[i]->pid)
            process = holders->pdata[j];
        }
      g_assert_nonnull (process);
      g_assert_cmpint (ssem_process_info_get_units (process), ==, units_of[i]);
      g_assert_cmpstr (ssem_process_info_get_command (process), ==, "test-helper");
      sum += units_of[i];
    }
  for (j = 1; j < n; j++)
    g_assert_cmpint (ssem_process_info_get_pid (holders->pdata[j - 1]), <,
                     ssem_process_info_get_pid (holders->pdata[j]));
  g_assert_cmpint (ssem_semaphore_info_get_units_held (info), ==, sum);
}

/* --- What is told --- */

static void
test_unknown (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;

  assert_not_found (fixture);
  g_assert_null (ssem_semaphore_info_query ("", fixture->backend, &error));
  assert_code (error, KEY_ERROR);
  fixture_assert_empty (fixture);
}

static void
test_figures (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  gint64 before = g_get_real_time () / G_USEC_PER_SEC;
  GPtrArray *holders;

  assert_acquire (semaphore, 2);
  info = look (fixture);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 3);
  g_assert_cmpint (ssem_semaphore_info_get_initial_value (info), ==, 5);
  g_assert_cmpint (ssem_semaphore_info_get_n_waiters (info), ==, 0);
  assert_attached (fixture, info, 1);

  holders = ssem_semaphore_info_get_holders (info);
  if (tells_processes (fixture))
    {
      gint64 after = g_get_real_time () / G_USEC_PER_SEC;
      GDateTime *since;

      g_assert_cmpuint (holders->len, ==, 1);
      g_assert_cmpint (ssem_process_info_get_pid (holders->pdata[0]), ==, getpid ());
      g_assert_cmpint (ssem_process_info_get_units (holders->pdata[0]), ==, 2);
      g_assert_nonnull (ssem_process_info_get_command (holders->pdata[0]));
      since = ssem_process_info_get_since (holders->pdata[0]);
      g_assert_nonnull (since);
      /* The kernel's coarse clock may be a tick behind. */
      g_assert_cmpint (g_date_time_to_unix (since), >=, before - 1);
      g_assert_cmpint (g_date_time_to_unix (since), <=, after);
      g_assert_cmpuint (ssem_semaphore_info_get_waiters (info)->len, ==, 0);
    }
  else
    {
      g_assert_null (holders);
      g_assert_null (ssem_semaphore_info_get_waiters (info));
    }

  /* A snapshot: what happens later does not change it. */
  assert_release (semaphore, 2);
  drop_object (&semaphore);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 3);
  assert_not_found (fixture);
}

/* Units that were acquired at once after a release: nobody looked at the clock. */
static void
test_since_unknown (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  g_autoptr(SsemSemaphoreInfo) info = NULL;

  if (!tells_processes (fixture))
    {
      g_test_skip ("this backend does not tell who holds");
      return;
    }

  assert_acquire (semaphore, 1);
  assert_release (semaphore, 1);
  assert_acquire (semaphore, 3);
  info = look (fixture);
  g_assert_cmpint (ssem_semaphore_info_get_units_held (info), ==, 3);
  g_assert_null (ssem_process_info_get_since (ssem_semaphore_info_get_holders (info)->pdata[0]));
  drop_object (&semaphore);
}

static void
test_holders (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 10);
  Helper *helpers[3];
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  int i;

  for (i = 0; i < 3; i++)
    {
      helpers[i] = fixture_user (fixture, 0);
      helper_do (helpers[i], "acquire 0 %d", i + 1);
    }
  assert_holders (fixture, helpers, (int[]) { 1, 2, 3 }, 3);

  /* What is acquired without undo is nobody's; what is released more than acquired, too. */
  helper_open (helpers[0], 1, SSEM_ACCESS_MODE_OPEN, 0, FALSE, fixture->key);
  helper_do (helpers[0], "acquire 1 1");
  assert_holders (fixture, helpers, (int[]) { 1, 2, 3 }, 3);
  helper_do (helpers[0], "release 0 1");
  assert_holders (fixture, helpers + 1, (int[]) { 2, 3 }, 2);
  helper_do (helpers[0], "release 0 1");
  assert_holders (fixture, helpers + 1, (int[]) { 2, 3 }, 2);

  /* The dead hold nothing, though nobody but us has noticed. */
  helper_kill (helpers[2]);
  assert_holders (fixture, helpers + 1, (int[]) { 2 }, 1);
  info = look (fixture);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 8);
  assert_attached (fixture, info, 3);
  assert_value (semaphore, 8);

  drop_object (&semaphore);
}

/* One who has closed the key holds on, and is not attached. */
static void
test_lingerer (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 10);
  Helper *helper = fixture_user (fixture, 0);
  g_autoptr(SsemSemaphoreInfo) info = NULL;

  helper_do (helper, "acquire 0 4");
  helper_do (helper, "close 0");
  assert_holders (fixture, &helper, (int[]) { 4 }, 1);
  info = look (fixture);
  assert_attached (fixture, info, 1);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 6);

  helper_kill (helper);
  assert_holders (fixture, NULL, NULL, 0);
  drop_object (&semaphore);
}

static void
test_waiters (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  Helper *helper = fixture_user (fixture, 0);
  gint64 before = g_get_real_time () / G_USEC_PER_SEC;
  SsemSemaphoreInfo *info;
  GPtrArray *waiters;

  helper_send (helper, "acquire 0 3");
  wait_until_blocked (fixture->backend, helper->pid, 1);
  info = look (fixture);
  g_assert_cmpint (ssem_semaphore_info_get_n_waiters (info), ==, 1);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 1);
  waiters = ssem_semaphore_info_get_waiters (info);
  if (tells_processes (fixture))
    {
      g_assert_cmpuint (waiters->len, ==, 1);
      g_assert_cmpint (ssem_process_info_get_pid (waiters->pdata[0]), ==, helper->pid);
      g_assert_cmpint (ssem_process_info_get_units (waiters->pdata[0]), ==, 3);
      /* The kernel's coarse clock may be a tick behind. */
      g_assert_cmpint (g_date_time_to_unix (ssem_process_info_get_since (waiters->pdata[0])),
                       >=, before - 1);
    }
  else
    {
      g_assert_null (waiters);
    }
  ssem_semaphore_info_unref (info);

  /* A dead one waits no more. */
  helper_kill (helper);
  info = look (fixture);
  g_assert_cmpint (ssem_semaphore_info_get_n_waiters (info), ==, 0);
  ssem_semaphore_info_unref (info);
  drop_object (&semaphore);
}

/* A number that means another process here is not told. */
static void
test_other_name_space (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  Helper *helper = fixture_helper (fixture);
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autofree char *answer = NULL;
  Helper *child;

  helper_send (helper, "new-pids");
  answer = helper_receive (helper);
  if (!g_str_equal (answer, "ok") || !tells_processes (fixture))
    {
      g_test_skip ("this needs a backend that tells who holds, and the right to make a name space");
      drop_object (&semaphore);
      return;
    }

  child = fixture_fork (fixture, helper);
  helper_open (child, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
  helper_do (child, "acquire 0 2");
  info = look (fixture);
  g_assert_cmpuint (ssem_semaphore_info_get_holders (info)->len, ==, 1);
  g_assert_cmpint (ssem_process_info_get_pid (ssem_semaphore_info_get_holders (info)->pdata[0]),
                   ==, 0);
  g_assert_null (ssem_process_info_get_command (ssem_semaphore_info_get_holders (info)->pdata[0]));
  g_assert_cmpint (ssem_semaphore_info_get_units_held (info), ==, 2);

  helper_kill (child);
  drop_object (&semaphore);
}

/* --- Listing --- */

static void
test_list (Fixture *fixture)
{
  const char *suffixes[] = { "c", "a", "b/../ü" };
  const char *sorted[] = { "a", "b/../ü", "c" };
  SsemSystemSemaphore *semaphores[G_N_ELEMENTS (suffixes)];
  g_autoptr(GPtrArray) infos = NULL;
  g_autoptr(GPtrArray) all = NULL;
  g_autoptr(GError) error = NULL;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *key = g_strconcat (fixture->key, suffixes[i], NULL);

      semaphores[i] = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, i, TRUE, &error);
      g_assert_no_error (error);
    }

  infos = ssem_semaphore_info_list (fixture->backend, &error);
  g_assert_no_error (error);
  all = ssem_semaphore_info_list (SSEM_BACKEND_DEFAULT, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (infos->len, ==, G_N_ELEMENTS (sorted));
  g_assert_cmpuint (all->len, ==, G_N_ELEMENTS (sorted));
  for (i = 0; i < infos->len; i++)
    {
      g_autofree char *key = g_strconcat (fixture->key, sorted[i], NULL);

      g_assert_cmpstr (ssem_semaphore_info_get_key (infos->pdata[i]), ==, key);
      g_assert_cmpstr (ssem_semaphore_info_get_key (all->pdata[i]), ==, key);
      g_assert_cmpint (ssem_semaphore_info_get_backend (all->pdata[i]), ==, fixture->backend);
    }

  for (i = 0; i < G_N_ELEMENTS (suffixes); i++)
    drop_object (&semaphores[i]);
  assert_n_listed (fixture, 0);
}

static void
test_folder_missing (Fixture *fixture)
{
  g_autofree char *missing = g_build_filename (fixture->folder, "missing", NULL);
  g_autoptr(GError) error = NULL;

  g_setenv ("SSEM_RUNTIME_DIR", missing, TRUE);
  g_assert_null (ssem_semaphore_info_list (fixture->backend, &error));
  assert_code (error, NOT_FOUND);
  g_assert_nonnull (strstr (error->message, missing));
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_folder, TRUE);
}

/* Another user's semaphore in a folder that users share is none of ours; what is ours is. */
static void
test_other_user (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;
  Helper *stranger;

  if (geteuid () != 0)
    {
      g_test_skip ("only root can become another user");
      return;
    }

  g_assert_cmpint (g_chmod (fixture->folder, 0755), ==, 0);
  g_assert_cmpint (g_chmod (fixture->keys_folder, 0777), ==, 0);
  stranger = fixture_helper (fixture);
  helper_do (stranger, "uid %d", NOBODY);
  helper_open (stranger, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);

  assert_n_listed (fixture, 0);
  g_assert_cmpuint (ssem_semaphore_info_count_others (fixture->backend), ==, 1);
  g_assert_cmpuint (ssem_semaphore_info_count_others (SSEM_BACKEND_DEFAULT), ==, 1);
  g_assert_null (ssem_semaphore_info_query (fixture->key, fixture->backend, &error));
  assert_code (error, PERMISSION_DENIED);
  /* Whose it is. */
  g_assert_nonnull (strstr (error->message, G_STRINGIFY (NOBODY)));
  g_clear_error (&error);
  g_assert_false (ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error));
  assert_code (error, PERMISSION_DENIED);
  g_assert_nonnull (strstr (error->message, G_STRINGIFY (NOBODY)));
  helper_do (stranger, "close 0");
  g_assert_cmpuint (ssem_semaphore_info_count_others (fixture->backend), ==, 0);
  helper_kill (stranger);
}

/* What its last user could not remove is left over, and its owner can remove it. */
static void
assert_can_be_removed (Fixture *fixture)
{
  g_autoptr(SsemSemaphoreInfo) info = look (fixture);
  g_autoptr(GError) error = NULL;

  g_assert_true (ssem_semaphore_info_is_leftover (info));
  g_assert_cmpint (ssem_semaphore_info_get_n_attached (info), ==, 0);
  assert_n_listed (fixture, 1);
  g_assert_true (ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error));
  g_assert_no_error (error);
  fixture_assert_empty (fixture);
  assert_not_found (fixture);
}

/* A daemon opens the key as root, and becomes another user. */
static void
test_rights_dropped (Fixture *fixture)
{
  int closes;

  if (!helper_may_change_user ())
    {
      g_test_skip ("only root can become another user");
      return;
    }

  /* It drops its object, or just ends. */
  for (closes = 0; closes <= 1; closes++)
    {
      Helper *helper = fixture_user (fixture, 3);

      helper_do (helper, "uid %d", NOBODY);
      if (closes)
        helper_do (helper, "close 0");
      helper_quit (helper);
      assert_can_be_removed (fixture);
    }
}

/* What keeps its name was not removed, and that is said: the directory cannot be written to. */
static void
test_folder_closed (Fixture *fixture)
{
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(GError) error = NULL;
  Helper *helper;

  if (!helper_may_change_user ())
    {
      g_test_skip ("root may write to any directory");
      return;
    }
  if (fixture->backend == SSEM_BACKEND_SYSV)
    {
      g_test_skip ("a key file without a set is used again");
      return;
    }

  g_assert_cmpint (g_chmod (fixture->folder, 0755), ==, 0);
  g_assert_cmpint (g_chmod (fixture->keys_folder, 0777), ==, 0);
  helper = fixture_helper (fixture);
  helper_do (helper, "uid %d", NOBODY);
  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  g_assert_cmpint (g_chmod (fixture->keys_folder, 0555), ==, 0);
  helper_do (helper, "close 0");
  helper_send_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  helper_expect_error (helper, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED);

  g_assert_cmpint (seteuid (NOBODY), ==, 0);
  info = look (fixture);
  g_assert_true (ssem_semaphore_info_is_leftover (info));
  g_assert_false (ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error));
  g_assert_cmpint (seteuid (0), ==, 0);
  assert_code (error, PERMISSION_DENIED);

  g_assert_cmpint (g_chmod (fixture->keys_folder, 0777), ==, 0);
  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 5, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 5);
  helper_do (helper, "close 0");
  helper_quit (helper);
}

/* A daemon opens the key, and changes its root: the path leads elsewhere then. */
static void
test_root_changed (Fixture *fixture)
{
  Helper *helper;

  if (geteuid () != 0)
    {
      g_test_skip ("only root can change the root of a process");
      return;
    }
  if (fixture->backend == SSEM_BACKEND_SYSV)
    {
      g_test_skip ("a set has no path, and is removed all the same");
      return;
    }

  helper = fixture_user (fixture, 3);
  helper_do (helper, "chroot %s", fixture->folder);
  helper_do (helper, "close 0");
  helper_quit (helper);
  assert_can_be_removed (fixture);
}

/* A file of another user in one's own place for it. */
static void
test_file_of_other_user (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  Helper *helper;
  g_autoptr(GError) error = NULL;

  if (geteuid () != 0)
    {
      g_test_skip ("only root can give a file away");
      return;
    }

  helper = fixture_user (fixture, 5);
  g_assert_cmpint (chown (path, NOBODY, -1), ==, 0);
  assert_n_listed (fixture, 0);
  g_assert_null (ssem_semaphore_info_query (fixture->key, fixture->backend, &error));
  assert_code (error, PERMISSION_DENIED);
  g_assert_cmpint (chown (path, geteuid (), -1), ==, 0);
  assert_n_listed (fixture, 1);
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

/* The bytes of a semaphore that somebody uses. */
static char *
copy_content (Fixture *fixture,
              gsize   *length)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  g_autofree char *path = fixture_key_path (fixture);
  g_autoptr(GError) error = NULL;
  char *content;

  assert_acquire (semaphore, 2);
  g_file_get_contents (path, &content, length, &error);
  g_assert_no_error (error);
  drop_object (&semaphore);

  return content;
}

static void
test_no_semaphore (Fixture *fixture)
{
  const gsize layout_offset = 8;
  gsize length;
  g_autofree char *content = copy_content (fixture, &length);

  fixture_plant_content (fixture, "nonsense, and a little longer", 29);
  expect_no_semaphore (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);
  fixture_plant_content (fixture, content, length / 2);
  expect_no_semaphore (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);
  content[layout_offset] ^= 1;
  fixture_plant_content (fixture, content, length);
  expect_no_semaphore (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR);
  fixture_unplant (fixture);

  fixture_plant_misfit (fixture);
  expect_no_semaphore (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);
}

/* The good file under another key's name leads nowhere. */
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

/* Whatever a look makes of it, it comes back, and what it tells can be told. */
static void
test_any_bytes (Fixture *fixture)
{
  gsize length;
  g_autofree char *content = copy_content (fixture, &length);
  g_autofree char *path = fixture_key_path (fixture);
  int n_rounds = g_test_thorough () ? 20000 : 500;
  int round;

  fixture_plant_content (fixture, content, length);
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
      g_file_set_contents_full (path, spoilt, (gssize) length, G_FILE_SET_CONTENTS_NONE, 0600,
                                &error);
      g_assert_no_error (error);
      info = ssem_semaphore_info_query (fixture->key, fixture->backend, &error);
      g_assert_cmpint (info != NULL, !=, error != NULL);
      if (info != NULL)
        {
          g_assert_cmpint (ssem_semaphore_info_get_value (info), >=, 0);
          g_assert_cmpint (ssem_semaphore_info_get_initial_value (info), >=, 0);
          assert_holders (fixture, NULL, NULL, 0);
        }

      infos = ssem_semaphore_info_list (fixture->backend, NULL);
      g_assert_nonnull (infos);
      for (i = 0; i < infos->len; i++)
        g_assert_true (g_utf8_validate (ssem_semaphore_info_get_key (infos->pdata[i]), -1, NULL));
    }
  fixture_unplant (fixture);
}

/* --- It disturbs nobody --- */

static void
test_keeps_own_locks (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  Helper *helper = fixture_helper (fixture);
  int i;

  assert_acquire (semaphore, 2);
  for (i = 0; i < 3; i++)
    {
      g_autoptr(SsemSemaphoreInfo) info = look (fixture);

      assert_attached (fixture, info, 1);
      assert_n_listed (fixture, 1);
    }

  /* To others we live, and hold. */
  helper_send_open (helper, 0, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 1, TRUE, fixture->key);
  helper_expect_error (helper, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS);
  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 3);
  drop_object (&semaphore);
}

/* The figures are of a time at which they may not fit; but each is one that has been. */
static void
test_while_used (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  Helper *helpers[2];
  int i;

  for (i = 0; i < 2; i++)
    {
      helpers[i] = fixture_user (fixture, 0);
      helper_do (helpers[i], "hammer 0 1");
    }
  for (i = 0; i < 100; i++)
    {
      g_autoptr(SsemSemaphoreInfo) info = look (fixture);

      g_assert_cmpint (ssem_semaphore_info_get_value (info), >=, 3);
      g_assert_cmpint (ssem_semaphore_info_get_value (info), <=, 5);
      g_assert_cmpint (ssem_semaphore_info_get_units_held (info), <=, 2);
      assert_attached (fixture, info, 3);
    }
  for (i = 0; i < 2; i++)
    helper_do (helpers[i], "calm");
  assert_value (semaphore, 5);
  drop_object (&semaphore);
}

/* --- Leftovers --- */

static void
test_leftover (Fixture *fixture)
{
  Helper *helper = fixture_user (fixture, 5);
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(GError) error = NULL;

  helper_do (helper, "acquire 0 2");
  helper_kill (helper);

  info = look (fixture);
  assert_attached (fixture, info, 0);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 5);
  assert_holders (fixture, NULL, NULL, 0);

  /* Looking has not made it anybody's. */
  g_assert_true (ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error));
  g_assert_no_error (error);
  fixture_assert_empty (fixture);
  assert_not_found (fixture);

  g_assert_false (ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error));
  assert_code (error, NOT_FOUND);
}

static void
expect_busy (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;

  g_assert_false (ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, fixture->key));
}

static void
test_remove_in_use (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  Helper *helper;

  assert_acquire (semaphore, 2);
  expect_busy (fixture);
  assert_value (semaphore, 3);

  helper = fixture_user (fixture, 0);
  drop_object (&semaphore);
  expect_busy (fixture);
  helper_do (helper, "acquire 0 1");
  g_assert_cmpint (helper_get_value (helper, 0), ==, 2);
}

/* A child that another thread forks meanwhile keeps nobody out, whatever it has inherited. */
static void
test_remove_and_fork (Fixture *fixture)
{
  Helper *user = fixture_user (fixture, 5);
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

/* --- Resetting --- */

static void
test_reset (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  Helper *holder = fixture_user (fixture, 0);
  Helper *waiter = fixture_user (fixture, 0);
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(GError) error = NULL;

  helper_do (holder, "acquire 0 4");
  helper_send (waiter, "acquire 0 3");
  wait_until_blocked (fixture->backend, waiter->pid, 1);

  g_assert_true (ssem_semaphore_reset (fixture->key, 7, fixture->backend, &error));
  g_assert_no_error (error);
  helper_expect_ok (waiter);
  assert_holders (fixture, &waiter, (int[]) { 3 }, 1);
  info = look (fixture);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 4);
  g_assert_cmpint (ssem_semaphore_info_get_initial_value (info), ==, 7);
  assert_attached (fixture, info, 3);

  /* What was held before is forgotten. */
  helper_kill (holder);
  assert_value (semaphore, 4);

  g_assert_false (ssem_semaphore_reset (fixture->key, -1, fixture->backend, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  assert_value (semaphore, 4);
  drop_object (&semaphore);
}

static void
test_reset_unused (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;
  Helper *helper;

  g_assert_false (ssem_semaphore_reset (fixture->key, 1, fixture->backend, &error));
  assert_code (error, NOT_FOUND);
  g_clear_error (&error);

  helper = fixture_user (fixture, 5);
  helper_kill (helper);
  g_assert_true (ssem_semaphore_reset (fixture->key, 1, fixture->backend, &error));
  g_assert_no_error (error);
  assert_not_found (fixture);
}

static const Case cases[] = {
  { "unknown", 0, test_unknown },
  { "figures", 0, test_figures },
  { "since-unknown", 0, test_since_unknown },
  { "holders", 0, test_holders },
  { "lingerer", 0, test_lingerer },
  { "waiters", 0, test_waiters },
  { "other-name-space", 0, test_other_name_space },
  { "list", 0, test_list },
  { "folder-missing", 0, test_folder_missing },
  { "other-user", 0, test_other_user },
  { "file-of-other-user", 0, test_file_of_other_user },
  { "rights-dropped", 0, test_rights_dropped },
  { "root-changed", 0, test_root_changed },
  { "folder-closed", 0, test_folder_closed },
  { "no-semaphore", 0, test_no_semaphore },
  { "wrong-name", 0, test_wrong_name },
  { "any-bytes", 0, test_any_bytes },
  { "keeps-own-locks", 0, test_keeps_own_locks },
  { "while-used", 0, test_while_used },
  { "leftover", 0, test_leftover },
  { "remove-in-use", 0, test_remove_in_use },
  { "remove-and-fork", NEEDS_FORK_AMONG_THREADS, test_remove_and_fork },
  { "reset", 0, test_reset },
  { "reset-unused", 0, test_reset_unused },
  { NULL },
};

int
main (int    argc,
      char **argv)
{
  return conformance_main (argc, argv, "info", cases);
}
