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

/* The units are this process's: it stays while the command runs, and waits for it. The command is a
 * forked child, which holds nothing of its parent's, nor do its own children.
 *
 * Signals that are meant to end or to tell something to a program are blocked here from before the
 * command is started, and taken one by one: sent to this process by another, they are passed on to
 * the command; sent by the kernel, as for a key that was pressed, the command has got them as well,
 * being in the same process group. Those that stop and continue have their usual effect on both.
 *
 * If this process is killed, the command is killed by the kernel (PR_SET_PDEATHSIG), since its
 * units are gone. That ends the command itself, not what it has started; and not a command that
 * changes its user, because the kernel forgets the request then.
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
  if (!tool_die_with (parent))
    _exit (TOOL_RUN_FAILED);

  sigaction (SIGCHLD, at_child, NULL);
  sigprocmask (SIG_SETMASK, signals, NULL);
  execvp (command[0], command);
  write_errno (error_fd, errno);
  _exit (TOOL_RUN_FAILED);
}

/* How it ended, as waitpid (2) has it. */
static int
wait_for_command (GPid            child,
                  const sigset_t *awaited)
{
  int status;

  for (;;)
    {
      siginfo_t info;
      int number;
      pid_t ended = waitpid (child, &status, WNOHANG);

      if (ended == child)
        return status;

      number = sigwaitinfo (awaited, &info);
      if (number > 0 && number != SIGCHLD && !tool_is_from_kernel (info.si_code))
        kill (child, number);
    }
}

/* As the command did. */
static int
end_like (int status)
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

/* Answers how the command ended, or less than 0 with @failure set to the program's own status. */
static int
run_command (char **command,
             int   *failure)
{
  const struct sigaction usual = { .sa_handler = SIG_DFL };
  struct sigaction at_child;
  sigset_t awaited, before;
  GPid parent = getpid ();
  int status, error, fds[2];
  GPid child;
  gsize i;

  *failure = TOOL_RUN_FAILED;

  /* Who started us may have chosen not to hear of its children; we have to. */
  sigaction (SIGCHLD, &usual, &at_child);
  sigemptyset (&awaited);
  sigaddset (&awaited, SIGCHLD);
  for (i = 0; i < G_N_ELEMENTS (forwarded); i++)
    sigaddset (&awaited, forwarded[i]);
  sigprocmask (SIG_BLOCK, &awaited, &before);

  if (pipe2 (fds, O_CLOEXEC) != 0)
    {
      tool_print_error (_("Could not start “%s”: %s"), command[0], g_strerror (errno));
      return -1;
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
    status = wait_for_command (child, &awaited);
  if (child > 0 && error == 0)
    return status;

  tool_print_error (_("Could not start “%s”: %s"), command[0], g_strerror (error));
  if (child > 0)
    *failure = error == ENOENT ? TOOL_RUN_NO_COMMAND : TOOL_RUN_NOT_EXECUTABLE;

  return -1;
}

static SsemSystemSemaphore *
acquire (const ToolRun  *wishes,
         GError        **error)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;

  semaphore = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, error,
                              "key", wishes->key,
                              "initial-value",
                              wishes->n_count > 0 ? wishes->n_count : wishes->n_units,
                              "mode", SSEM_ACCESS_MODE_OPEN,
                              "backend", tool_backend,
                              NULL);
  if (semaphore == NULL ||
      !ssem_system_semaphore_acquire_timeout (semaphore, wishes->n_units, wishes->wait_usec, NULL,
                                              error))
    return NULL;

  return g_steal_pointer (&semaphore);
}

gboolean
tool_run_parse (int       argc,
                char    **argv,
                ToolRun  *wishes,
                int      *status)
{
  g_autofree char *count = NULL;
  g_autofree char *units = NULL;
  g_autofree char *wait = NULL;
  g_autofree char *conflict = NULL;
  gboolean never_waits = FALSE;
  GOptionEntry entries[] = {
    { "count", 'c', 0, G_OPTION_ARG_STRING, &count,
      N_("How many units the semaphore has, where it is not there yet"), N_("NUMBER") },
    { "units", 'u', 0, G_OPTION_ARG_STRING, &units,
      N_("How many units to hold: 1, unless given"), N_("NUMBER") },
    { "wait", 'w', 0, G_OPTION_ARG_STRING, &wait,
      N_("How long to wait for them: for ever, unless given"), N_("SECONDS") },
    { "nonblock", 'n', 0, G_OPTION_ARG_NONE, &never_waits,
      N_("Do not wait at all"), NULL },
    { "conflict-exit-code", 'E', 0, G_OPTION_ARG_STRING, &conflict,
      N_("How to end where the units did not come: 124, unless given"), N_("NUMBER") },
    G_OPTION_ENTRY_NULL,
  };
  guint64 number = TOOL_RUN_CONFLICT;

  *status = TOOL_RUN_FAILED;
  *wishes = (ToolRun) { .n_units = 1, .wait_usec = -1 };
  if (!tool_parse (&argc, &argv, _("KEY -- COMMAND [ARGUMENT…]"),
                   _("Holds units of a semaphore while a command runs, and ends as it does."),
                   entries, TRUE, status))
    return FALSE;

  if (wait != NULL && never_waits)
    {
      tool_print_error ("%s", _("--wait and --nonblock exclude each other"));
      return FALSE;
    }
  if (conflict != NULL && !g_ascii_string_to_unsigned (conflict, 10, 0, 255, &number, NULL))
    {
      tool_print_error (_("“%s” is not a number from 0 to 255"), conflict);
      return FALSE;
    }
  wishes->conflict_status = (int) number;
  if (never_waits)
    wishes->wait_usec = 0;
  if ((units != NULL && !tool_parse_units (units, 1, &wishes->n_units)) ||
      (count != NULL && !tool_parse_units (count, 1, &wishes->n_count)) ||
      (wait != NULL && !tool_parse_seconds (wait, &wishes->wait_usec)))
    return FALSE;
  if (count != NULL && wishes->n_count < wishes->n_units)
    {
      tool_print_error (_("--units (%d) is more than --count (%d)"), wishes->n_units,
                        wishes->n_count);
      return FALSE;
    }

  wishes->key = argv[1];
  wishes->command = argc > 1 ? argv + 2 : argv + 1;
  if (argc > 2 && g_str_equal (*wishes->command, "--"))
    wishes->command++;
  if (argc <= 1 || *wishes->command == NULL)
    {
      tool_print_error ("%s", _("A key and a command are needed"));
      tool_fail_usage (argv[0]);
      return FALSE;
    }

  return TRUE;
}

int
tool_run (int    argc,
          char **argv)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  ToolRun wishes;
  int failure, status;

  if (!tool_run_parse (argc, argv, &wishes, &status))
    return status;

  semaphore = acquire (&wishes, &error);
  if (semaphore == NULL)
    {
      tool_print_error ("%s", error->message);
      return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ||
             g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)
             ? wishes.conflict_status
             : TOOL_RUN_FAILED;
    }

  status = run_command (wishes.command, &failure);

  if (!ssem_system_semaphore_release (semaphore, wishes.n_units, &error))
    tool_print_error ("%s", error->message);
  g_clear_object (&semaphore);

  return status >= 0 ? end_like (status) : failure;
}
