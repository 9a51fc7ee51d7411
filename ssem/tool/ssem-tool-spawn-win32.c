/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include <string.h>
#include <windows.h>

/* Death
 *
 * Before this process creates the command, it enters a job object and keeps the only handle of the
 * job. Its new children are members of the job from the beginning. If this process is killed, the
 * system closes the handle. That kills all members of the job: the command and the processes that
 * it has started, except those started with CREATE_BREAKAWAY_FROM_JOB.
 *
 * When the command has ended, this process removes the limit from the job. Processes that the
 * command leaves in the background then continue, as on other systems.
 *
 * Interrupts
 *
 * Ctrl-C and Ctrl-Break reach every process of the console, the command too. In this process, they
 * call a handler in a thread of the system, which only cancels the wait for units: if this process
 * ended right after it acquired units, these units would be lost. When the console is closed, the
 * same handler delays the end of this process, so that the command can end and the units be
 * released.
 */

/* The exit status of a program that Ctrl-C ends. */
#define INTERRUPTED_STATUS ((int) STATUS_CONTROL_C_EXIT)

/* Cancels the wait for units. Constant after the handler is set. */
static GCancellable *wait_cancellable;

static BOOL WINAPI
console_event_cb (DWORD event)
{
  g_cancellable_cancel (wait_cancellable);

  /* The system kills the process when the handler returns, or after some seconds. */
  if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT)
    Sleep (INFINITE);

  return TRUE;
}

gboolean
tool_fork_if_process_1 (int *status)
{
  /* Windows has no process with the duties of process 1. */
  return TRUE;
}

GCancellable *
tool_catch_interrupts (int *status)
{
  wait_cancellable = g_cancellable_new ();
  *status = INTERRUPTED_STATUS;
  SetConsoleCtrlHandler (console_event_cb, TRUE);

  return wait_cancellable;
}

/* --- The command line --- */

static void
append_backslashes (GString *line,
                    gsize    n)
{
  gsize i;

  for (i = 0; i < n; i++)
    g_string_append_c (line, '\\');
}

/* Appends @argument, quoted as the C run-time of Windows parses it. Backslashes are literal unless
 * a quotation mark follows. Before a quotation mark, each backslash is doubled, and one more
 * backslash makes the mark literal. */
static void
append_argument (GString    *line,
                 const char *argument)
{
  gsize n_backslashes = 0;

  if (*argument != '\0' && argument[strcspn (argument, " \t\n\v\"")] == '\0')
    {
      g_string_append (line, argument);
      return;
    }

  g_string_append_c (line, '"');
  for (; *argument != '\0'; argument++)
    {
      if (*argument == '"')
        append_backslashes (line, n_backslashes + 1);
      n_backslashes = *argument == '\\' ? n_backslashes + 1 : 0;
      g_string_append_c (line, *argument);
    }
  append_backslashes (line, n_backslashes);
  g_string_append_c (line, '"');
}

static gunichar2 *
make_command_line (char **command)
{
  g_autoptr(GString) line = g_string_new (NULL);
  int i;

  /* Simpler rules apply to the program's name, which cannot contain a quotation mark. */
  g_string_append_printf (line, "\"%s\"", command[0]);
  for (i = 1; command[i] != NULL; i++)
    {
      g_string_append_c (line, ' ');
      append_argument (line, command[i]);
    }

  return g_utf8_to_utf16 (line->str, -1, NULL, NULL, NULL);
}

/* Returns the path of the program. If there is none, returns @name: starting it then fails with the
 * reason of the system. */
static char *
find_program (const char *name)
{
  g_autofree char *name_exe = g_strconcat (name, ".exe", NULL);
  char *program = g_find_program_in_path (name);

  /* GLib adds no extension to a name that contains a dot. */
  if (program == NULL)
    program = g_find_program_in_path (name_exe);

  return program != NULL ? program : g_strdup (name);
}

static gboolean
is_batch_file (const char *program)
{
  g_autofree char *folded = g_ascii_strdown (program, -1);

  return g_str_has_suffix (folded, ".bat") || g_str_has_suffix (folded, ".cmd");
}

/* --- The process --- */

