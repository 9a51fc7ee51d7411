/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Runs a command, at most three at the same time. Run it with:
 * jobs COMMAND... */

/* sample: jobs */
#include <ssem.h>

static gboolean
run (char    **command,
     GError  **error)
{
  g_autoptr(SsemSystemSemaphore) jobs = NULL;
  g_autoptr(SsemHold) hold = NULL;
  int status;

  jobs = ssem_system_semaphore_new ("convert", 3, SSEM_ACCESS_MODE_JOIN, error);
  if (jobs == NULL)
    return FALSE;

  hold = ssem_hold_new (jobs, 1, NULL, error);

  return hold != NULL &&
         g_spawn_sync (NULL, command, NULL,
                       G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN,
                       NULL, NULL, NULL, NULL, &status, error) &&
         g_spawn_check_wait_status (status, error);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(GError) error = NULL;

  if (argc < 2 || !run (argv + 1, &error))
    {
      g_printerr ("jobs: %s\n", argc < 2 ? "no command" : error->message);
      return 1;
    }

  return 0;
}
/* end of sample */
