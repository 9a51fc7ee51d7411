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

/* The first byte, and how many. */
#define BOTH_LOCKS SSEM_SYSV_FILE_ATTACH_LOCK, 2

G_STATIC_ASSERT (SSEM_SYSV_FILE_ALIVE == SSEM_SYSV_FILE_ATTACH_LOCK + 1);
G_STATIC_ASSERT (sizeof (atomic_uint_least32_t) == 4);
G_STATIC_ASSERT (G_STRUCT_OFFSET (SsemSysvRecord, key) == 44);
/* Where versions without the field wrote zeroes. */
G_STATIC_ASSERT (G_STRUCT_OFFSET (SsemSysvRecord, project) == 1068);
G_STATIC_ASSERT (sizeof (SsemSysvRecord) == 1072);

/* A mapping keeps the open file, and so the locks of the file. If a child inherited the mapping,
 * its parent would look alive after the parent's death. On systems without MADV_DONTFORK, the
 * process owns the locks, and no child inherits them. */
#ifndef MADV_DONTFORK
#define MADV_DONTFORK MADV_NORMAL
#endif

void
ssem_sysv_file_init (SsemSysvFile *self)
{
  *self = (SsemSysvFile) { .fd = -1 };
}

/* --- Opening --- */

/* Maps the record, without copies in children. */
static int
map_record (SsemSysvFile *self)
{
  /* The file may be empty. Access to the memory is an error before ssem_sysv_file_ensure_record ()
   * has enlarged the file. */
  void *memory = mmap (NULL, sizeof (SsemSysvRecord), PROT_READ | PROT_WRITE, MAP_SHARED,
                       self->fd, 0);

  if (memory == MAP_FAILED)
    return -errno;

  self->record = memory;

  return madvise (memory, sizeof (SsemSysvRecord), MADV_DONTFORK) == 0 ? 0 : -errno;
}

/* A function that opens or creates a file, such as ssem_file_create (). */
typedef int (* OpenFunc) (const char       *path,
                          SsemFileIdentity *identity);

static int
open_existing (const char       *path,
               SsemFileIdentity *identity)
{
  return ssem_file_open (path, O_RDWR, identity);
}

/* Opens the file at @path with @open_func, and maps the record. Repeats this if a fork came in
 * between. */
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
      /* A child that was forked meanwhile may have copies of the descriptor and of the mapping that
       * it cannot find. The child keeps this open file, so this process must not lock it. */
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
ssem_sysv_file_create (SsemSysvFile           *self,
                       const SsemSysvLocation *location)
{
  const char *path = location->path;
  g_autofree char *directory = g_path_get_dirname (path);
  gboolean is_named;
  int result;

  result = open_and_map (self, directory, ssem_file_create_nameless);
  /* Some file systems cannot create a file without a name. */
  is_named = result == -EOPNOTSUPP || result == -EISDIR || result == -EINVAL;
  if (is_named)
    result = open_and_map (self, path, ssem_file_create);
  if (result != 0)
    return result;

  result = ssem_sysv_file_try_lock (self);
  if (result == 0)
    result = ssem_sysv_file_ensure_record (self, location, SSEM_SYSV_PHASE_EMPTY);
  if (result == 0 && !is_named)
    result = ssem_file_link (self->fd, path);
  /* Another process has found the named file and locked it first. It may also have removed the file
   * again. */
  if (is_named && (result == -EAGAIN ||
                   (result == 0 && ssem_file_identity_is_at (&self->identity, path) == 0)))
    result = -EEXIST;

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
ssem_sysv_file_steal_descriptor (SsemSysvFile *self)
{
  int fd = self->fd;

  /* Unlock explicitly, because the mapping keeps the open file. Unlock both locks in one step, so
   * that the next process with the attach lock does not find this process alive. Forget the
   * descriptor after that, because a child of fork () must close each descriptor whose file has a
   * lock. */
  ssem_file_lock_try (fd, BOTH_LOCKS, SSEM_FILE_LOCK_NONE);
  self->fd = -1;

  return fd;
}

void
ssem_sysv_file_close (SsemSysvFile *self)
{
  if (self->fd >= 0)
    close (ssem_sysv_file_steal_descriptor (self));
}

void
ssem_sysv_file_unmap (SsemSysvFile *self)
{
  if (self->record != NULL)
    munmap (g_steal_pointer (&self->record), sizeof (SsemSysvRecord));
}

void
ssem_sysv_file_discard_in_child (SsemSysvFile *self)
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
  return ssem_file_lock_try (self->fd, SSEM_SYSV_FILE_ATTACH_LOCK, 1, SSEM_FILE_LOCK_EXCLUSIVE);
}

