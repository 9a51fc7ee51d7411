/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

int
tool_remove (int    argc,
             char **argv)
{
  g_autoptr(SsemSnapshot) info = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *key = NULL;
  SsemBackendTarget target;
  int status = TOOL_USAGE;

  if (!tool_parse (&argc, &argv, N_("KEY"),
                   N_("Removes a leftover semaphore. A semaphore in use is not removed."), NULL,
                   FALSE, &status) ||
      !tool_check_count (argc, argv, 1))
    return status;

  key = tool_key_from_argument (argv[1]);
  info = tool_find_info (key, &error);
  if (info == NULL)
    return tool_fail (error);

  target = (SsemBackendTarget) { .backend = info->backend, .key = key };
  if (!ssem_backend_remove (&target, &error))
    return tool_fail (error);

  return TOOL_OK;
}
