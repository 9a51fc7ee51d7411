/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <ssem.h>

#include <stdio.h>
#include <stdlib.h>

/* Acquires and releases one unit as many times as its argument says. callgrind counts its
 * instructions, so the loop has the two calls of a program and nothing else. */
int
main (int    argc,
      char **argv)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  int n = argc == 2 ? atoi (argv[1]) : 0;
  gboolean is_good;
  int i;

  semaphore = ssem_system_semaphore_new ("pairs", 1, SSEM_ACCESS_MODE_OPEN, &error);
  is_good = semaphore != NULL;
  for (i = 0; is_good && i < n; i++)
    is_good = ssem_system_semaphore_acquire (semaphore, 1, NULL, &error) &&
              ssem_system_semaphore_release (semaphore, 1, &error);

  if (!is_good)
    fprintf (stderr, "%s\n", error->message);

  return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
