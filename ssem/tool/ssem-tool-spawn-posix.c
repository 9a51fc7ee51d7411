/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The command is a child of vfork (). The child and its own children hold none of the parent's
 * units. fork () would copy the page tables of this process, only for exec () to drop the copy.
 *
 * Signals
 *
 * Before this process starts the command, it blocks the signals in the list `forwarded`. It then
 * takes them one by one. A signal from another process is forwarded to the command. A signal from
 * the kernel, for example after Ctrl-C, has reached the command already, because both processes are
 * in the same process group. The kernel sends two signals to this process only, and these are
 * forwarded too: the hang-up of a terminal whose session this process leads, and an alarm that was
 * set before exec. Stop and continue signals have their usual effect on both processes.
 *
 * Death
 *
 * If this process is killed, its units become free, so the kernel kills the command too
 * (PR_SET_PDEATHSIG). The kernel does not kill the children of the command. It also drops the
 * request when the command runs with another user's rights.
 *
 * Loss
 *
 * If the units are lost, another thread wakes the wait by a SIGCHLD to this thread. The command
 * gets SIGTERM, and SIGCONT because it may be stopped. If it has not ended in time, it gets
 * SIGKILL.
 *
 * Process 1 of a container
 *
 * The kernel drops signals for process 1 that have no handler, and orphans become its children.
 * Therefore process 1 forks at its start. Process 1 forwards signals to this child and reaps all
 * children. The child does everything else.
 */

#define TOKEN_VARIABLE "SSEM_FENCING_TOKEN"

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

/* Returns the errno value that the child has written, or 0 if exec has closed the pipe. */
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

/* Executes the command in the child, which uses the memory of this process until then. Nothing here
 * may change what the parent uses or take a lock: another thread of the parent may hold it. It is a
 * function of its own, so that its variables are not on the parent's part of the stack. */
G_NORETURN G_GNUC_NO_INLINE static void
exec_command (char                  **command,
              GPid                    parent,
              const sigset_t         *signals,
              const struct sigaction *child_action,
              int                     error_fd)
{
  int status = TOOL_RUN_FAILED;

  if (tool_die_with_parent (parent))
    {
      sigaction (SIGCHLD, child_action, NULL);
      sigprocmask (SIG_SETMASK, signals, NULL);
      execvp (command[0], command);
      status = errno == ENOENT ? TOOL_RUN_NO_COMMAND : TOOL_RUN_NOT_EXECUTABLE;
    }

  write_errno (error_fd, errno);
  _exit (status);
}

/* Returns whether a signal has reached this process but not the command. */
static gboolean
command_needs_signal (int number,
                      int code)
{
  if (!tool_signal_is_from_kernel (code))
    return TRUE;

  /* For a hang-up, the kernel signals the leader of the session, not the process group. */
  return number == SIGALRM || (number == SIGHUP && getsid (0) == getpid ());
}

/* Blocks the signals that wait_for_child () takes. Returns the previous settings, which the command
 * gets back. */
static void
block_signals (sigset_t         *awaited,
               sigset_t         *before,
               struct sigaction *child_action)
{
  const struct sigaction default_action = { .sa_handler = SIG_DFL };
  gsize i;

  /* If SIGCHLD is ignored, which exec preserves, the kernel reaps children and loses their
   * status. */
  sigaction (SIGCHLD, &default_action, child_action);
  sigemptyset (awaited);
  sigaddset (awaited, SIGCHLD);
  for (i = 0; i < G_N_ELEMENTS (forwarded); i++)
    sigaddset (awaited, forwarded[i]);
  sigprocmask (SIG_BLOCK, awaited, before);
}

/* What the wait for a command knows of its units. */
typedef struct
{
  ToolLoss *loss; /* NULL: they cannot be lost */
  gint64 kill_after_usec;
  gint64 kill_usec; /* when the command gets SIGKILL; 0: the units are not lost */
} Units;

/* Ends a command that has lost its units. Returns how long to wait for its end; NULL: forever. */
static const struct timespec *
end_if_lost (Units           *units,
             GPid             child,
             struct timespec *left)
{
  gint64 now = g_get_monotonic_time ();

  if (!tool_loss_has_happened (units->loss))
    return NULL;

  if (units->kill_usec == 0)
    {
      units->kill_usec = now + units->kill_after_usec;
      kill (child, SIGTERM);
      kill (child, SIGCONT);
    }
  if (now >= units->kill_usec)
    {
      kill (child, SIGKILL);
      return NULL;
    }

  left->tv_sec = (time_t) ((units->kill_usec - now) / G_USEC_PER_SEC);
  left->tv_nsec = (long) ((units->kill_usec - now) % G_USEC_PER_SEC * 1000);

  return left;
}

