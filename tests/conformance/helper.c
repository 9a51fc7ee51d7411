/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "helper.h"

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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_EVERY_USEC 500

static GFunc observer;
static gpointer observer_data;

void
wait_for (const char *what,
          Condition   condition,
          gpointer    data)
{
  gint64 deadline_usec = g_get_monotonic_time () + WATCHDOG_USEC;

  while (!condition (data))
    {
      if (g_get_monotonic_time () > deadline_usec)
        g_error ("Waited in vain: %s", what);
      g_usleep (LOOK_EVERY_USEC);
    }
}

/* --- Who is blocked --- */

typedef struct
{
  SsemBackend backend;
  pid_t pid;
  guint n_threads;
} Blocked;

static gboolean
is_wait_of (SsemBackend backend,
            long        number)
{
  switch (backend)
    {
    case SSEM_BACKEND_SYSV:
#ifdef SYS_semop
      if (number == SYS_semop)
        return TRUE;
#endif
#ifdef SYS_semtimedop
      if (number == SYS_semtimedop)
        return TRUE;
#endif
#ifdef SYS_semtimedop_time64
      if (number == SYS_semtimedop_time64)
        return TRUE;
#endif
#ifdef SYS_ipc
      if (number == SYS_ipc)
        return TRUE;
#endif
      return FALSE;

    case SSEM_BACKEND_SHARED_MEMORY:
#ifdef SYS_futex
      if (number == SYS_futex)
        return TRUE;
#endif
#ifdef SYS_futex_time64
      if (number == SYS_futex_time64)
        return TRUE;
#endif
#ifdef SYS_futex_waitv
      if (number == SYS_futex_waitv)
        return TRUE;
#endif
      return FALSE;

    case SSEM_BACKEND_DEFAULT:
    case SSEM_BACKEND_WINDOWS:
    default:
      g_assert_not_reached ();
    }
}

static gboolean
are_blocked (gpointer data)
{
  Blocked *blocked = data;
  g_autofree char *tasks = g_strdup_printf ("/proc/%d/task", (int) blocked->pid);
  g_autoptr(GDir) dir = g_dir_open (tasks, 0, NULL);
  guint n_found = 0;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (tasks, name, "syscall", NULL);
      g_autofree char *text = NULL;

      /* "running", or the number of the system call that it sleeps in. */
      if (g_file_get_contents (path, &text, NULL, NULL) && g_ascii_isdigit (*text) &&
          is_wait_of (blocked->backend, strtol (text, NULL, 10)))
        n_found++;
    }

  return n_found >= blocked->n_threads;
}

void
wait_until_blocked (SsemBackend backend,
                    pid_t       pid,
                    guint       n_threads)
{
  Blocked blocked = { backend, pid, n_threads };

  wait_for ("threads to block", are_blocked, &blocked);
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
      else if (g_file_get_contents (path, &text, NULL, NULL) && g_str_equal (g_strchomp (text), name))
        n++;
    }

  return n;
}

/* --- Processes --- */

static Helper *
helper_alloc (pid_t pid,
              int   commands_fd,
              int   answers_fd)
{
  Helper *self = g_new0 (Helper, 1);

  self->pid = pid;
  self->commands_fd = commands_fd;
  self->answers_fd = answers_fd;
  self->child_commands_fd = -1;
  self->child_answers_fd = -1;
  self->received = g_string_new (NULL);

  return self;
}

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
  g_autofree char *program =
    g_test_build_filename (G_TEST_BUILT, "conformance", "test-helper", NULL);
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

  return child;
}

static void
close_pipes (Helper *self)
{
  int *fds[] = { &self->commands_fd, &self->answers_fd,
                 &self->child_commands_fd, &self->child_answers_fd };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      if (*fds[i] >= 0)
        close (*fds[i]);
      *fds[i] = -1;
    }
}

void
helper_free (Helper *self)
{
  g_assert_cmpint (self->pid, ==, 0);

  close_pipes (self);
  g_string_free (self->received, TRUE);
  g_free (self);
}

/* --- Talking --- */

void
helper_observe (GFunc    answered,
                gpointer data)
{
  observer = answered;
  observer_data = data;
}

static void
send_line (Helper     *self,
           const char *line)
{
  g_autofree char *text = g_strconcat (line, "\n", NULL);

  g_test_message ("%d < %s", (int) self->pid, line);
  g_assert_cmpint (write (self->commands_fd, text, strlen (text)), ==, strlen (text));
}