static gboolean
set_job_limits (HANDLE job,
                DWORD  flags)
{
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = { .BasicLimitInformation.LimitFlags = flags };

  return SetInformationJobObject (job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
}

/* Puts this process into a new job that ends with this process. Returns NULL on error. */
static HANDLE
enter_job (void)
{
  HANDLE job = CreateJobObjectW (NULL, NULL);
  DWORD error;

  if (job != NULL &&
      set_job_limits (job, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_BREAKAWAY_OK) &&
      AssignProcessToJobObject (job, GetCurrentProcess ()))
    return job;

  error = GetLastError ();
  g_clear_pointer (&job, CloseHandle);
  SetLastError (error);

  return NULL;
}

static HANDLE
get_inheritable_stream (DWORD which)
{
  HANDLE stream = GetStdHandle (which);

  /* This fails without harm if there is no stream, or if it is a console of an old system. */
  SetHandleInformation (stream, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);

  return stream;
}

/* Returns the handle of the new process, or NULL on error. */
static HANDLE
start_process (const char  *program,
               char       **command)
{
  g_autofree gunichar2 *wide_program = g_utf8_to_utf16 (program, -1, NULL, NULL, NULL);
  g_autofree gunichar2 *line = make_command_line (command);
  STARTUPINFOW startup = { .cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES };
  PROCESS_INFORMATION process;

  startup.hStdInput = get_inheritable_stream (STD_INPUT_HANDLE);
  startup.hStdOutput = get_inheritable_stream (STD_OUTPUT_HANDLE);
  startup.hStdError = get_inheritable_stream (STD_ERROR_HANDLE);
  if (!CreateProcessW ((LPCWSTR) wide_program, (LPWSTR) line, NULL, NULL, TRUE, 0, NULL, NULL,
                       &startup, &process))
    return NULL;

  CloseHandle (process.hThread);

  return process.hProcess;
}

static int
status_for_error (DWORD error)
{
  return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND ||
         error == ERROR_INVALID_NAME || error == ERROR_BAD_PATHNAME
         ? TOOL_RUN_NO_COMMAND : TOOL_RUN_NOT_EXECUTABLE;
}

static gboolean
fail_to_start (const char *name,
               DWORD       error)
{
  g_autofree char *message = g_win32_error_message ((int) error);
  /* Some messages of the system contain a placeholder for the name. */
  g_auto(GStrv) parts = g_strsplit (message, "%1", -1);
  g_autofree char *reason = g_strjoinv (name, parts);

  tool_print_error (_("Could not start “%s”: %s"), name, reason);

  return FALSE;
}

/* A cancellable ends the wait in good order. */
gboolean
tool_interrupt_begin (SsemInstance *semaphore)
{
  return TRUE;
}

int
tool_interrupt_end (void)
{
  return 0;
}

static void
wake (gpointer data)
{
  SetEvent (data);
}

/* Waits until @process has ended, and ends it if the units are lost. A program cannot be asked to
 * end: so it gets no time. */
static void
wait_for_process (HANDLE     process,
                  ToolGuard *guard)
{
  HANDLE events[] = { process, CreateEventW (NULL, TRUE, FALSE, NULL) };
  g_autoptr(GError) error = NULL;
  ToolLoss *loss;

  if (!tool_loss_watch (guard->semaphore, wake, events[1], &loss, &error))
    tool_print_error (_("Could not start a thread: %s"), error->message);
  WaitForMultipleObjects (2, events, FALSE, INFINITE);
  guard->is_lost = tool_loss_has_happened (loss);
  if (guard->is_lost)
    TerminateProcess (process, TOOL_RUN_LOST);
  WaitForSingleObject (process, INFINITE);
}

gboolean
tool_run_command (char      **command,
                  ToolGuard  *guard,
                  int        *status)
{
  g_autofree char *program = find_program (command[0]);
  g_autofree char *token = g_strdup_printf ("%" G_GUINT64_FORMAT, guard->fencing_token);
  HANDLE job, process;
  DWORD code = 0;

  if (g_cancellable_is_cancelled (wait_cancellable))
    {
      *status = INTERRUPTED_STATUS;
      return FALSE;
    }

  /* The system starts a batch file with cmd.exe, which parses the command line by other rules.
   * Arguments could then become commands. */
  if (is_batch_file (program))
    {
      tool_print_error (_("Could not start “%s”: %s"), command[0],
                        _("It is a batch file; write “cmd /c” before its name"));
      *status = TOOL_RUN_NOT_EXECUTABLE;
      return FALSE;
    }

  job = enter_job ();
  if (job == NULL)
    {
      *status = TOOL_RUN_FAILED;
      return fail_to_start (command[0], GetLastError ());
    }

  if (guard->fencing_token != 0)
    g_setenv ("SSEM_FENCING_TOKEN", token, TRUE);
  else
    g_unsetenv ("SSEM_FENCING_TOKEN");
  process = start_process (program, command);
  if (process == NULL)
    {
      DWORD error = GetLastError ();

      *status = status_for_error (error);
      set_job_limits (job, 0);
      return fail_to_start (command[0], error);
    }

  wait_for_process (process, guard);
  GetExitCodeProcess (process, &code);
  CloseHandle (process);
  set_job_limits (job, 0);
  *status = (int) code;

  return TRUE;
}

int
tool_exit_like (int status)
{
  return status;
}
