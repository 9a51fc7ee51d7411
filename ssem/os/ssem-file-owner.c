/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-file-owner-private.h"

#include <sys/stat.h>
#include <unistd.h>

gboolean
ssem_file_is_of_other (const char *path,
                       guint      *owner)
{
  struct stat found;

  if (lstat (path, &found) != 0 || found.st_uid == geteuid ())
    return FALSE;

  if (owner != NULL)
    *owner = found.st_uid;

  return TRUE;
}