/* Returns the wait status of @child, see waitpid(2). Reaps other children, and forwards signals. */
static int
wait_for_child (GPid            child,
                const sigset_t *awaited,
                Units          *units)
{
  for (;;)
    {
      const struct timespec *time_out;
      struct timespec left;
      siginfo_t info;
      int number, status;
      pid_t ended;

      /* The kernel may merge the signals for several children into one. */
      while ((ended = waitpid (-1, &status, WNOHANG)) > 0)
        {
          if (ended == child)
            return status;
        }

      time_out = end_if_lost (units, child, &left);
      number = time_out != NULL ? sigtimedwait (awaited, &info, time_out)
                                : sigwaitinfo (awaited, &info);
      if (number > 0 && number != SIGCHLD && command_needs_signal (number, info.si_code))
        kill (child, number);
    }
}

int
tool_exit_like (int status)
{
  if (WIFEXITED (status))
    return WEXITSTATUS (status);

  /* A shell checks for death by a signal: after Ctrl-C, the shell ends its script too. */
  if (WIFSIGNALED (status))
    {
      const struct sigaction default_action = { .sa_handler = SIG_DFL };
      sigset_t number;

      tool_disable_core_dump ();
      sigemptyset (&number);
      sigaddset (&number, WTERMSIG (status));
      sigaction (WTERMSIG (status), &default_action, NULL);
      raise (WTERMSIG (status));
      sigprocmask (SIG_UNBLOCK, &number, NULL);
      return TOOL_RUN_SIGNAL + WTERMSIG (status);
    }

  return TOOL_RUN_FAILED;
}

gboolean
tool_fork_if_process_1 (int *status)
{
  struct sigaction child_action;
  sigset_t awaited, before;
  GPid child;

  if (getpid () != 1)
    return TRUE;

  block_signals (&awaited, &before, &child_action);
  child = fork ();
  if (child < 0)
    {
      tool_print_error (_("Could not start a process: %s"), g_strerror (errno));
      *status = TOOL_RUN_FAILED;
      return FALSE;
    }
  if (child > 0)
    {
      *status = tool_exit_like (wait_for_child (child, &awaited, &(Units) { .loss = NULL }));
      return FALSE;
    }

  sigaction (SIGCHLD, &child_action, NULL);
  sigprocmask (SIG_SETMASK, &before, NULL);

  return TRUE;
}

/* The library gives the units of a killed process back, so the signal may end this process. */
GCancellable *
tool_catch_interrupts (int *status)
{
  return NULL;
}

static void
wake (gpointer data)
{
  const pthread_t *waiting = data;

  /* To this thread, because a thread that does not block the signal would swallow it. */
  pthread_kill (*waiting, SIGCHLD);
}

/* Gives the command the token in its environment, or else none, not even that of another `ssem run`
 * around this one. The environment is replaced, and not changed, because a thread of a module may
 * read it. */
static void
set_token (guint64 fencing_token)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, fencing_token);

  if (fencing_token != 0)
    environ = g_environ_setenv (g_get_environ (), TOKEN_VARIABLE, text, TRUE);
  else if (g_getenv (TOKEN_VARIABLE) != NULL)
    environ = g_environ_unsetenv (g_get_environ (), TOKEN_VARIABLE);
}

gboolean
tool_run_command (char      **command,
                  ToolGuard  *guard,
                  int        *status)
{
  static pthread_t waiting; /* the thread of the wait, for as long as the process */
  g_autoptr(GError) failure = NULL;
  Units units = { .kill_after_usec = guard->kill_after_usec };
  struct sigaction child_action;
  sigset_t awaited, before;
  GPid parent = getpid ();
  int error, fds[2];
  GPid child;

  waiting = pthread_self ();
  set_token (guard->fencing_token);
  block_signals (&awaited, &before, &child_action);
  if (!tool_loss_watch (guard->semaphore, wake, &waiting, &units.loss, &failure))
    {
      tool_print_error (_("Could not start a thread: %s"), failure->message);
      *status = TOOL_RUN_FAILED;
      return FALSE;
    }
  if (pipe2 (fds, O_CLOEXEC) != 0)
    {
      tool_print_error (_("Could not start “%s”: %s"), command[0], g_strerror (errno));
      *status = TOOL_RUN_FAILED;
      return FALSE;
    }
  child = vfork ();
  if (child == 0)
    exec_command (command, parent, &before, &child_action, fds[1]);
  error = errno;
  close (fds[1]);
  if (child > 0)
    error = read_errno (fds[0]);
  close (fds[0]);

  if (child > 0)
    *status = wait_for_child (child, &awaited, &units);
  guard->is_lost = tool_loss_has_happened (units.loss);
  if (child > 0 && error == 0)
    return TRUE;

  tool_print_error (_("Could not start “%s”: %s"), command[0], g_strerror (error));
  /* The exit status of the child is the one to return, unless a signal killed the child. */
  *status = child > 0 && WIFEXITED (*status) ? WEXITSTATUS (*status) : TOOL_RUN_FAILED;

  return FALSE;
}
