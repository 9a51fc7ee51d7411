/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <glib/gstdio.h>

#include <string.h>

/* How a segment of shared memory gets its name and loses it: the directory of a key, in which there
 * is one segment, or none when a process was killed in the middle. A process is stopped or killed
 * at each of its system calls while others use the key, and files of outsiders lie around. script.h
 * explains the scripts.
 *
 * What lies in the place of a key is in test-planted.c, what is moved away in test-paths.c. */

#define INITIAL 3

/* More system calls than opening or closing takes. */
#define MAX_POINTS 400

static gboolean
may_trace (Helper *helper)
{
  if (helper_trace (helper))
    return TRUE;

  g_test_skip ("the system forbids to trace another process");
  return FALSE;
}

/* Ends a round: all helpers go, and nothing is left. */
static void
end_round (Fixture *fixture)
{
  guint i;

  for (i = 0; i < fixture->helpers->len; i++)
    {
      Helper *helper = g_ptr_array_index (fixture->helpers, i);

      if (helper->pid != 0)
        helper_quit (helper);
    }
  fixture_assert_empty (fixture);
  g_ptr_array_set_size (fixture->helpers, 0);
}

/* Reports how many points there were, so that a test that leads nobody anywhere is noticed. */
static void
report_points (guint n)
{
  g_test_message ("%u points", n);
  g_assert_cmpuint (n, >, 6);
  g_assert_cmpuint (n, <, MAX_POINTS);
}

/* Two that come to the key use the same semaphore, and it has @value. */
static void
assert_same (Fixture *fixture,
             Helper  *one,
             Helper  *other,
             int      value)
{
  g_assert_cmpint (helper_get_value (one, 0), ==, value);
  helper_run_expect_ok (one, "release 0 1");
  g_assert_cmpint (helper_get_value (other, 0), ==, value + 1);
  helper_run_expect_ok (one, "acquire 0 1");
  g_assert_cmpint (helper_get_value (other, 0), ==, value);
}

/* --- A process that removes --- */

/* The last process leaves, and is stopped at each point. Those that come meanwhile do not wait for
 * it. When it goes on, it does not remove what they have made. */
