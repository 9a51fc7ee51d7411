/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "helper.h"

#include "cluster.h"
#include "helper-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Blocked threads --- */

/* Whether @address of the process lies in memory that it shares with others. */
static gboolean
is_shared (pid_t   pid,
           guint64 address)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/maps", (int) pid);
  g_autofree char *text = NULL;
  g_auto(GStrv) lines = NULL;
  guint i;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  lines = g_strsplit (text, "\n", -1);
  for (i = 0; lines[i] != NULL; i++)
    {
      guint64 start, end;
      char sharing;

      /* "from-to rwxs", in hexadecimal digits; the last letter is 's' or 'p'. */
      if (sscanf (lines[i], "%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x %*3c%c",
                  &start, &end, &sharing) == 3 &&
          address >= start && address < end)
        return sharing == 's';
    }

  return FALSE;
}

/* Whether the call waits for a semaphore. A thread that waits for a lock of its own process, or for
 * another thread's end or beginning, sleeps in a futex, too, but in memory of its process alone. */
static gboolean
is_wait_of (SsemBackend       backend,
            pid_t             pid,
            const SystemCall *call)
{
  if (backend == SSEM_BACKEND_SYSV)
    return call->kind == SYSTEM_CALL_SEMOP;
  if (backend == SSEM_BACKEND_ETCD)
    return call->kind == SYSTEM_CALL_FUTEX;

  return call->kind == SYSTEM_CALL_FUTEX && is_shared (pid, call->arguments[0]);
}

/* Whether the cluster knows that the process waits, for at least @n units of all semaphores. A thread
 * on etcd sleeps in memory of its process alone, and does so before the cluster knows. */
static gboolean
is_waiter_in_cluster (pid_t pid,
                      guint n)
{
  g_autoptr(GPtrArray) semaphores = ssem_semaphore_info_list (SSEM_BACKEND_ETCD, NULL);
  gint64 n_wanted = 0;
  guint i, j;

  for (i = 0; semaphores != NULL && i < semaphores->len; i++)
    {
      GPtrArray *waiters = ssem_semaphore_info_get_waiters (semaphores->pdata[i]);

      for (j = 0; waiters != NULL && j < waiters->len; j++)
        {
          if (ssem_process_info_get_pid (waiters->pdata[j]) == pid)
            n_wanted += ssem_process_info_get_units (waiters->pdata[j]);
        }
    }

  return n_wanted >= n;
}

gboolean
are_blocked (SsemBackend backend,
             pid_t       pid,
             guint       n_threads)
{
  g_autofree char *tasks = g_strdup_printf ("/proc/%d/task", (int) pid);
  g_autoptr(GDir) dir = g_dir_open (tasks, 0, NULL);
  guint n_found = 0;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      SystemCall call;

      if (system_call_read (pid, name, &call) && is_wait_of (backend, pid, &call))
        n_found++;
    }

  return n_found >= n_threads &&
         (backend != SSEM_BACKEND_ETCD || is_waiter_in_cluster (pid, n_threads));
}

