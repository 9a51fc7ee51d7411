/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

const ToolSubcommand tool_subcommands[] = {
  { "run", tool_run, N_("Run a command while holding units of a semaphore") },
  { "post", tool_post, N_("Add units to a semaphore, to wake a process that waits") },
  { "wait", tool_wait, N_("Wait for units that another process adds") },
  { "list", tool_list, N_("List your semaphores") },
  { "show", tool_show, N_("Show a semaphore, its holders and its waiters") },
  { "watch", tool_watch, N_("Show the semaphores as they change") },
  { "reset", tool_reset, N_("Set the value of a semaphore") },
  { "remove", tool_remove, N_("Remove a leftover semaphore") },
  { "clean", tool_clean, N_("Remove all leftover semaphores") },
  { NULL },
};
