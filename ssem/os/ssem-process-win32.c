/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-process-private.h"

#include "ssem-display-private.h"

#include <windows.h>

/* The longest path that the system knows. */
#define PATH_MAX_LENGTH 32768

guint32
ssem_process_get_name_space (void)
{
  return 0;
}

char *
ssem_process_get_command (int pid)
{
  HANDLE process = OpenProcess (PROCESS_QUERY_LIMITED_INFORMATION, FALSE, (DWORD) pid);
  g_autofree gunichar2 *wide_path = NULL;
  g_autofree char *path = NULL;
  g_autofree char *name = NULL;
  DWORD length = PATH_MAX_LENGTH;

  if (process == NULL)
    return NULL;

  wide_path = g_new0 (gunichar2, PATH_MAX_LENGTH);
  if (QueryFullProcessImageNameW (process, 0, (LPWSTR) wide_path, &length))
    path = g_utf16_to_utf8 (wide_path, length, NULL, NULL, NULL);
  CloseHandle (process);
  if (path == NULL)
    return NULL;

  name = g_path_get_basename (path);

  return ssem_display_text (name);
}

void
ssem_process_count_locks (SsemLockCount *files,
                          gsize          n_files,
                          goffset        byte)
{
  gsize i;

  for (i = 0; i < n_files; i++)
    files[i].n = -1;
}