guint
count_threads_named (pid_t       pid,
                     const char *name)
{
  g_autofree char *tasks = g_strdup_printf ("/proc/%d/task", (int) pid);
  g_autoptr(GDir) dir = g_dir_open (tasks, 0, NULL);
  const char *task;
  guint n = 0;

  g_assert_nonnull (dir);
  while ((task = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (tasks, task, "comm", NULL);
      g_autofree char *text = NULL;

      if (name == NULL)
        n++;
      else if (g_file_get_contents (path, &text, NULL, NULL) &&
               g_str_equal (g_strchomp (text), name))
        n++;
    }

  return n;
}

/* --- Processes --- */

static void
make_pipe (int ends[2])
{
  int i;

  if (pipe2 (ends, O_CLOEXEC) != 0)
    g_error ("pipe2: %s", g_strerror (errno));

  /* Away from 0 to 4, which the helper has for them: no copy may land on one still to be copied. */
  for (i = 0; i < 2; i++)
    {
      int fd = fcntl (ends[i], F_DUPFD_CLOEXEC, 10);

      g_assert_cmpint (fd, >=, 10);
      close (ends[i]);
      ends[i] = fd;
    }
}

Helper *
helper_new (SsemBackend backend)
{
  g_autofree char *number = g_strdup_printf ("%d", (int) backend);
  g_autofree char *program = helper_find_program ("test-helper");
  char *argv[] = { program, number, NULL };
  posix_spawn_file_actions_t actions;
  int commands[2], answers[2], child_commands[2], child_answers[2];
  Helper *self;
  pid_t pid;
  int result;

  make_pipe (commands);
  make_pipe (answers);
  make_pipe (child_commands);
  make_pipe (child_answers);

  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, commands[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2 (&actions, answers[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2 (&actions, child_commands[0], 3);
  posix_spawn_file_actions_adddup2 (&actions, child_answers[1], 4);
  result = posix_spawn (&pid, program, &actions, NULL, argv, environ);
  if (result != 0)
    g_error ("%s: %s", program, g_strerror (result));
  posix_spawn_file_actions_destroy (&actions);

  close (commands[0]);
  close (answers[1]);
  close (child_commands[0]);
  close (child_answers[1]);

  self = helper_alloc (pid, commands[1], answers[0]);
  self->child_commands_fd = child_commands[1];
  self->child_answers_fd = child_answers[0];

  return self;
}

Helper *
helper_fork (Helper *self)
{
  g_autofree char *answer = NULL;
  Helper *child;
  int pid;

  /* An orphan becomes the test's own child, to be reaped as any other. */
  prctl (PR_SET_CHILD_SUBREAPER, 1);

  g_assert_cmpint (self->child_commands_fd, >=, 0);
  helper_send (self, "fork");
  answer = helper_receive (self);
  g_assert_cmpint (sscanf (answer, "ok %d", &pid), ==, 1);

  child = helper_alloc (pid, self->child_commands_fd, self->child_answers_fd);
  self->child_commands_fd = -1;
  self->child_answers_fd = -1;

  /* Until it has run, it has all that its parent has, and keeps the parent's locks alive. */
  helper_expect_ok (child);

  return child;
}

void
helper_begin_watching (void)
{
}

gboolean
helper_wait_readable (Helper *self,
                      int     timeout_msec)
{
  struct pollfd waited = { .fd = self->answers_fd, .events = POLLIN };

  return poll (&waited, 1, timeout_msec) > 0;
}

void
helper_clear_process (Helper *self)
{
}

void
helper_limit_lifetime (guint seconds)
{
  alarm (seconds);
}

gboolean
helper_may_change_user (void)
{
  return geteuid () == 0;
}

/* --- Ending --- */

void
helper_signal (Helper *self,
               int     number)
{
  g_assert_cmpint (self->pid, >, 0);
  g_assert_cmpint (kill (self->pid, number), ==, 0);
}

typedef struct
{
  pid_t pid;
  int status;
  char state;
} Ending;

/* 0 where there is no such process. */
static char
state_of (pid_t  pid,
          guint *n_threads)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) pid);
  g_autofree char *text = NULL;
  const char *after_name;
  char state;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  after_name = strrchr (text, ')');
  g_assert_nonnull (after_name);
  g_assert_cmpint (sscanf (after_name, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u "
                           "%*d %*d %*d %*d %u", &state, n_threads), ==, 2);

  return state;
}

gboolean
is_blocked (SsemBackend backend,
            pid_t       pid)
{
  guint n_threads;

  /* In this order: from the stop at its beginning a call goes on to sleep, never back. */
  return are_blocked (backend, pid, 1) && state_of (pid, &n_threads) == 'S';
}

static gboolean
has_ended (gpointer data)
{
  Ending *ending = data;
  guint n_threads = 0;
  char state;
  pid_t result;

  result = waitpid (ending->pid, &ending->status, WNOHANG);
  if (result == ending->pid)
    return TRUE;
  if (result == 0)
    return FALSE;
  g_assert_cmpint (errno, ==, ECHILD);

  /* The child of a helper that lives. A zombie has given back everything, once it is alone. */
  ending->status = -1;
  state = state_of (ending->pid, &n_threads);

  return state == 0 || (state == 'Z' && n_threads <= 1);
}

static gboolean
is_stopped (gpointer data)
{
  guint n_threads;

  return state_of (*(pid_t *) data, &n_threads) == 'T';
}

void
helper_stop (Helper *self)
{
  helper_signal (self, SIGSTOP);
  wait_for ("a process to stop", is_stopped, &self->pid);
}

gboolean
helper_trace (Helper *self)
{
  int status;

  /* It answers, so its program has been loaded: what it does from now on is the same each time. */
  helper_run_expect_ok (self, "umask 077");

  if (ptrace (PTRACE_SEIZE, self->pid, NULL, PTRACE_O_TRACESYSGOOD) != 0)
    return FALSE;

  g_assert_cmpint (ptrace (PTRACE_INTERRUPT, self->pid, NULL, NULL), ==, 0);
  g_assert_cmpint (waitpid (self->pid, &status, 0), ==, self->pid);
  g_assert_true (WIFSTOPPED (status));

  return TRUE;
}

void
helper_step (Helper *self)
{
  int status;

  g_assert_cmpint (ptrace (PTRACE_SYSCALL, self->pid, NULL, NULL), ==, 0);
  g_assert_cmpint (waitpid (self->pid, &status, 0), ==, self->pid);
  g_assert_true (WIFSTOPPED (status));
}

/* Whether it is in a call by which it talks to the test. */
static gboolean
is_talking (Helper *self)
{
  g_autofree char *thread = g_strdup_printf ("%d", (int) self->pid);
  SystemCall call;

  return system_call_read (self->pid, thread, &call) &&
         ((call.kind == SYSTEM_CALL_READ && call.arguments[0] == STDIN_FILENO) ||
          (call.kind == SYSTEM_CALL_WRITE && call.arguments[0] == STDOUT_FILENO));
}

gboolean
helper_lead (Helper *self,
             guint   n)
{
  while (!helper_has_answered (self))
    {
      helper_step (self);
      if (!is_talking (self) && n-- == 0)
        return TRUE;
    }

  return FALSE;
}

gboolean
helper_lead_to_end (Helper *self,
                    guint   n)
{
  g_autofree char *thread = g_strdup_printf ("%d", (int) self->pid);
  SystemCall call = { SYSTEM_CALL_OTHER };

  do
    {
      helper_step (self);
      if (system_call_read (self->pid, thread, &call) && call.kind == SYSTEM_CALL_EXIT)
        return FALSE;
    }
  while (is_talking (self) || n-- > 0);

  return TRUE;
}

void
helper_let_go (Helper *self)
{
  g_assert_cmpint (ptrace (PTRACE_DETACH, self->pid, NULL, NULL), ==, 0);
}

void
helper_run_to (Helper         *self,
               SystemCallKind  kind,
               guint64         third)
{
  g_autofree char *thread = g_strdup_printf ("%d", (int) self->pid);
  SystemCall call;

  do
    helper_step (self);
  while (!system_call_read (self->pid, thread, &call) || call.kind != kind ||
         call.arguments[2] != third);
}

int
helper_reap (Helper *self)
{
  Ending ending = { .pid = self->pid };

  g_assert_cmpint (self->pid, >, 0);
  wait_for ("a process to end", has_ended, &ending);
  cluster_wait_until_gone (self->pid);
  self->pid = 0;

  return ending.status;
}

void
helper_kill (Helper *self)
{
  int status;

  helper_signal (self, SIGKILL);
  status = helper_reap (self);
  if (status != -1)
    g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
}

void
helper_exec (Helper *self)
{
  helper_run_expect_ok (self, "exec");
  cluster_wait_until_gone (self->pid);
}

void
helper_quit (Helper *self)
{
  int status;

  helper_send (self, "quit");
  status = helper_reap (self);
  if (status != -1)
    g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}
