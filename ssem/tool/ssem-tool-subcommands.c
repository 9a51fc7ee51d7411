/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

const ToolSubcommand tool_subcommands[] = {
  { "run", tool_run, N_("Hold units of a semaphore while a command runs") },
  { "list", tool_list, N_("List the semaphores") },
  { "show", tool_show, N_("Show who holds units of a semaphore and who waits") },
  { "watch", tool_watch, N_("Show the semaphores as they change") },
  { "reset", tool_reset, N_("Set the value of a semaphore") },
  { "remove", tool_remove, N_("Remove a semaphore that is left over") },
  { "clean", tool_clean, N_("Remove all semaphores that are left over") },
  { NULL },
};
