/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-directory-private.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What getdents64 (2) fills a buffer with. */
typedef struct
{
  guint64 inode;
  gint64 offset;
  guint16 length;
  guint8 type;
  char name[];
} Entry;

int
ssem_directory_read (int                    fd,
                     SsemDirectoryNameFunc  func,
                     gpointer               data)
{
  _Alignas (Entry) char entries[8192];
  long n_read, at;

  if (lseek (fd, 0, SEEK_SET) != 0)
    return -errno;

  while ((n_read = syscall (SYS_getdents64, fd, entries, sizeof entries)) > 0)
    {
      for (at = 0; at < n_read;)
        {
          const Entry *entry = (const Entry *) (gpointer) (entries + at);

          if (!g_str_equal (entry->name, ".") && !g_str_equal (entry->name, ".."))
            func (entry->name, data);
          at += entry->length;
        }
    }

  /* ENOENT: the directory has been removed. */
  return n_read < 0 && errno != ENOENT ? -errno : 0;
}
