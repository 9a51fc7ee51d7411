/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-file-identity-private.h"

#include <errno.h>

int
ssem_file_identity_note (SsemFileIdentity *self,
                         int               fd)
{
  struct stat found;

  if (fstat (fd, &found) != 0)
    return -errno;

  ssem_file_identity_set (self, &found);
  return 0;
}

void
ssem_file_identity_set (SsemFileIdentity  *self,
                        const struct stat *found)
{
  self->device = found->st_dev;
  self->inode = found->st_ino;
}

gboolean
ssem_file_identity_is (const SsemFileIdentity *self,
                       int                     fd)
{
  struct stat found;

  return fd >= 0 && fstat (fd, &found) == 0 && ssem_file_identity_matches (self, &found);
}

gboolean
ssem_file_identity_matches (const SsemFileIdentity *self,
                            const struct stat      *found)
{
  return self->device == found->st_dev && self->inode == found->st_ino;
}

int
ssem_file_identity_is_at (const SsemFileIdentity *self,
                          const char             *path)
{
  struct stat named;

  if (lstat (path, &named) != 0)
    return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;

  return ssem_file_identity_matches (self, &named);
}
