/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

/* Runs a fuzz target on each file of a directory: for compilers without libFuzzer. */

int
main (int    argc,
      char **argv)
{
  g_autoptr(GDir) dir = NULL;
  const char *name;
  int n = 0;

  g_assert_cmpint (argc, ==, 2);
  LLVMFuzzerInitialize (&argc, &argv);
  dir = g_dir_open (argv[1], 0, NULL);
  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (argv[1], name, NULL);
      g_autofree char *content = NULL;
      gsize length;

      g_assert_true (g_file_get_contents (path, &content, &length, NULL));
      g_print ("# %s\n", name);
      LLVMFuzzerTestOneInput ((const guint8 *) content, length);
      g_print ("ok %d %s\n", ++n, name);
    }
  g_print ("1..%d\n", n);

  return n > 0 ? 0 : 1;
}
