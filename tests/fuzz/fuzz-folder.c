/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

#include <glib/gstdio.h>

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

static char *folder;

static void
remove_folder (void)
{
  if (g_rmdir (folder) != 0)
    {
      g_printerr ("Something is left in %s\n", folder);
      _exit (1);
    }
}

int
LLVMFuzzerInitialize (int    *argc,
                      char ***argv)
{
  /* Sets of System V are the process's own, too, where it may have such a name space. */
  unshare (CLONE_NEWIPC);

  /* In memory, where there is such a folder: it is written for each run. */
  const char *base = g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR) ? "/dev/shm" : g_get_tmp_dir ();

  folder = g_build_filename (base, "ssem-fuzz-XXXXXX", NULL);
  g_assert_nonnull (g_mkdtemp (folder));
  g_setenv ("SSEM_RUNTIME_DIR", folder, TRUE);
  atexit (remove_folder);

  return 0;
}

const char *
fuzz_folder (void)
{
  return folder;
}
