/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "helper.h"

#include "helper-private.h"
#include "start-win32.h"
#include "waits-win32.h"

#include <fcntl.h>
#include <io.h>
#include <string.h>
#include <windows.h>
#include <winternl.h>
#include <tlhelp32.h>

/* An exit code that no program has by itself; the number of the signal is added. */
#define ENDED_BY_SIGNAL 0x7ee70000

#define LOOK_EVERY_MSEC 1

/* In no header, but there since Windows XP. */
NTSYSAPI NTSTATUS NTAPI NtSuspendProcess (HANDLE process);
NTSYSAPI NTSTATUS NTAPI NtResumeProcess  (HANDLE process);

/* --- Blocked threads --- */

gboolean
are_blocked (SsemBackend backend,
             pid_t       pid,
             guint       n_threads)
{
  return waits_count ((DWORD) pid) >= n_threads;
}

typedef HRESULT (WINAPI * GetNameFunc) (HANDLE  thread,
                                        PWSTR  *name);

static gboolean
has_name (HANDLE      thread,
          const char *name)
{
  /* There since Windows 10, and not in all headers. */
  GetNameFunc get_name =
    (GetNameFunc) (gpointer) GetProcAddress (GetModuleHandleW (L"kernel32"),
                                             "GetThreadDescription");
  g_autofree char *found = NULL;
  PWSTR description = NULL;

  if (get_name == NULL || FAILED (get_name (thread, &description)))
    return FALSE;
  found = g_utf16_to_utf8 ((const gunichar2 *) description, -1, NULL, NULL, NULL);
  LocalFree (description);

  return g_strcmp0 (found, name) == 0;
}

typedef gboolean (* ThreadFunc) (HANDLE         thread,
                                 gconstpointer  data);

/* How many threads of the process @func answers TRUE for. */
static guint
count_threads_if (pid_t          pid,
                  ThreadFunc     func,
                  gconstpointer  data)
{
  HANDLE snapshot = CreateToolhelp32Snapshot (TH32CS_SNAPTHREAD, 0);
  THREADENTRY32 entry = { .dwSize = sizeof entry };
  guint n = 0;
  BOOL is_there;

  g_assert (snapshot != INVALID_HANDLE_VALUE);
  for (is_there = Thread32First (snapshot, &entry); is_there;
       is_there = Thread32Next (snapshot, &entry))
    {
      HANDLE thread;

      if (entry.th32OwnerProcessID != (DWORD) pid)
        continue;
      thread = OpenThread (THREAD_ALL_ACCESS, FALSE, entry.th32ThreadID);
      if (thread == NULL)
        continue;
      if (func (thread, data))
        n++;
      CloseHandle (thread);
    }
  CloseHandle (snapshot);

  return n;
}

static gboolean
is_named (HANDLE         thread,
          gconstpointer  data)
{
  return data == NULL || has_name (thread, data);
}

guint
count_threads_named (pid_t       pid,
                     const char *name)
{
  return count_threads_if (pid, is_named, name);
}

/* --- Processes --- */

void
helper_begin_watching (void)
{
  waits_watch ();
}

gpointer
helper_get_job (void)
{
  static HANDLE job;

  if (job == NULL)
    {
      JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {
        .BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
      };

      job = CreateJobObjectW (NULL, NULL);
      g_assert_nonnull (job);
      g_assert_true (SetInformationJobObject (job, JobObjectExtendedLimitInformation,
                                              &limits, sizeof limits));
    }

  return job;
}

/* One end is the child's to inherit. */
static void
make_pipe (HANDLE *ours,
           HANDLE *theirs,
           gboolean they_read)
{
  SECURITY_ATTRIBUTES inherited = { .nLength = sizeof inherited, .bInheritHandle = TRUE };
  HANDLE read_end, write_end;

  g_assert_true (CreatePipe (&read_end, &write_end, &inherited, 0));
  *ours = they_read ? write_end : read_end;
  *theirs = they_read ? read_end : write_end;
  g_assert_true (SetHandleInformation (*ours, HANDLE_FLAG_INHERIT, 0));
}

