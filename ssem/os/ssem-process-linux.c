/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-process-private.h"

#include "ssem-display-private.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define MAX_COUNTS  50
#define SAME_COUNTS 4

guint32
ssem_process_get_name_space (void)
{
  struct stat found;

  return stat ("/proc/self/ns/pid", &found) == 0 ? (guint32) found.st_ino : 0;
}

char *
ssem_process_get_command (int pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/comm", pid);
  g_autofree char *name = NULL;
  gsize length;

  if (!g_file_get_contents (path, &name, &length, NULL))
    return NULL;

  /* It ends with a newline, and may have others: a process can call itself anything. */
  if (length > 0 && name[length - 1] == '\n')
    name[length - 1] = '\0';

  return ssem_display_text (name);
}

static int
count_locks_once (const struct stat *opened,
                  goffset            byte)
{
  g_autofree char *text = NULL;
  const char *line;
  int n = 0;

  if (!g_file_get_contents ("/proc/locks", &text, NULL, NULL))
    return -1;

  for (line = text; line != NULL; line = strchr (line, '\n'))
    {
      unsigned int device_major, device_minor;
      unsigned long long inode;
      long long start, end;

      line += strspn (line, "\n");

      /* "3: OFDLCK ADVISORY READ -1 08:01:1234 4294967297 4294967297"; who waits for a lock is
       * listed, too, with an arrow, which does not match. */
      if (sscanf (line, "%*d: OFDLCK %*s %*s %*d %x:%x:%llu %lld %lld",
                  &device_major, &device_minor, &inode, &start, &end) == 5 &&
          makedev (device_major, device_minor) == opened->st_dev && inode == opened->st_ino &&
          start <= byte && byte <= end)
        n++;
    }

  return n;
}

int
ssem_process_count_locks (int     fd,
                          goffset byte)
{
  struct stat opened;
  int i, n, last = -1, n_same = 0;

  if (fstat (fd, &opened) != 0)
    return -1;

  /* The list comes in pieces, and what other programs lock and unlock in between moves a lock to
   * another piece, so that it is seen twice or not at all. What is seen again and again is true. */
  for (i = 0; i < MAX_COUNTS && n_same < SAME_COUNTS; i++)
    {
      n = count_locks_once (&opened, byte);
      n_same = n == last ? n_same + 1 : 1;
      last = n;
    }

  return n_same == SAME_COUNTS ? last : -1;
}
