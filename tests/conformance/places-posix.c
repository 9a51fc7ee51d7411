/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "places.h"

#include "cluster.h"
#include "system-call.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

/* What shared memory has in the directory of keys beside the keys: a file for each process, called
 * ID, and private directories ID-NUMBER in which segments are made. */
#define PROCESSES "processes"

/* Where the files of POSIX semaphores are. With SSEM_RUNTIME_DIR, their names contain a hash of it. */
#define POSIX_DIRECTORY "/dev/shm"
#define POSIX_PREFIX    "sem.ssem="

/* What a segment is called that a test has planted. */
#define PLANTED_SEGMENT "0123456789abcdef"

typedef struct
{
  key_t key;
  int id;
} SeenSet;

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Returns what is in a directory but @hidden, sorted; nothing where there is no such directory. */
static GStrv
list_names (const char *path,
            const char *hidden)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new ();
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      if (g_strcmp0 (name, hidden) != 0)
        g_ptr_array_add (names, g_strdup (name));
    }
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);

  return (GStrv) g_ptr_array_steal (names, NULL);
}

/* Returns what the names of this test's POSIX semaphores begin with. */
static char *
make_posix_prefix (Fixture *self)
{
  g_autofree char *directory = realpath (self->keys_directory, NULL);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, directory, -1);

  return g_strconcat (POSIX_PREFIX, hash, "=", NULL);
}

static gboolean
is_posix_name (const char *name)
{
  return g_str_has_prefix (name, POSIX_PREFIX);
}

/* Returns the path of what fixture_list_keys () has listed. */
static char *
make_path (Fixture    *self,
           const char *name)
{
  return g_build_filename (is_posix_name (name) ? POSIX_DIRECTORY : self->keys_directory, name,
                           NULL);
}

/* Whatever backend a case is about, it may have opened keys of others. */
GStrv
fixture_list_keys (Fixture *self)
{
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new ();
  g_auto(GStrv) names = NULL;
  g_auto(GStrv) posix_names = NULL;
  g_autofree char *prefix = NULL;
  guint i;

  g_assert_true (g_file_test (self->keys_directory, G_FILE_TEST_IS_DIR));

  prefix = make_posix_prefix (self);
  names = list_names (self->keys_directory, PROCESSES);
  posix_names = list_names (POSIX_DIRECTORY, NULL);
  g_strv_builder_addv (builder, (const char **) names);
  if (self->backend == SSEM_BACKEND_ETCD)
    {
      g_auto(GStrv) cluster_keys = cluster_list_keys ();

      g_strv_builder_addv (builder, (const char **) cluster_keys);
    }
  for (i = 0; posix_names[i] != NULL; i++)
    {
      if (g_str_has_prefix (posix_names[i], prefix))
        g_strv_builder_add (builder, posix_names[i]);
    }

  return g_strv_builder_end (builder);
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

/* --- Process files --- */

GStrv
fixture_list_processes (Fixture *self)
{
  g_autofree char *path = g_build_filename (self->keys_directory, PROCESSES, NULL);

  return list_names (path, NULL);
}

static gboolean
is_locked (const char *path)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
  /* Not for writing: to close such a descriptor would look like a death to those who listen. */
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  /* A file that has gone is no process's. */
  if (fd < 0)
    return FALSE;
  g_assert_cmpint (fcntl (fd, F_OFD_GETLK, &lock), ==, 0);
  close (fd);

  return lock.l_type != F_UNLCK;
}

gboolean
fixture_is_process (Fixture    *self,
                    const char *name)
{
  g_autofree char *path = g_build_filename (self->keys_directory, PROCESSES, name, NULL);

  return is_locked (path);
}