Helper *
helper_new (SsemBackend backend)
{
  g_autofree char *program = helper_find_program ("test-helper.exe");
  g_autofree char *line = g_strdup_printf ("\"%s\" %d", program, (int) backend);
  g_autofree gunichar2 *wide_line = g_utf8_to_utf16 (line, -1, NULL, NULL, NULL);
  HANDLE commands, their_commands, answers, their_answers;
  STARTUPINFOW startup = { .cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES };
  PROCESS_INFORMATION process;
  Helper *self;

  make_pipe (&commands, &their_commands, TRUE);
  make_pipe (&answers, &their_answers, FALSE);
  startup.hStdInput = their_commands;
  startup.hStdOutput = their_answers;
  startup.hStdError = GetStdHandle (STD_ERROR_HANDLE);

  /* Suspended, so that it cannot be anywhere but in the job. */
  if (!start_process ((wchar_t *) wide_line, TRUE, CREATE_SUSPENDED, &startup, &process))
    g_error ("%s: error %lu", program, GetLastError ());
  g_assert_true (AssignProcessToJobObject (helper_get_job (), process.hProcess));
  ResumeThread (process.hThread);
  CloseHandle (process.hThread);
  CloseHandle (their_commands);
  CloseHandle (their_answers);

  self = helper_alloc (process.dwProcessId,
                       _open_osfhandle ((intptr_t) commands, _O_BINARY),
                       _open_osfhandle ((intptr_t) answers, _O_BINARY));
  self->process = process.hProcess;

  return self;
}

/* No test comes here: those of fork are for other systems. */
Helper *
helper_fork (Helper *self)
{
  g_assert_not_reached ();
}

gboolean
helper_wait_readable (Helper *self,
                      int     timeout_msec)
{
  HANDLE pipe = (HANDLE) _get_osfhandle (self->answers_fd);
  gint64 deadline_usec = g_get_monotonic_time () + timeout_msec * G_GINT64_CONSTANT (1000);
  DWORD n_bytes = 0;

  for (;;)
    {
      /* Where the other end is gone, reading finds that out. */
      if (!PeekNamedPipe (pipe, NULL, 0, NULL, &n_bytes, NULL) || n_bytes > 0)
        return TRUE;
      if (g_get_monotonic_time () >= deadline_usec)
        return FALSE;
      Sleep (LOOK_EVERY_MSEC);
    }
}

void
helper_clear_process (Helper *self)
{
  g_clear_pointer (&self->process, CloseHandle);
}

static VOID CALLBACK
lived_too_long_cb (PVOID   data,
                   BOOLEAN is_timer)
{
  g_printerr ("A test took too long.\n");
  TerminateProcess (GetCurrentProcess (), 3);
}

void
helper_limit_lifetime (guint seconds)
{
  static HANDLE timer;

  if (timer == NULL)
    g_assert_true (CreateTimerQueueTimer (&timer, NULL, lived_too_long_cb, NULL, INFINITE, 0,
                                          WT_EXECUTEDEFAULT));
  g_assert_true (ChangeTimerQueueTimer (NULL, timer, seconds > 0 ? seconds * 1000 : INFINITE, 0));
}

gboolean
helper_may_change_user (void)
{
  return FALSE;
}

/* --- Ending --- */

void
helper_signal (Helper *self,
               int     number)
{
  g_assert_cmpint (self->pid, >, 0);

  switch (number)
    {
    case SIGSTOP:
      g_assert_cmpint (NtSuspendProcess (self->process), >=, 0);
      break;
    case SIGCONT:
      g_assert_cmpint (NtResumeProcess (self->process), >=, 0);
      break;
    default:
      g_assert_true (TerminateProcess (self->process, ENDED_BY_SIGNAL + number));
      break;
    }
}

/* The system answers only when the thread has really stopped. */
static gboolean
has_stopped (HANDLE         thread,
             gconstpointer  data)
{
  CONTEXT context = { .ContextFlags = CONTEXT_CONTROL };

  return GetThreadContext (thread, &context);
}

void
helper_stop (Helper *self)
{
  helper_signal (self, SIGSTOP);
  g_assert_cmpuint (count_threads_if (self->pid, has_stopped, NULL), >, 0);
}

int
helper_reap (Helper *self)
{
  DWORD code = 0;

  g_assert_cmpint (self->pid, >, 0);
  if (WaitForSingleObject (self->process, WATCHDOG_USEC / 1000) != WAIT_OBJECT_0)
    g_error ("Helper %d did not end", (int) self->pid);
  g_assert_true (GetExitCodeProcess (self->process, &code));
  self->pid = 0;

  return (int) code;
}

void
helper_kill (Helper *self)
{
  helper_signal (self, SIGKILL);
  g_assert_cmpint (helper_reap (self), ==, ENDED_BY_SIGNAL + SIGKILL);
}

void
helper_exec (Helper *self)
{
  helper_run_expect_ok (self, "exec");
}

void
helper_quit (Helper *self)
{
  helper_send (self, "quit");
  g_assert_cmpint (helper_reap (self), ==, 0);
}
