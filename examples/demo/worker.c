/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A worker of the demonstration: worker-c NAME KEY UNITS TURNS
 *
 * It prints a line for each step on standard output, and holds its unit until demo.py writes a line
 * to its standard input. It prints "holds" after it has acquired a unit, and "releases" before it
 * releases the unit. So a worker that is between these two lines does hold a unit.
 */

#include <ssem.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

static const char *name;

static void
say (const char *what)
{
  g_print ("%s %s %" G_GINT64_FORMAT "\n", name, what, g_get_monotonic_time ());
}

/* Waits for a line of demo.py. Returns FALSE if demo.py has ended. */
static gboolean
is_told (void)
{
  char line[16];

  return fgets (line, sizeof line, stdin) != NULL;
}

static gboolean
run (const char  *key,
     int          n_units,
     int          n_turns,
     GError     **error)
{
  g_autoptr(SsemSystemSemaphore) units = NULL;

  units = ssem_system_semaphore_new (key, n_units, SSEM_ACCESS_MODE_JOIN, error);
  if (units == NULL)
    return FALSE;

  say ("ready");
  if (!is_told ())
    return TRUE;

  for (int turn = 0; turn < n_turns; turn++)
    {
      say ("waits");
      if (!ssem_system_semaphore_acquire (units, 1, NULL, error))
        return FALSE;
      say ("holds");

      /* The unit also comes back if the process ends without a release. */
      if (!is_told ())
        return TRUE;

      say ("releases");
      if (!ssem_system_semaphore_release (units, 1, error))
        return FALSE;
    }

  return TRUE;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(GError) error = NULL;

  setlocale (LC_ALL, "");

  if (argc != 5)
    {
      g_printerr ("Usage: worker-c NAME KEY UNITS TURNS\n");
      return 2;
    }

  name = argv[1];
  if (!run (argv[2], atoi (argv[3]), atoi (argv[4]), &error))
    {
      g_printerr ("%s: %s\n", name, error->message);
      return 1;
    }

  return 0;
}
