/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the system has little of: descriptors, inotify instances, room. script.h explains the
 * scripts. */

static guint
count_inotify (pid_t pid)
{
  g_autofree char *directory = g_strdup_printf ("/proc/%d/fd", (int) pid);
  g_autoptr(GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;
  guint n = 0;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);
      g_autofree char *target = g_file_read_link (path, NULL);

      n += g_strcmp0 (target, "anon_inode:inotify") == 0;
    }

  return n;
}

static void
test_never_blocked (Fixture *fixture)
{
  Helper *helper = fixture_open_helper (fixture, 2);

  helper_run_expect_ok (helper, "acquire 0 2");
  helper_send (helper, "try 0 1");
  helper_expect_error (helper, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  helper_send (helper, "timeout 0 1 0");
  helper_expect_error (helper, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  helper_run_expect_ok (helper, "release 0 2");
  g_assert_cmpint (helper_get_value (helper, 0), ==, 2);

  g_assert_cmpuint (count_threads_named (helper->pid, NULL), ==, 1);
  g_assert_cmpuint (count_inotify (helper->pid), ==, 0);
}

static void
expect_served_by_death (Fixture *fixture,
                        Helper  *waiter)
{
  Helper *holder = fixture_open_helper (fixture, 1);

  helper_run_expect_ok (holder, "acquire 0 1");
  helper_send (waiter, "acquire 0 1");
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  helper_kill (holder);
  helper_expect_ok (waiter);
  helper_run_expect_ok (waiter, "release 0 1");
}

static void
test_no_inotify (Fixture *fixture)
{
  Helper *waiter = fixture_helper (fixture);

  if (!helper_may (waiter, "no-inotify", "this needs a user name space of its own"))
    return;

  helper_open (waiter, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
  expect_served_by_death (fixture, waiter);
  g_assert_cmpuint (count_inotify (waiter->pid), ==, 0);
}

static void
test_no_descriptors (Fixture *fixture)
{
  Helper *waiter = fixture_open_helper (fixture, 1);

  helper_run_expect_ok (waiter, "no-files");
  expect_served_by_death (fixture, waiter);
  g_assert_cmpuint (count_inotify (waiter->pid), ==, 0);
  helper_run_expect_ok (waiter, "files 256");
}

/* Nothing but process files may be there. */
static void
assert_no_keys (Helper     *helper,
                const char *directory)
{
  /* As the helper sees it, in its own name space. */
  g_autofree char *path = g_strdup_printf ("/proc/%d/root%s", (int) helper->pid, directory);
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    g_assert_cmpstr (name, ==, "processes");
}

/* A little more room in each turn, until it is enough. */
static void
test_full_file_system (Fixture *fixture)
{
  Helper *helper = fixture_helper (fixture);
  gboolean is_open = FALSE;
  int n_refused = 0, i;

  for (i = 0; !is_open; i++)
    {
      g_autofree char *mount = NULL;
      g_autofree char *answer = NULL;

      g_assert_cmpint (i, <, 20);
      mount = g_strdup_printf ("full size=%d,nr_inodes=%d %s", (1 + i / 4) * 4096, 1 + i,
                               fixture->keys_directory);
      if (!helper_may (helper, mount, "only root can mount a file system"))
        return;
      helper_send_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
      answer = helper_receive (helper);
      is_open = g_str_equal (answer, "ok");
      if (!is_open)
        {
          g_assert_true (g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 5 "));
          assert_no_keys (helper, fixture->keys_directory);
          n_refused++;
        }
    }
  g_assert_cmpint (n_refused, >=, 1);
  helper_run_expect_ok (helper, "acquire 0 3");
  helper_run_expect_ok (helper, "release 0 3");
  helper_run_expect_ok (helper, "close 0");
  assert_no_keys (helper, fixture->keys_directory);
}

/* There is room for the first slots, and none for more until there is. */
static void
test_no_room_to_grow (Fixture *fixture)
{
  const int initial_value = 200, n_tried = 40;
  Helper *parent = fixture_helper (fixture);
  Helper *child;
  Helper *crowds[2];
  g_autofree char *small = g_strdup_printf ("full size=4096,nr_inodes=20 %s",
                                            fixture->keys_directory);
  g_autofree char *answer = NULL;
  int n_in = 0, n, code, i;

  if (!helper_may (parent, small, "only root can mount a file system"))
    return;

  helper_open (parent, 0, SSEM_ACCESS_MODE_OPEN, initial_value, TRUE, fixture->key);
  child = fixture_fork (fixture, parent);
  crowds[0] = parent;
  crowds[1] = child;
  for (i = 0; i < 2; i++)
    {
      g_autofree char *refusal = NULL;

      helper_send (crowds[i], "crowd 0 %d", n_tried);
      refusal = helper_receive (crowds[i]);
      g_assert_cmpint (sscanf (refusal, "ok %d %d", &n, &code), ==, 2);
      g_assert_cmpint (code, ==, i == 0 ? 0 : SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);
      n_in += n;
      g_assert_cmpint (helper_get_value (parent, 0), ==, initial_value - n_in);
    }
  g_assert_cmpint (n_in, >, n_tried);
  g_assert_cmpint (n_in, <, 2 * n_tried);

  /* A reset needs a slot, too; refused, it has changed nothing. */
  helper_send_open (child, 1, SSEM_ACCESS_MODE_CREATE, 7, TRUE, fixture->key);
  helper_expect_code (child, OUT_OF_RESOURCES);
  helper_send (parent, "acquire 0 1");
  helper_expect_code (parent, OUT_OF_RESOURCES);
  g_assert_cmpint (helper_get_value (child, 0), ==, initial_value - n_in);

  /* More room, and it goes on. */
  helper_run_expect_ok (parent, "full size=65536,nr_inodes=20 %s", fixture->keys_directory);
  helper_send (child, "crowd 0 %d", n_tried);
  answer = helper_receive (child);
  g_assert_cmpint (sscanf (answer, "ok %d %d", &n, &code), ==, 2);
  g_assert_cmpint (n, ==, n_tried);
  helper_run_expect_ok (parent, "acquire 0 1");
  g_assert_cmpint (helper_get_value (parent, 0), ==, initial_value - n_in - n - 1);

  /* Nothing was lost. */
  helper_kill (child);
  g_assert_cmpint (helper_get_value (parent, 0), ==, initial_value - n_tried - 1);
  helper_kill (parent);
}

/* --- Slots --- */

#define N_CROWDS 5
#define CROWD 1000

/* Each thread of a helper holds a unit. A thread that finds no room for itself gets an error, and
 * the others are as they were. */
static void
test_crowd (Fixture *fixture)
{
  Helper *witness = fixture_open_helper (fixture, 10000);
  Helper *crowds[N_CROWDS];
  int n_in = 0, n_refused = 0, i;

  for (i = 0; i < N_CROWDS; i++)
    {
      g_autofree char *answer = NULL;
      int n, code;

      crowds[i] = fixture_open_helper (fixture, 0);
      helper_send (crowds[i], "crowd 0 %d", CROWD);
      answer = helper_receive (crowds[i]);
      g_assert_cmpint (sscanf (answer, "ok %d %d", &n, &code), ==, 2);
      n_in += n;
      n_refused += CROWD - n;
      if (n < CROWD)
        {
          g_autofree char *said = NULL;

          g_assert_cmpint (code, ==, SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);
          helper_send (crowds[i], "last 0");
          said = helper_receive (crowds[i]);
          /* It is not the disk that is full. */
          g_assert_nonnull (strstr (said, "Too many threads use the semaphore"));
        }
      g_assert_cmpint (helper_get_value (witness, 0), ==, 10000 - n_in);
    }
  g_assert_cmpint (n_in, >=, 4000);
  if (fixture_supports (fixture, NEEDS_SHARED_MEMORY))
    g_assert_cmpint (n_refused, >, 0);

  for (i = 0; i < N_CROWDS; i++)
    helper_kill (crowds[i]);
  g_assert_cmpint (helper_get_value (witness, 0), ==, 10000);
  crowds[0] = fixture_open_helper (fixture, 0);
  helper_run_expect_ok (crowds[0], "acquire 0 10000");
}

const char conformance_topic[] = "limits";
const Needs conformance_needs = NEEDS_LIMITS;

const Case conformance_cases[] = {
  { "never-blocked", NEEDS_OWN_MACHINE, test_never_blocked },
  { "no-inotify", NEEDS_UNDO, test_no_inotify },
  { "no-descriptors", NEEDS_UNDO, test_no_descriptors },

  /* In a name space of its own for processes, the same numbers mean other processes. Each side has
   * to notice the death of the other. */
  { "process-name-space", NEEDS_UNDO, .script =
    "a open OPEN 1; p may new-pids; p fork b; b open OPEN 1;"
    "c open OPEN 1; c acquire 1; b acquire 1 = blocks; c kill; b wakes; b release 1;"
    "b acquire 1; a value = 0; a acquire 1 = blocks; b kill; a wakes" },

  { "full-file-system", NEEDS_DIRECTORY, test_full_file_system },
  { "no-room-to-grow", NEEDS_SHARED_MEMORY, test_no_room_to_grow },
  { "crowd", NEEDS_UNDO, test_crowd },

  /* As many threads as there is room for have used the semaphore, each in a slot, and have ended:
   * there is room for others. */
  { "ended-threads", .script =
    "a open OPEN 1; b open OPEN; a passers 4000;"
    "b try 1; b release 1; b passers 2000; a try 1" },

  { NULL },
};
