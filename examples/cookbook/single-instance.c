/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A program that runs once for each user. Run it with: single-instance */

#include <ssem.h>

#include <stdio.h>

int
main (void)
{
  /* sample: single-instance */
  g_autoptr(GError) error = NULL;
  g_autoptr(SsemSystemSemaphore) instance =
    ssem_system_semaphore_new ("org.example.Notes", 1, SSEM_ACCESS_MODE_JOIN, &error);

  if (instance == NULL || !ssem_system_semaphore_try_acquire (instance, 1, &error))
    {
      gboolean is_running = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);

      g_printerr ("%s\n", is_running ? "Notes is running already." : error->message);
      return 1;
    }
  /* end of sample */

  g_print ("Notes is running. Press Enter to end it.\n");
  getchar ();

  return 0;
}
