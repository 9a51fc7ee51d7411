/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The set-user-ID program of test-privileges.
 *
 *   privileged BACKEND KEY INITIAL-VALUE
 *
 * opens the key, writes `ok EUID BACKEND VALUE` or `error MESSAGE`, and ends when its standard
 * input ends. With the BACKEND `native`, the key is a native key.
 *
 *   privileged qt KEY NAMING
 *
 * writes the native key that Qt makes of the key.
 *
 * The library is linked in, because the loader looks for the libraries of such a program in the
 * directories of the system alone. */

#include <ssem.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int
print_name_of_qt (const char   *key,
                  SsemQtNaming  naming)
{
  g_autofree char *native_key = NULL;
  g_autoptr(GError) error = NULL;

  native_key = ssem_native_key_for_qt (key, SSEM_BACKEND_SYSV, naming, &error);
  if (native_key == NULL)
    printf ("error %s\n", error->message);
  else
    printf ("%d %s\n", (int) geteuid (), native_key);

  return 0;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  gboolean is_native;

  if (argc != 4)
    return 96;
  if (g_str_equal (argv[1], "qt"))
    return print_name_of_qt (argv[2], atoi (argv[3]));

  is_native = g_str_equal (argv[1], "native");
  semaphore = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, &error,
                              is_native ? "native-key" : "key", argv[2],
                              "initial-value", atoi (argv[3]),
                              "backend", is_native ? SSEM_BACKEND_DEFAULT : atoi (argv[1]),
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
