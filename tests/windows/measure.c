/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "start-win32.h"

#include <ssem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The figures of docs/performance.md about Windows. No test runs this program:
 *
 *   measure              prints all figures
 *   measure hold KEY     acquires the unit of the key, sets the event of that name, and stays
 */

#define N_ROUNDS 40
#define N_PAIRS 200000
#define N_KERNEL_PAIRS 10000
#define PATIENCE_MSEC 60000

static double frequency; /* of the counter, in ticks a microsecond */

static gint64
get_ticks (void)
{
  LARGE_INTEGER now;

  QueryPerformanceCounter (&now);

  return now.QuadPart;
}

static int
compare (gconstpointer a,
         gconstpointer b)
{
  double left = *(const double *) a, right = *(const double *) b;

  return left < right ? -1 : left > right;
}

static double
get_median (double *figures)
{
  qsort (figures, N_ROUNDS, sizeof *figures, compare);

  return figures[N_ROUNDS / 2];
}

static SsemSystemSemaphore *
open_key (const char  *key,
          SsemBackend  backend)
{
  g_autoptr(GError) error = NULL;
  SsemSystemSemaphore *semaphore =
    g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, &error, "key", key, "initial-value", 1,
                    "backend", backend, NULL);

  if (semaphore == NULL)
    g_error ("%s", error->message);

  return semaphore;
}

/* --- Pairs --- */

static double
measure_pairs (SsemBackend backend,
               int         n)
{
  g_autoptr(SsemSystemSemaphore) semaphore = open_key ("measure pairs", backend);
  gint64 begin = get_ticks ();
  int i;

  for (i = 0; i < n; i++)
    {
      if (!ssem_system_semaphore_acquire (semaphore, 1, NULL, NULL) ||
          !ssem_system_semaphore_release (semaphore, 1, NULL))
        g_error ("A pair failed");
    }

  return (double) (get_ticks () - begin) / frequency / n;
}

static double
measure_kernel_pairs (int n)
{
  HANDLE semaphore = CreateSemaphoreW (NULL, 1, 1, L"ssem-measure");
  gint64 begin = get_ticks ();
  int i;

  for (i = 0; i < n; i++)
    {
      if (WaitForSingleObject (semaphore, INFINITE) != WAIT_OBJECT_0 ||
          !ReleaseSemaphore (semaphore, 1, NULL))
        g_error ("A pair failed");
    }
  CloseHandle (semaphore);

  return (double) (get_ticks () - begin) / frequency / n;
}

/* --- Deaths --- */

static int
hold (const char *key)
{
  g_autoptr(SsemSystemSemaphore) semaphore = open_key (key, SSEM_BACKEND_SHARED_MEMORY);
  g_autofree gunichar2 *name = g_utf8_to_utf16 (key, -1, NULL, NULL, NULL);
  HANDLE event = OpenEventW (EVENT_MODIFY_STATE, FALSE, (LPCWSTR) name);

  if (event == NULL || !ssem_system_semaphore_acquire (semaphore, 1, NULL, NULL))
    return 1;
  SetEvent (event);
  Sleep (PATIENCE_MSEC);

  return 0;
}

/* Starts a process that holds the unit. */
static HANDLE
start_holder (const char *key)
{
  g_autofree gunichar2 *name = g_utf8_to_utf16 (key, -1, NULL, NULL, NULL);
  HANDLE event = CreateEventW (NULL, FALSE, FALSE, (LPCWSTR) name);
  wchar_t program[MAX_PATH];
  g_autofree char *path = NULL;
  g_autofree char *line = NULL;
  g_autofree gunichar2 *wide_line = NULL;
  STARTUPINFOW startup = { .cb = sizeof startup };
  PROCESS_INFORMATION process;

  GetModuleFileNameW (NULL, program, MAX_PATH);
  path = g_utf16_to_utf8 ((const gunichar2 *) program, -1, NULL, NULL, NULL);
  line = g_strdup_printf ("\"%s\" hold \"%s\"", path, key);
  wide_line = g_utf8_to_utf16 (line, -1, NULL, NULL, NULL);
  if (!start_process ((wchar_t *) wide_line, FALSE, 0, &startup, &process) ||
      WaitForSingleObject (event, PATIENCE_MSEC) != WAIT_OBJECT_0)
    g_error ("A holder did not start");
  CloseHandle (process.hThread);
  CloseHandle (event);

  return process.hProcess;
}

typedef struct
{
  SsemSystemSemaphore *semaphore;
  HANDLE process; /* or NULL: wait for the semaphore */
  gint64 awake;
} Waiter;

static gpointer
wait_in_thread (gpointer data)
{
  Waiter *self = data;

  if (self->process != NULL)
    WaitForSingleObject (self->process, PATIENCE_MSEC);
  else if (!ssem_system_semaphore_acquire (self->semaphore, 1, NULL, NULL))
    g_error ("A wait failed");
  self->awake = get_ticks ();

  return NULL;
}

/* Returns how long after the kill of a process another thread is awake that waits for the unit of
 * the process, or for the process itself. */
static double
measure_death (int      round,
               gboolean is_bare)
{
  g_autofree char *key = g_strdup_printf ("measure death %lu %d", GetCurrentProcessId (), round);
  g_autoptr(SsemSystemSemaphore) semaphore = open_key (key, SSEM_BACKEND_SHARED_MEMORY);
  HANDLE process = start_holder (key);
  Waiter waiter = { semaphore, is_bare ? process : NULL, 0 };
  GThread *thread = g_thread_new ("waiter", wait_in_thread, &waiter);
  gint64 begin;

  /* Time to fall asleep, and for the second look of a listener to pass. */
  Sleep (100);
  begin = get_ticks ();
  TerminateProcess (process, 1);
  g_thread_join (thread);
  CloseHandle (process);

  return (double) (waiter.awake - begin) / frequency;
}

int
main (int    argc,
      char **argv)
{
  LARGE_INTEGER ticks;
  double figures[N_ROUNDS], kernel[N_ROUNDS];
  int i;

  if (argc == 3 && strcmp (argv[1], "hold") == 0)
    return hold (argv[2]);

  QueryPerformanceFrequency (&ticks);
  frequency = (double) ticks.QuadPart / G_USEC_PER_SEC;
  for (i = 0; i < N_ROUNDS; i++)
    {
      figures[i] = measure_pairs (SSEM_BACKEND_SHARED_MEMORY, N_PAIRS);
      kernel[i] = measure_kernel_pairs (N_KERNEL_PAIRS);
    }
  printf ("pair: shared memory %.3f us, the system's semaphore %.3f us\n", get_median (figures),
          get_median (kernel));
  for (i = 0; i < N_ROUNDS; i++)
    {
      figures[i] = measure_death (i, FALSE);
      kernel[i] = measure_death (i, TRUE);
    }
  printf ("death: a wait for the unit %.0f us, for the process %.0f us\n", get_median (figures),
          get_median (kernel));

  return 0;
}
