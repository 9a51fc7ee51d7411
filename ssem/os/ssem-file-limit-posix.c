/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-file-limit-private.h"

#include <errno.h>
#include <sys/resource.h>

int
ssem_file_check_limit (goffset size)
{
  struct rlimit limit;

  /* If the limit is not known, the system refuses when the file grows. */
  if (getrlimit (RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return 0;

  return (guint64) size <= limit.rlim_cur ? 0 : -EFBIG;
}
