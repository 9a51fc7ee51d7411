/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-posix-inspect-private.h"

#include "ssem-posix-file-private.h"
#include "ssem-posix-name-private.h"
#include "ssem-posix-others-private.h"

#include "ssem/os/ssem-file-private.h"
#include "ssem/os/ssem-native-key-text-private.h"
#include "ssem/os/ssem-thread-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An inspection takes no lock, and opens the file for reading only. The value is that of a copy of
 * the sem_t.
 *
 * The system knows neither holders nor waiters, so a snapshot names none, and does not count
 * waiters. Programs that use the semaphore without this library cannot be counted. A semaphore that
 * such a program has created is no leftover: POSIX semaphores are made to outlive their processes.
 */

/* Returns the value of a copy. */
static int
get_value (SsemPosixContent *content)
{
  int value = 0;

  sem_getvalue (&content->semaphore, &value);

  return MAX (0, value);
}

/* Returns the key of @name, or NULL if it is not known. The key of a file that was copied or
 * renamed leads to another name, and so does a key of another SSEM_RUNTIME_DIR. */
static char *
find_key (const char            *name,
          const SsemPosixRecord *record)
{
  g_autofree char *key = ssem_posix_name_get_key (name);
  g_autofree char *right_name = NULL;

  if (record != NULL && record->key_length > 0)
    {
      g_free (key);
      key = g_strndup (record->key, record->key_length);
    }
  if (key == NULL || !g_utf8_validate (key, -1, NULL))
    return NULL;
  right_name = ssem_posix_name_new (key);

  return g_str_equal (name, right_name) ? g_steal_pointer (&key) : NULL;
}

/* Inspects the open file. @key may be NULL. With @must_fit, the file is a semaphore only if its key
 * leads to @name, as far as the key is known. If the attached processes of this library have to be
 * counted, sets @file to the file; otherwise sets the inode of @file to 0. */
static int
inspect_file (int             fd,
              const char     *name,
              const char     *key,
              gboolean        must_fit,
              SsemSnapshot  **found,
              SsemLockCount  *file)
{
  g_autoptr(SsemSnapshot) snapshot = ssem_snapshot_new ();
  SsemPosixContent content;
  struct stat opened;
  int result = ssem_posix_file_read (fd, &content);
  gboolean has_record = result == 1;

  if (result < 0)
    return result;
  if (fstat (fd, &opened) != 0)
    return -errno;
  /* It has lost its name meanwhile. */
  if (opened.st_nlink == 0)
    return -ENOENT;

  if (has_record && !ssem_posix_file_is_of_key (&content.record, key))
    return -EBADMSG;

  *file = (SsemLockCount) { .device = opened.st_dev };
  snapshot->key = key != NULL ? g_strdup (key)
                              : find_key (name, has_record ? &content.record : NULL);
  if (must_fit && snapshot->key == NULL && has_record && content.record.key_length > 0)
    return -EBADMSG;
  snapshot->native_key = ssem_native_key_format (SSEM_BACKEND_POSIX, 0, name);
  snapshot->value = get_value (&content);
  snapshot->n_waiters = -1;
  if (has_record && content.record.made_by_us)
    {
      snapshot->initial_value = MAX (-1, content.record.initial);
      if (ssem_lock_file_has_attached (fd))
        file->inode = opened.st_ino;
      else if (!ssem_posix_others_may_use (fd))
        snapshot->n_attached = 0;
    }
  snapshot->is_leftover = snapshot->n_attached == 0;
  *found = g_steal_pointer (&snapshot);

  return 0;
}

static int
inspect_name (const char     *name,
              const char     *key,
              gboolean        must_fit,
              SsemSnapshot  **found,
              SsemLockCount  *file)
{
  g_autofree char *path = ssem_posix_name_get_path (name);
  int fd = ssem_file_open (path, O_RDONLY, NULL);
  int result;

  /* The last process is removing it. */
  if (fd == -EAGAIN)
    return -ENOENT;
  if (fd < 0)
    return fd;

  result = inspect_file (fd, name, key, must_fit, found, file);
  close (fd);

  return result;
}

