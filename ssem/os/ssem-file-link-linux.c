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
  g_autofree char *nameless = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree char *folder = NULL;
  int result;

  if (linkat (AT_FDCWD, nameless, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
    return 0;
  result = -errno;
  if (result != -ENOENT || access (nameless, F_OK) == 0)
    return result;

  /* There is no /proc, as in a bare chroot. Root can do without; so can others since Linux 6.10. */
  if (linkat (fd, "", AT_FDCWD, path, AT_EMPTY_PATH) == 0)
    return 0;
  result = -errno;

  /* The kernel says ENOENT to who may not. That is not to be taken for a missing folder. */
  folder = g_path_get_dirname (path);
  return result == -ENOENT && access (folder, F_OK) == 0 ? -ENOSYS : result;
}
