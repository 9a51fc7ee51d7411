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

/* A process that closes every descriptor that it finds, as daemons do when they start, and whose
 * numbers the system gives to other files. What it then gets is an error or the truth; its units
 * stay its own until it ends; and nothing is done to the other files.
 *
 * A helper's "strangers" replaces the numbers below this one. */
#define N_STRANGERS 48

/* --- What the process has --- */

/* Which file each number is, one a line; of a pipe, how much is in it, too. */
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

static void
assert_untouched (Fixture    *fixture,
                  const char *kind)
{
  g_autofree char *path = g_build_filename (fixture->folder, "others", "stranger", NULL);
  struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0 };
  int fd;

  if (!g_str_equal (kind, "file"))
    return;

  fd = open (path, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (lseek (fd, 0, SEEK_END), ==, 0);
  g_assert_cmpint (fcntl (fd, F_OFD_GETLK, &range), ==, 0);
  g_assert_cmpint (range.l_type, ==, F_UNLCK);
  close (fd);
}

static void
invite_strangers (Fixture    *fixture,
                  Helper     *helper,
                  const char *kind)
{
  g_autofree char *folder = g_build_filename (fixture->folder, "others", NULL);

  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  helper_do (helper, "strangers %s %s", kind, folder);
}

static void
remove_others (Fixture *fixture)
{
  g_autofree char *folder = g_build_filename (fixture->folder, "others", NULL);
  g_autofree char *path = g_build_filename (folder, "stranger", NULL);

  g_assert_true (g_unlink (path) == 0 || errno == ENOENT);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

/* --- One who closes them --- */

/* With System V only coming and going need a descriptor; in shared memory all that has to ask who
 * is alive does, and must not guess. */
static void
expect_unknown_or (Fixture *fixture,
                   Helper  *helper,
                   int      code)
{
  if (fixture->backend == SSEM_BACKEND_SHARED_MEMORY)
    helper_expect_error (helper, SSEM_SYSTEM_SEMAPHORE_ERROR,
                         SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR);
  else
    helper_expect_error (helper, G_IO_ERROR, code);
}

/* A crash of the last one leaves the semaphore behind, and so does one that can't leave in good
 * order. */
static void
take_over_and_leave (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);

  assert_value (semaphore, 3);
  drop_object (&semaphore);
  fixture_assert_empty (fixture);
}

