/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "places.h"

#include "ssem/shm/ssem-shm-layout-private.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <unistd.h>

typedef struct
{
  key_t key;
  int id;
} SeenSet;

GStrv
fixture_list_keys (Fixture *self)
{
  g_autoptr(GStrvBuilder) names = g_strv_builder_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(GDir) dir = g_dir_open (self->keys_directory, 0, &error);
  const char *name;

  g_assert_no_error (error);
  while ((name = g_dir_read_name (dir)) != NULL)
    g_strv_builder_add (names, name);

  return g_strv_builder_end (names);
}

Needs
places_get_lacks (void)
{
  return 0;
}

void
places_begin (Fixture *self)
{
  self->sets = g_array_new (FALSE, FALSE, sizeof (SeenSet));
}

/* Whether the set was made since the test began. ftok(3) keeps 16 bits of a file's number, so what
 * an earlier test left over when it was killed may have the key of a file of this one. */
static gboolean
is_of_this_test (Fixture *self,
                 int      set)
{
  gint64 age_usec = g_get_monotonic_time () - self->begin_usec;
  gint64 begin = (g_get_real_time () - age_usec) / G_USEC_PER_SEC;
  struct semid_ds status;
  union { struct semid_ds *buf; } argument = { &status };

  /* A set that cannot be looked at may be of this test. */
  return semctl (set, 0, IPC_STAT, argument) != 0 || status.sem_ctime >= begin;
}

/* Returns the kernel's key of a file of the directory, as ftok(3) makes it. */
static key_t
key_of_name (Fixture    *self,
             const char *name)
{
  g_autofree char *path = g_build_filename (self->keys_directory, name, NULL);

  return ftok (path, 'Q');
}

void
places_note (gpointer source,
           gpointer data)
{
  Fixture *self = data;
  g_auto(GStrv) names = NULL;
  guint i, j;

  if (self->backend != SSEM_BACKEND_SYSV)
    return;

  names = fixture_list_keys (self);
  for (i = 0; names[i] != NULL; i++)
    {
      SeenSet seen = { .key = key_of_name (self, names[i]) };

      if (seen.key == (key_t) -1 || (seen.id = semget (seen.key, 1, 0)) < 0 ||
          !is_of_this_test (self, seen.id))
        continue;

      for (j = 0; j < self->sets->len; j++)
        {
          if (g_array_index (self->sets, SeenSet, j).id == seen.id)
            break;
        }
      if (j == self->sets->len)
        g_array_append_val (self->sets, seen);
    }
}

void
places_end (Fixture *self)
{
  guint i;

  for (i = 0; i < self->sets->len; i++)
    {
      SeenSet *seen = &g_array_index (self->sets, SeenSet, i);
      struct semid_ds status;
      union { struct semid_ds *buf; } argument = { &status };

      /* Another test may have been given the same number since; then its key is another. */
      if (semctl (seen->id, 0, IPC_STAT, argument) == 0)
        g_assert_cmpint (status.sem_perm.__key, !=, seen->key);
      else
        g_assert_true (errno == EINVAL || errno == EIDRM || errno == EACCES);
    }
  g_clear_pointer (&self->sets, g_array_unref);
}

void
fixture_gather_crowd (Fixture *self)
{
  g_auto(GStrv) names = fixture_list_keys (self);
  SsemShmSegment *segment;
  guint n_found = 0, i;

  for (i = 0; names[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (self->keys_directory, names[i], NULL);
      int fd;

      /* The directory in which the crowd has its locks. */
      if (g_str_has_suffix (path, "+"))
        continue;

      fd = open (path, O_RDWR | O_CLOEXEC);
      g_assert_cmpint (fd, >=, 0);
      segment = mmap (NULL, SSEM_SHM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      g_assert_true (segment != MAP_FAILED);
      atomic_fetch_add (&segment->n_near, FIXTURE_CROWD);
      munmap (segment, SSEM_SHM_PAGE);
      close (fd);
      n_found++;
    }
  g_assert_cmpuint (n_found, ==, 1);
}

char *
fixture_key_path (Fixture *self)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_auto(GStrv) names = NULL;

  semaphore = fixture_open (self, SSEM_ACCESS_MODE_OPEN, 0);
  names = fixture_list_keys (self);
  g_assert_cmpuint (g_strv_length (names), ==, 1);

  return g_build_filename (self->keys_directory, names[0], NULL);
}

void
fixture_plant_content (Fixture    *self,
                       const char *content,
                       gsize       length)
{
  g_autofree char *path = fixture_key_path (self);
  g_autoptr(GError) error = NULL;

  g_file_set_contents_full (path, content, length, G_FILE_SET_CONTENTS_NONE, 0600, &error);
  g_assert_no_error (error);
}

static void
remove_tree (const char *path)
{
  g_autoptr(GDir) dir = NULL;
  const char *name;

  /* A file, a link or a FIFO needs no more. */
  if (g_unlink (path) == 0 || errno == ENOENT)
    return;

  dir = g_dir_open (path, 0, NULL);
  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);

      remove_tree (inner);
    }
  g_assert_cmpint (g_rmdir (path), ==, 0);
}

void
fixture_unplant (Fixture *self)
{
  g_auto(GStrv) names = fixture_list_keys (self);
  guint i;

  for (i = 0; names[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (self->keys_directory, names[i], NULL);

      remove_tree (path);
    }
}

void
fixture_plant_misfit (Fixture *self)
{
  g_autofree char *path = fixture_key_path (self);

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
}

void
fixture_remove (Fixture *self,
                Removal  removal)
{
  g_auto(GStrv) names = fixture_list_keys (self);
  g_autofree char *path = NULL;
  int set;

  g_assert_cmpuint (g_strv_length (names), ==, 1);
  path = g_build_filename (self->keys_directory, names[0], NULL);
  switch (self->backend)
    {
    case SSEM_BACKEND_SYSV:
      if (removal != REMOVE_NAME)
        {
          set = semget (key_of_name (self, names[0]), 1, 0);
          g_assert_cmpint (set, >=, 0);
          g_assert_cmpint (semctl (set, 0, IPC_RMID), ==, 0);
        }
      if (removal != REMOVE_COUNTER)
        g_assert_cmpint (g_unlink (path), ==, 0);
      break;

    case SSEM_BACKEND_SHARED_MEMORY:
      g_assert_cmpint (g_unlink (path), ==, 0);
      break;

    case SSEM_BACKEND_DEFAULT:
    case SSEM_BACKEND_WINDOWS:
    default:
      g_assert_not_reached ();
    }
}

/* Returns the kernel's key of the only file. */
static key_t
find_kernel_key (Fixture *self)
{
  g_auto(GStrv) names = fixture_list_keys (self);

  g_assert_cmpuint (g_strv_length (names), ==, 1);

  return key_of_name (self, names[0]);
}

void
fixture_make_peer (Fixture *self,
                   int      value)
{
  union { int val; } argument = { value };
  int set = semget (find_kernel_key (self), 1, IPC_CREAT | IPC_EXCL | 0600);

  g_assert_cmpint (set, >=, 0);
  g_assert_cmpint (semctl (set, 0, SETVAL, argument), ==, 0);
}

void
fixture_remove_peer (Fixture *self,
                     int      value)
{
  int set = semget (find_kernel_key (self), 1, 0);

  g_assert_cmpint (semctl (set, 0, GETVAL), ==, value);
  fixture_remove (self, REMOVE_BOTH);
  g_assert_cmpint (semctl (set, 0, GETVAL), ==, -1);
}
