/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

int
tool_remove (int    argc,
             char **argv)
{
  GOptionEntry entries[] = {
    tool_native_key_entry,
    G_OPTION_ENTRY_NULL,
  };
  g_auto(ToolSemaphore) semaphore = { .text = NULL };
  g_autoptr(SsemSnapshot) info = NULL;
  g_autoptr(GError) error = NULL;
  int status = TOOL_USAGE;

  if (!tool_parse (&argc, &argv, N_("KEY"),
                   N_("Removes a leftover semaphore. A semaphore in use is not removed."),
                   entries,
                   FALSE, &status) ||
      !tool_check_count (argc, argv, 1, 1))
    return status;

  if (tool_semaphore_read (&semaphore, argv[1], &error))
    info = tool_find_info (&semaphore, &error);
  if (info == NULL)
    return tool_fail (error);

  semaphore.target.backend = info->backend;
  if (!ssem_backend_remove (&semaphore.target, &error))
    return tool_fail (error);

  return TOOL_OK;
}
