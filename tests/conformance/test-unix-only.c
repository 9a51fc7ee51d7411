/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Stands for the tests of what this system does not have: test-unix-only REASON */

#include <glib.h>

int
main (int    argc,
      char **argv)
{
  if (argc != 2)
    return 1;

  g_print ("1..0 # SKIP %s\n", argv[1]);

  return 0;
}
