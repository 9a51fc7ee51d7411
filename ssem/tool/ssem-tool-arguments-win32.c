/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

char **
tool_get_arguments (char **argv)
{
  /* What main () gets has the letters of the code page alone, and patterns in it are replaced by the
   * files that match. */
  return g_win32_get_command_line ();
}
