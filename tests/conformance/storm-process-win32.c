/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "storm-work.h"

#include "helper-private.h"
#include "start-win32.h"

/* An exit code that no program has by itself. */
#define KILLED 0x7ee70009

/* To start a program under wine takes about that long. */
const int storm_max_pause_usec = 100000;

/* A worker opens the board by the name of this process: see storm-worker-win32.c. */
static HANDLE board_section;

Board *
storm_board_new (void)
{
  g_autofree char *name = g_strdup_printf ("ssem-test-storm-%lu", GetCurrentProcessId ());
  g_autofree gunichar2 *wide_name = g_utf8_to_utf16 (name, -1, NULL, NULL, NULL);
  Board *board;

  board_section = CreateFileMappingW (INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, sizeof *board,
                                      (LPCWSTR) wide_name);
  g_assert_nonnull (board_section);
  g_assert_cmpint (GetLastError (), ==, ERROR_SUCCESS);
  board = MapViewOfFile (board_section, FILE_MAP_WRITE, 0, 0, sizeof *board);
  g_assert_true (board != NULL);

  return board;
}

void
storm_board_free (Board *board)
{
  UnmapViewOfFile (board);
  g_clear_pointer (&board_section, CloseHandle);
}

StormProcess
storm_process_start (const Work *work)
{
  g_autofree char *program = helper_find_program ("storm-worker.exe");
  g_autofree char *line =
    g_strdup_printf ("\"%s\" %lu %d %d %d %d %u \"%s\"", program, GetCurrentProcessId (),
                     (int) work->backend, (int) work->kind, work->initial_value, work->index,
                     work->seed, work->key);
  g_autofree gunichar2 *wide_line = g_utf8_to_utf16 (line, -1, NULL, NULL, NULL);
  STARTUPINFOW startup = { .cb = sizeof startup };
  PROCESS_INFORMATION process;

  /* Suspended, so that it cannot be anywhere but in the job. */
  if (!start_process ((wchar_t *) wide_line, FALSE, CREATE_SUSPENDED | BELOW_NORMAL_PRIORITY_CLASS,
                      &startup, &process))
    g_error ("%s: error %lu", program, GetLastError ());
  g_assert_true (AssignProcessToJobObject (helper_get_job (), process.hProcess));
  ResumeThread (process.hThread);
  CloseHandle (process.hThread);

  return (StormProcess) process.hProcess;
}

void
storm_process_kill (StormProcess process)
{
  /* Fails if the process has ended by itself. */
  TerminateProcess ((HANDLE) process, KILLED);
}

StormProcessState
storm_process_look (StormProcess process)
{
  HANDLE handle = (HANDLE) process;
  DWORD code;

  if (WaitForSingleObject (handle, 0) != WAIT_OBJECT_0)
    return STORM_PROCESS_RUNS;
  g_assert_true (GetExitCodeProcess (handle, &code));
  CloseHandle (handle);
  if (code != 0 && code != 1 && code != KILLED)
    g_error ("A worker crashed: %#lx", code);

  return code == KILLED ? STORM_PROCESS_WAS_KILLED : STORM_PROCESS_HAS_ENDED;
}
