/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-terminal-private.h"

#include <windows.h>

/* The system does not tell that a console has another size, or that the reader of a pipe has closed
 * it. So a table is drawn with the new size when it is drawn next, and the next line that nobody
 * reads ends the program. */

static const ToolTerminalEvents *watched; /* constant before the handler is set */

gboolean
tool_terminal_is_output (void)
{
  HANDLE output = GetStdHandle (STD_OUTPUT_HANDLE);
  DWORD mode;

  /* The versions of the system before Windows 10 do not know control sequences. */
  return GetConsoleMode (output, &mode) &&
         SetConsoleMode (output, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
}

void
tool_terminal_get_size (int *n_rows,
                        int *n_columns)
{
  CONSOLE_SCREEN_BUFFER_INFO info;
  gboolean is_known = GetConsoleScreenBufferInfo (GetStdHandle (STD_OUTPUT_HANDLE), &info);

  *n_rows = is_known ? info.srWindow.Bottom - info.srWindow.Top + 1 : 24;
  *n_columns = is_known ? info.srWindow.Right - info.srWindow.Left + 1 : 80;
}

/* Runs in a thread of the system. */
static BOOL WINAPI
interrupted_cb (DWORD event)
{
  g_idle_add (watched->end, watched->data);

  return TRUE;
}

void
tool_terminal_watch (const ToolTerminalEvents *events,
                     gboolean                  on_terminal)
{
  watched = events;
  SetConsoleCtrlHandler (interrupted_cb, TRUE);
}
