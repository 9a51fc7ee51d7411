/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-file-private.h"

#include "ssem/os/ssem-file-link-private.h"
#include "ssem/os/ssem-file-private.h"
#include "ssem/os/ssem-fork-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char record_magic[8] = "SsemSysV";

/* Fields are only appended, so the size identifies the version. */
#define RECORD_LAYOUT ((guint32) (1 << 16 | sizeof (SsemSysvRecord)))

G_STATIC_ASSERT (sizeof (atomic_uint_least32_t) == 4);
G_STATIC_ASSERT (G_STRUCT_OFFSET (SsemSysvRecord, key) == 44);
G_STATIC_ASSERT (sizeof (SsemSysvRecord) == 1072);

/* A mapping keeps the open file, and with it the file's locks. A child that inherited the mapping
 * would make its parent look alive after the parent's death. Systems without this advice have locks
 * of the process, which no child inherits. */
#ifndef MADV_DONTFORK
#define MADV_DONTFORK MADV_NORMAL
#endif

void
ssem_sysv_file_init (SsemSysvFile *self)
{
  *self = (SsemSysvFile) { .fd = -1 };
}

/* --- Opening --- */

static int
map_record (SsemSysvFile *self)
{
  /* The file may be empty still: nothing touches the memory before ssem_sysv_file_check (). */
  void *memory = mmap (NULL, sizeof (SsemSysvRecord), PROT_READ | PROT_WRITE, MAP_SHARED,
                       self->fd, 0);

  if (memory == MAP_FAILED)
    return -errno;

  self->record = memory;

  return madvise (memory, sizeof (SsemSysvRecord), MADV_DONTFORK) == 0 ? 0 : -errno;
}

/* ssem_file_create (), or a function like it. */
typedef int (* OpenFunc) (const char       *path,
                          SsemFileIdentity *identity);

static int
open_existing (const char       *path,
               SsemFileIdentity *identity)
{
  return ssem_file_open (path, O_RDWR, identity);
}

static int
open_and_map (SsemSysvFile *self,
              const char   *path,
              OpenFunc      open_func)
{
  unsigned int n_forks;
  int result;

  do
    {
      n_forks = ssem_fork_get_n_begun ();
      self->fd = open_func (path, &self->identity);
      if (self->fd < 0)
        {
          result = self->fd;
          self->fd = -1;
          return result;
        }

      result = map_record (self);
      /* A child that was forked meanwhile may have a descriptor that it does not know of, or a
       * mapping. It keeps this open file, which therefore must never get a lock. */
      if (result != 0 || n_forks != ssem_fork_get_n_begun ())
        {
          ssem_sysv_file_close (self);
          ssem_sysv_file_unmap (self);
        }
    }
  while (result == 0 && self->fd < 0);

  return result;
}

int
ssem_sysv_file_open (SsemSysvFile *self,
                     const char   *path)
{
  return open_and_map (self, path, open_existing);
}

int
ssem_sysv_file_create (SsemSysvFile *self,
                       const char   *path,
                       const char   *key)
{
  g_autofree char *directory = g_path_get_dirname (path);
  gboolean is_named;
  int result;

  result = open_and_map (self, directory, ssem_file_create_nameless);
  is_named = result == -EOPNOTSUPP || result == -EISDIR || result == -EINVAL;
  if (is_named)
    result = open_and_map (self, path, ssem_file_create);
  if (result != 0)
    return result;

  result = ssem_sysv_file_try_lock (self);
  if (result == 0)
    result = ssem_sysv_file_check (self, key, SSEM_SYSV_PHASE_EMPTY);
  if (result == 0 && !is_named)
    result = ssem_file_link (self->fd, path);
  if (result == -EAGAIN && is_named)
    result = 0;

  if (result != 0)
    {
      ssem_sysv_file_close (self);
      ssem_sysv_file_unmap (self);
    }

  return result;
}

gboolean
ssem_sysv_file_has_descriptor (SsemSysvFile *self)
{
  return ssem_file_identity_is (&self->identity, self->fd);
}

int
ssem_sysv_file_disown (SsemSysvFile *self)
{
  int fd = self->fd;

  if (!ssem_sysv_file_has_descriptor (self))
    {
      self->fd = -1;
      return -1;
    }

  /* One by one, because the mapping keeps the open file. The attach lock is last: a process that
   * gets it finds us gone. Until then a child of fork () must know the descriptor. */
  ssem_file_lock_try (fd, SSEM_SYSV_FILE_ALIVE, SSEM_FILE_LOCK_NONE);
  ssem_sysv_file_unlock (self);
  self->fd = -1;

  return fd;
}

