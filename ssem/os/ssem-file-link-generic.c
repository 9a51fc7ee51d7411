/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-file-link-private.h"

#include <errno.h>

/* These systems have no files without a name. */
int
ssem_file_link (int         fd,
                const char *path)
{
  return -ENOSYS;
}
