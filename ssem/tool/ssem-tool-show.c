/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

int
tool_show (int    argc,
           char **argv)
{
  gboolean as_json = FALSE;
  GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, N_("Print JSON"), NULL },
    tool_native_key_entry,
    G_OPTION_ENTRY_NULL,
  };
  g_auto(ToolSemaphore) semaphore = { .text = NULL };
  g_autoptr(SsemSnapshot) info = NULL;
  g_autoptr(GError) error = NULL;
  int status = TOOL_USAGE;

  if (!tool_parse (&argc, &argv, N_("KEY"),
                   N_("Shows a semaphore, its holders and its waiters."), entries,
                   FALSE, &status) ||
      !tool_check_count (argc, argv, 1, 1))
    return status;

  if (tool_semaphore_read (&semaphore, argv[1], &error))
    info = tool_find_info (&semaphore, &error);
  if (info == NULL)
    return tool_fail (error);

  if (as_json)
    {
      g_autofree char *json = tool_info_to_json (info);

      tool_print_utf8 (json);
    }
  else
    {
      g_autofree char *text = tool_format_info (info);

      g_print ("%s", text);
    }

  return TOOL_OK;
}
