/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"
#include "forking.h"
#include "system-call.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A thread opens a semaphore, and another thread forks while the first has just opened a file for
 * that: the semaphore's, the process's own, or another. Opening a file can take long, as it does on
 * a busy disk or a network. The fork must not wait for it, and the child must not keep the parent
 * alive with the descriptor that it got.
 */

/* --- A slow open() --- */

static _Thread_local int n_until_slow; /* the open () with which this reaches 0 is slow */
static int opened_pipe[2]; /* written when the file is open, or all of it is done */
static int go_on_pipe[2];  /* read before open () returns */

static void
send_byte (int  fd,
           char byte)
{
  g_assert_cmpint (write (fd, &byte, 1), ==, 1);
}

static char
receive_byte (int fd)
{
  char byte;

  g_assert_cmpint (read (fd, &byte, 1), ==, 1);

  return byte;
}

static int
open_and_stay (int         directory,
               const char *path,
               int         flags,
               mode_t      mode)
{
  int fd = (int) syscall (SYS_openat, directory, path, flags, mode);

  if (fd >= 0 && n_until_slow > 0 && --n_until_slow == 0)
    {
      send_byte (opened_pipe[1], 'o');
      receive_byte (go_on_pipe[0]);
    }

  return fd;
}

/* These two in place of the C library's: the library calls them, too. */
int
open (const char *path,
      int         flags,
      ...)
{
  mode_t mode;
  va_list arguments;

  va_start (arguments, flags);
  mode = va_arg (arguments, mode_t);
  va_end (arguments);

  return open_and_stay (AT_FDCWD, path, flags, mode);
}

int
openat (int         directory,
        const char *path,
        int         flags,
        ...)
{
  mode_t mode;
  va_list arguments;

  va_start (arguments, flags);
  mode = va_arg (arguments, mode_t);
  va_end (arguments);

  return open_and_stay (directory, path, flags, mode);
}

typedef struct
{
  Fixture *fixture;
  int n;
  GThread *thread;
} SlowOpening;

static gpointer
open_slowly (gpointer data)
{
  SlowOpening *self = data;
  SsemSystemSemaphore *semaphore;

  n_until_slow = self->n;
  semaphore = fixture_open (self->fixture, SSEM_ACCESS_MODE_OPEN, 3);
  if (n_until_slow > 0)
    send_byte (opened_pipe[1], 'd');
  n_until_slow = 0;

  return semaphore;
}

/* Starts to open the key in another thread, which stays behind its @n-th open (). Returns FALSE
 * where it is done with fewer. */
static gboolean
start_to_open (SlowOpening *self,
               Fixture     *fixture,
               int          n)
{
  *self = (SlowOpening) { .fixture = fixture, .n = n };
  g_assert_cmpint (pipe (opened_pipe), ==, 0);
  g_assert_cmpint (pipe (go_on_pipe), ==, 0);
  self->thread = g_thread_new ("slow", open_slowly, self);

  return receive_byte (opened_pipe[0]) == 'o';
}

static SsemSystemSemaphore *
end_to_open (SlowOpening *self)
{
  SsemSystemSemaphore *semaphore;

  send_byte (go_on_pipe[1], 'g');
  semaphore = g_thread_join (self->thread);
  close (opened_pipe[0]);
  close (opened_pipe[1]);
  close (go_on_pipe[0]);
  close (go_on_pipe[1]);

  return semaphore;
}

/* --- Cases --- */

#define MAX_OPENED 50

/* A process that forks while it opens, at the @n-th open (). It reports its child, or 0 where there
 * is no such open (). */
typedef void (* ProcessFunc) (Fixture *fixture,
                              int      n,
                              int      report,
                              int      end_of_test);

/* A process of its own for each round, because a process opens some files only once. Returns its
 * child, which may still live, or 0. */
