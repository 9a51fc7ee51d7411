/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "waits-win32.h"

#include <ssem.h>

/* The library calls WaitForMultipleObjects () through its import table, in which we put our own in
 * its place. Where each such entry lies, the headers of the loaded file tell; see "PE Format" in
 * Microsoft's documentation. */

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

/* Where @library keeps the address of the imported @function. */
static gpointer *
find_import (HMODULE  library,
             gpointer function)
{
  const char *base = (const char *) library;
  const IMAGE_DOS_HEADER *dos = (gconstpointer) base;
  const IMAGE_NT_HEADERS *headers = (gconstpointer) (base + dos->e_lfanew);
  const IMAGE_DATA_DIRECTORY *directory =
    &headers->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT];
  const IMAGE_IMPORT_DESCRIPTOR *import = (gconstpointer) (base + directory->VirtualAddress);

  for (; import->Name != 0; import++)
    {
      gpointer *entry = (gpointer *) (base + import->FirstThunk);

      for (; *entry != NULL; entry++)
        {
          if (*entry == function)
            return entry;
        }
    }

  return NULL;
}

void
waits_watch (void)
{
  HMODULE library = NULL;
  gpointer *entry;
  DWORD protection;
  HANDLE counter;

  counter = open_counter (GetCurrentProcessId (), TRUE);
  g_assert_nonnull (counter);
  n_waits = MapViewOfFile (counter, FILE_MAP_WRITE, 0, 0, sizeof (LONG));
  g_assert (n_waits != NULL);

  system_wait = (WaitFunc) (gpointer) GetProcAddress (GetModuleHandleW (L"kernel32"),
                                                      "WaitForMultipleObjects");
  g_assert_true (GetModuleHandleExW (GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                     GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                                     (LPCWSTR) (gpointer) ssem_system_semaphore_get_type,
                                     &library));
  entry = find_import (library, (gpointer) system_wait);
  g_assert_nonnull (entry);
  g_assert_true (VirtualProtect (entry, sizeof *entry, PAGE_READWRITE, &protection));
  *entry = (gpointer) counting_wait;
  VirtualProtect (entry, sizeof *entry, protection, &protection);
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
