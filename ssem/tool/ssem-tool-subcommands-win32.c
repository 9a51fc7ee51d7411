/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

/* Fails: Windows cannot list semaphores or set their values, and leaves none over. The arguments do
 * not matter. */
static int
fail_not_supported (int    argc,
                    char **argv)
{
  tool_print_error (_("“ssem %s” is not available on Windows. Only “ssem run” is available."),
                    argv[0]);

  return TOOL_NOT_SUPPORTED;
}

const ToolSubcommand tool_subcommands[] = {
  { "run", tool_run, N_("Run a command while holding units of a semaphore") },
  { "post", fail_not_supported },
  { "wait", fail_not_supported },
  { "list", fail_not_supported },
  { "show", fail_not_supported },
  { "watch", fail_not_supported },
  { "reset", fail_not_supported },
  { "remove", fail_not_supported },
  { "clean", fail_not_supported },
  { NULL },
};
