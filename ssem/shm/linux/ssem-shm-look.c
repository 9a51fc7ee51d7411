/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem/shm/ssem-shm-look-private.h"

#include "ssem-shm-file-private.h"
#include "ssem-shm-name-private.h"
#include "ssem-shm-process-files-private.h"

#include "ssem/os/ssem-file-private.h"
#include "ssem/os/ssem-key-name-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A look disturbs no process. The file is opened for reading only, and takes no slot. It is read
 * into a copy, so that a file that is truncated meanwhile is a short read and not a SIGBUS.
 *
 * A segment that is marked as removed is gone. If it still has its name, because its last process
 * was killed or was not allowed to remove it, the look removes it.
 */

static gssize
read_file (gconstpointer  source,
           void          *buffer,
           gsize          size,
           goffset        offset)
{
  return ssem_file_read (*(const int *) source, buffer, size, offset);
}

static int
read_segment (int          fd,
              const char  *key,
              SsemShmLook *look)
{
  struct stat found;

  if (fstat (fd, &found) != 0)
    return -errno;

  return ssem_shm_look_read (look, found.st_size, key, read_file, &fd);
}

static gboolean
is_alive (gconstpointer   data,
          guint64         process_id,
          char         ***arguments)
{
  const int all_fd = *(const int *) data;
  /* Without the directory no process is alive. */
  int result = ssem_shm_process_files_ask (all_fd, process_id);

  if (result == 0 || result == -ENOENT || result == -EBADF)
    return FALSE;

  *arguments = ssem_shm_process_files_read (all_fd, process_id);

  return TRUE;
}

static void
look_at_liveness (const SsemShmDirectory *directory,
                  SsemShmLook            *look)
{
  int all_fd = ssem_shm_process_files_open (directory);

  ssem_shm_look_ask (look, is_alive, &all_fd);
  if (all_fd >= 0)
    close (all_fd);
}

/* --- Finding it --- */

/* Looks at the open file. @key may be NULL. */
static int
look_at_file (SsemShmFile       *file,
              const SsemShmName *name,
              const char        *key,
              SsemShmLook      **look)
{
  g_autoptr(SsemShmLook) new_look = ssem_shm_look_new ();
  int result = read_segment (file->fd, key, new_look);

  if (result != 0)
    return result;
  if (ssem_shm_life_is_removed (atomic_load (&new_look->copy->life)))
    {
      ssem_shm_file_remove (file, name->path);
      return -ENOENT;
    }

  look_at_liveness (&name->directory, new_look);
  *look = g_steal_pointer (&new_look);

  return 0;
}

static int
look_at_name (const SsemShmName *name,
              const char        *key,
              SsemShmLook      **look)
{
  SsemShmFile file = SSEM_SHM_FILE_INIT;
  int result = ssem_shm_directory_check (&name->directory);

  if (result == 0)
    result = ssem_shm_file_open (&file, name->path, O_RDONLY);
  if (result == 0)
    result = look_at_file (&file, name, key, look);
  ssem_shm_file_close (&file);

  return result;
}

int
ssem_shm_look (const char   *key,
               SsemShmLook **look)
{
  SsemShmName *name = ssem_shm_name_new (key);
  int result = look_at_name (name, key, look);

  ssem_shm_name_free (name);

  return result;
}

/* Looks at the segment whose directory is called @file_name, if its key leads there. */
static SsemShmLook *
look_at_file_name (const char *directory,
                   const char *file_name)
{
  SsemShmName *name = ssem_shm_name_new_for_file (directory, file_name);
  g_autoptr(SsemShmLook) look = NULL;
  g_autofree char *key = NULL;
  g_autofree char *right_name = NULL;

  look_at_name (name, NULL, &look);
  ssem_shm_name_free (name);

  if (look == NULL)
    return NULL;
  key = g_strndup (look->copy->key, look->copy->key_length);
  if (*key == '\0' || !g_utf8_validate (key, -1, NULL))
    return NULL;
  right_name = ssem_shm_name_encode (key);

  return g_str_equal (file_name, right_name) ? g_steal_pointer (&look) : NULL;
}

/* Returns whether what is called @name may be another user's segment. */
static gboolean
is_of_other (const char *directory,
             const char *name)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);

  return (g_str_has_prefix (name, "ssem_") || g_str_has_prefix (name, "ssem=")) &&
         ssem_file_is_of_other (path, NULL);
}

int
ssem_shm_look_at_all (SsemShmLookFunc   func,
                      gpointer          data,
                      guint            *n_others,
                      char            **path)
{
  g_autoptr(GDir) dir = NULL;
  SsemShmDirectory directory;
  const char *name;
  int result;

  ssem_shm_directory_init (&directory);
  *path = g_strdup (directory.path);
  result = ssem_shm_directory_check (&directory);
  if (result == 0)
    {
      errno = 0;
      dir = g_dir_open (directory.path, 0, NULL);
      result = dir != NULL ? 0 : errno != 0 ? -errno : -ENOTDIR;
    }
  /* The library's own directory is absent as long as nobody needs it. */
  if (result == -ENOENT)
    result = directory.is_own ? 0 : -ENOTDIR;
  ssem_shm_directory_clear (&directory);
  if (dir == NULL)
    return result;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autoptr(SsemShmLook) look = look_at_file_name (*path, name);

      if (look != NULL)
        func (look, data);
      else if (is_of_other (*path, name))
        (*n_others)++;
    }

  return result;
}

char *
ssem_shm_look_get_directory (const char **prefix)
{
  SsemShmDirectory directory;
  char *path;

  ssem_shm_directory_init (&directory);
  path = g_strdup (directory.path);
  ssem_shm_directory_clear (&directory);
  *prefix = SSEM_KEY_ENCODED_PREFIX;

  return path;
}
