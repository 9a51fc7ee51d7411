/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

char **
tool_get_arguments (char **argv)
{
  return argv;
}

gboolean
tool_get_shell (char *script,
                char *arguments[4])
{
  static char shell[] = "/bin/sh", option[] = "-c";

  arguments[0] = shell;
  arguments[1] = option;
  arguments[2] = script;
  arguments[3] = NULL;

  return TRUE;
}