void
fixture_remove_processes (Fixture    *self,
                          const char *keys_directory)
{
  g_autofree char *directory = g_build_filename (keys_directory, PROCESSES, NULL);
  g_auto(GStrv) names = list_names (directory, NULL);
  guint n_alive = 0;
  guint i;

  for (i = 0; names[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (directory, names[i], NULL);

      n_alive += is_locked (path) ? 1 : 0;
      remove_tree (path);
    }
  g_assert_cmpuint (n_alive, <=, 1);
  g_assert_true (g_rmdir (directory) == 0 || errno == ENOENT);
}

/* --- Places --- */

/* An emulator of another machine does not do all that the system does. */

static gboolean
has_private_memory (void)
{
  gsize size = (gsize) sysconf (_SC_PAGESIZE);
  void *memory = mmap (NULL, size, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int status = 0;
  pid_t child;

  g_assert_true (memory != MAP_FAILED);
  g_assert_cmpint (madvise (memory, size, MADV_DONTFORK), ==, 0);
  child = fork ();
  if (child == 0)
    _exit (msync (memory, size, MS_ASYNC) == 0);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  munmap (memory, size);

  return status == 0;
}

#define HAS_NO_LIMIT 2

/* Asks a child, because valgrind may need memory of its own while the limit is there, and then ends
 * the process. That is an answer, too. */
static gboolean
has_address_limit (void)
{
  const struct rlimit none = { 0 };
  gsize size = (gsize) sysconf (_SC_PAGESIZE);
  int status = 0;
  pid_t child = fork ();

  if (child == 0)
    _exit (setrlimit (RLIMIT_AS, &none) != 0 ||
           mmap (NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED
           ? HAS_NO_LIMIT : 0);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);

  return !WIFEXITED (status) || WEXITSTATUS (status) != HAS_NO_LIMIT;
}

Needs
places_get_lacks (void)
{
  static gboolean is_known;
  static Needs lacks;
  int is_parent;

  if (!is_known)
    {
      lacks = (has_private_memory () ? 0 : NEEDS_PRIVATE_MEMORY) |
              (has_address_limit () ? 0 : NEEDS_ADDRESS_LIMIT) |
              (system_call_is_emulated () ? NEEDS_OWN_MACHINE : 0) |
              (prctl (PR_GET_CHILD_SUBREAPER, &is_parent) == 0 ? 0 : NEEDS_ORPHANS);
      is_known = TRUE;
    }

  return lacks;
}

void
places_begin (Fixture *self)
{
  self->sets = g_array_new (FALSE, FALSE, sizeof (SeenSet));
  if (self->backend == SSEM_BACKEND_ETCD)
    cluster_begin ();
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

  if (self->backend == SSEM_BACKEND_ETCD)
    cluster_end ();

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
  fixture_remove_processes (self, self->keys_directory);
}

char *
fixture_key_path (Fixture *self)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_auto(GStrv) names = NULL;

  semaphore = fixture_open (self, SSEM_ACCESS_MODE_OPEN, 0);
  names = fixture_list_keys (self);
  g_assert_cmpuint (g_strv_length (names), ==, 1);

  return make_path (self, names[0]);
}

char *
fixture_content_path (Fixture *self)
{
  g_autofree char *path = fixture_key_path (self);
  g_auto(GStrv) names = NULL;

  if (self->backend != SSEM_BACKEND_SHARED_MEMORY)
    return g_steal_pointer (&path);

  names = list_names (path, NULL);
  g_assert_cmpuint (g_strv_length (names), <=, 1);

  return g_build_filename (path, names[0] != NULL ? names[0] : PLANTED_SEGMENT, NULL);
}

gsize
fixture_layout_offset (Fixture *self)
{
  /* After the magic, which POSIX has behind the system's own content. */
  return self->backend == SSEM_BACKEND_POSIX ? 64 + 8 : 8;
}

void
fixture_plant_content (Fixture    *self,
                       const char *content,
                       gsize       length)
{
  g_autofree char *path = fixture_content_path (self);
  g_autofree char *directory = g_path_get_dirname (path);
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (directory, 0700), ==, 0);
  g_file_set_contents_full (path, content, length, G_FILE_SET_CONTENTS_NONE, 0600, &error);
  g_assert_no_error (error);
}

void
fixture_unplant (Fixture *self)
{
  g_auto(GStrv) names = fixture_list_keys (self);
  guint i;

  for (i = 0; names[i] != NULL; i++)
    {
      g_autofree char *path = make_path (self, names[i]);

      remove_tree (path);
    }
}

void
fixture_plant_misfit (Fixture *self)
{
  g_autofree char *path = fixture_key_path (self);
  g_autoptr(GError) error = NULL;

  if (self->backend == SSEM_BACKEND_SHARED_MEMORY)
    g_file_set_contents (path, "", 0, &error);
  else
    g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_assert_no_error (error);
}

void
fixture_remove (Fixture *self,
                Removal  removal)
{
  g_auto(GStrv) names = fixture_list_keys (self);
  g_auto(GStrv) segments = NULL;
  g_autofree char *path = NULL;
  g_autofree char *segment = NULL;
  int set;

  g_assert_cmpuint (g_strv_length (names), ==, 1);
  path = make_path (self, names[0]);
  segments = list_names (path, NULL);
  segment = g_build_filename (path, segments[0], NULL);
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
      if (removal == REMOVE_COUNTER)
        g_assert_cmpint (g_unlink (segment), ==, 0);
      else
        remove_tree (path);
      break;

    /* The name and the counter are one file. */
    case SSEM_BACKEND_POSIX:
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
