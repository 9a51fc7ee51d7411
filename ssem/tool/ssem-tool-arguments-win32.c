/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

char **
tool_get_arguments (char **argv)
{
  /* The arguments of main () lack characters outside the code page, and the C run-time has already
   * expanded patterns such as "*". */
  return g_win32_get_command_line ();
}

gboolean
tool_get_shell (char *script,
                char *arguments[4])
{
  /* cmd.exe has rules of its own for quotation marks, so no text reaches it unchanged. */
  tool_print_error ("%s", _("-c is not available on Windows; write “-- cmd /c” before the command"));

  return FALSE;
}
