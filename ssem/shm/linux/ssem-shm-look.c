/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem/shm/ssem-shm-look-private.h"

#include "ssem-shm-file-private.h"
#include "ssem-shm-name-private.h"
#include "ssem-shm-process-files-private.h"

#include "ssem/os/ssem-file-private.h"
#include "ssem/shm/ssem-shm-segment-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A look disturbs no process. The file is opened for reading only, and takes no slot. It is read
 * into a copy, so that a file that is truncated meanwhile is a short read and not a SIGBUS.
 *
 * The copy is made while others work. Every operation changes `state`, so what was read between two
 * equal readings of `state` was true at that moment. Under heavy use there may be no such moment;
 * after MAX_TRIES the look is content with figures of several moments.
 *
 * The look asks which processes are alive after the copy was made: a process that dies in between
 * counts as dead already.
 *
 * A segment that is marked as removed is gone. If it still has its name, because its last process
 * was killed or was not allowed to remove it, the look removes it.
 */

#define MAX_TRIES 200

/* --- Reading --- */

static int
read_state (int      fd,
            guint64 *word)
{
  gssize n_read;

  /* Before and after the rest, for this processor and for the compiler. */
  atomic_thread_fence (memory_order_seq_cst);
  n_read = ssem_file_read (fd, word, sizeof *word, G_STRUCT_OFFSET (SsemShmSegment, state));
  atomic_thread_fence (memory_order_seq_cst);

  return n_read < 0 ? (int) n_read : n_read < (gssize) sizeof *word ? -EBADMSG : 0;
}

static int
read_copy (int         fd,
           const char *key,
           SsemShmLook *look)
{
  struct stat found;
  SsemShmSegment *head;
  guint32 used;
  gsize size;
  gssize n_read;
  int result;

  if (fstat (fd, &found) != 0)
    return -errno;

  n_read = ssem_file_read (fd, look->copy, sizeof *look->copy, 0);
  if (n_read < 0)
    return (int) n_read;
  head = look->copy;
  result = n_read < (gssize) sizeof *head ? -EBADMSG
                                          : ssem_shm_segment_check (head, found.st_size, key);
  if (result == 0 && memchr (head->key, '\0', head->key_length) != NULL)
    result = -EBADMSG;
  if (result != 0)
    return result;

  used = atomic_load (&head->slots_used);
  size = used * sizeof (SsemShmSlot);
  n_read = ssem_file_read (fd, head->slots, size, sizeof *head);
  if (n_read < 0)
    return (int) n_read;

  return n_read < (gssize) size ? -EBADMSG : 0;
}

static int
read_segment (int         fd,
              const char *key,
              SsemShmLook *look)
{
  guint64 before = 0, after = 0;
  int i, result;

  result = read_state (fd, &after);
  for (i = 0; i < MAX_TRIES && result == 0; i++)
    {
      before = after;
      result = read_copy (fd, key, look);
      if (result == 0)
        result = read_state (fd, &after);
      if (before == after)
        break;
    }

  /* The slot that `state` names must be one that was read. */
  if (result == 0 &&
      ssem_shm_state_unpack (before).slot >= MAX (1, atomic_load (&look->copy->slots_used)))
    result = -EBADMSG;
  look->word = before;

  return result;
}

/* --- Liveness --- */

/* Adds the attach ids of the live processes, and counts those that are attached. */
static void
look_at_liveness (const SsemShmDirectory *directory,
                  SsemShmLook            *look)
{
  guint32 used = atomic_load (&look->copy->slots_used);
  guint64 last = 0;
  gboolean is_alive = FALSE;
  guint32 index;
  /* Without the directory no process is alive. */
  int all_fd = ssem_shm_process_files_open (directory);

  for (index = 1; index < used; index++)
    {
      guint64 owner = atomic_load (&look->copy->slots[index].owner);
      guint64 attach_id = owner >> SSEM_SHM_OWNER_SHIFT;
      g_autofree guint64 *key = NULL;
      int result;

      if (attach_id == 0)
        continue;
      if (attach_id != last)
        {
          result = ssem_shm_process_files_ask (all_fd, SSEM_SHM_ATTACH_ID_PROCESS (attach_id));
          is_alive = result != 0 && result != -ENOENT && result != -EBADF;
          last = attach_id;
        }
      if (!is_alive)
        continue;

      key = g_new (guint64, 1);
      *key = attach_id;
      if (!g_hash_table_contains (look->alive, key))
        g_hash_table_insert (look->alive, g_steal_pointer (&key),
                             ssem_shm_process_files_read (all_fd,
                                                          SSEM_SHM_ATTACH_ID_PROCESS (attach_id)));
      look->n_attached += (owner & SSEM_SHM_OWNER_ATTACHED) != 0;
    }

  if (all_fd >= 0)
    close (all_fd);
}

/* --- Finding it --- */

void
ssem_shm_look_free (SsemShmLook *look)
{
  g_hash_table_unref (look->alive);
  g_aligned_free (look->copy);
  g_free (look);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemShmLook, ssem_shm_look_free)

/* Looks at the open file. @key may be NULL. */
static int
look_at_file (SsemShmFile       *file,
              const SsemShmName *name,
              const char        *key,
              SsemShmLook      **look)
{
  g_autoptr(SsemShmLook) new_look = g_new0 (SsemShmLook, 1);
  int result;

  new_look->alive = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free,
                                           (GDestroyNotify) g_strfreev);
  new_look->copy = g_aligned_alloc (1, SSEM_SHM_SIZE (SSEM_SHM_MAX_SLOTS), SSEM_SHM_LINE);

  result = read_segment (file->fd, key, new_look);
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
