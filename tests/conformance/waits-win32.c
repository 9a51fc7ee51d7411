/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "waits-win32.h"

#include "imports-win32.h"

typedef DWORD (WINAPI * WaitFunc) (DWORD         n_handles,
                                   const HANDLE *handles,
                                   BOOL          waits_for_all,
                                   DWORD         timeout_msec);

static WaitFunc system_wait;
static volatile LONG *n_waits;

static HANDLE
open_counter (DWORD     pid,
              gboolean  is_own)
{
  g_autofree char *name = g_strdup_printf ("ssem-test-waits-%lu", pid);
  g_autofree gunichar2 *wide_name = g_utf8_to_utf16 (name, -1, NULL, NULL, NULL);

  if (is_own)
    return CreateFileMappingW (INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, sizeof (LONG),
                               (LPCWSTR) wide_name);

  return OpenFileMappingW (FILE_MAP_READ, FALSE, (LPCWSTR) wide_name);
}

static DWORD WINAPI
counting_wait (DWORD         n_handles,
               const HANDLE *handles,
               BOOL          waits_for_all,
               DWORD         timeout_msec)
{
  DWORD result;

  if (timeout_msec == 0)
    return system_wait (n_handles, handles, waits_for_all, timeout_msec);

  InterlockedIncrement (n_waits);
  result = system_wait (n_handles, handles, waits_for_all, timeout_msec);
  InterlockedDecrement (n_waits);

  return result;
}

void
waits_watch (void)
{
  HANDLE counter = open_counter (GetCurrentProcessId (), TRUE);

  g_assert_nonnull (counter);
  n_waits = MapViewOfFile (counter, FILE_MAP_WRITE, 0, 0, sizeof (LONG));
  g_assert (n_waits != NULL);

  system_wait = (WaitFunc) imports_replace ("WaitForMultipleObjects", (gpointer) counting_wait);
}

guint
waits_count (DWORD pid)
{
  HANDLE counter = open_counter (pid, FALSE);
  const volatile LONG *n;
  guint result = 0;

  if (counter == NULL)
    return 0;

  n = MapViewOfFile (counter, FILE_MAP_READ, 0, 0, sizeof (LONG));
  if (n != NULL)
    {
      result = (guint) *n;
      UnmapViewOfFile ((LPCVOID) n);
    }
  CloseHandle (counter);

  return result;
}
