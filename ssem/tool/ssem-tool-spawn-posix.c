/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The command is a forked child, which holds nothing of its parent's, nor do its own children.
 *
 * Signals that are meant to end or to tell something to a program are blocked here from before the
 * command is started, and taken one by one: sent to this process by another, they are passed on to
 * the command; sent by the kernel, as for a key that was pressed, the command has got them as well,
 * being in the same process group. Two that the kernel sends to one process alone are passed on: a
 * hang-up, where this process leads the session, and the alarm that whoever started it has set.
 * Those that stop and continue have their usual effect on both.
 *
 * If this process is killed, the command is killed by the kernel (PR_SET_PDEATHSIG), since its
 * units are gone. That ends the command itself, not what it has started; and not a command that
 * changes its user, because the kernel forgets the request then.
 *
 * Process 1 of a container is special: it gets no signal that it has no handler for, and orphans
 * become its children. So there the program forks at its start. Process 1 does what is said above for
 * its only child, and reaps whatever else becomes its child. The child does all the rest, as in any
 * other place.
 */

static const int forwarded[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM };

static void
write_errno (int fd,
             int error)
{
  gssize n_written;

  do
    n_written = write (fd, &error, sizeof error);
  while (n_written < 0 && errno == EINTR);
}

/* 0 where the other side was closed by exec. */
static int
read_errno (int fd)
{
  gssize n_read;
  int error = 0;

  do
    n_read = read (fd, &error, sizeof error);
  while (n_read < 0 && errno == EINTR);

  return n_read == sizeof error ? error : 0;
}

/* In the child. Nothing here takes a lock that another thread of the parent may have had. */
static void
become_command (char                  **command,
                GPid                    parent,
                const sigset_t         *signals,
                const struct sigaction *at_child,
                int                     error_fd)
{
  int status = TOOL_RUN_FAILED;

  if (tool_die_with (parent))
    {
      sigaction (SIGCHLD, at_child, NULL);
      sigprocmask (SIG_SETMASK, signals, NULL);
      execvp (command[0], command);
      status = errno == ENOENT ? TOOL_RUN_NO_COMMAND : TOOL_RUN_NOT_EXECUTABLE;
    }

  write_errno (error_fd, errno);
  _exit (status);
}

/* Whether this process has got it, and the command has not. */
static gboolean
is_ours_alone (int number,
               int code)
{
  if (!tool_is_from_kernel (code))
    return TRUE;

  /* A terminal that goes away tells the leader of its session, not the group. */
  return number == SIGALRM || (number == SIGHUP && getsid (0) == getpid ());
}

/* Blocks the signals that wait_for_child () takes. */
static void
begin_to_await (sigset_t         *awaited,
                sigset_t         *before,
                struct sigaction *at_child)
{
  const struct sigaction usual = { .sa_handler = SIG_DFL };
  gsize i;

  /* Who started us may have chosen not to hear of its children; we have to. */
  sigaction (SIGCHLD, &usual, at_child);
  sigemptyset (awaited);
  sigaddset (awaited, SIGCHLD);
  for (i = 0; i < G_N_ELEMENTS (forwarded); i++)
    sigaddset (awaited, forwarded[i]);
  sigprocmask (SIG_BLOCK, awaited, before);
}

/* How it ended, as waitpid (2) has it. Reaps other children, too. */
static int
wait_for_child (GPid            child,
                const sigset_t *awaited)
{
  for (;;)
    {
      siginfo_t info;
      int number, status;
      pid_t ended;

      /* One signal may stand for several children. */
      while ((ended = waitpid (-1, &status, WNOHANG)) > 0)
        {
          if (ended == child)
            return status;
        }

      number = sigwaitinfo (awaited, &info);
      if (number > 0 && number != SIGCHLD && is_ours_alone (number, info.si_code))
        kill (child, number);
    }
}

int
tool_end_like (int status)
{
  if (WIFEXITED (status))
    return WEXITSTATUS (status);

  /* A shell that runs us wants to know that it was a signal: to end, too, where a key was pressed.
   * */
  if (WIFSIGNALED (status))
    {
      const struct sigaction usual = { .sa_handler = SIG_DFL };
      sigset_t number;

      tool_forbid_core ();
      sigemptyset (&number);
      sigaddset (&number, WTERMSIG (status));
      sigaction (WTERMSIG (status), &usual, NULL);
      raise (WTERMSIG (status));
      sigprocmask (SIG_UNBLOCK, &number, NULL);
      return TOOL_RUN_SIGNAL + WTERMSIG (status);
    }

  return TOOL_RUN_FAILED;
}

gboolean
tool_leave_process_1 (int *status)
{
  struct sigaction at_child;
  sigset_t awaited, before;
  GPid child;

  if (getpid () != 1)
    return TRUE;

  begin_to_await (&awaited, &before, &at_child);
  child = fork ();
  if (child < 0)
    {
      tool_print_error (_("Could not start a process: %s"), g_strerror (errno));
      *status = TOOL_RUN_FAILED;
      return FALSE;
    }
  if (child > 0)
    {
      *status = tool_end_like (wait_for_child (child, &awaited));
      return FALSE;
    }

  sigaction (SIGCHLD, &at_child, NULL);
  sigprocmask (SIG_SETMASK, &before, NULL);

  return TRUE;
}

/* A signal that ends a process which waits for units leaves nothing behind: what it has by then comes
 * back. */
GCancellable *
tool_heed_keys (int *status)
{
  return NULL;
}

gboolean
tool_run_command (char **command,
                  int   *status)
{
  struct sigaction at_child;
  sigset_t awaited, before;
  GPid parent = getpid ();
  int error, fds[2];
  GPid child;

  begin_to_await (&awaited, &before, &at_child);
  if (pipe2 (fds, O_CLOEXEC) != 0)
    {
      tool_print_error (_("Could not start “%s”: %s"), command[0], g_strerror (errno));
      *status = TOOL_RUN_FAILED;
      return FALSE;
    }
  child = fork ();
  if (child == 0)
    become_command (command, parent, &before, &at_child, fds[1]);
  error = errno;
  close (fds[1]);
  if (child > 0)
    error = read_errno (fds[0]);
  close (fds[0]);

  if (child > 0)
    *status = wait_for_child (child, &awaited);
  if (child > 0 && error == 0)
    return TRUE;

  tool_print_error (_("Could not start “%s”: %s"), command[0], g_strerror (error));
  /* The child has ended with what is to be said of that, unless a signal was faster. */
  *status = child > 0 && WIFEXITED (*status) ? WEXITSTATUS (*status) : TOOL_RUN_FAILED;

  return FALSE;
}
