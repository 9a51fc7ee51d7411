/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/stat.h>

G_BEGIN_DECLS

/* Which file a descriptor refers to.
 *
 * Some programs close every descriptor that they find, as daemons do when they start. The system
 * then gives the same descriptor to the next file that the program opens, and the library must not
 * change that file. So before the library uses a descriptor that an earlier call opened, it
 * compares the file with the identity that it noted then. Nothing helps where another thread closes
 * the descriptor between the comparison and the use.
 */
typedef struct
{
  guint64 device;
  guint64 inode;
} SsemFileIdentity;

/* Notes which file @fd refers to. Returns 0 or -errno. */
int      ssem_file_identity_note    (SsemFileIdentity       *self,
                                     int                     fd);

/* Notes a file whose status the caller has. */
void     ssem_file_identity_set     (SsemFileIdentity       *self,
                                     const struct stat      *found);

gboolean ssem_file_identity_is      (const SsemFileIdentity *self,
                                     int                     fd);
gboolean ssem_file_identity_matches (const SsemFileIdentity *self,
                                     const struct stat      *found);

/* Returns whether @path names the file: 1, 0, or -errno where the answer is not known. The file has
 * to be open, or another file may have got its inode. */
int      ssem_file_identity_is_at   (const SsemFileIdentity *self,
                                     const char             *path);

G_END_DECLS
