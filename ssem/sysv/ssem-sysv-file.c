/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-file-private.h"

#include "ssem/os/ssem-file-link-private.h"
#include "ssem/os/ssem-file-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char record_magic[8] = "SsemSysV";

/* Fields are only ever appended: the size tells the versions apart. */
#define RECORD_LAYOUT ((guint32) (1 << 16 | sizeof (SsemSysvRecord)))

G_STATIC_ASSERT (sizeof (atomic_uint_least32_t) == 4);
G_STATIC_ASSERT (G_STRUCT_OFFSET (SsemSysvRecord, key) == 44);
G_STATIC_ASSERT (sizeof (SsemSysvRecord) == 1072);

static void
write_record (SsemSysvRecord *record,
              const char     *key,
              SsemSysvPhase   phase)
{
  record->layout = RECORD_LAYOUT;
  record->phase = phase;
  record->key_length = (guint32) strlen (key);
  memcpy (record->key, key, record->key_length);

  /* A writer that dies before this leaves a file that the next one takes for empty. */
  atomic_thread_fence (memory_order_release);
  memcpy (record->magic, record_magic, sizeof record_magic);
}

/* What the file holds before it is mapped: 0 for nothing yet, 1 for a record of ours, or -errno. */
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

  /* A writer that died before the magic. */
  if (memcmp (head.magic, no_magic, sizeof no_magic) == 0 &&
      found.st_size == sizeof (SsemSysvRecord))
    return 0;

  return -EBADMSG;
}

int
ssem_sysv_file_read (int             fd,
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

int
ssem_sysv_file_map (int              fd,
                    const char      *key,
                    SsemSysvPhase    phase_of_empty,
                    SsemSysvRecord **record)
{
  SsemSysvRecord *mapped;
  gboolean is_written;
  void *memory;
  int result;

  result = examine_content (fd);
  if (result < 0)
    return result;
  is_written = result == 1;

  /* Room on the disk first: a write to a mapping that finds none is a SIGBUS. */
  result = is_written ? 0 : ssem_file_reserve (fd, sizeof (SsemSysvRecord));
  if (result != 0)
    return result;

  memory = mmap (NULL, sizeof (SsemSysvRecord), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED)
    return -errno;

  /* A mapping keeps the description alive, and with it our locks: a child that inherited one would
   * make us look alive after our death. */
#ifdef MADV_DONTFORK
  if (madvise (memory, sizeof (SsemSysvRecord), MADV_DONTFORK) != 0)
    {
      result = -errno;
      munmap (memory, sizeof (SsemSysvRecord));
      return result;
    }
#endif

  mapped = memory;
  if (!is_written)
    write_record (mapped, key, phase_of_empty);
  else if (mapped->key_length != strlen (key) || memcmp (mapped->key, key, strlen (key)) != 0)
    {
      ssem_sysv_file_unmap (mapped);
      return -EBADMSG;
    }

  *record = mapped;
  return 0;
}

/* Takes the gate of a new file, and writes the record. */
static int
begin_file (int         fd,
            const char *key)
{
  SsemSysvRecord *record;
  int result;

  result = ssem_file_lock_try (fd, SSEM_SYSV_FILE_GATE, SSEM_FILE_LOCK_EXCLUSIVE);
  if (result == 0)
    result = ssem_sysv_file_map (fd, key, SSEM_SYSV_PHASE_EMPTY, &record);
  if (result == 0)
    ssem_sysv_file_unmap (record);

  return result;
}

int
ssem_sysv_file_create (const char *path,
                       const char *key)
{
  g_autofree char *directory = g_path_get_dirname (path);
  gboolean is_named;
  int fd, result;

  fd = ssem_file_create_nameless (directory, NULL);
  is_named = fd == -EOPNOTSUPP;
  if (is_named)
    fd = ssem_file_create (path, NULL);
  if (fd < 0)
    return fd;

  result = begin_file (fd, key);
  if (result == 0 && !is_named)
    result = ssem_file_link (fd, path);

  /* A file system that has no nameless files: another may see it before its record is there, and
   * take it for one of Qt's. Whoever has the gate then does so; it works all the same. */
  if (result == -EAGAIN && is_named)
    result = 0;

  if (result != 0)
    {
      close (fd);
      return result;
    }

  return fd;
}

void
ssem_sysv_file_unmap (SsemSysvRecord *record)
{
  munmap (record, sizeof (SsemSysvRecord));
}
