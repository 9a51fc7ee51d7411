/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "stranger.h"

#include <fcntl.h>
#include <string.h>

/* Leads this process and the processes that it starts from now on to the names of the system. The
 * test's key is part of each key that it opens. */
void
stranger_use_names_of_system (Fixture *fixture)
{
  g_unsetenv ("SSEM_RUNTIME_DIR");
}

void
stranger_use_own_names (Fixture *fixture)
{
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);
}

/* Returns a key that no other test has, and that a name of the system can be. */
char *
stranger_make_key (Fixture *fixture)
{
  return g_strconcat ("ssem", strrchr (fixture->key, '/') + 1, NULL);
}

gboolean
stranger_exists (const char *name)
{
  g_autofree char *path = g_strconcat ("/dev/shm/sem.", name + 1, NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* A program without this library: this process, which calls the C library itself. */
sem_t *
stranger_open (const char *name)
{
  sem_t *stranger = sem_open (name, 0);

  g_assert_true (stranger != SEM_FAILED);

  return stranger;
}

sem_t *
stranger_create (const char *name,
                 guint       value)
{
  sem_t *stranger = sem_open (name, O_CREAT | O_EXCL, 0600, value);

  g_assert_true (stranger != SEM_FAILED);

  return stranger;
}

int
stranger_value (sem_t *stranger)
{
  int value = -1;

  g_assert_cmpint (sem_getvalue (stranger, &value), ==, 0);

  return value;
}
