/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-posix-others-private.h"

#include "ssem-posix-file-private.h"

#include "ssem/os/ssem-directory-private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Who else has the file open
 *
 * The kernel grants a write lease, see fcntl (2), only if nobody else has the file open: no other
 * process and no other open file of this process, whatever its user or its name spaces are. A
 * mapping counts, too. So the last process of this library asks for a lease on its own open file.
 * While it has the lease, a program that opens the file waits in open (2).
 *
 * If the kernel refuses the lease, this has one of four reasons:
 *
 *   - A program that does not use this library has the semaphore open. The list of its mappings in
 *     /proc shows that. A mapping of this library is larger, which tells the two apart.
 *   - A process of this library has the file open without being attached. It waits for the attach
 *     lock. Or it has closed the semaphore and not unmapped it yet, because another thread is still
 *     inside an operation, or the process is inside exit (). Its open file has the lock on
 *     SSEM_POSIX_FILE_MAPPED.
 *   - A process has just died, or looks at the file, or has not taken that lock yet: for a few
 *     microseconds, or longer where processes wait for a processor. So ask again, ever later.
 *   - A program has it open whose mappings are hidden from this process. Then the last tries fail,
 *     too, and the semaphore counts as used.
 *
 * The kernel tells the owner of a lease by a signal when another program waits for its end. The
 * signal goes to the calling thread only, and is SIGURG, which a process ignores by default. The
 * lease lasts for a few microseconds.
 */

/* The pauses between the tries grow to 51 milliseconds, and take 102 together. */
#define MAX_TRIES        11
#define FIRST_PAUSE_USEC 100
/* Of a line of /proc/PID/maps, the part in front of the path. */
#define MAX_LINE         100
#define PIECE            4096

gsize
ssem_posix_others_get_own_size (void)
{
  return 2 * (gsize) sysconf (_SC_PAGESIZE);
}

/* --- Leases --- */

/* Returns 0 or -errno; -EAGAIN if another open file refers to the file. */
static int
take_lease (int   fd,
            short type)
{
  struct f_owner_ex owner = { .type = F_OWNER_TID, .pid = gettid () };

  if (fcntl (fd, F_SETOWN_EX, &owner) != 0 || fcntl (fd, F_SETSIG, SIGURG) != 0 ||
      fcntl (fd, F_SETLEASE, (int) type) != 0)
    return -errno;

  return 0;
}

static void
drop_lease (int fd)
{
  fcntl (fd, F_SETLEASE, F_UNLCK);
}

/* --- Mappings --- */

typedef struct
{
  int all_fd; /* of /proc */
  SsemFileIdentity file;
  gboolean is_found;
} Search;

/* Returns whether a line of /proc/PID/maps is about a mapping of the file that is not of this
 * library: "7f01a000-7f01b000 rw-s 00000000 00:1a 77    /dev/shm/sem.market". */
static gboolean
is_foreign_mapping (const Search *search,
                    const char   *line)
{
  char *end;
  guint64 first = strtoull (line, &end, 16);
  guint64 size = *end == '-' ? strtoull (end + 1, &end, 16) - first : 0;
  unsigned int major_number, minor_number;
  const char *p = end;
  int i;

  for (i = 0; i < 3 && p != NULL; i++)
    p = strchr (p + (i > 0), ' ');
  if (p == NULL)
    return FALSE;

  major_number = (unsigned int) strtoul (p, &end, 16);
  minor_number = *end == ':' ? (unsigned int) strtoul (end + 1, &end, 16) : 0;

  return makedev (major_number, minor_number) == search->file.device &&
         strtoull (end, NULL, 10) == search->file.inode &&
         size != ssem_posix_others_get_own_size ();
}

static void
search_lines (Search *search,
              int     fd)
{
  char line[MAX_LINE + 1];
  char piece[PIECE];
  int length = 0;
  gssize n, i;

  while (!search->is_found && (n = read (fd, piece, sizeof piece)) != 0)
    {
      if (n < 0 && errno != EINTR)
        return;
      for (i = 0; i < n; i++)
        {
          if (piece[i] != '\n')
            {
              if (length < MAX_LINE)
                line[length++] = piece[i];
              continue;
            }
          line[length] = '\0';
          length = 0;
          if (is_foreign_mapping (search, line))
            search->is_found = TRUE;
        }
    }
}

static void
search_process_cb (const char *name,
                   gpointer    data)
{
  Search *search = data;
  char path[32];
  int fd;

  if (search->is_found || !g_ascii_isdigit (*name) || strlen (name) > 10)
    return;

  g_stpcpy (g_stpcpy (path, name), "/maps");
  fd = openat (search->all_fd, path, O_RDONLY | O_CLOEXEC);
  /* Another user's process, or one that has just ended. */
  if (fd < 0)
    return;
  search_lines (search, fd);
  close (fd);
}

/* Returns whether a process has a mapping of the file that is not of this library. Assumes one
 * where there is no /proc. */
static gboolean
is_mapped_by_others (const SsemFileIdentity *file)
{
  Search search = { .file = *file };

  search.all_fd = open ("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (search.all_fd < 0)
    return TRUE;
  if (ssem_directory_read (search.all_fd, search_process_cb, &search) != 0)
    search.is_found = TRUE;
  close (search.all_fd);

  return search.is_found;
}

/* --- The answer --- */

gboolean
ssem_posix_others_shut_out (SsemLockFile *self)
{
  int i, lease;

  for (i = 0; i < MAX_TRIES; i++)
    {
      lease = take_lease (self->fd, F_WRLCK);
      if (lease == 0)
        return TRUE;
      /* This reads much, and no stranger is likely to come and go meanwhile. */
      if (i == 0 && is_mapped_by_others (&self->identity))
        return FALSE;
      /* The kernel has no leases, or a process of this library explains the refusal. */
      if (lease != -EAGAIN || ssem_file_lock_query (self->fd, SSEM_POSIX_FILE_MAPPED, 1) > 0)
        return TRUE;
      if (i < MAX_TRIES - 1)
        g_usleep ((gulong) FIRST_PAUSE_USEC << i);
    }

  return FALSE;
}

void
ssem_posix_others_let_in (SsemLockFile *self)
{
  drop_lease (self->fd);
}

gboolean
ssem_posix_others_may_use (int fd)
{
  gboolean is_used = take_lease (fd, F_RDLCK) != 0;

  if (!is_used)
    drop_lease (fd);

  return is_used;
}