void
helper_send (Helper     *self,
             const char *format,
             ...)
{
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  line = g_strdup_vprintf (format, args);
  va_end (args);
  send_line (self, line);
}

static gboolean
fill (Helper *self,
      int     timeout_msec)
{
  struct pollfd waited = { .fd = self->answers_fd, .events = POLLIN };
  char buffer[512];
  gssize n_read;

  if (poll (&waited, 1, timeout_msec) <= 0)
    return FALSE;

  n_read = read (self->answers_fd, buffer, sizeof buffer);
  if (n_read <= 0)
    g_error ("Helper %d ended without an answer", (int) self->pid);
  g_string_append_len (self->received, buffer, n_read);

  return TRUE;
}

gboolean
helper_has_answered (Helper *self)
{
  return strchr (self->received->str, '\n') != NULL ||
         (fill (self, 0) && strchr (self->received->str, '\n') != NULL);
}

char *
helper_receive (Helper *self)
{
  gint64 deadline_usec = g_get_monotonic_time () + WATCHDOG_USEC;
  const char *end;
  char *line;

  while ((end = strchr (self->received->str, '\n')) == NULL)
    {
      fill (self, 1000);
      if (g_get_monotonic_time () > deadline_usec)
        g_error ("Helper %d did not answer", (int) self->pid);
    }

  line = g_strndup (self->received->str, end - self->received->str);
  g_string_erase (self->received, 0, end + 1 - self->received->str);
  g_test_message ("%d > %s", (int) self->pid, line);
  if (observer != NULL)
    observer (self, observer_data);

  return line;
}

void
helper_expect_ok (Helper *self)
{
  g_autofree char *answer = helper_receive (self);

  g_assert_cmpstr (answer, ==, "ok");
}

void
helper_expect_error (Helper *self,
                     GQuark  domain,
                     int     code)
{
  g_autofree char *answer = helper_receive (self);
  g_autofree char *expected = g_strdup_printf ("error %s %d ", g_quark_to_string (domain), code);
  g_autofree char *found = g_strndup (answer, strlen (expected));

  g_assert_cmpstr (found, ==, expected);
  g_assert_cmpuint (strlen (answer), >, strlen (expected));
}

void
helper_do (Helper     *self,
           const char *format,
           ...)
{
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  line = g_strdup_vprintf (format, args);
  va_end (args);
  send_line (self, line);
  helper_expect_ok (self);
}

gboolean
helper_may (Helper     *self,
            const char *command,
            const char *reason)
{
  g_autofree char *answer = NULL;

  send_line (self, command);
  answer = helper_receive (self);
  if (g_str_equal (answer, "ok"))
    return TRUE;

  g_assert_cmpstr (answer, ==, "no");
  g_test_skip (reason);

  return FALSE;
}

void
helper_send_open (Helper         *self,
                  int             slot,
                  SsemAccessMode  mode,
                  int             initial_value,
                  gboolean        undo,
                  const char     *key)
{
  g_autofree char *escaped = g_strescape (key, NULL);

  helper_send (self, "open %d %d %d %d %s", slot, (int) mode, initial_value, undo, escaped);
}

void
helper_open (Helper         *self,
             int             slot,
             SsemAccessMode  mode,
             int             initial_value,
             gboolean        undo,
             const char     *key)
{
  helper_send_open (self, slot, mode, initial_value, undo, key);
  helper_expect_ok (self);
}

int
helper_get_value (Helper *self,
                  int     slot)
{
  g_autofree char *answer = NULL;
  int value;

  helper_send (self, "value %d", slot);
  answer = helper_receive (self);
  g_assert_cmpint (sscanf (answer, "ok %d", &value), ==, 1);

  return value;
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

void
helper_run_to (Helper *self,
               long    number,
               long    third)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/syscall", (int) self->pid);
  gboolean is_there = FALSE;

  while (!is_there)
    {
      g_autofree char *text = NULL;
      g_autoptr(GError) error = NULL;
      long found, third_found;

      helper_step (self);
      g_file_get_contents (path, &text, NULL, &error);
      g_assert_no_error (error);
      is_there = sscanf (text, "%ld %*x %*x %lx", &found, &third_found) == 2 &&
                 found == number && third_found == third;
    }
}

int
helper_reap (Helper *self)
{
  Ending ending = { .pid = self->pid };

  g_assert_cmpint (self->pid, >, 0);
  wait_for ("a process to end", has_ended, &ending);
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
helper_quit (Helper *self)
{
  int status;

  helper_send (self, "quit");
  status = helper_reap (self);
  if (status != -1)
    g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}
