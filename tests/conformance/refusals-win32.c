/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "refusals-win32.h"

#include "imports-win32.h"

#include <aclapi.h>
#include <sddl.h>
#include <string.h>
#include <winternl.h>

/* Functions that only free or close are not here: they need nothing that could be used up. */

static GMutex lock;
/* Protected by lock. */
static GStrv refused_names; /* NULL for none */
static DWORD refused_error;
static int refused_n;
static int n_seen;
static guint n_refused;

static gboolean
is_refused (const char *name)
{
  gboolean result = FALSE;
  DWORD error = 0;

  g_mutex_lock (&lock);
  if (refused_names != NULL &&
      (g_strv_contains ((const char *const *) refused_names, REFUSALS_ANY) ||
       g_strv_contains ((const char *const *) refused_names, name)))
    {
      result = refused_n == REFUSALS_ALL || refused_n == n_seen;
      n_seen++;
      n_refused += result;
      error = refused_error;
    }
  g_mutex_unlock (&lock);

  if (result)
    SetLastError (error);

  return result;
}

/* A function that may be refused, and what it returns then. */
#define REFUSABLE(type, name, refusal, parameters, arguments) \
  static type (WINAPI *system_##name) parameters; \
  static type WINAPI \
  refusable_##name parameters \
  { \
    return is_refused (#name) ? refusal : system_##name arguments; \
  }

#define STATUS_REFUSED ((NTSTATUS) 0xc000009a) /* STATUS_INSUFFICIENT_RESOURCES */

REFUSABLE (BOOL, ConvertSidToStringSidA, FALSE, (PSID sid, LPSTR *text), (sid, text))
REFUSABLE (BOOL, ConvertStringSecurityDescriptorToSecurityDescriptorA, FALSE,
           (LPCSTR text, DWORD revision, PSECURITY_DESCRIPTOR *descriptor, PULONG size),
           (text, revision, descriptor, size))
REFUSABLE (HANDLE, CreateEventW, NULL,
           (LPSECURITY_ATTRIBUTES attributes, BOOL manual, BOOL initial, LPCWSTR name),
           (attributes, manual, initial, name))
REFUSABLE (HANDLE, CreateFileMappingW, NULL,
           (HANDLE file, LPSECURITY_ATTRIBUTES attributes, DWORD flags, DWORD high, DWORD low,
            LPCWSTR name),
           (file, attributes, flags, high, low, name))
REFUSABLE (BOOL, GetKernelObjectSecurity, FALSE,
           (HANDLE object, SECURITY_INFORMATION information, PSECURITY_DESCRIPTOR descriptor,
            DWORD length, LPDWORD needed),
           (object, information, descriptor, length, needed))
REFUSABLE (BOOL, GetTokenInformation, FALSE,
           (HANDLE token, TOKEN_INFORMATION_CLASS information, LPVOID buffer, DWORD length,
            PDWORD needed),
           (token, information, buffer, length, needed))
REFUSABLE (LPVOID, MapViewOfFile, NULL,
           (HANDLE section, DWORD access, DWORD high, DWORD low, SIZE_T size),
           (section, access, high, low, size))
REFUSABLE (NTSTATUS, NtOpenDirectoryObject, STATUS_REFUSED,
           (HANDLE *directory, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes),
           (directory, access, attributes))
REFUSABLE (NTSTATUS, NtQueryDirectoryObject, STATUS_REFUSED,
           (HANDLE directory, void *buffer, ULONG length, BOOLEAN one, BOOLEAN start,
            ULONG *context, ULONG *needed),
           (directory, buffer, length, one, start, context, needed))
REFUSABLE (NTSTATUS, NtQueryObject, STATUS_REFUSED,
           (HANDLE object, OBJECT_INFORMATION_CLASS information, void *buffer, ULONG length,
            ULONG *needed),
           (object, information, buffer, length, needed))
REFUSABLE (HANDLE, OpenFileMappingW, NULL, (DWORD access, BOOL inherited, LPCWSTR name),
           (access, inherited, name))
REFUSABLE (HANDLE, OpenMutexW, NULL, (DWORD access, BOOL inherited, LPCWSTR name),
           (access, inherited, name))
REFUSABLE (HANDLE, OpenProcess, NULL, (DWORD access, BOOL inherited, DWORD pid),
           (access, inherited, pid))
REFUSABLE (BOOL, OpenProcessToken, FALSE, (HANDLE process, DWORD access, PHANDLE token),
           (process, access, token))
REFUSABLE (BOOL, RegisterWaitForSingleObject, FALSE,
           (PHANDLE wait, HANDLE object, WAITORTIMERCALLBACK func, PVOID data, ULONG msec,
            ULONG flags),
           (wait, object, func, data, msec, flags))
REFUSABLE (SIZE_T, VirtualQuery, 0,
           (LPCVOID address, PMEMORY_BASIC_INFORMATION information, SIZE_T length),
           (address, information, length))
REFUSABLE (DWORD, WaitForMultipleObjects, WAIT_FAILED,
           (DWORD n, const HANDLE *handles, BOOL all, DWORD msec), (n, handles, all, msec))

#define ROW(name) { #name, (gpointer) refusable_##name, &system_##name }

static const struct
{
  const char *name;
  gpointer refusable;
  gpointer system; /* where the function that was replaced is kept */
} rows[] = {
  ROW (ConvertSidToStringSidA),
  ROW (ConvertStringSecurityDescriptorToSecurityDescriptorA),
  ROW (CreateEventW),
  ROW (CreateFileMappingW),
  ROW (GetKernelObjectSecurity),
  ROW (GetTokenInformation),
  ROW (MapViewOfFile),
  ROW (NtOpenDirectoryObject),
  ROW (NtQueryDirectoryObject),
  ROW (NtQueryObject),
  ROW (OpenFileMappingW),
  ROW (OpenMutexW),
  ROW (OpenProcess),
  ROW (OpenProcessToken),
  ROW (RegisterWaitForSingleObject),
  ROW (VirtualQuery),
  ROW (WaitForMultipleObjects),
};

/* The names in the order of the rows, with NULL at the end. */
const char *
refusals_get_name (guint i)
{
  return i < G_N_ELEMENTS (rows) ? rows[i].name : NULL;
}

static void
replace_imports (void)
{
  static gboolean is_done;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows) && !is_done; i++)
    {
      gpointer replaced = imports_replace (rows[i].name, rows[i].refusable);

      memcpy (rows[i].system, &replaced, sizeof replaced);
    }
  is_done = TRUE;
}

void
refusals_begin (const char *names,
                DWORD       error,
                int         n)
{
  replace_imports ();
  g_mutex_lock (&lock);
  g_strfreev (refused_names);
  refused_names = g_strsplit (names, ",", 0);
  refused_error = error;
  refused_n = n;
  n_seen = 0;
  n_refused = 0;
  g_mutex_unlock (&lock);
}

guint
refusals_count (void)
{
  guint result;

  g_mutex_lock (&lock);
  result = n_refused;
  g_mutex_unlock (&lock);

  return result;
}

void
refusals_end (void)
{
  g_mutex_lock (&lock);
  g_clear_pointer (&refused_names, g_strfreev);
  g_mutex_unlock (&lock);
}
