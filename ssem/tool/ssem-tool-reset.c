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
  g_autoptr(SsemSnapshot) info = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *key = NULL;
  SsemBackendTarget target;
  int status = TOOL_USAGE, value;

  if (!tool_parse (&argc, &argv, N_("KEY NUMBER"),
                   N_("Sets the value of a semaphore, and forgets which units are held."), NULL,
                   FALSE, &status) ||
      !tool_check_count (argc, argv, 2) ||
      !tool_parse_units (argv[2], 0, &value))
    return status;

  key = tool_key_from_argument (argv[1]);
  info = tool_find_info (key, &error);
  if (info == NULL)
    return tool_fail (error);

  ssem_hazard_init ();
  target = (SsemBackendTarget) { .backend = info->backend, .key = key };
  if (!ssem_backend_reset (&target, value, &error))
    return tool_fail (error);

  if (info->is_leftover)
    tool_print_error (_("No process used the semaphore “%s”, so it was removed; the next process "
                        "that opens it creates it again"), key);

  return TOOL_OK;
}
