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
