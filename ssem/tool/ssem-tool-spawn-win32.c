/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include <string.h>
#include <windows.h>

/* Dying together
 *
 * Before the command is created, this process puts itself into a job whose only handle it has. What
 * it creates from then on is born in the job, so there is no moment at which the command is not. If
 * this process is killed, the system closes the handle, and that ends all that are in the job: the
 * command and what the command has started, but for those that were started so that they leave it
 * (CREATE_BREAKAWAY_FROM_JOB).
 *
 * When the command has ended, the limit is taken from the job again: what the command leaves in
 * the background goes on, as on other systems.
 *
 * Keys
 *
 * Ctrl-C and Ctrl-Break reach every process of the console's group, so the command has got them when
 * this one gets them, in a thread that the system makes for that. Here they only cancel the wait for
 * the units: whoever ended just after it had got them would take them along for good. The
 * same handler keeps the system from ending this process at once when the console is closed: the
 * command has to end as well, and then its units are released.
 */

/* What a program ends with that Ctrl-C ends. */
#define ENDED_BY_KEY ((int) STATUS_CONTROL_C_EXIT)

/* Constant once the handler is there. */
static GCancellable *waiting;

static BOOL WINAPI
key_pressed_cb (DWORD event)
{
  g_cancellable_cancel (waiting);

  /* The system ends the process when this returns, or when some seconds are over. */
  if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT)
    Sleep (INFINITE);

  return TRUE;
}

gboolean
tool_leave_process_1 (int *status)
{
  /* No process is special. */
  return TRUE;
}

GCancellable *
tool_heed_keys (int *status)
{
  waiting = g_cancellable_new ();
  *status = ENDED_BY_KEY;
  SetConsoleCtrlHandler (key_pressed_cb, TRUE);

  return g_object_ref (waiting);
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

/* As programs for Windows take it apart: backslashes mean themselves, unless a quotation mark follows
 * them. Then each of them is doubled, and the mark has one more if it is to mean itself. */
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

  /* The program's name is taken apart by simpler rules, and never has a quotation mark. */
  g_string_append_printf (line, "\"%s\"", command[0]);
  for (i = 1; command[i] != NULL; i++)
    {
      g_string_append_c (line, ' ');
      append_argument (line, command[i]);
    }

  return g_utf8_to_utf16 (line->str, -1, NULL, NULL, NULL);
}

/* Where it is not found, the name itself: the system has the reason. */
static char *
find_program (const char *name)
{
  g_autofree char *with_ending = g_strconcat (name, ".exe", NULL);
  char *program = g_find_program_in_path (name);

  /* The name may have a dot, and yet lack the ending. */
  if (program == NULL)
    program = g_find_program_in_path (with_ending);

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

/* It ends when this process ends; NULL for an error. */
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
get_stream (DWORD which)
{
  HANDLE stream = GetStdHandle (which);

  /* Where there is none, or it is a console of an old system, this does nothing. */
  SetHandleInformation (stream, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);

  return stream;
}

/* NULL for an error. */
static HANDLE
start (const char  *program,
       char       **command)
{
  g_autofree gunichar2 *wide_program = g_utf8_to_utf16 (program, -1, NULL, NULL, NULL);
  g_autofree gunichar2 *line = make_command_line (command);
  STARTUPINFOW startup = { .cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES };
  PROCESS_INFORMATION process;

  startup.hStdInput = get_stream (STD_INPUT_HANDLE);
  startup.hStdOutput = get_stream (STD_OUTPUT_HANDLE);
  startup.hStdError = get_stream (STD_ERROR_HANDLE);
  if (!CreateProcessW ((LPCWSTR) wide_program, (LPWSTR) line, NULL, NULL, TRUE, 0, NULL, NULL,
                       &startup, &process))
    return NULL;

  CloseHandle (process.hThread);

  return process.hProcess;
}

static int
status_for (DWORD error)
{
  return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND ||
         error == ERROR_INVALID_NAME || error == ERROR_BAD_PATHNAME
         ? TOOL_RUN_NO_COMMAND : TOOL_RUN_NOT_EXECUTABLE;
}

static gboolean
fail (const char *name,
      DWORD       error)
{
  g_autofree char *message = g_win32_error_message ((int) error);
  /* Some of the system's messages leave a place for the name. */
  g_auto(GStrv) parts = g_strsplit (message, "%1", -1);
  g_autofree char *reason = g_strjoinv (name, parts);

  tool_print_error (_("Could not start “%s”: %s"), name, reason);

  return FALSE;
}

gboolean
tool_run_command (char **command,
                  int   *status)
{
  g_autofree char *program = find_program (command[0]);
  HANDLE job, process;
  DWORD code = 0;

  if (g_cancellable_is_cancelled (waiting))
    {
      *status = ENDED_BY_KEY;
      return FALSE;
    }

  /* The program that the system would start for it takes a command line apart by other rules, so
   * that arguments could become commands. */
  if (is_batch_file (program))
    {
      tool_print_error (_("Could not start “%s”: %s"), command[0],
                        _("It is a batch file, and needs “cmd /c” before its name"));
      *status = TOOL_RUN_NOT_EXECUTABLE;
      return FALSE;
    }

  job = enter_job ();
  if (job == NULL)
    {
      *status = TOOL_RUN_FAILED;
      return fail (command[0], GetLastError ());
    }

  process = start (program, command);
  if (process == NULL)
    {
      DWORD error = GetLastError ();

      *status = status_for (error);
      set_job_limits (job, 0);
      return fail (command[0], error);
    }

  WaitForSingleObject (process, INFINITE);
  GetExitCodeProcess (process, &code);
  CloseHandle (process);
  set_job_limits (job, 0);
  *status = (int) code;

  return TRUE;
}

int
tool_end_like (int status)
{
  return status;
}