void
ssem_sysv_file_close (SsemSysvFile *self)
{
  int fd = ssem_sysv_file_disown (self);

  if (fd >= 0)
    close (fd);
}

void
ssem_sysv_file_unmap (SsemSysvFile *self)
{
  if (self->record != NULL)
    munmap (g_steal_pointer (&self->record), sizeof (SsemSysvRecord));
}

void
ssem_sysv_file_forget (SsemSysvFile *self)
{
  if (ssem_sysv_file_has_descriptor (self))
    close (self->fd);
  self->fd = -1;
  self->record = NULL;
}

/* --- Locks --- */

int
ssem_sysv_file_lock (SsemSysvFile *self)
{
  return ssem_file_lock_wait (self->fd, SSEM_SYSV_FILE_ATTACH_LOCK, SSEM_FILE_LOCK_EXCLUSIVE);
}

int
ssem_sysv_file_try_lock (SsemSysvFile *self)
{
  return ssem_file_lock_try (self->fd, SSEM_SYSV_FILE_ATTACH_LOCK, SSEM_FILE_LOCK_EXCLUSIVE);
}

void
ssem_sysv_file_unlock (SsemSysvFile *self)
{
  ssem_file_lock_try (self->fd, SSEM_SYSV_FILE_ATTACH_LOCK, SSEM_FILE_LOCK_NONE);
}

/* --- Content --- */

/* Returns 0 where the file contains nothing yet, 1 where it contains a record, or -errno. */
static int
examine_content (int fd)
{
  static const char no_magic[sizeof record_magic];
  struct
  {
    char magic[sizeof record_magic];
    guint32 layout;
  } head;
  struct stat found;
  gssize n_read;

  if (fstat (fd, &found) != 0)
    return -errno;
  if (found.st_size == 0)
    return 0;

  n_read = ssem_file_read (fd, &head, sizeof head, 0);
  if (n_read < 0)
    return (int) n_read;
  if (n_read < (gssize) sizeof head)
    return -EBADMSG;

  if (memcmp (head.magic, record_magic, sizeof record_magic) == 0)
    {
      if (head.layout != RECORD_LAYOUT)
        return -EPROTO;
      return found.st_size == sizeof (SsemSysvRecord) ? 1 : -EBADMSG;
    }

  /* A writer died before it wrote the magic. */
  if (memcmp (head.magic, no_magic, sizeof no_magic) == 0 &&
      found.st_size == sizeof (SsemSysvRecord))
    return 0;

  return -EBADMSG;
}

static void
write_record (SsemSysvRecord *record,
              const char     *key,
              SsemSysvPhase   phase)
{
  record->layout = RECORD_LAYOUT;
  record->phase = phase;
  record->key_length = (guint32) strlen (key);
  memcpy (record->key, key, record->key_length);

  /* A writer that dies before this leaves a file that the next process takes for empty. */
  atomic_thread_fence (memory_order_release);
  memcpy (record->magic, record_magic, sizeof record_magic);
}

int
ssem_sysv_file_check (SsemSysvFile  *self,
                      const char    *key,
                      SsemSysvPhase  phase_of_empty)
{
  SsemSysvRecord *record = self->record;
  int result = examine_content (self->fd);

  if (result < 0)
    return result;

  if (result == 0)
    {
      result = ssem_file_reserve (self->fd, sizeof (SsemSysvRecord));
      if (result == 0)
        write_record (record, key, phase_of_empty);
      return result;
    }

  return record->key_length == strlen (key) && memcmp (record->key, key, strlen (key)) == 0
         ? 0
         : -EBADMSG;
}

int
ssem_sysv_file_read_record (int             fd,
                            SsemSysvRecord *record)
{
  gssize n_read;
  int result;

  result = examine_content (fd);
  if (result != 1)
    return result;

  n_read = ssem_file_read (fd, record, sizeof *record, 0);
  if (n_read < 0)
    return (int) n_read;
  if (n_read < (gssize) sizeof *record || record->key_length == 0 ||
      record->key_length > SSEM_SYSV_KEY_MAX ||
      memchr (record->key, '\0', record->key_length) != NULL)
    return -EBADMSG;

  return 1;
}
