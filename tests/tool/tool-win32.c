/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "tool-win32.h"

#include "helper.h"
#include "start-win32.h"

#include <stdio.h>

static HANDLE
new_job (void)
{
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {
    .BasicLimitInformation.LimitFlags =
      JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_BREAKAWAY_OK,
  };
  HANDLE job = CreateJobObjectW (NULL, NULL);

  g_assert_nonnull (job);
  g_assert_true (SetInformationJobObject (job, JobObjectExtendedLimitInformation, &limits,
                                          sizeof limits));

  return job;
}

/* The program inherits one end. */
static void
make_pipe (HANDLE   *ours,
           HANDLE   *theirs,
           gboolean  they_read)
{
  SECURITY_ATTRIBUTES inherited = { .nLength = sizeof inherited, .bInheritHandle = TRUE };
  HANDLE read_end, write_end;

  g_assert_true (CreatePipe (&read_end, &write_end, &inherited, 0));
  *ours = they_read ? write_end : read_end;
  *theirs = they_read ? read_end : write_end;
  g_assert_true (SetHandleInformation (*ours, HANDLE_FLAG_INHERIT, 0));
}

Program *
program_start (const char *format,
               ...)
{
  STARTUPINFOW startup = { .cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES };
  g_autofree gunichar2 *wide_line = NULL;
  g_autofree char *line = NULL;
  PROCESS_INFORMATION process;
  Program *self = g_new0 (Program, 1);
  va_list arguments;

  va_start (arguments, format);
  line = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  wide_line = g_utf8_to_utf16 (line, -1, NULL, NULL, NULL);
  g_test_message ("%s", line);

  self->job = new_job ();
  make_pipe (&self->input, &startup.hStdInput, TRUE);
  make_pipe (&self->output, &startup.hStdOutput, FALSE);
  make_pipe (&self->errors, &startup.hStdError, FALSE);
  if (!start_process ((wchar_t *) wide_line, TRUE, CREATE_SUSPENDED | CREATE_NO_WINDOW, &startup,
                      &process))
    g_error ("%s: error %lu", line, GetLastError ());
  g_assert_true (AssignProcessToJobObject (self->job, process.hProcess));
  ResumeThread (process.hThread);
  CloseHandle (process.hThread);
  CloseHandle (startup.hStdInput);
  CloseHandle (startup.hStdOutput);
  CloseHandle (startup.hStdError);
  self->process = process.hProcess;
  self->pid = process.dwProcessId;

  return self;
}

/* Returns the text up to @end, or up to the end of the stream, without '\r'. The watchdog ends a
 * test that waits too long. */
static char *
read_until (HANDLE stream,
            int    end)
{
  GString *text = g_string_new (NULL);
  DWORD n_read;
  char c;

  while (ReadFile (stream, &c, 1, &n_read, NULL) && n_read == 1 && (guchar) c != end)
    {
      if (c != '\r')
        g_string_append_c (text, c);
    }

  return g_string_free (text, FALSE);
}

char *
program_read_line (Program *self)
{
  return read_until (self->output, '\n');
}

DWORD
program_end (Program  *self,
             char    **output,
             char    **errors)
{
  DWORD code;

  g_clear_pointer (&self->input, CloseHandle);
  if (output != NULL)
    *output = read_until (self->output, EOF);
  if (errors != NULL)
    *errors = read_until (self->errors, EOF);
  if (WaitForSingleObject (self->process, WATCHDOG_USEC / 1000) != WAIT_OBJECT_0)
    g_error ("A program did not end");
  g_assert_true (GetExitCodeProcess (self->process, &code));

  return code;
}

void
program_kill (Program *self)
{
  g_assert_true (TerminateProcess (self->process, 1));
  g_assert_cmpint (WaitForSingleObject (self->process, WATCHDOG_USEC / 1000), ==, WAIT_OBJECT_0);
}

gboolean
program_has_said_something (Program *self)
{
  DWORD n_bytes = 0;

  g_assert_true (PeekNamedPipe (self->output, NULL, 0, NULL, &n_bytes, NULL));

  return n_bytes > 0;
}

/* In wine, the console of a program is a process in its job, which may outlive the program. */
static gboolean
is_console (DWORD pid)
{
  HANDLE process = OpenProcess (PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
  wchar_t name[MAX_PATH];
  DWORD length = G_N_ELEMENTS (name);
  g_autofree char *path = NULL;

  if (process == NULL)
    return FALSE;
  if (QueryFullProcessImageNameW (process, 0, name, &length))
    path = g_utf16_to_utf8 ((const gunichar2 *) name, length, NULL, NULL, NULL);
  CloseHandle (process);

  return path != NULL && g_str_has_suffix (path, "\\conhost.exe");
}

gboolean
program_has_processes (Program *self)
{
  union
  {
    JOBOBJECT_BASIC_PROCESS_ID_LIST list;
    char room[sizeof (JOBOBJECT_BASIC_PROCESS_ID_LIST) + 16 * sizeof (ULONG_PTR)];
  } found = { 0 };
  DWORD i;

  g_assert_true (QueryInformationJobObject (self->job, JobObjectBasicProcessIdList, &found,
                                            sizeof found, NULL));
  for (i = 0; i < found.list.NumberOfProcessIdsInList; i++)
    {
      if (!is_console ((DWORD) found.list.ProcessIdList[i]))
        return TRUE;
    }

  return FALSE;
}

void
program_free (Program *self)
{
  g_clear_pointer (&self->job, CloseHandle);
  g_clear_pointer (&self->process, CloseHandle);
  g_clear_pointer (&self->input, CloseHandle);
  g_clear_pointer (&self->output, CloseHandle);
  g_clear_pointer (&self->errors, CloseHandle);
  g_free (self);
}

gboolean
is_alive (DWORD pid)
{
  HANDLE process = OpenProcess (SYNCHRONIZE, FALSE, pid);
  gboolean alive;

  if (process == NULL)
    return FALSE;
  alive = WaitForSingleObject (process, 0) == WAIT_TIMEOUT;
  CloseHandle (process);

  return alive;
}
