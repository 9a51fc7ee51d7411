/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-posix-file-private.h"

#include "ssem-posix-others-private.h"

#include "ssem/os/ssem-file-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Why not sem_open ()
 *
 * On Linux, sem_open () maps a file of /dev/shm that contains a sem_t; see sem_overview (7). It
 * returns the sem_t alone. The library opens, checks and maps the same file itself, because it
 * needs the open file:
 *
 *   - It checks the owner, the type and the size of what it has opened.
 *   - Locks on the file show which processes are attached. The kernel drops them together with the
 *     mapping.
 *   - The kernel tells whether anybody else has the file open: see ssem-posix-others.c.
 *   - A new semaphore appears with its record and its locks, and with mode 0600 whatever the umask
 *     is.
 *
 * sem_init () for processes makes the same sem_t as sem_open () does. The tests share semaphores
 * with programs that call sem_open (), in both directions. All other operations are those of the C
 * library.
 */

static const char record_magic[8] = "SsemPosx";

/* Without the room that the compiler may leave at the end. The file is as long as the mapping, so
 * that no page of it lies beyond the end: a debugger, or a checker of memory, that reads all pages
 * would get SIGBUS there. */
#define CONTENT_SIZE (G_STRUCT_OFFSET (SsemPosixContent, record) + sizeof (SsemPosixRecord))

/* Fields are only appended, so the size identifies the version. The sem_t is part of it. */
#define RECORD_LAYOUT ((guint32) (sizeof (sem_t) << 16 | sizeof (SsemPosixRecord)))

G_STATIC_ASSERT (sizeof (sem_t) <= 64);
G_STATIC_ASSERT (G_STRUCT_OFFSET (SsemPosixContent, record) == 64);
G_STATIC_ASSERT (sizeof (atomic_uint_least32_t) == 4);
G_STATIC_ASSERT (sizeof (atomic_uint_least64_t) == 8);
G_STATIC_ASSERT (G_STRUCT_OFFSET (SsemPosixRecord, collecting) == 32);
G_STATIC_ASSERT (sizeof (SsemPosixRecord) == 1072);

void
ssem_posix_file_init (SsemLockFile *self)
{
  ssem_lock_file_init (self, ssem_posix_others_get_own_size ());
}

/* --- Content --- */

/* Returns 1 if the file has a record, 0 if another program made it, or -errno. */
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
  if (found.st_size == sizeof (sem_t))
    return 0;

  n_read = ssem_file_read (fd, &head, sizeof head, G_STRUCT_OFFSET (SsemPosixContent, record));
  if (n_read < 0)
    return (int) n_read;
  if (n_read < (gssize) sizeof head)
    return -EBADMSG;
  if (memcmp (head.magic, record_magic, sizeof record_magic) == 0)
    {
      if (head.layout != RECORD_LAYOUT)
        return -EPROTO;
      return found.st_size == (goffset) ssem_posix_others_get_own_size () ? 1 : -EBADMSG;
    }

  /* A writer died before it wrote the magic. */
  return memcmp (head.magic, no_magic, sizeof no_magic) == 0 &&
         found.st_size >= (goffset) CONTENT_SIZE &&
         found.st_size <= (goffset) ssem_posix_others_get_own_size () ? 0 : -EBADMSG;
}

static void
set_key (SsemPosixRecord *record,
         const char      *key)
{
  record->key_length = key != NULL ? (guint32) strlen (key) : 0;
  if (key != NULL)
    memcpy (record->key, key, record->key_length);
}

/* Writes a record of a semaphore whose initial value is @initial; -1 if another program made it.
 * Returns 0 or -errno. */
static int
write_record (SsemLockFile *self,
              const char   *key,
              int           initial)
{
  SsemPosixRecord record = {
    .layout = RECORD_LAYOUT,
    .made_by_us = initial >= 0,
    .initial = initial,
  };
  int result;

  set_key (&record, key);
  result = ssem_file_write (self->fd, &record, sizeof record,
                            G_STRUCT_OFFSET (SsemPosixContent, record));
  if (result == 0 &&
      ftruncate (self->fd, (goffset) ssem_posix_others_get_own_size ()) != 0)
    result = -errno;
  if (result != 0)
    return result;

  /* Write the magic last. If the writer dies before, the next process finds no record. */
  atomic_thread_fence (memory_order_release);
  memcpy (ssem_posix_file_get_content (self)->record.magic, record_magic, sizeof record_magic);

  return 0;
}

