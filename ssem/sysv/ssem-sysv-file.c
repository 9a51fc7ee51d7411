/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-file-private.h"

#include "ssem/os/ssem-file-private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const char record_magic[8] = "SsemSysV";

/* Fields are only appended, so the size identifies the version. */
#define RECORD_LAYOUT ((guint32) (1 << 16 | sizeof (SsemSysvRecord)))

G_STATIC_ASSERT (sizeof (atomic_uint_least32_t) == 4);
G_STATIC_ASSERT (G_STRUCT_OFFSET (SsemSysvRecord, key) == 44);
/* Where versions without the field wrote zeroes. */
G_STATIC_ASSERT (G_STRUCT_OFFSET (SsemSysvRecord, project) == 1068);
G_STATIC_ASSERT (sizeof (SsemSysvRecord) == 1072);

void
ssem_sysv_file_init (SsemLockFile *self)
{
  ssem_lock_file_init (self, sizeof (SsemSysvRecord));
}

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
ssem_sysv_file_is_empty (SsemLockFile *self)
{
  return identify_content (self->fd) == 0;
}

/* Writes a record of @location. Returns 0 or -errno. */
static int
write_record (SsemLockFile           *self,
              const SsemSysvLocation *location,
              SsemSysvPhase           phase)
{
  SsemSysvRecord record = {
    .layout = RECORD_LAYOUT,
    .phase = phase,
    .key_length = location->key != NULL ? (guint32) strlen (location->key) : 0,
    .project = location->project != SSEM_NATIVE_KEY_PROJECT ? (guint32) location->project : 0,
  };
  int result;

  if (location->key != NULL)
    memcpy (record.key, location->key, record.key_length);
  result = ssem_file_write (self->fd, &record, sizeof record, 0);
  if (result != 0)
    return result;

  /* Write the magic last. If the writer dies before, the next process treats the file as empty. */
  atomic_thread_fence (memory_order_release);
  memcpy (ssem_sysv_file_get_record (self)->magic, record_magic, sizeof record_magic);

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
ssem_sysv_file_ensure_record (SsemLockFile           *self,
                              const SsemSysvLocation *location,
                              SsemSysvPhase           phase_of_empty)
{
  SsemSysvRecord *record = ssem_sysv_file_get_record (self);
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

/* Writes the record of the location @data into a new file. */
static int
fill_file (SsemLockFile *self,
           gpointer      data)
{
  return ssem_sysv_file_ensure_record (self, data, SSEM_SYSV_PHASE_EMPTY);
}

int
ssem_sysv_file_create (SsemLockFile           *self,
                       const SsemSysvLocation *location)
{
  return ssem_lock_file_create (self, location->path, TRUE, fill_file, (gpointer) location);
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
