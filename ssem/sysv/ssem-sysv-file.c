/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-file-private.h"

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

int
ssem_sysv_file_open (const char *path,
                     gboolean    create)
{
  /* Never follow a link, never wait for the other end of a FIFO. */
  int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (create ? O_CREAT | O_EXCL : 0);
  struct stat found;
  int fd, result = 0;

  do
    fd = open (path, flags, 0600);
  while (fd < 0 && errno == EINTR);
  if (fd < 0)
    return -errno;

  if (fstat (fd, &found) != 0)
    result = -errno;
  else if (!S_ISREG (found.st_mode))
    result = -EBADMSG;
  else if (found.st_uid != geteuid ())
    result = -EACCES;
  else if (create && fchmod (fd, 0600) != 0) /* whatever umask took away */
    result = -errno;

  if (result != 0)
    {
      close (fd);
      return result;
    }

  return fd;
}

gboolean
ssem_sysv_file_is_at (int         fd,
                      const char *path)
{
  struct stat opened, named;

  return fstat (fd, &opened) == 0 && lstat (path, &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static void
write_record (SsemSysvRecord *record,
              const char     *key)
{
  record->layout = RECORD_LAYOUT;
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

  do
    n_read = pread (fd, &head, sizeof head, 0);
  while (n_read < 0 && errno == EINTR);
  if (n_read < 0)
    return -errno;
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
ssem_sysv_file_map (int              fd,
                    const char      *key,
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
  do
    result = is_written ? 0 : posix_fallocate (fd, 0, sizeof (SsemSysvRecord));
  while (result == EINTR);
  if (result != 0)
    return -result;

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
    write_record (mapped, key);
  else if (mapped->key_length != strlen (key) || memcmp (mapped->key, key, strlen (key)) != 0)
    {
      ssem_sysv_file_unmap (mapped);
      return -EBADMSG;
    }

  *record = mapped;
  return 0;
}

void
ssem_sysv_file_unmap (SsemSysvRecord *record)
{
  munmap (record, sizeof (SsemSysvRecord));
}
