/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

/* Returns whether the removal failed because another process has used or removed the semaphore
 * since it was listed. */
static gboolean
is_no_longer_leftover (const GError *error)
{
  return g_error_matches (error, SSEM_IO_ERROR, G_IO_ERROR_BUSY) ||
         g_error_matches (error, SSEM_SYSTEM_SEMAPHORE_ERROR,
                          SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
}

int
tool_clean (int    argc,
            char **argv)
{
  gboolean is_dry_run = FALSE;
  GOptionEntry entries[] = {
    { "dry-run", 'n', 0, G_OPTION_ARG_NONE, &is_dry_run,
      N_("Print the keys without removing anything"), NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GPtrArray) infos = NULL;
  g_autoptr(GError) error = NULL;
  int status = TOOL_USAGE;
  guint n_skipped, i;

  if (!tool_parse (&argc, &argv, "",
                   N_("Removes all leftover semaphores and prints their keys."),
                   entries, FALSE, &status) ||
      !tool_check_count (argc, argv, 0, 0))
    return status;

  status = TOOL_OK;
  infos = tool_list_infos (&n_skipped, &error);
  if (infos == NULL)
    return tool_fail (error);

  for (i = 0; i < infos->len; i++)
    {
      const SsemSnapshot *info = infos->pdata[i];
      g_auto(ToolSemaphore) semaphore = { .text = NULL };
      g_autofree char *text = NULL;
      g_autoptr(GError) failure = NULL;

      if (!info->is_leftover || !tool_semaphore_of_info (&semaphore, info))
        continue;

      if (!is_dry_run && !ssem_backend_remove (&semaphore.target, &failure))
        {
          if (!is_no_longer_leftover (failure))
            status = tool_fail (failure);
          continue;
        }

      text = tool_display_key (info);
      tool_print_utf8 (text);
    }
  tool_print_skipped (n_skipped);

  return status;
}
