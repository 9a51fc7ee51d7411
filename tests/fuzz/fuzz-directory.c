/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

#include <glib/gstdio.h>

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

/* What is there beside the keys: the process's own file, which it has until it ends. */
#define PROCESSES "processes"

static char *directory;

/* The process may have removed its file by now. */
static void
remove_processes (void)
{
  g_autofree char *path = g_build_filename (directory, PROCESSES, NULL);
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_unlink (file);
    }
  g_rmdir (path);
}

static void
remove_directory (void)
{
  remove_processes ();
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

/* The key's own directory, which its file may lie in. */
static char *
find_parent (const char *path)
{
  g_autofree char *parent = g_path_get_dirname (path);

  return g_str_equal (parent, directory) ? NULL : g_steal_pointer (&parent);
}

/* Returns the only file in the directory of a key. */
static char *
find_segment (const char *path)
{
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  g_assert_nonnull (dir);
  name = g_dir_read_name (dir);
  g_assert_nonnull (name);

  return g_build_filename (path, name, NULL);
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

      if (g_str_equal (name, PROCESSES))
        continue;
      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        {
          char *segment = find_segment (path);

          g_free (path);
          path = segment;
        }
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
  g_autofree char *parent = find_parent (path);
  int fd;

  if (parent != NULL)
    g_mkdir (parent, 0700);
  fd = g_open (path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, content, length), ==, (gssize) length);
  close (fd);
}

void
fuzz_remove_file (const char *path)
{
  g_autofree char *parent = find_parent (path);

  g_unlink (path);
  if (parent != NULL)
    g_rmdir (parent);
}
