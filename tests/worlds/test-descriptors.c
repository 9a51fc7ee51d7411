/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A process closes every descriptor, as daemons do when they start, and the system gives the
 * descriptors to other files, the strangers. Operations then return the truth, the process keeps
 * its units until it ends, and nothing happens to the strangers. A second object of System V, which
 * needs the descriptor of the key file, gets an error.
 *
 * The data of a case is the kind of stranger: "file", "directory", "pipe" or "none". */

/* A helper's "strangers" replaces the descriptors below this one. */
#define N_STRANGERS 48

/* --- Strangers --- */

/* Returns a line for each descriptor: its file, and how many bytes are in a pipe. */
static char *
describe_descriptors (Helper *helper)
{
  g_autoptr(GString) text = g_string_new (NULL);
  int number;

  /* From 5 on: the first are the helper's own channel. */
  for (number = 5; number < N_STRANGERS; number++)
    {
      g_autofree char *path = g_strdup_printf ("/proc/%d/fd/%d", (int) helper->pid, number);
      g_autofree char *target = g_file_read_link (path, NULL);
      int fd, n_unread = 0;

      if (target == NULL)
        continue;
      if (g_str_has_prefix (target, "pipe:"))
        {
          fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
          if (fd >= 0)
            {
              g_assert_cmpint (ioctl (fd, FIONREAD, &n_unread), ==, 0);
              close (fd);
            }
        }
      g_string_append_printf (text, "%d %s %d\n", number, target, n_unread);
    }

  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* Replaces the descriptors of the helper, and returns what they are now. */
static char *
invite_strangers (Helper     *helper,
                  Fixture    *fixture,
                  const char *kind)
{
  char *description;

  helper_run_expect_ok (helper, "strangers %s %s", kind, fixture->directory);
  description = describe_descriptors (helper);
  g_assert_cmpint (g_str_equal (kind, "none"), ==, *description == '\0');

  return description;
}

static void
assert_file_untouched (const char *path)
{
  struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0 };
  int fd = open (path, O_RDWR | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (lseek (fd, 0, SEEK_END), ==, 0);
  g_assert_cmpint (fcntl (fd, F_OFD_GETLK, &range), ==, 0);
  g_assert_cmpint (range.l_type, ==, F_UNLCK);
  close (fd);
}

/* Checks that nothing has happened to the helper's strangers since @before, and removes them. */
static void
dismiss_strangers (Helper     *helper,
                   Fixture    *fixture,
                   const char *kind,
                   const char *before)
{
  g_autofree char *path = g_build_filename (fixture->directory, "stranger", NULL);
  g_autofree char *after = describe_descriptors (helper);

  g_assert_cmpstr (after, ==, before);
  if (g_str_equal (kind, "file"))
    {
      assert_file_untouched (path);
      g_assert_cmpint (g_unlink (path), ==, 0);
    }
}

/* --- A process among others --- */

static void
test_among_others (Fixture *fixture)
{
  const char *kind = fixture->data;
  Helper *holder = fixture_open_helper (fixture, 3);
  Helper *daemon = fixture_open_helper (fixture, 3);
  g_autofree char *before = NULL;
  g_autofree char *answer = NULL;
  int n_in, code;

  helper_run_expect_ok (holder, "acquire 0 2");
  helper_run_expect_ok (daemon, "acquire 0 1");
  before = invite_strangers (daemon, fixture, kind);

  /* Nobody is dead, whatever the locks of the stranger's file suggest. */
  helper_send (daemon, "try 0 1");
  helper_expect_error (daemon, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  helper_send (daemon, "timeout 0 1 20000");
  helper_expect_error (daemon, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (helper_get_value (daemon, 0), ==, 0);
  g_assert_cmpint (helper_get_value (holder, 0), ==, 0);

  /* The daemon is alive: others find its unit held. Operations that need no other process succeed,
   * and are counted. */
  helper_send (holder, "try 0 1");
  helper_expect_error (holder, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  helper_run_expect_ok (daemon, "release 0 1");
  g_assert_cmpint (helper_get_value (holder, 0), ==, 1);
  helper_run_expect_ok (daemon, "acquire 0 1");
  g_assert_cmpint (helper_get_value (holder, 0), ==, 0);

  /* A second attachment would count its units separately. */
  helper_send_open (daemon, 1, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  if (fixture_supports (fixture, NEEDS_SHARED_MEMORY))
    {
      helper_expect_ok (daemon);
      helper_run_expect_ok (daemon, "release 1 1");
      helper_run_expect_ok (daemon, "acquire 0 1");
      helper_run_expect_ok (daemon, "close 1");
    }
  else
    {
      helper_expect_code (daemon, UNKNOWN_ERROR);
    }

  /* Another key works. */
  helper_open (daemon, 2, SSEM_ACCESS_MODE_OPEN, 7, TRUE, "another");
  helper_run_expect_ok (daemon, "acquire 2 7");
  g_assert_cmpint (helper_get_value (daemon, 2), ==, 0);
  helper_run_expect_ok (daemon, "release 2 7");
  helper_run_expect_ok (daemon, "close 2");

  /* More threads than the file has slots. */
  helper_run_expect_ok (holder, "release 0 2");
  helper_run_expect_ok (holder, "release 0 100");
  helper_send (daemon, "crowd 0 80");
  answer = helper_receive (daemon);
  g_assert_cmpint (sscanf (answer, "ok %d %d", &n_in, &code), ==, 2);
  g_assert_cmpint (helper_get_value (holder, 0), ==, 102 - n_in);
  g_assert_cmpint (n_in, ==, 80);

  /* The daemon closes the key, and then dies: its units come back at its death, and not before. */
  helper_run_expect_ok (daemon, "close 0");
  dismiss_strangers (daemon, fixture, kind, before);
  g_assert_cmpint (helper_get_value (holder, 0), ==, 102 - n_in);
  helper_kill (daemon);
  g_assert_cmpint (helper_get_value (holder, 0), ==, 103);
}

/* --- The last process, which quits --- */

static void
test_last (Fixture *fixture)
{
  const char *kind = fixture->data;
  Helper *daemon = fixture_open_helper (fixture, 3);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autofree char *before = NULL;

  helper_run_expect_ok (daemon, "acquire 0 1");
  helper_run_expect_ok (daemon, "release 0 1");
  before = invite_strangers (daemon, fixture, kind);
  helper_run_expect_ok (daemon, "close 0");
  dismiss_strangers (daemon, fixture, kind, before);

  /* After that, the key is as new for the daemon, too. */
  helper_open (daemon, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  helper_run_expect_ok (daemon, "acquire 0 3");
  g_assert_cmpint (helper_get_value (daemon, 0), ==, 0);
  helper_quit (daemon);

  /* If the daemon could not close the key properly, it has left the semaphore as a crash does. */
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  assert_value (semaphore, 3);
  drop_object (&semaphore);
  fixture_assert_empty (fixture);
}

/* The child of a daemon attaches again. */
static void
test_child (Fixture *fixture)
{
  Helper *holder = fixture_open_helper (fixture, 3);
  Helper *parent = fixture_open_helper (fixture, 3);
  Helper *child = fixture_fork (fixture, parent);
  g_autofree char *before = NULL;

  helper_run_expect_ok (holder, "acquire 0 2");
  before = invite_strangers (child, fixture, "file");
  helper_run_expect_ok (child, "acquire 0 1");
  g_assert_cmpint (helper_get_value (child, 0), ==, 0);
  helper_run_expect_ok (child, "close 0");
  dismiss_strangers (child, fixture, "file", before);
  helper_kill (child);
  g_assert_cmpint (helper_get_value (holder, 0), ==, 1);
}

/* --- Waiting threads --- */

static gboolean
has_watch_thread (gpointer data)
{
  Helper *helper = data;

  return count_threads_named (helper->pid, "ssem-watch") == 1;
}

/* The descriptor of the waiter's death watch is a stranger's by then. In shared memory the waiter
 * looks itself, once a second. */
static void
test_waiting (Fixture *fixture)
{
  const char *kind = fixture->data;
  Helper *holder = fixture_open_helper (fixture, 1);
  Helper *witness = fixture_open_helper (fixture, 1);
  Helper *daemon = fixture_open_helper (fixture, 1);
  g_autofree char *before = NULL;
  g_autofree char *answer = NULL;

  helper_run_expect_ok (holder, "acquire 0 1");
  helper_run_expect_ok (daemon, "wait-in-thread 0 1");
  wait_until_blocked (fixture->backend, daemon->pid, 1);
  if (fixture_supports (fixture, NEEDS_SHARED_MEMORY))
    wait_for ("the thread of the death watch", has_watch_thread, daemon);
  before = invite_strangers (daemon, fixture, kind);

  helper_kill (holder);
  helper_send (daemon, "join-thread");
  answer = helper_receive (daemon);
  if (fixture_supports (fixture, NEEDS_SHARED_MEMORY) || g_str_equal (answer, "ok"))
    {
      g_assert_cmpstr (answer, ==, "ok");
      g_assert_cmpint (helper_get_value (witness, 0), ==, 0);
    }
  else
    {
      g_assert_true (g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 6 "));
      g_assert_cmpint (helper_get_value (witness, 0), ==, 1);
    }

  dismiss_strangers (daemon, fixture, kind, before);
  helper_kill (daemon);
  g_assert_cmpint (helper_get_value (witness, 0), ==, 1);
}

/* A process was started without its standard streams: the library does not use their numbers. */
static void
test_no_streams (Fixture *fixture)
{
  Helper *parent = fixture_helper (fixture);
  Helper *daemon = fixture_fork (fixture, parent);
  Helper *user = fixture_open_helper (fixture, 1);
  int number;

  helper_run_expect_ok (daemon, "strangers none %s", fixture->directory);
  helper_open (daemon, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
  helper_open (daemon, 1, SSEM_ACCESS_MODE_OPEN, 0, TRUE, "another");
  helper_run_expect_ok (daemon, "acquire 0 1");
  helper_send (daemon, "acquire 0 1");
  wait_until_blocked (fixture->backend, daemon->pid, 1);
  for (number = 0; number < 3; number++)
    {
      g_autofree char *path = g_strdup_printf ("/proc/%d/fd/%d", (int) daemon->pid, number);

      g_assert_false (g_file_test (path, G_FILE_TEST_IS_SYMLINK));
    }
  helper_run_expect_ok (user, "release 0 1");
  helper_expect_ok (daemon);
  helper_run_expect_ok (daemon, "release 0 2");
  helper_quit (daemon);
  g_assert_cmpint (helper_get_value (user, 0), ==, 2);
}

/* Another semaphore gets a death watch again, though the old thread may still be there. */
static void
test_watch_afterwards (Fixture *fixture)
{
  Helper *daemon = fixture_open_helper (fixture, 0);
  Helper *holder = fixture_helper (fixture);
  Helper *keeper = fixture_open_helper (fixture, 0);
  g_autofree char *answer = NULL;

  helper_run_expect_ok (daemon, "wait-in-thread 0 1");
  wait_until_blocked (fixture->backend, daemon->pid, 1);
  helper_run_expect_ok (daemon, "strangers none %s", fixture->directory);
  helper_open (holder, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, "another");
  helper_run_expect_ok (holder, "acquire 0 1");
  helper_open (daemon, 1, SSEM_ACCESS_MODE_OPEN, 1, TRUE, "another");
  helper_send (daemon, "acquire 1 1");
  wait_until_blocked (fixture->backend, daemon->pid, 2);
  helper_kill (holder);
  helper_expect_ok (daemon);

  /* The other wait ends, too: with the unit, or in System V with an error if the thread has slept
   * before. */
  helper_run_expect_ok (keeper, "release 0 1");
  helper_send (daemon, "join-thread");
  answer = helper_receive (daemon);
  g_assert_true (g_str_equal (answer, "ok") || fixture_supports (fixture, NEEDS_SYSV));
  g_assert_true (g_str_equal (answer, "ok") ||
                 g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 6 "));
  helper_kill (daemon);
  holder = fixture_helper (fixture);
  helper_open (holder, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, "another");
  g_assert_cmpint (helper_get_value (holder, 0), ==, 1);
  g_assert_cmpint (helper_get_value (keeper, 0), ==, 1);
}

/* --- None left to open --- */

/* The standard streams of a helper, and two descriptors for a child. */
#define N_USED 5

static void
test_used_up (Fixture *fixture)
{
  Helper *holder = fixture_open_helper (fixture, 3);
  Helper *helper = fixture_open_helper (fixture, 3);
  Helper *child;
  g_autofree char *answer = NULL;

  helper_run_expect_ok (helper, "files %d", N_USED);

  /* An open semaphore works, waiting included. */
  helper_run_expect_ok (holder, "acquire 0 3");
  helper_send (helper, "timeout 0 1 1000");
  helper_expect_error (helper, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  helper_send (helper, "acquire 0 1");
  wait_until_blocked (fixture->backend, helper->pid, 1);
  helper_run_expect_ok (holder, "release 0 1");
  helper_expect_ok (helper);
  helper_run_expect_ok (helper, "release 0 1");

  /* Another key cannot be opened; nothing is left of the attempt. */
  helper_send_open (helper, 1, SSEM_ACCESS_MODE_CREATE, 1, TRUE, "another");
  helper_expect_error (helper, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);

  /* A child has to attach first: an error while it cannot, and success later. */
  child = fixture_fork (fixture, helper);
  helper_run_expect_ok (child, "files 0");
  helper_send (child, "acquire 0 1");
  answer = helper_receive (child);
  g_assert_true (g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 5 "));
  g_assert_nonnull (strstr (answer, g_strerror (EMFILE)));
  g_assert_cmpint (helper_get_value (holder, 0), ==, 1);
  helper_run_expect_ok (child, "files 256");
  helper_run_expect_ok (child, "acquire 0 1");
  g_assert_cmpint (helper_get_value (holder, 0), ==, 0);
  helper_kill (child);
  g_assert_cmpint (helper_get_value (holder, 0), ==, 1);

  helper_run_expect_ok (helper, "files 256");
  helper_open (helper, 1, SSEM_ACCESS_MODE_CREATE, 1, TRUE, "another");
}

const char conformance_topic[] = "worlds/descriptors";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "closed", NEEDS_UNDO, test_among_others, "none" },
  { "become-a-file", NEEDS_UNDO, test_among_others, "file" },
  { "become-a-directory", NEEDS_UNDO, test_among_others, "directory" },
  { "become-a-pipe", NEEDS_UNDO, test_among_others, "pipe" },
  { "last-closed", NEEDS_LEFTOVERS, test_last, "none" },
  { "last-file", NEEDS_LEFTOVERS, test_last, "file" },
  { "last-directory", NEEDS_LEFTOVERS, test_last, "directory" },
  { "child", NEEDS_UNDO, test_child },
  { "waiting-closed", NEEDS_UNDO, test_waiting, "none" },
  { "waiting-pipe", NEEDS_UNDO, test_waiting, "pipe" },
  { "no-streams", 0, test_no_streams },
  { "watch-afterwards", NEEDS_UNDO, test_watch_afterwards },
  { "used-up", NEEDS_UNDO, test_used_up },
  { NULL },
};
