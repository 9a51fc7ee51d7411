/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <windows.h>

/* Starts a process with CreateProcessW (), whose arguments these are. Tries again a few times after
 * an error that says nothing about the program. Returns FALSE if the process could not be started;
 * GetLastError () has the reason. Uses the system alone. */
BOOL start_process (wchar_t             *line,
                    BOOL                 inherits_handles,
                    DWORD                flags,
                    STARTUPINFOW        *startup,
                    PROCESS_INFORMATION *process);
