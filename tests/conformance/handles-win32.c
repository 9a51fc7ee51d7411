/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "handles-win32.h"

#include <windows.h>
#include <winternl.h>

#define HANDLE_INFORMATION_CLASS 16
#define STATUS_LENGTH_MISMATCH ((NTSTATUS) 0xc0000004)

/* As ntdll has them, in no header. */
typedef struct
{
  ULONG n;
  struct
  {
    ULONG pid;
    BYTE type;
    BYTE flags;
    USHORT handle;
    PVOID object;
    ULONG access;
  } handles[];
} HandleInformation;

/* Under wine 8.0, GetProcessHandleCount () answers 0. */
guint
handles_count (void)
{
  ULONG size = 1 << 20, i;
  guint n = 0;
  g_autofree HandleInformation *found = g_malloc (size);
  NTSTATUS status;

  while ((status = NtQuerySystemInformation (HANDLE_INFORMATION_CLASS, found, size, NULL)) ==
         STATUS_LENGTH_MISMATCH)
    {
      size *= 2;
      found = g_realloc (found, size);
    }
  g_assert_cmpint (status, >=, 0);
  for (i = 0; i < found->n; i++)
    n += found->handles[i].pid == GetCurrentProcessId ();

  return n;
}
