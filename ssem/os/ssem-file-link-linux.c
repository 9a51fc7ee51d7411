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
  g_autofree char *folder = NULL;
  int result;

  if (linkat (fd, "", AT_FDCWD, path, AT_EMPTY_PATH) == 0)
    return 0;
  result = -errno;

  /* The kernel says ENOENT also to who may not: before Linux 6.10, to all but root. They may in this
   * way, which takes twice the time. */
  if (result != -ENOENT)
    return result;
  nameless = g_strdup_printf ("/proc/self/fd/%d", fd);
  if (linkat (AT_FDCWD, nameless, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
    return 0;
  result = -errno;
  if (result != -ENOENT || access (nameless, F_OK) == 0)
    return result;

  /* There is no /proc, as in a bare chroot. That is not to be taken for a missing folder. */
  folder = g_path_get_dirname (path);
  return access (folder, F_OK) == 0 ? -ENOSYS : result;
}
