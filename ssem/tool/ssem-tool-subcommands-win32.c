/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

/* The system tells nobody which semaphores there are, leaves none over, and cannot set the value of
 * one. What is to be said of that is the same for each command, whatever its arguments are. */
static int
say_not_supported (int    argc,
                   char **argv)
{
  tool_print_error (_("There is no “ssem %s” on Windows, which does not tell what semaphores there "
                      "are"), argv[0]);

  return TOOL_NOT_SUPPORTED;
}

const ToolSubcommand tool_subcommands[] = {
  { "run", tool_run, N_("Hold units of a semaphore while a command runs") },
  { "list", say_not_supported },
  { "show", say_not_supported },
  { "watch", say_not_supported },
  { "reset", say_not_supported },
  { "remove", say_not_supported },
  { "clean", say_not_supported },
  { NULL },
};