static void
test_leaver_stopped (Fixture *fixture)
{
  gboolean is_in_middle = TRUE;
  guint n;

  for (n = 0; is_in_middle; n++)
    {
      Helper *leaver = fixture_open_helper (fixture, INITIAL);
      Helper *next, *another, *late;

      if (!may_trace (leaver))
        return;
      helper_send (leaver, "close 0");
      is_in_middle = helper_lead (leaver, n);

      next = fixture_open_helper (fixture, INITIAL);
      another = fixture_open_helper (fixture, INITIAL);
      assert_same (fixture, next, another, INITIAL);

      helper_let_go (leaver);
      helper_expect_ok (leaver);
      assert_same (fixture, next, another, INITIAL);
      late = fixture_helper (fixture);
      helper_open (late, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
      assert_same (fixture, late, next, INITIAL);
      end_round (fixture);
    }
  report_points (n);
}

/* Another stops at the same place: one of them has removed the semaphore, both go on, and a third
 * has made a new one meanwhile. */
static void
test_two_leavers_stopped (Fixture *fixture)
{
  gboolean is_in_middle = TRUE;
  guint n;

  for (n = 0; is_in_middle; n++)
    {
      Helper *leavers[2];
      Helper *next;
      guint i;

      for (i = 0; i < G_N_ELEMENTS (leavers); i++)
        {
          leavers[i] = fixture_open_helper (fixture, INITIAL);
          if (!may_trace (leavers[i]))
            return;
        }
      is_in_middle = FALSE;
      for (i = 0; i < G_N_ELEMENTS (leavers); i++)
        {
          helper_send (leavers[i], "close 0");
          is_in_middle = helper_lead (leavers[i], n) || is_in_middle;
        }
      next = fixture_open_helper (fixture, INITIAL);
      for (i = 0; i < G_N_ELEMENTS (leavers); i++)
        {
          helper_let_go (leavers[i]);
          helper_expect_ok (leavers[i]);
          helper_open (leavers[i], 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
        }
      assert_same (fixture, next, leavers[0], INITIAL);
      assert_same (fixture, next, leavers[1], INITIAL);
      end_round (fixture);
    }
  report_points (n);
}

/* Whoever meets what a killed leaver has left finishes it, or uses it: as the case says, a process
 * that creates, one that opens, one that removes, or one that looks. */
static void
meet_rest (Fixture *fixture)
{
  const char *how = fixture->data;
  g_autoptr(GPtrArray) infos = NULL;
  g_autoptr(GError) error = NULL;
  Helper *next = fixture_helper (fixture);

  if (g_str_equal (how, "create"))
    {
      helper_open (next, 0, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, INITIAL + 1, TRUE, fixture->key);
      g_assert_cmpint (helper_get_value (next, 0), ==, INITIAL + 1);
      return;
    }
  if (g_str_equal (how, "open"))
    {
      helper_open (next, 0, SSEM_ACCESS_MODE_OPEN, INITIAL, TRUE, fixture->key);
      g_assert_cmpint (helper_get_value (next, 0), ==, INITIAL);
      return;
    }
  if (g_str_equal (how, "remove"))
    {
      if (!ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error))
        g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
      fixture_assert_empty (fixture);
      return;
    }

  infos = ssem_semaphore_info_list (fixture->backend, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (infos->len, <=, 1);
  /* It was killed before it had removed anything. */
  if (infos->len == 1)
    g_assert_true (ssem_semaphore_info_is_leftover (infos->pdata[0]));
  g_assert_cmpint (ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error), ==,
                   infos->len);
  if (infos->len == 0)
    g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
}

static void
test_leaver_killed (Fixture *fixture)
{
  gboolean is_in_middle = TRUE;
  guint n;

  for (n = 0; is_in_middle; n++)
    {
      Helper *leaver = fixture_open_helper (fixture, INITIAL);

      if (!may_trace (leaver))
        return;
      helper_send (leaver, "close 0");
      is_in_middle = helper_lead (leaver, n);
      helper_kill (leaver);
      meet_rest (fixture);
      end_round (fixture);
    }
  report_points (n);
}

/* One that removes a leftover is stopped, and others use the key meanwhile. It removes nothing of
 * theirs, and says so or has been in time. */
static void
test_remover_stopped (Fixture *fixture)
{
  g_autofree char *key = g_strescape (fixture->key, NULL);
  gboolean is_in_middle = TRUE;
  guint n;

  for (n = 0; is_in_middle; n++)
    {
      Helper *dead = fixture_open_helper (fixture, INITIAL);
      Helper *remover = fixture_helper (fixture);
      g_autofree char *answer = NULL;
      Helper *next, *another;

      helper_kill (dead);
      if (!may_trace (remover))
        {
          helper_run_expect_ok (remover, "clear %s", key);
          return;
        }
      helper_send (remover, "clear %s", key);
      is_in_middle = helper_lead (remover, n);
      next = fixture_open_helper (fixture, INITIAL);
      helper_let_go (remover);
      answer = helper_receive (remover);
      g_assert_true (g_str_has_prefix (answer, "ok") || g_str_has_prefix (answer, "error "));

      another = fixture_helper (fixture);
      helper_open (another, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
      assert_same (fixture, next, another, INITIAL);
      end_round (fixture);
    }
  report_points (n);
}

/* --- A process that creates --- */

/* One that opens a key that nobody has is stopped, also while it makes its process file. The others
 * do not wait for it, and it finds what they have made. */
static void
test_creator_stopped (Fixture *fixture)
{
  gboolean is_in_middle = TRUE;
  guint n;

  for (n = 0; is_in_middle; n++)
    {
      Helper *creator = fixture_helper (fixture);
      Helper *next, *another;

      if (!may_trace (creator))
        return;
      helper_send_open (creator, 0, SSEM_ACCESS_MODE_OPEN, INITIAL, TRUE, fixture->key);
      is_in_middle = helper_lead (creator, n);
      next = fixture_open_helper (fixture, INITIAL);
      another = fixture_open_helper (fixture, INITIAL);
      assert_same (fixture, next, another, INITIAL);
      helper_quit (another);
      /* A process that comes and goes must not take the private directory of one that lives. */
      helper_let_go (creator);
      helper_expect_ok (creator);
      assert_same (fixture, next, creator, INITIAL);
      end_round (fixture);
    }
  report_points (n);
}

/* It is stopped while others come and go: there is nothing left of them when it goes on. */
static void
test_creator_left_alone (Fixture *fixture)
{
  gboolean is_in_middle = TRUE;
  guint n;

  for (n = 0; is_in_middle; n++)
    {
      Helper *creator = fixture_helper (fixture);
      Helper *next;

      if (!may_trace (creator))
        return;
      helper_send_open (creator, 0, SSEM_ACCESS_MODE_OPEN, INITIAL, TRUE, fixture->key);
      is_in_middle = helper_lead (creator, n);
      next = fixture_open_helper (fixture, INITIAL);
      helper_quit (next);
      helper_let_go (creator);
      helper_expect_ok (creator);
      next = fixture_helper (fixture);
      helper_open (next, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
      assert_same (fixture, next, creator, INITIAL);
      end_round (fixture);
    }
  report_points (n);
}

/* Returns the name of a private directory, in which a process makes a segment, or NULL. */
static char *
find_private (Fixture *fixture)
{
  g_auto(GStrv) names = fixture_list_processes (fixture);
  guint i;

  for (i = 0; names[i] != NULL; i++)
    {
      if (strchr (names[i], '-') != NULL)
        return g_strdup (names[i]);
    }

  return NULL;
}

/* Its private directory goes with the next process that comes and goes. */
static void
test_creator_killed (Fixture *fixture)
{
  gboolean is_in_middle = TRUE;
  guint n_left = 0;
  guint n;

  for (n = 0; is_in_middle; n++)
    {
      Helper *creator = fixture_helper (fixture);
      g_autofree char *left = NULL;
      g_autofree char *found = NULL;
      Helper *next;

      if (!may_trace (creator))
        return;
      helper_send_open (creator, 0, SSEM_ACCESS_MODE_OPEN, INITIAL, TRUE, fixture->key);
      is_in_middle = helper_lead (creator, n);
      helper_kill (creator);
      left = find_private (fixture);
      n_left += left != NULL ? 1 : 0;

      next = fixture_helper (fixture);
      helper_open (next, 0, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, INITIAL, TRUE, fixture->key);
      g_assert_cmpint (helper_get_value (next, 0), ==, INITIAL);
      helper_quit (next);
      found = find_private (fixture);
      g_assert_cmpstr (found, ==, NULL);
      end_round (fixture);
    }
  report_points (n);
  g_assert_cmpuint (n_left, >, 0);
}

/* --- What lies around --- */

static void
plant_file (const char *directory,
            const char *name)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);
  g_autoptr(GError) error = NULL;

  g_file_set_contents (path, "", 0, &error);
  g_assert_no_error (error);
}

/* What a killed process may have left of a segment that was never named disturbs nobody. The
 * process has no file any more. */
static void
test_private_directory (Fixture *fixture)
{
  const char *const contents[] = { NULL, "0123456789abcdef" };
  g_autofree char *path = g_build_filename (fixture->keys_directory, "processes",
                                            "0123456789ab-0123456789abcdef", NULL);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (contents); i++)
    {
      g_autoptr(GPtrArray) infos = NULL;
      g_autoptr(GError) error = NULL;
      Helper *user;

      g_assert_cmpint (g_mkdir_with_parents (path, 0700), ==, 0);
      if (contents[i] != NULL)
        plant_file (path, contents[i]);
      infos = ssem_semaphore_info_list (fixture->backend, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (infos->len, ==, 0);
      user = fixture_open_helper (fixture, INITIAL);
      g_assert_cmpint (helper_get_value (user, 0), ==, INITIAL);
      helper_quit (user);
      g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
      end_round (fixture);
    }
}

/* Somebody's file in the directory of a key stays what it is and where it is. The users of the key
 * go on, and others join them. When all have gone there is a directory that cannot be used. */
static void
test_file_of_outsider (Fixture *fixture)
{
  Helper *user = fixture_open_helper (fixture, INITIAL);
  Helper *another;
  g_autofree char *directory = fixture_key_path (fixture);
  g_autofree char *path = g_build_filename (directory, "notes", NULL);

  plant_file (directory, "notes");
  another = fixture_helper (fixture);
  helper_open (another, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  assert_same (fixture, user, another, INITIAL);
  helper_quit (another);
  helper_quit (user);

  g_assert_true (g_file_test (path, G_FILE_TEST_IS_REGULAR));
  fixture_expect_refused (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN_EXISTING, INITIAL,
                          SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND, NULL);
  fixture_expect_refused (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN, INITIAL,
                          SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR, directory);
  g_assert_true (g_file_test (path, G_FILE_TEST_IS_REGULAR));
  fixture_unplant (fixture);
}

/* An outsider removes the whole directory of keys while they are in use, and makes it again. */
static void
test_all_removed (Fixture *fixture)
{
  Helper *user = fixture_open_helper (fixture, INITIAL);
  Helper *next;

  helper_run_expect_ok (user, "acquire 0 1");
  fixture_remove (fixture, REMOVE_BOTH);
  fixture_remove_processes (fixture, fixture->keys_directory);
  g_assert_cmpint (g_rmdir (fixture->keys_directory), ==, 0);
  g_assert_cmpint (g_mkdir (fixture->keys_directory, 0700), ==, 0);

  helper_send (user, "value 0");
  helper_expect_code (user, NOT_FOUND);
  next = fixture_open_helper (fixture, INITIAL + 1);
  g_assert_cmpint (helper_get_value (next, 0), ==, INITIAL + 1);

  /* Opened again, it is as new. */
  helper_run_expect_ok (user, "close 0");
  helper_open (user, 0, SSEM_ACCESS_MODE_OPEN, INITIAL, TRUE, fixture->key);
  assert_same (fixture, user, next, INITIAL + 1);
  helper_run_expect_ok (user, "acquire 0 2");
  helper_kill (user);
  g_assert_cmpint (helper_get_value (next, 0), ==, INITIAL + 1);
}

const char conformance_topic[] = "naming";
const Needs conformance_needs = NEEDS_SHARED_MEMORY;

const Case conformance_cases[] = {
  { "leaver-stopped", 0, test_leaver_stopped },
  { "two-leavers-stopped", 0, test_two_leavers_stopped },
  { "leaver-killed-then-create", 0, test_leaver_killed, "create" },
  { "leaver-killed-then-open", 0, test_leaver_killed, "open" },
  { "leaver-killed-then-remove", 0, test_leaver_killed, "remove" },
  { "leaver-killed-then-list", 0, test_leaver_killed, "list" },
  { "remover-stopped", 0, test_remover_stopped },
  { "creator-stopped", 0, test_creator_stopped },
  { "creator-left-alone", 0, test_creator_left_alone },
  { "creator-killed", 0, test_creator_killed },
  { "private-directory", 0, test_private_directory },
  { "file-of-outsider", 0, test_file_of_outsider },
  { "all-removed", 0, test_all_removed },
  { NULL },
};
