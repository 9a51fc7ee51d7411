/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-file-lock-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#ifdef F_OFD_SETLK
#define LOCK_TRY   F_OFD_SETLK
#define LOCK_WAIT  F_OFD_SETLKW
#define LOCK_QUERY F_OFD_GETLK
#define LOCK_IS_OF_DESCRIPTION TRUE
#else
#define LOCK_TRY   F_SETLK
#define LOCK_WAIT  F_SETLKW
#define LOCK_QUERY F_GETLK
#define LOCK_IS_OF_DESCRIPTION FALSE
#endif

static const short lock_types[] = {
  [SSEM_FILE_LOCK_NONE] = F_UNLCK,
  [SSEM_FILE_LOCK_SHARED] = F_RDLCK,
  [SSEM_FILE_LOCK_EXCLUSIVE] = F_WRLCK,
};

static int
lock_byte (int           fd,
           int           command,
           struct flock *range)
{
  int result;

  do
    result = fcntl (fd, command, range);
  while (result != 0 && errno == EINTR);

  if (result == 0)
    return 0;

  /* POSIX lets a system answer either. */
  return errno == EACCES ? -EAGAIN : -errno;
}

static int
set_lock (int          fd,
          int          command,
          goffset      byte,
          SsemFileLock lock)
{
  struct flock range = {
    .l_type = lock_types[lock],
    .l_whence = SEEK_SET,
    .l_start = byte,
    .l_len = 1,
  };

  return lock_byte (fd, command, &range);
}

int
ssem_file_lock_wait (int          fd,
                     goffset      byte,
                     SsemFileLock lock)
{
  return set_lock (fd, LOCK_WAIT, byte, lock);
}

int
ssem_file_lock_try (int          fd,
                    goffset      byte,
                    SsemFileLock lock)
{
  return set_lock (fd, LOCK_TRY, byte, lock);
}

int
ssem_file_lock_find (int      fd,
                     goffset  first,
                     goffset  n,
                     goffset *found)
{
  struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = first, .l_len = n };
  int result;

  result = lock_byte (fd, LOCK_QUERY, &range);
  if (result != 0)
    return result;
  if (range.l_type == F_UNLCK)
    return 0;

  *found = MAX (first, range.l_start);
  return 1;
}

int
ssem_file_lock_query (int     fd,
                      goffset first,
                      goffset n)
{
  goffset found;

  return ssem_file_lock_find (fd, first, n, &found);
}

gboolean
ssem_file_lock_is_of_description (void)
{
  return LOCK_IS_OF_DESCRIPTION;
}
