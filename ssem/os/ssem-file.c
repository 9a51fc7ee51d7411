/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-file-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWNER_ONLY 0600

#ifdef O_TMPFILE
#define NAMELESS O_TMPFILE
#else
#define NAMELESS -1
#endif

int
ssem_file_avoid_standard_streams (int fd)
{
  int duplicate;

  if (G_LIKELY (fd > STDERR_FILENO))
    return fd;

  duplicate = fcntl (fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (duplicate < 0)
    duplicate = -errno;
  close (fd);

  return duplicate;
}

static int
open_descriptor (int         directory_fd,
                 const char *path,
                 int         flags)
{
  int fd;

  do
    fd = openat (directory_fd, path, flags | O_CLOEXEC, OWNER_ONLY);
  while (fd < 0 && errno == EINTR);

  return fd >= 0 ? ssem_file_avoid_standard_streams (fd) : -errno;
}

/* Returns @fd, or closes it and returns @result where that is an error. */
static int
keep_or_close (int fd,
               int result)
{
  if (result == 0)
    return fd;

  close (fd);

  return result;
}

int
ssem_file_open (const char       *path,
                int               access,
                SsemFileIdentity *identity)
{
  return ssem_file_open_at (AT_FDCWD, path, access, identity);
}

int
ssem_file_open_at (int               directory_fd,
                   const char       *path,
                   int               access,
                   SsemFileIdentity *identity)
{
  struct stat found;
  int result = 0;
  int fd = open_descriptor (directory_fd, path, access | O_NOFOLLOW | O_NONBLOCK);

  /* A directory, or a socket. */
  if (fd == -EISDIR || fd == -ENXIO)
    return -EBADMSG;
  if (fd < 0)
    return fd;

  if (fstat (fd, &found) != 0)
    result = -errno;
  else if (!S_ISREG (found.st_mode))
    result = -EBADMSG;
  else if (found.st_uid != geteuid ())
    result = -EACCES;
  else if (identity != NULL)
    ssem_file_identity_set (identity, &found);

  return keep_or_close (fd, result);
}

/* Gives the owner the rights that the umask took away. */
static int
finish_creation (int               fd,
                 SsemFileIdentity *identity,
                 gboolean         *was_masked)
{
  struct stat created;
  gboolean is_masked;
  int result = 0;

  if (fd < 0)
    return fd;
  if (fstat (fd, &created) != 0)
    return keep_or_close (fd, -errno);

  is_masked = (created.st_mode & OWNER_ONLY) != OWNER_ONLY;
  if (is_masked && fchmod (fd, OWNER_ONLY) != 0)
    result = -errno;
  if (identity != NULL)
    ssem_file_identity_set (identity, &created);
  if (was_masked != NULL)
    *was_masked = is_masked;

  return keep_or_close (fd, result);
}

int
ssem_file_create (const char       *path,
                  SsemFileIdentity *identity)
{
  return ssem_file_create_at (AT_FDCWD, path, identity, NULL);
}

int
ssem_file_create_at (int               directory_fd,
                     const char       *path,
                     SsemFileIdentity *identity,
                     gboolean         *was_masked)
{
  int fd = open_descriptor (directory_fd, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);

  return finish_creation (fd, identity, was_masked);
}

int
ssem_file_create_nameless (const char       *directory,
                           SsemFileIdentity *identity)
{
  int fd = NAMELESS != -1 ? open_descriptor (AT_FDCWD, directory, NAMELESS | O_RDWR) : -EOPNOTSUPP;

  return finish_creation (fd, identity, NULL);
}

gssize
ssem_file_read (int      fd,
                void    *buffer,
                gsize    size,
                goffset  offset)
{
  gsize n_read = 0;

  while (n_read < size)
    {
      gssize n = pread (fd, (char *) buffer + n_read, size - n_read, (off_t) (offset + n_read));

      if (n == 0)
        break;
      if (n > 0)
        n_read += (gsize) n;
      else if (errno != EINTR)
        return -errno;
    }

  return (gssize) n_read;
}

/* Returns whether a file may have @size bytes. Past the limit the system sends SIGXFSZ, which kills
 * a program that has no handler for it. */
static gboolean
is_within_limit (goffset size)
{
  struct rlimit limit;

  return getrlimit (RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
         (guint64) size <= limit.rlim_cur;
}

int
ssem_file_write (int         fd,
                 const void *buffer,
                 gsize       size,
                 goffset     offset)
{
  gsize n_written = 0;

  if (!is_within_limit (offset + (goffset) size))
    return -EFBIG;

  while (n_written < size)
    {
      gssize n = pwrite (fd, (const char *) buffer + n_written, size - n_written,
                         (off_t) (offset + n_written));

      if (n >= 0)
        n_written += (gsize) n;
      else if (errno != EINTR)
        return -errno;
    }

  return 0;
}

int
ssem_file_reserve (int     fd,
                   goffset size)
{
  int result;

  if (!is_within_limit (size))
    return -EFBIG;

  do
    result = posix_fallocate (fd, 0, (off_t) size);
  while (result == EINTR);

  return -result;
}

gboolean
ssem_file_is_of_other (const char *path,
                       guint      *owner)
{
  struct stat found;

  if (lstat (path, &found) != 0 || found.st_uid == geteuid ())
    return FALSE;

  if (owner != NULL)
    *owner = found.st_uid;

  return TRUE;
}

void
ssem_file_touch (const char *path)
{
  utimensat (AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}