int
ssem_posix_file_ensure_record (SsemLockFile *self,
                               const char   *key)
{
  SsemPosixRecord *record = &ssem_posix_file_get_content (self)->record;
  int result = identify_content (self->fd);

  if (result < 0)
    return result;
  if (result == 0)
    return write_record (self, key, -1);

  /* A process that knows only the name has opened it first. */
  if (key != NULL && record->key_length == 0)
    set_key (record, key);

  return ssem_posix_file_is_of_key (record, key) ? 0 : -EBADMSG;
}

gboolean
ssem_posix_file_is_of_key (const SsemPosixRecord *record,
                           const char            *key)
{
  return key == NULL || record->key_length == 0 ||
         (record->key_length == strlen (key) &&
          memcmp (record->key, key, record->key_length) == 0);
}

int
ssem_posix_file_read (int               fd,
                      SsemPosixContent *content)
{
  gboolean has_record;
  gsize size;
  gssize n_read;
  int result = identify_content (fd);

  if (result < 0)
    return result;

  has_record = result == 1;
  size = has_record ? CONTENT_SIZE : sizeof (sem_t);
  n_read = ssem_file_read (fd, content, size, 0);
  if (n_read < 0)
    return (int) n_read;
  if (n_read < (gssize) size)
    return -EBADMSG;
  if (has_record && (content->record.key_length > SSEM_POSIX_KEY_MAX ||
                     memchr (content->record.key, '\0', content->record.key_length) != NULL))
    return -EBADMSG;

  return has_record;
}

/* --- Opening --- */

/* Waits until the last process has removed the semaphore, or has found that it must stay. */
static void
wait_for_remover (const char *path)
{
  /* Opening waits for the end of the lease: see ssem-posix-others.c. */
  int fd = open (path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

  if (fd >= 0)
    close (fd);
}

int
ssem_posix_file_open (SsemLockFile *self,
                      const char   *path)
{
  int result;

  while ((result = ssem_lock_file_open (self, path)) == -EAGAIN)
    wait_for_remover (path);
  /* Before it waits for the attach lock, so that the owner of that lock does not take this process
   * for a program without this library. */
  if (result == 0)
    result = ssem_file_lock_try (self->fd, SSEM_POSIX_FILE_MAPPED, 1, SSEM_FILE_LOCK_SHARED);

  return result;
}

typedef struct
{
  const char *key;
  int value;
} NewSemaphore;

static int
fill_file (SsemLockFile *self,
           gpointer      data)
{
  SsemPosixContent *content = ssem_posix_file_get_content (self);
  const NewSemaphore *new_semaphore = data;
  static const SsemPosixContent empty;
  int result = ssem_file_write (self->fd, &empty, CONTENT_SIZE, 0);

  if (result == 0 && sem_init (&content->semaphore, TRUE, (guint) new_semaphore->value) != 0)
    result = -errno;
  if (result == 0)
    result = write_record (self, new_semaphore->key, new_semaphore->value);

  return result == 0 ? ssem_posix_file_lock_alive (self) : result;
}

int
ssem_posix_file_create (SsemLockFile *self,
                        const char   *path,
                        const char   *key,
                        int           value)
{
  NewSemaphore new_semaphore = { key, value };

  return ssem_lock_file_create (self, path, FALSE, fill_file, &new_semaphore);
}

int
ssem_posix_file_lock_alive (SsemLockFile *self)
{
  G_STATIC_ASSERT (SSEM_POSIX_FILE_MAPPED == SSEM_LOCK_FILE_ALIVE + 1);

  return ssem_file_lock_try (self->fd, SSEM_LOCK_FILE_ALIVE, 2, SSEM_FILE_LOCK_SHARED);
}

void
ssem_posix_file_reset (SsemLockFile *self,
                       int           value)
{
  SsemPosixContent *content = ssem_posix_file_get_content (self);

  content->record.initial = value;
  sem_init (&content->semaphore, TRUE, (guint) value);
}
