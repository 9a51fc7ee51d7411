/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The set-user-ID program of test-privileges.
 *
 *   privileged BACKEND KEY INITIAL-VALUE
 *
 * opens the key, writes `ok EUID BACKEND VALUE` or `error MESSAGE`, and ends when its standard
 * input ends. The library is linked in, because the loader looks for the libraries of such a
 * program in the directories of the system alone. */

#include <ssem.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main (int    argc,
      char **argv)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;

  if (argc != 4)
    return 96;

  semaphore = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, &error,
                              "key", argv[2],
                              "initial-value", atoi (argv[3]),
                              "backend", atoi (argv[1]),
                              NULL);
  if (semaphore == NULL)
    printf ("error %s\n", error->message);
  else
    printf ("ok %d %d %d\n", (int) geteuid (), (int) ssem_system_semaphore_get_backend (semaphore),
            ssem_system_semaphore_get_value (semaphore, NULL));
  fflush (stdout);

  while (getchar () != EOF)
    continue;

  return 0;
}
