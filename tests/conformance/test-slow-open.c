/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"
#include "forking.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A thread opens the semaphore's file, and another thread forks meanwhile. Opening can take long,
 * as it does on a busy disk or a network. The fork must not wait for it, and the child must not
 * keep the parent alive with the descriptor that it got.
 */

/* --- A slow open() --- */

static _Thread_local gboolean is_slow;
static int opened_pipe[2]; /* written when the file is open */
static int go_on_pipe[2];  /* read before open () returns */

static void
send_byte (int fd)
{
  g_assert_cmpint (write (fd, "", 1), ==, 1);
}

static void
expect_byte (int fd)
{
  char byte;

  g_assert_cmpint (read (fd, &byte, 1), ==, 1);
}

/* In place of the C library's: the library calls it, too. */
int
open (const char *path,
      int         flags,
      ...)
{
  mode_t mode;
  va_list arguments;
  int fd;

  va_start (arguments, flags);
  mode = va_arg (arguments, mode_t);
  va_end (arguments);

  fd = (int) syscall (SYS_openat, AT_FDCWD, path, flags, mode);
  if (is_slow && fd >= 0)
    {
      is_slow = FALSE;
      send_byte (opened_pipe[1]);
      expect_byte (go_on_pipe[0]);
    }

  return fd;
}

static gpointer
open_slowly (gpointer data)
{
  is_slow = TRUE;

  return fixture_open (data, SSEM_ACCESS_MODE_OPEN, 3);
}

static GThread *
start_to_open (Fixture *fixture)
{
  GThread *thread;

  g_assert_cmpint (pipe (opened_pipe), ==, 0);
  g_assert_cmpint (pipe (go_on_pipe), ==, 0);
  thread = g_thread_new ("slow", open_slowly, fixture);
  expect_byte (opened_pipe[0]);

  return thread;
}

static SsemSystemSemaphore *
end_to_open (GThread *thread)
{
  SsemSystemSemaphore *semaphore;

  send_byte (go_on_pipe[1]);
  semaphore = g_thread_join (thread);
  close (opened_pipe[0]);
  close (opened_pipe[1]);
  close (go_on_pipe[0]);
  close (go_on_pipe[1]);

  return semaphore;
}

/* Shared memory holds a lock that a fork takes while it finds or names a segment. */
static gboolean
opens_without_lock (Fixture *fixture)
{
  if (fixture->backend == SSEM_BACKEND_SYSV)
    return TRUE;

  g_test_skip ("The backend opens under a lock");

  return FALSE;
}

/* --- Cases --- */

static void
test_fork (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  GThread *thread;
  pid_t child;

  if (!opens_without_lock (fixture))
    return;

  thread = start_to_open (fixture);
  child = fork ();
  if (child == 0)
    child_end (0);
  child_expect_well (child);

  semaphore = end_to_open (thread);
  assert_value (semaphore, 3);
  drop_object (&semaphore);
}

/* A process that has forked in the middle of opening, and is killed then. */
static void
be_killed (Fixture *fixture,
           int      report,
           int      end_of_test)
{
  GThread *thread = start_to_open (fixture);
  pid_t child = fork ();
  char byte;

  if (child == 0)
    {
      /* Keeps what it has inherited until the test ends or dies. */
      g_assert_cmpint (read (end_of_test, &byte, 1), ==, 0);
      child_end (0);
    }

  end_to_open (thread);
  g_assert_cmpint (write (report, &child, sizeof child), ==, sizeof child);
  for (;;)
    pause ();
}

/* The child has a copy of the descriptor that its fork handler could not know. With the copy it
 * would keep the locks of its dead parent. */
static void
test_child_keeps_nothing (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  int report[2], end_of_test[2];
  pid_t parent, child;

  if (!opens_without_lock (fixture))
    return;

  g_assert_cmpint (prctl (PR_SET_CHILD_SUBREAPER, 1), ==, 0);
  g_assert_cmpint (pipe (report), ==, 0);
  g_assert_cmpint (pipe (end_of_test), ==, 0);
  parent = fork ();
  if (parent == 0)
    {
      close (end_of_test[1]);
      be_killed (fixture, report[1], end_of_test[0]);
    }
  g_assert_cmpint (read (report[0], &child, sizeof child), ==, sizeof child);
  g_assert_cmpint (kill (parent, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (parent, NULL, 0), ==, parent);

  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 5);
  assert_value (semaphore, 5);
  drop_object (&semaphore);

  close (end_of_test[1]);
  child_expect_well (child);
  close (end_of_test[0]);
  close (report[0]);
  close (report[1]);
}

static gpointer
open_at_normal_speed (gpointer data)
{
  return fixture_open (data, SSEM_ACCESS_MODE_OPEN, 0);
}

/* Whether a thread of this process waits for the lock of a file. */
static gboolean
waits_for_lock (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  gboolean is_found = FALSE;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/task", name, "syscall", NULL);
      g_autofree char *line = NULL;

      if (g_file_get_contents (path, &line, NULL, NULL) &&
          g_ascii_strtoll (line, NULL, 10) == SYS_fcntl)
        is_found = TRUE;
    }

  return is_found;
}

/* A stopped process has the attach lock of the key file. */
static void
test_fork_beside_stopped (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(SsemSystemSemaphore) other = NULL;
  g_autofree char *path = NULL;
  struct flock lock = {
    .l_type = F_WRLCK,
    .l_whence = SEEK_SET,
    .l_start = (off_t) 1 << 32,
    .l_len = 1,
  };
  GThread *thread;
  pid_t child;
  int fd;

  if (!opens_without_lock (fixture))
    return;

  path = fixture_key_path (fixture);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  fd = open (path, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (fcntl (fd, F_OFD_SETLK, &lock), ==, 0);

  thread = g_thread_new ("waits", open_at_normal_speed, fixture);
  while (!waits_for_lock ())
    g_thread_yield ();
  child = fork ();
  if (child == 0)
    child_end (0);
  child_expect_well (child);

  close (fd);
  other = g_thread_join (thread);
  drop_object (&other);
  drop_object (&semaphore);
}

const char conformance_topic[] = "slow-open";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "fork", NEEDS_FORK_AMONG_THREADS, test_fork },
  { "child-keeps-nothing", NEEDS_FORK_AMONG_THREADS, test_child_keeps_nothing },
  { "fork-beside-stopped", NEEDS_FORK_AMONG_THREADS, test_fork_beside_stopped },
  { NULL },
};
