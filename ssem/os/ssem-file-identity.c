/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-file-identity-private.h"

#include <sys/stat.h>

void
ssem_file_identity_note (SsemFileIdentity *self,
                         int               fd)
{
  struct stat found;

  /* Nothing has the inode 0. */
  *self = (SsemFileIdentity) { 0 };
  if (fstat (fd, &found) == 0)
    *self = (SsemFileIdentity) { .device = found.st_dev, .inode = found.st_ino };
}

gboolean
ssem_file_identity_is (const SsemFileIdentity *self,
                       int                     fd)
{
  struct stat found;

  return fd >= 0 && fstat (fd, &found) == 0 &&
         found.st_dev == self->device && found.st_ino == self->inode;
}
