/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "start-win32.h"

/* wine 8.0 now and then refuses to start a process with ERROR_INTERNAL_ERROR, under load about once
 * in 3,000 starts. The same call then succeeds. An error that stays, and any other one, is the
 * caller's. */
#define MAX_TRIES 5

BOOL
start_process (wchar_t             *line,
               BOOL                 inherits_handles,
               DWORD                flags,
               STARTUPINFOW        *startup,
               PROCESS_INFORMATION *process)
{
  int n_tries = 0;

  while (!CreateProcessW (NULL, line, NULL, NULL, inherits_handles, flags, NULL, NULL, startup,
                          process))
    {
      if (GetLastError () != ERROR_INTERNAL_ERROR || ++n_tries == MAX_TRIES)
        return FALSE;
    }

  return TRUE;
}
