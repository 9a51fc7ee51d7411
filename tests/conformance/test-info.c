/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "cluster.h"
#include "forking.h"

#include <glib/gstdio.h>

#include <string.h>
#include <unistd.h>

#define NOBODY 65534

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

/* System V counts attached processes only where the kernel lists locks under the number of their
 * file system; elsewhere the count is -1. */
static void
assert_attached (Fixture           *fixture,
                 SsemSemaphoreInfo *info,
                 int                n)
{
  int found = ssem_semaphore_info_get_n_attached (info);

  if (!fixture_supports (fixture, NEEDS_SYSV) || found != -1)
    g_assert_cmpint (found, ==, n);
  g_assert_cmpint (ssem_semaphore_info_is_leftover (info), ==, n == 0);
}

/* The count is -1 where the backend does not count. */
static void
assert_waiters (Fixture           *fixture,
                SsemSemaphoreInfo *info,
                int                n)
{
  g_assert_cmpint (ssem_semaphore_info_get_n_waiters (info), ==,
                   fixture_supports (fixture, NEEDS_WAITER_COUNT) ? n : -1);
}

/* Looking at a semaphore from outside: its figures, listing, removing leftovers, resetting. A look
 * must disturb nobody. script.h explains the scripts. */

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
  assert_waiters (fixture, info, 0);
  assert_attached (fixture, info, 1);

  holders = ssem_semaphore_info_get_holders (info);
  if (fixture_supports (fixture, NEEDS_HOLDERS))
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

/* The time of an acquire on the fast path right after a release is unknown: it does not look at the
 * clock. */
static void
test_since_unknown (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  g_autoptr(SsemSemaphoreInfo) info = NULL;

  assert_acquire (semaphore, 1);
  assert_release (semaphore, 1);
  assert_acquire (semaphore, 3);
  info = look (fixture);
  g_assert_cmpint (ssem_semaphore_info_get_units_held (info), ==, 3);
  g_assert_null (ssem_process_info_get_since (ssem_semaphore_info_get_holders (info)->pdata[0]));
  drop_object (&semaphore);
}

static void
test_waiters (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  Helper *helper = fixture_open_helper (fixture, 0);
  gint64 before = g_get_real_time () / G_USEC_PER_SEC;
  SsemSemaphoreInfo *info;
  GPtrArray *waiters;

  helper_send (helper, "acquire 0 3");
  wait_until_blocked (fixture->backend, helper->pid, 1);
  info = look (fixture);
  assert_waiters (fixture, info, 1);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 1);
  waiters = ssem_semaphore_info_get_waiters (info);
  if (fixture_supports (fixture, NEEDS_HOLDERS))
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
  assert_waiters (fixture, info, 0);
  ssem_semaphore_info_unref (info);
  drop_object (&semaphore);
}

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
  /* A list of all backends has those alone that are linked in. */
  g_assert_cmpuint (all->len, ==,
                    fixture->backend == SSEM_BACKEND_ETCD ? 0 : G_N_ELEMENTS (sorted));
  for (i = 0; i < infos->len; i++)
    {
      g_autofree char *key = g_strconcat (fixture->key, sorted[i], NULL);

      g_assert_cmpstr (ssem_semaphore_info_get_key (infos->pdata[i]), ==, key);
      g_assert_cmpint (ssem_semaphore_info_get_backend (infos->pdata[i]), ==, fixture->backend);
      if (all->len > 0)
        g_assert_cmpstr (ssem_semaphore_info_get_key (all->pdata[i]), ==, key);
    }

  for (i = 0; i < G_N_ELEMENTS (suffixes); i++)
    drop_object (&semaphores[i]);
  assert_n_listed (fixture, 0);
}

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

const char conformance_topic[] = "info";
const Needs conformance_needs = NEEDS_INSPECT;

const Case conformance_cases[] = {
  { "unknown", 0, test_unknown },
  { "figures", 0, test_figures },
  { "since-unknown", NEEDS_SHARED_MEMORY, test_since_unknown },

  /* Units acquired without undo have no holder, and a process that has released what it acquired,
   * or more, is none. Nor is a dead process, though only this look has found that out. */
  { "holders", NEEDS_UNDO, .script =
    "w open OPEN 10; a open OPEN; a acquire 1; b open OPEN; b acquire 2; c open OPEN; c acquire 3;"
    "w look holders 3 held 6 held-by.a 1 held-by.b 2 held-by.c 3;"
    "a.1 open OPEN no-undo; a.1 acquire 1;"
    "w look holders 3 held 6 held-by.a 1 held-by.b 2 held-by.c 3;"
    "a release 1; w look holders 2 held 5 held-by.b 2 held-by.c 3;"
    "a release 1; w look holders 2 held 5 held-by.b 2 held-by.c 3;"
    "c kill; w look holders 1 held 2 held-by.b 2 value 8 attached 3; w value = 8" },

  /* A process that has closed the key holds on, and is not attached. */
  { "lingerer", NEEDS_UNDO, .script =
    "w open OPEN 10; a open OPEN; a acquire 4; a close;"
    "w look holders 1 held 4 held-by.a 4 attached 1 value 6; a kill; w look holders 0 held 0" },

  { "waiters", 0, test_waiters },
  { "other-name-space", NEEDS_HOLDERS, test_other_name_space },
  { "list", 0, test_list },
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

  /* A process that looks at a semaphore that it uses must not lose its own locks by that: to others
   * it lives, and holds. */
  { "keeps-own-locks", .script =
    "a open OPEN 5; a try 2; repeat 3; a look attached 1 leftover 0; a list = 1; again;"
    "b open CREATE_EXCLUSIVE 1 = ALREADY_EXISTS; b open OPEN 1; b value = 3" },

  /* The figures of one look need not be of the same moment; but each has been true. */
  { "while-used", .script =
    "w open OPEN 5; a open OPEN; a hammer 1; b open OPEN; b hammer 1;"
    "repeat 100; w look value 3..5 held 0..2 attached 3 leftover 0; again;"
    "a calm; b calm; w value = 5" },

  /* --- Leftovers --- */

  /* A look does not attach, so that the leftover can be removed after it. */
  { "leftover", NEEDS_LEFTOVERS, .script =
    "a open OPEN 5; a acquire 2; a kill; w look attached 0 leftover 1 value 5 holders 0 held 0;"
    "w clear KEY; files 0; w look = NOT_FOUND; w list = 0; w clear KEY = NOT_FOUND" },

  /* What a process uses is no leftover, to the process itself as little as to others. */
  { "remove-in-use", .script =
    "a open OPEN 5; a try 2; a clear KEY = BUSY; w clear KEY = BUSY; a value = 3;"
    "b open OPEN; a close; a clear KEY = BUSY; b acquire 1; b value = 2" },

  { "remove-and-fork", NEEDS_FORK_AMONG_THREADS, test_remove_and_fork },

  /* A reset wakes whom the new value can serve, and forgets what was held before. */
  { "reset", NEEDS_RESET, .script =
    "w open OPEN 5; a open OPEN; b open OPEN; a acquire 4; b acquire 3 = blocks; w reset 7 KEY;"
    "b wakes; w look holders 1 held 3 held-by.b 3 value 4 initial 7 attached 3 leftover 0;"
    "a kill; w value = 4; w reset -1 KEY = INVALID_ARGUMENT; w value = 4" },

  /* A semaphore that nobody uses is not reset but removed. */
  { "reset-unused", NEEDS_RESET, .script =
    "w reset 1 KEY = NOT_FOUND; a open OPEN 5; a kill; w reset 1 KEY;"
    "w look = NOT_FOUND; w list = 0" },
  { NULL },
};