static void
check_strangers (Fixture    *fixture,
                 const char *kind)
{
  gboolean asks_memory = fixture->backend == SSEM_BACKEND_SHARED_MEMORY;
  Helper *holder = fixture_user (fixture, 3);
  Helper *daemon = fixture_user (fixture, 3);
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autofree char *answer = NULL;
  int n_in, code;

  helper_do (holder, "acquire 0 2");
  helper_do (daemon, "acquire 0 1");
  invite_strangers (fixture, daemon, kind);
  before = describe_descriptors (daemon);
  g_assert_cmpint (g_str_equal (kind, "none"), ==, *before == '\0');

  /* Nobody is dead, whatever the stranger's file says about locks. */
  helper_send (daemon, "try 0 1");
  expect_unknown_or (fixture, daemon, G_IO_ERROR_WOULD_BLOCK);
  helper_send (daemon, "timeout 0 1 20000");
  expect_unknown_or (fixture, daemon, G_IO_ERROR_TIMED_OUT);
  if (asks_memory)
    {
      helper_send (daemon, "value 0");
      helper_expect_error (daemon, SSEM_SYSTEM_SEMAPHORE_ERROR,
                           SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR);
    }
  g_assert_cmpint (helper_get_value (holder, 0), ==, 0);

  /* It is alive: others find its unit held. What needs nobody else goes on, and is counted. */
  helper_send (holder, "try 0 1");
  helper_expect_error (holder, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  helper_do (daemon, "release 0 1");
  g_assert_cmpint (helper_get_value (holder, 0), ==, 1);
  helper_do (daemon, "acquire 0 1");
  g_assert_cmpint (helper_get_value (holder, 0), ==, 0);

  /* A second attachment would count its units apart. */
  helper_send_open (daemon, 1, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  helper_expect_error (daemon, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR);

  /* Another key is as good as ever. */
  helper_open (daemon, 2, SSEM_ACCESS_MODE_OPEN, 7, TRUE, "another");
  helper_do (daemon, "acquire 2 7");
  g_assert_cmpint (helper_get_value (daemon, 2), ==, 0);
  helper_do (daemon, "release 2 7");
  helper_do (daemon, "close 2");

  /* More threads than the file has slots. */
  helper_do (holder, "release 0 2");
  helper_do (holder, "release 0 100");
  helper_send (daemon, "crowd 0 80");
  answer = helper_receive (daemon);
  g_assert_cmpint (sscanf (answer, "ok %d %d", &n_in, &code), ==, 2);
  g_assert_cmpint (helper_get_value (holder, 0), ==, 102 - n_in);
  if (asks_memory)
    {
      g_assert_cmpint (n_in, <, 80);
      g_assert_cmpint (code, ==, SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR);
    }

  /* It goes, by itself and then for good; what it held comes back with that and not before. */
  helper_do (daemon, "close 0");
  after = describe_descriptors (daemon);
  g_assert_cmpstr (after, ==, before);
  assert_untouched (fixture, kind);
  g_assert_cmpint (helper_get_value (holder, 0), ==, 102 - n_in);
  helper_kill (daemon);
  g_assert_cmpint (helper_get_value (holder, 0), ==, 103);
  remove_others (fixture);
}

static void
test_closed (Fixture *fixture)
{
  check_strangers (fixture, "none");
}

static void
test_become_a_file (Fixture *fixture)
{
  check_strangers (fixture, "file");
}

static void
test_become_a_folder (Fixture *fixture)
{
  check_strangers (fixture, "folder");
}

static void
test_become_a_pipe (Fixture *fixture)
{
  check_strangers (fixture, "pipe");
}

/* --- Alone, and in good order --- */

static void
check_last (Fixture    *fixture,
            const char *kind)
{
  Helper *daemon = fixture_user (fixture, 3);
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  helper_do (daemon, "acquire 0 1");
  helper_do (daemon, "release 0 1");
  invite_strangers (fixture, daemon, kind);
  before = describe_descriptors (daemon);
  helper_do (daemon, "close 0");
  after = describe_descriptors (daemon);
  g_assert_cmpstr (after, ==, before);
  assert_untouched (fixture, kind);

  /* Once it has let go, the key is as new for it, too. */
  helper_open (daemon, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  helper_do (daemon, "acquire 0 3");
  g_assert_cmpint (helper_get_value (daemon, 0), ==, 0);
  helper_quit (daemon);
  take_over_and_leave (fixture);
  remove_others (fixture);
}

static void
test_last_closed (Fixture *fixture)
{
  check_last (fixture, "none");
}

static void
test_last_folder (Fixture *fixture)
{
  check_last (fixture, "folder");
}

static void
test_last_file (Fixture *fixture)
{
  check_last (fixture, "file");
}

/* The child of one who closed them attaches anew. */
static void
test_child (Fixture *fixture)
{
  Helper *holder = fixture_user (fixture, 3);
  Helper *parent = fixture_user (fixture, 3);
  Helper *child = fixture_fork (fixture, parent);
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  helper_do (holder, "acquire 0 2");
  invite_strangers (fixture, child, "file");
  before = describe_descriptors (child);
  helper_do (child, "acquire 0 1");
  g_assert_cmpint (helper_get_value (child, 0), ==, 0);
  helper_do (child, "close 0");
  after = describe_descriptors (child);
  g_assert_cmpstr (after, ==, before);
  assert_untouched (fixture, "file");
  helper_kill (child);
  g_assert_cmpint (helper_get_value (holder, 0), ==, 1);
  remove_others (fixture);
}

/* --- While a thread of it waits --- */

static gboolean
has_bell_thread (gpointer data)
{
  Helper *helper = data;

  return count_threads_named (helper->pid, "ssem-watch") == 1;
}

/* The death of another rings the bell, whose descriptor is a stranger's pipe by then. */
static void
check_waiting (Fixture    *fixture,
               const char *kind)
{
  Helper *holder = fixture_user (fixture, 1);
  Helper *witness = fixture_user (fixture, 1);
  Helper *daemon = fixture_user (fixture, 1);
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autofree char *answer = NULL;

  helper_do (holder, "acquire 0 1");
  helper_do (daemon, "wait-in-thread 0 1");
  wait_until_blocked (fixture->backend, daemon->pid, 1);
  if (fixture->backend == SSEM_BACKEND_SHARED_MEMORY)
    wait_for ("the bell's thread", has_bell_thread, daemon);
  invite_strangers (fixture, daemon, kind);
  before = describe_descriptors (daemon);

  helper_kill (holder);
  helper_send (daemon, "join-thread");
  answer = helper_receive (daemon);
  if (g_str_equal (answer, "ok"))
    {
      g_assert_cmpint (helper_get_value (witness, 0), ==, 0);
    }
  else
    {
      g_assert_true (g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 6 "));
      g_assert_cmpint (helper_get_value (witness, 0), ==, 1);
    }

  after = describe_descriptors (daemon);
  g_assert_cmpstr (after, ==, before);
  assert_untouched (fixture, kind);
  helper_kill (daemon);
  g_assert_cmpint (helper_get_value (witness, 0), ==, 1);
  remove_others (fixture);
}

static void
test_waiting_closed (Fixture *fixture)
{
  check_waiting (fixture, "none");
}

static void
test_waiting_pipe (Fixture *fixture)
{
  check_waiting (fixture, "pipe");
}

/* One that was started without its standard streams, and writes to them all the same. */
static void
test_no_streams (Fixture *fixture)
{
  Helper *parent = fixture_helper (fixture);
  Helper *daemon = fixture_fork (fixture, parent);
  Helper *user = fixture_user (fixture, 1);
  int number;

  invite_strangers (fixture, daemon, "none");
  helper_open (daemon, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
  helper_open (daemon, 1, SSEM_ACCESS_MODE_OPEN, 0, TRUE, "another");
  helper_do (daemon, "acquire 0 1");
  helper_send (daemon, "acquire 0 1");
  wait_until_blocked (fixture->backend, daemon->pid, 1);
  for (number = 0; number < 3; number++)
    {
      g_autofree char *path = g_strdup_printf ("/proc/%d/fd/%d", (int) daemon->pid, number);

      g_assert_false (g_file_test (path, G_FILE_TEST_IS_SYMLINK));
    }
  helper_do (user, "release 0 1");
  helper_expect_ok (daemon);
  helper_quit (daemon);
  g_assert_cmpint (helper_get_value (user, 0), ==, 2);
  remove_others (fixture);
}

/* Another semaphore has a bell again, though the old one's thread may still be there. */
static void
test_bell_afterwards (Fixture *fixture)
{
  Helper *daemon = fixture_user (fixture, 0);
  Helper *holder = fixture_helper (fixture);
  Helper *keeper = fixture_user (fixture, 0);
  g_autofree char *answer = NULL;

  helper_do (daemon, "wait-in-thread 0 1");
  wait_until_blocked (fixture->backend, daemon->pid, 1);
  invite_strangers (fixture, daemon, "none");
  helper_open (holder, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, "another");
  helper_do (holder, "acquire 0 1");
  helper_open (daemon, 1, SSEM_ACCESS_MODE_OPEN, 1, TRUE, "another");
  helper_send (daemon, "acquire 1 1");
  wait_until_blocked (fixture->backend, daemon->pid, 2);
  helper_kill (holder);
  helper_expect_ok (daemon);

  /* The other wait ends too: with the unit, or with the error if it has slept long before. */
  helper_do (keeper, "release 0 1");
  helper_send (daemon, "join-thread");
  answer = helper_receive (daemon);
  g_assert_true (g_str_equal (answer, "ok") ||
                 g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 6 "));
  helper_kill (daemon);
  holder = fixture_helper (fixture);
  helper_open (holder, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, "another");
  g_assert_cmpint (helper_get_value (holder, 0), ==, 1);
  g_assert_cmpint (helper_get_value (keeper, 0), ==, 1);
  remove_others (fixture);
}

/* --- None left to open --- */

/* A helper has its three, and two for a child. */
#define N_USED 5

static void
test_used_up (Fixture *fixture)
{
  Helper *holder = fixture_user (fixture, 3);
  Helper *helper = fixture_user (fixture, 3);
  Helper *child;
  g_autofree char *answer = NULL;

  helper_do (helper, "files %d", N_USED);

  /* What is open goes on, waiting and all. */
  helper_do (holder, "acquire 0 3");
  helper_send (helper, "timeout 0 1 1000");
  helper_expect_error (helper, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  helper_send (helper, "acquire 0 1");
  wait_until_blocked (fixture->backend, helper->pid, 1);
  helper_do (holder, "release 0 1");
  helper_expect_ok (helper);
  helper_do (helper, "release 0 1");

  /* Another key can't be opened; nothing is left behind in its place. */
  helper_send_open (helper, 1, SSEM_ACCESS_MODE_CREATE, 1, TRUE, "another");
  helper_expect_error (helper, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);

  /* A child has to attach first: refused while it can't, and not for ever. */
  child = fixture_fork (fixture, helper);
  helper_do (child, "files 0");
  helper_send (child, "acquire 0 1");
  answer = helper_receive (child);
  g_assert_true (g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 5 "));
  g_assert_nonnull (strstr (answer, g_strerror (EMFILE)));
  g_assert_cmpint (helper_get_value (holder, 0), ==, 1);
  helper_do (child, "files 256");
  helper_do (child, "acquire 0 1");
  g_assert_cmpint (helper_get_value (holder, 0), ==, 0);
  helper_kill (child);
  g_assert_cmpint (helper_get_value (holder, 0), ==, 1);

  helper_do (helper, "files 256");
  helper_open (helper, 1, SSEM_ACCESS_MODE_CREATE, 1, TRUE, "another");
}

static const Case cases[] = {
  { "closed", 0, test_closed },
  { "become-a-file", 0, test_become_a_file },
  { "become-a-folder", 0, test_become_a_folder },
  { "become-a-pipe", 0, test_become_a_pipe },
  { "last-closed", 0, test_last_closed },
  { "last-file", 0, test_last_file },
  { "last-folder", 0, test_last_folder },
  { "child", 0, test_child },
  { "waiting-closed", 0, test_waiting_closed },
  { "waiting-pipe", 0, test_waiting_pipe },
  { "no-streams", 0, test_no_streams },
  { "bell-afterwards", 0, test_bell_afterwards },
  { "used-up", 0, test_used_up },
  { NULL },
};

int
main (int    argc,
      char **argv)
{
  return conformance_main (argc, argv, "worlds/descriptors", cases);
}
