/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-inspect-private.h"

#include "ssem-sysv-file-private.h"
#include "ssem-sysv-key-private.h"
#include "ssem-sysv-set-private.h"

#include "ssem/os/ssem-file-private.h"
#include "ssem/os/ssem-native-key-text-private.h"
#include "ssem/os/ssem-thread-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* An inspection takes no lock. Other processes may write the key file meanwhile. So each number in
 * a snapshot is true at some moment of the inspection, but not all at the same moment.
 *
 * Only the kernel knows how many units each process holds. The kernel reports how many threads
 * wait, but not which threads. So a snapshot names neither holders nor waiters.
 */

/* Finds the set of the key file. @record is NULL for a file that Qt made. Returns the set's
 * identifier or -errno. */
static int
find_set (const SsemSysvLocation *location,
          const SsemSysvRecord   *record)
{
  key_t ipc_key;
  int result;

  /* In another phase, a set with this IPC key is unfinished, or belongs to another key file. */
  if (record != NULL && record->phase != SSEM_SYSV_PHASE_READY)
    return -ENOENT;

  result = ssem_sysv_key_make_ipc_key (location->path, location->project, &ipc_key);

  return result == 0 ? ssem_sysv_set_lookup (ipc_key) : result;
}

/* Inspects the semaphore at @location, whose key may be unknown. If the attached processes have to
 * be counted, sets @file to the key file; otherwise sets the inode of @file to 0. Returns 0 or
 * -errno. */
static int
inspect_path (const SsemSysvLocation  *location,
              SsemSnapshot           **found,
              SsemLockCount           *file)
{
  struct stat opened = { 0 };
  g_autoptr(SsemSnapshot) snapshot = ssem_snapshot_new ();
  SsemSysvRecord record = { .key_length = 0 };
  gboolean is_qt;
  int fd, set, result;

  if (!ssem_file_lock_is_of_description ())
    return -ENOTSUP;

  fd = ssem_file_open (location->path, O_RDONLY, NULL);
  if (fd < 0)
    return fd;
  result = ssem_sysv_file_read_record (fd, &record);
  is_qt = result == 0;
  if (result == 1)
    {
      snapshot->initial_value = MAX (-1, record.initial);
      is_qt = record.phase == SSEM_SYSV_PHASE_QT;
      result = ssem_sysv_file_check_record (&record, location);
    }
  if (result == 0 && record.key_length > 0)
    snapshot->key = g_strndup (record.key, record.key_length);
  else if (result == 0)
    snapshot->key = g_strdup (location->key);
  if (result == 0 && !ssem_lock_file_has_attached (fd))
    snapshot->n_attached = 0;
  else if (result == 0 && fstat (fd, &opened) != 0)
    result = -errno;
  close (fd);
  if (result != 0)
    return result;

  set = find_set (location, is_qt ? NULL : &record);
  if (set < 0)
    return set;
  result = snapshot->value = ssem_sysv_set_get_value (set);
  if (result >= 0)
    result = snapshot->n_waiters = ssem_sysv_set_get_n_waiters (set);
  if (result < 0)
    return result == -EIDRM ? -ENOENT : result;

  /* Processes of Qt have no alive lock, so they cannot be counted. */
  is_qt = is_qt || set != ssem_sysv_record_get_set (&record);
  if (is_qt || !record.made_by_us)
    {
      snapshot->n_attached = -1;
      opened.st_ino = 0;
    }
  if (is_qt)
    snapshot->initial_value = -1;
  snapshot->is_leftover = snapshot->n_attached == 0;
  snapshot->native_key = ssem_native_key_format (SSEM_BACKEND_SYSV, location->project,
                                                 location->path);
  *file = (SsemLockCount) { .device = opened.st_dev, .inode = opened.st_ino };
  *found = g_steal_pointer (&snapshot);

  return 0;
}

int
ssem_sysv_inspect (const SsemSysvLocation  *location,
                   SsemSnapshot           **snapshot)
{
  SsemLockCount file;
  int result = inspect_path (location, snapshot, &file);

  if (result == 0 && file.inode != 0)
    ssem_lock_file_count_attached (snapshot, &file, 1);

  return result;
}

int
ssem_sysv_list (GPtrArray *snapshots,
                guint     *n_others)
{
  g_autofree char *directory = ssem_sysv_key_directory ();
  g_autoptr(GPtrArray) in_use = g_ptr_array_new ();
  g_autoptr(GArray) files = g_array_new (FALSE, FALSE, sizeof (SsemLockCount));
  g_autoptr(GDir) dir = NULL;
  const char *name;

  if (!ssem_file_lock_is_of_description ())
    return -ENOTSUP;

  errno = 0;
  dir = g_dir_open (directory, 0, NULL);
  if (dir == NULL)
    return errno == ENOENT || errno == 0 ? -ENOTDIR : -errno;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);
      const SsemSysvLocation location = { .path = path, .project = SSEM_NATIVE_KEY_PROJECT };
      g_autoptr(SsemSnapshot) snapshot = NULL;
      SsemLockCount file;
      int result;

      if (!g_str_has_prefix (name, SSEM_SYSV_KEY_PREFIX))
        continue;
      result = inspect_path (&location, &snapshot, &file);
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

static int
remove_leftover (const SsemSysvLocation *location)
{
  const char *path = location->path;
  SsemFileIdentity identity;
  SsemSysvRecord record;
  int fd, set, result;

  if (!ssem_file_lock_is_of_description ())
    return -ENOTSUP;

  fd = ssem_file_open (path, O_RDWR, &identity);
  if (fd < 0)
    return fd;

  /* Another process that has the attach lock is attaching or leaving. */
  result = ssem_file_lock_try (fd, SSEM_LOCK_FILE_ATTACH, 1, SSEM_FILE_LOCK_EXCLUSIVE);
  if (result == -EAGAIN)
    result = -EBUSY;
  if (result == 0 && ssem_file_identity_is_at (&identity, path) <= 0)
    result = -ENOENT;
  if (result == 0)
    {
      result = ssem_sysv_file_read_record (fd, &record);
      if (result == 0)
        result = -EBUSY;
    }
  if (result == 1)
    result = ssem_sysv_file_check_record (&record, location);
  if (result == 0 && (ssem_lock_file_has_attached (fd) || !record.made_by_us))
    result = -EBUSY;
  if (result == 0)
    {
      set = find_set (location, &record);
      result = MIN (set, 0);
      if (result == 0)
        result = set == ssem_sysv_record_get_set (&record) ? ssem_sysv_set_remove (set) : -EBUSY;
      /* Remove the set before the file, as remove_set_and_file () in ssem-sysv-attachment.c does.
       * Also remove the file if its set no longer exists. Keep an unfinished set: the next process
       * that opens the key finishes its creation. */
      if (record.phase == SSEM_SYSV_PHASE_READY &&
          (result == 0 || result == -ENOENT || result == -EIDRM))
        unlink (path);
    }

  /* Closing does not unlock the file if another thread has forked meanwhile, because the child
   * keeps the open file. */
  ssem_file_lock_try (fd, SSEM_LOCK_FILE_ATTACH, 1, SSEM_FILE_LOCK_NONE);
  close (fd);

  return result == -EIDRM ? -ENOENT : result;
}

int
ssem_sysv_remove_leftover (const SsemSysvLocation *location)
{
  int cancel_state = ssem_thread_disable_cancel ();
  int result = remove_leftover (location);

  ssem_thread_restore_cancel (cancel_state);

  return result;
}