static pid_t
run_process (Fixture     *fixture,
             ProcessFunc  func,
             int          n,
             int          end_of_test[2])
{
  int report[2];
  pid_t process, child;

  g_assert_cmpint (pipe (report), ==, 0);
  process = fork ();
  g_assert_cmpint (process, >=, 0);
  if (process == 0)
    {
      close (end_of_test[1]);
      func (fixture, n, report[1], end_of_test[0]);
    }
  g_assert_cmpint (read (report[0], &child, sizeof child), ==, sizeof child);
  g_assert_cmpint (kill (process, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (process, NULL, 0), ==, process);
  close (report[0]);
  close (report[1]);

  return child;
}

static void
report_and_stay (int   report,
                 pid_t child)
{
  g_assert_cmpint (write (report, &child, sizeof child), ==, sizeof child);
  for (;;)
    pause ();
}

static void
fork_beside_slow (Fixture *fixture,
                  int      n,
                  int      report,
                  int      end_of_test)
{
  SlowOpening opening;
  SsemSystemSemaphore *semaphore;
  pid_t child;

  if (!start_to_open (&opening, fixture, n))
    report_and_stay (report, 0);
  child = fork ();
  if (child == 0)
    child_end (0);
  child_expect_well (child);

  semaphore = end_to_open (&opening);
  assert_value (semaphore, 3);
  drop_object (&semaphore);
  report_and_stay (report, child);
}

static void
test_fork (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  int end_of_test[2];
  int n = 1;

  g_assert_cmpint (pipe (end_of_test), ==, 0);
  while (run_process (fixture, fork_beside_slow, n, end_of_test) != 0)
    g_assert_cmpint (++n, <, MAX_OPENED);
  g_assert_cmpint (n, >, 1);
  close (end_of_test[0]);
  close (end_of_test[1]);

  /* The last process was killed with the semaphore open. */
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN_EXISTING, 0);
  assert_value (semaphore, 3);
  drop_object (&semaphore);
}

/* Stays, with the semaphore open, until it is killed. */
static void
fork_while_slow (Fixture *fixture,
                 int      n,
                 int      report,
                 int      end_of_test)
{
  SlowOpening opening;
  pid_t child;
  char byte;

  if (!start_to_open (&opening, fixture, n))
    report_and_stay (report, 0);
  child = fork ();
  if (child == 0)
    {
      /* Keeps what it has inherited until the test ends or dies. */
      g_assert_cmpint (read (end_of_test, &byte, 1), ==, 0);
      child_end (0);
    }

  end_to_open (&opening);
  report_and_stay (report, child);
}

/* The child has a copy of the descriptor that its fork handler could not know. With the copy it
 * would keep the locks of its dead parent. */
static void
test_child_keeps_nothing (Fixture *fixture)
{
  gboolean is_there = TRUE;
  int n;

  g_assert_cmpint (prctl (PR_SET_CHILD_SUBREAPER, 1), ==, 0);
  for (n = 1; is_there; n++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      int end_of_test[2];
      pid_t child;

      g_assert_cmpint (n, <, MAX_OPENED);
      g_assert_cmpint (pipe (end_of_test), ==, 0);
      child = run_process (fixture, fork_while_slow, n, end_of_test);
      is_there = child != 0;

      semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 5);
      assert_value (semaphore, 5);
      drop_object (&semaphore);

      close (end_of_test[1]);
      if (is_there)
        child_expect_well (child);
      close (end_of_test[0]);
    }
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
      SystemCall call;

      if (system_call_read (getpid (), name, &call) && call.kind == SYSTEM_CALL_FCNTL)
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
const Needs conformance_needs = NEEDS_FILES;

const Case conformance_cases[] = {
  { "fork", NEEDS_FORK_AMONG_THREADS, test_fork },
  { "child-keeps-nothing", NEEDS_FORK_AMONG_THREADS | NEEDS_ORPHANS, test_child_keeps_nothing },
  /* The others need no lock to open. */
  { "fork-beside-stopped", NEEDS_SYSV | NEEDS_FORK_AMONG_THREADS, test_fork_beside_stopped },
  { NULL },
};