int
ssem_sysv_file_try_lock_alone (SsemSysvFile *self)
{
  return ssem_file_lock_try (self->fd, BOTH_LOCKS, SSEM_FILE_LOCK_EXCLUSIVE);
}

int
ssem_sysv_file_lock_alive (SsemSysvFile *self)
{
  return ssem_file_lock_try (self->fd, SSEM_SYSV_FILE_ALIVE, 1, SSEM_FILE_LOCK_SHARED);
}

void
ssem_sysv_file_unlock (SsemSysvFile *self)
{
  ssem_file_lock_try (self->fd, SSEM_SYSV_FILE_ATTACH_LOCK, 1, SSEM_FILE_LOCK_NONE);
}

/* --- Content --- */

/* Returns 1 if the file contains a record, 0 if it has no content yet, or -errno. */
static int
identify_content (int fd)
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

  /* A writer died before it wrote the magic, so the file counts as empty. */
  if (memcmp (head.magic, no_magic, sizeof no_magic) == 0 &&
      found.st_size == sizeof (SsemSysvRecord))
    return 0;

  return -EBADMSG;
}

gboolean
ssem_sysv_file_is_empty (SsemSysvFile *self)
{
  return identify_content (self->fd) == 0;
}

/* Writes a record of @location. Returns 0 or -errno. */
static int
write_record (SsemSysvFile           *self,
              const SsemSysvLocation *location,
              SsemSysvPhase           phase)
{
  SsemSysvRecord record = {
    .layout = RECORD_LAYOUT,
    .phase = phase,
    .key_length = location->key != NULL ? (guint32) strlen (location->key) : 0,
    .project = location->project != 'Q' ? (guint32) location->project : 0,
  };
  int result;

  if (location->key != NULL)
    memcpy (record.key, location->key, record.key_length);
  result = ssem_file_write (self->fd, &record, sizeof record, 0);
  if (result != 0)
    return result;

  /* Write the magic last. If the writer dies before, the next process treats the file as empty. */
  atomic_thread_fence (memory_order_release);
  memcpy (self->record->magic, record_magic, sizeof record_magic);

  return 0;
}

/* Returns whether @record, whose key is known, belongs to the key or the path of @location. The key
 * of a file that was copied or renamed has another file. */
static gboolean
has_key_of (const SsemSysvRecord   *record,
            const SsemSysvLocation *location)
{
  g_autofree char *key = NULL;

  if (record->key_length > SSEM_SYSV_KEY_MAX)
    return FALSE;
  if (location->key != NULL)
    return record->key_length == strlen (location->key) &&
           memcmp (record->key, location->key, record->key_length) == 0;

  key = g_strndup (record->key, record->key_length);

  return g_utf8_validate (key, -1, NULL) && ssem_sysv_key_fits (key, location->path);
}

int
ssem_sysv_file_check_record (const SsemSysvRecord   *record,
                             const SsemSysvLocation *location)
{
  if (record->key_length != 0 && !has_key_of (record, location))
    return -EBADMSG;

  return ssem_sysv_record_get_project (record) == location->project ? 0 : -EADDRNOTAVAIL;
}

int
ssem_sysv_file_ensure_record (SsemSysvFile           *self,
                              const SsemSysvLocation *location,
                              SsemSysvPhase           phase_of_empty)
{
  SsemSysvRecord *record = self->record;
  int result = identify_content (self->fd);

  if (result < 0)
    return result;

  if (result == 0)
    return write_record (self, location, phase_of_empty);

  result = ssem_sysv_file_check_record (record, location);
  if (result == 0 && record->key_length == 0 && location->key != NULL)
    {
      memcpy (record->key, location->key, strlen (location->key));
      /* An inspection without a lock sees no key, or the whole key. */
      atomic_thread_fence (memory_order_release);
      record->key_length = (guint32) strlen (location->key);
    }

  return result;
}

int
ssem_sysv_file_read_record (int             fd,
                            SsemSysvRecord *record)
{
  gssize n_read;
  int result;

  result = identify_content (fd);
  if (result != 1)
    return result;

  n_read = ssem_file_read (fd, record, sizeof *record, 0);
  if (n_read < 0)
    return (int) n_read;
  if (n_read < (gssize) sizeof *record || record->key_length > SSEM_SYSV_KEY_MAX ||
      memchr (record->key, '\0', record->key_length) != NULL)
    return -EBADMSG;

  return 1;
}
