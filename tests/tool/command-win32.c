/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The command of `ssem run` in test-run-win32.c: tool-command WHAT [ARGUMENT...]
 *
 *   arguments ARGUMENT...   prints each argument in its own line, in brackets and UTF-8
 *   exit NUMBER             exits with this status
 *   copy                    copies its input to its output, and prints "copied" to standard error
 *   stay                    prints "ready PID", and runs until its input ends
 *   key                     the same, but prints "key NUMBER" for each key, and exits with 9
 *   parent                  starts a child that sleeps, prints "ready PID CHILD", and sleeps
 *   break-away              the same, but the child leaves the job
 *   leave                   starts a child that sleeps, prints "ready PID CHILD", and exits
 *   sleep                   sleeps, longer than any test lasts
 *   press NUMBER PID        presses that key on the console of that process; exits with 0 once the
 *                           key has come, 1 without such a console, 2 without such a key
 */

#include "start-win32.h"

#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

#define PATIENCE_MSEC 60000
#define SLEEP_MSEC    120000

static HANDLE key_pressed;

static BOOL WINAPI
key_pressed_cb (DWORD event)
{
  printf ("key %lu\n", event);
  SetEvent (key_pressed);

  return TRUE;
}

static BOOL WINAPI
key_came_back_cb (DWORD event)
{
  SetEvent (key_pressed);

  return TRUE;
}

static int
press (DWORD event,
       DWORD pid)
{
  FreeConsole ();
  if (!AttachConsole (pid))
    return 1;
  SetConsoleCtrlHandler (key_came_back_cb, TRUE);
  if (!GenerateConsoleCtrlEvent (event, 0))
    return 2;

  return WaitForSingleObject (key_pressed, PATIENCE_MSEC) == WAIT_OBJECT_0 ? 0 : 3;
}

static void
print_argument (const wchar_t *argument)
{
  char text[4096];

  if (WideCharToMultiByte (CP_UTF8, 0, argument, -1, text, sizeof text, NULL, NULL) == 0)
    abort ();
  printf ("[%s]\n", text);
}

static void
copy (void)
{
  char buffer[512];
  size_t n_read;

  while ((n_read = fread (buffer, 1, sizeof buffer, stdin)) > 0)
    fwrite (buffer, 1, n_read, stdout);
  fputs ("copied\n", stderr);
}

/* Starts a child that inherits no stream. */
static DWORD
start_sleeper (DWORD flags)
{
  STARTUPINFOW startup = { .cb = sizeof startup };
  PROCESS_INFORMATION process;
  wchar_t program[MAX_PATH], line[MAX_PATH + 16];

  GetModuleFileNameW (NULL, program, MAX_PATH);
  swprintf (line, MAX_PATH + 16, L"\"%ls\" sleep", program);
  if (!start_process (line, FALSE, flags, &startup, &process))
    abort ();

  return process.dwProcessId;
}

static void
wait_for_end_of_input (void)
{
  while (getchar () != EOF)
    ;
}

int
main (void)
{
  int n_words = 0, i;
  wchar_t **words = CommandLineToArgvW (GetCommandLineW (), &n_words);
  const wchar_t *what = n_words > 1 ? words[1] : L"";

  _setmode (0, _O_BINARY);
  _setmode (1, _O_BINARY);
  setvbuf (stdout, NULL, _IONBF, 0);
  key_pressed = CreateEventW (NULL, TRUE, FALSE, NULL);

  if (wcscmp (what, L"arguments") == 0)
    {
      for (i = 2; i < n_words; i++)
        print_argument (words[i]);
    }
  else if (wcscmp (what, L"exit") == 0)
    ExitProcess (wcstoul (words[2], NULL, 0));
  else if (wcscmp (what, L"copy") == 0)
    copy ();
  else if (wcscmp (what, L"stay") == 0)
    {
      printf ("ready %lu\n", GetCurrentProcessId ());
      wait_for_end_of_input ();
    }
  else if (wcscmp (what, L"key") == 0)
    {
      SetConsoleCtrlHandler (key_pressed_cb, TRUE);
      printf ("ready %lu\n", GetCurrentProcessId ());
      wait_for_end_of_input ();
      return 9;
    }
  else if (wcscmp (what, L"parent") == 0)
    {
      printf ("ready %lu %lu\n", GetCurrentProcessId (), start_sleeper (0));
      Sleep (SLEEP_MSEC);
    }
  else if (wcscmp (what, L"break-away") == 0)
    {
      printf ("ready %lu %lu\n", GetCurrentProcessId (),
              start_sleeper (CREATE_BREAKAWAY_FROM_JOB));
      Sleep (SLEEP_MSEC);
    }
  else if (wcscmp (what, L"leave") == 0)
    printf ("ready %lu %lu\n", GetCurrentProcessId (), start_sleeper (0));
  else if (wcscmp (what, L"sleep") == 0)
    Sleep (SLEEP_MSEC);
  else if (wcscmp (what, L"press") == 0)
    return press (wcstoul (words[2], NULL, 10), wcstoul (words[3], NULL, 10));
  else
    return 1;

  return 0;
}
