/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-file-link-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int
ssem_file_link (int         fd,
                const char *path)
{
  g_autofree char *nameless = NULL;
  g_autofree char *directory = NULL;
  int result;

  if (linkat (fd, "", AT_FDCWD, path, AT_EMPTY_PATH) == 0)
    return 0;
  result = -errno;

  /* Before Linux 6.10, the kernel answers ENOENT to all users but root, as if the file were
   * missing. The way through /proc is open to them, and takes twice the time. */
  if (result != -ENOENT)
    return result;
  nameless = g_strdup_printf ("/proc/self/fd/%d", fd);
  if (linkat (AT_FDCWD, nameless, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
    return 0;
  result = -errno;
  if (result != -ENOENT || access (nameless, F_OK) == 0)
    return result;

  /* /proc is missing, as in a bare chroot. The caller must not take that for a missing
   * directory. */
  directory = g_path_get_dirname (path);
  return access (directory, F_OK) == 0 ? -ENOSYS : result;
}
