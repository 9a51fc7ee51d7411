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
lock_range (int           fd,
            int           command,
            struct flock *range)
{
  int result;

  do
    result = fcntl (fd, command, range);
  while (result != 0 && errno == EINTR);

  if (result == 0)
    return 0;

  /* POSIX allows both error numbers. */
  return errno == EACCES ? -EAGAIN : -errno;
}

static int
set_lock (int          fd,
          int          command,
          goffset      first,
          goffset      n,
          SsemFileLock lock)
{
  struct flock range = {
    .l_type = lock_types[lock],
    .l_whence = SEEK_SET,
    .l_start = first,
    .l_len = n,
  };

  return lock_range (fd, command, &range);
}

int
ssem_file_lock_wait (int          fd,
                     goffset      byte,
                     SsemFileLock lock)
{
  return set_lock (fd, LOCK_WAIT, byte, 1, lock);
}

int
ssem_file_lock_try (int          fd,
                    goffset      first,
                    goffset      n,
                    SsemFileLock lock)
{
  return set_lock (fd, LOCK_TRY, first, n, lock);
}

/* Returns 1 and sets @found to the first byte of a lock; 0 where there is none; or -errno. */
static int
find_lock (int      fd,
           goffset  first,
           goffset  n,
           goffset *found)
{
  struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = first, .l_len = n };
  int result;

  result = lock_range (fd, LOCK_QUERY, &range);
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

  return find_lock (fd, first, n, &found);
}

int
ssem_file_lock_list (int      fd,
                     goffset  first,
                     goffset  n,
                     guint    max,
                     GArray  *bytes)
{
  typedef struct { goffset first; goffset end; } Range;
  g_autoptr(GArray) ranges = g_array_new (FALSE, FALSE, sizeof (Range));
  Range range = { first, first + n };

  /* The kernel returns one lock of a range, which need not be the first. So the range is split
   * there. */
  g_array_append_val (ranges, range);
  while (ranges->len > 0 && bytes->len < max)
    {
      Range below, above;
      goffset found;
      int result;

      range = g_array_index (ranges, Range, ranges->len - 1);
      g_array_set_size (ranges, ranges->len - 1);
      result = find_lock (fd, range.first, range.end - range.first, &found);
      if (result < 0)
        return result;
      if (result == 0)
        continue;

      g_array_append_val (bytes, found);
      below = (Range) { range.first, found };
      above = (Range) { found + 1, range.end };
      if (above.first < above.end)
        g_array_append_val (ranges, above);
      if (below.first < below.end)
        g_array_append_val (ranges, below);
    }

  return 0;
}

gboolean
ssem_file_lock_is_of_description (void)
{
  return LOCK_IS_OF_DESCRIPTION;
}
