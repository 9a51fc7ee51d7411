/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include "ssem/backend/ssem-hazard-private.h"

int
tool_reset (int    argc,
            char **argv)
{
  GOptionEntry entries[] = {
    tool_native_key_entry,
    G_OPTION_ENTRY_NULL,
  };
  g_auto(ToolSemaphore) semaphore = { .text = NULL };
  g_autoptr(SsemSnapshot) info = NULL;
  g_autoptr(GError) error = NULL;
  int status = TOOL_USAGE, value;

  if (!tool_parse (&argc, &argv, N_("KEY NUMBER"),
                   N_("Sets the value of a semaphore, and forgets which units are held."),
                   entries,
                   FALSE, &status) ||
      !tool_check_count (argc, argv, 2, 2) ||
      !tool_parse_units (argv[argc - 1], _("NUMBER"), 0, &value))
    return status;

  if (tool_semaphore_read (&semaphore, argv[1], &error))
    info = tool_find_info (&semaphore, &error);
  if (info == NULL)
    return tool_fail (error);

  ssem_hazard_init ();
  semaphore.target.backend = info->backend;
  if (!ssem_backend_reset (&semaphore.target, value, &error))
    return tool_fail (error);

  if (info->is_leftover)
    tool_print_error (_("No process used the semaphore “%s”, so it was removed; the next process "
                        "that opens it creates it again"), semaphore.text);

  return TOOL_OK;
}