int
ssem_posix_inspect (const char    *name,
                    const char    *key,
                    SsemSnapshot **snapshot)
{
  SsemLockCount file;
  int result = inspect_name (name, key, FALSE, snapshot, &file);

  if (result == 0 && file.inode != 0)
    ssem_lock_file_count_attached (snapshot, &file, 1);

  return result;
}

int
ssem_posix_list (GPtrArray *snapshots,
                 guint     *n_others)
{
  g_autoptr(GPtrArray) in_use = g_ptr_array_new ();
  g_autoptr(GArray) files = g_array_new (FALSE, FALSE, sizeof (SsemLockCount));
  g_autoptr(GDir) dir = NULL;
  const char *file_name;

  errno = 0;
  dir = g_dir_open (SSEM_POSIX_DIRECTORY, 0, NULL);
  /* A system without the directory has no semaphores. */
  if (dir == NULL)
    return errno == ENOENT || errno == 0 ? 0 : -errno;

  while ((file_name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (SSEM_POSIX_DIRECTORY, file_name, NULL);
      g_autofree char *name = NULL;
      g_autoptr(SsemSnapshot) snapshot = NULL;
      SsemLockCount file;
      int result;

      if (!g_str_has_prefix (file_name, SSEM_POSIX_PREFIX))
        continue;
      name = g_strconcat ("/", file_name + strlen (SSEM_POSIX_PREFIX), NULL);
      if (!ssem_posix_name_is_valid (name) || !ssem_posix_name_is_here (name))
        continue;
      result = inspect_name (name, NULL, TRUE, &snapshot, &file);
      if (result == -EACCES && ssem_file_is_of_other (path, NULL))
        (*n_others)++;
      if (result != 0)
        continue;

      if (file.inode != 0)
        {
          g_ptr_array_add (in_use, snapshot);
          g_array_append_val (files, file);
        }
      g_ptr_array_add (snapshots, g_steal_pointer (&snapshot));
    }

  ssem_lock_file_count_attached ((SsemSnapshot **) in_use->pdata, (SsemLockCount *) files->data,
                                 files->len);

  return 0;
}

/* Removes the file at @path, with the attach lock. */
static int
remove_locked (SsemLockFile *file,
               const char   *path,
               const char   *key)
{
  SsemPosixContent content;
  int result = ssem_posix_file_read (file->fd, &content);

  if (result == 1 && !ssem_posix_file_is_of_key (&content.record, key))
    result = -EBADMSG;
  if (result < 0)
    return result;
  if (ssem_file_identity_is_at (&file->identity, path) <= 0)
    return -ENOENT;
  if (ssem_lock_file_others_are_alive (file) || !ssem_posix_others_shut_out (file))
    return -EBUSY;

  result = unlink (path) == 0 ? 0 : -errno;
  ssem_posix_others_let_in (file);

  return result;
}

int
ssem_posix_remove_leftover (const char *name,
                            const char *key)
{
  int cancel_state = ssem_thread_disable_cancel ();
  g_autofree char *path = ssem_posix_name_get_path (name);
  SsemLockFile file;
  int result;

  ssem_lock_file_init (&file, 1);
  file.fd = ssem_file_open (path, O_RDWR, &file.identity);
  /* The last process is removing it. */
  result = file.fd == -EAGAIN ? -ENOENT : MIN (file.fd, 0);
  if (result == 0)
    {
      /* Another process that has the attach lock is attaching or leaving. */
      result = ssem_lock_file_try_lock (&file);
      if (result == -EAGAIN)
        result = -EBUSY;
      if (result == 0)
        result = remove_locked (&file, path, key);
      ssem_lock_file_close (&file);
    }
  ssem_thread_restore_cancel (cancel_state);

  return result;
}
