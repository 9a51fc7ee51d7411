/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-file-number-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int
ssem_file_number_settle (int fd)
{
  int settled;

  if (G_LIKELY (fd > STDERR_FILENO))
    return fd;

  settled = fcntl (fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (settled < 0)
    settled = -errno;
  close (fd);

  return settled;
}
