/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

#include <glib/gstdio.h>

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

static char *directory;

static void
remove_directory (void)
{
  if (g_rmdir (directory) != 0)
    {
      g_printerr ("Something is left in %s\n", directory);
      _exit (1);
    }
}

int
LLVMFuzzerInitialize (int    *argc,
                      char ***argv)
{
  /* Sets of System V are the process's own, too, where it may have such a name space. */
  unshare (CLONE_NEWIPC);

  /* In memory, where there is such a directory: each run writes it. */
  const char *base = g_getenv ("TMPDIR") == NULL && g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR)
                     ? "/dev/shm" : g_get_tmp_dir ();

  directory = g_build_filename (base, "ssem-fuzz-XXXXXX", NULL);
  g_assert_nonnull (g_mkdtemp (directory));
  g_setenv ("SSEM_RUNTIME_DIR", directory, TRUE);
  atexit (remove_directory);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);

  return 0;
}

const char *
fuzz_directory (void)
{
  return directory;
}

char *
fuzz_find_file (const char *other)
{
  g_autoptr(GDir) dir = g_dir_open (directory, 0, NULL);
  char *found = NULL;
  const char *name;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);

      if (g_strcmp0 (path, other) != 0)
        {
          g_assert_null (found);
          found = g_steal_pointer (&path);
        }
    }
  g_assert_nonnull (found);

  return found;
}

void
fuzz_write_file (const char    *path,
                 gconstpointer  content,
                 gsize          length)
{
  int fd;

  fd = g_open (path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, content, length), ==, (gssize) length);
  close (fd);
}

void
fuzz_remove_file (const char *path)
{
  g_unlink (path);
}
