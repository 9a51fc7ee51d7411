/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/stat.h>

G_BEGIN_DECLS

/* Whether a number still is the descriptor that we opened.
 *
 * A program may close every descriptor that it finds, as daemons do when they start, and the system
 * gives the number to the next file. What we then do with the number, we do to a stranger's file.
 * So before a descriptor is used that was opened in an earlier call, it is compared with what it
 * was. A program that closes it in another thread between the look and the use is beyond help.
 */
typedef struct
{
  guint64 device;
  guint64 inode;
} SsemFileIdentity;

/* Which file @fd is: 0 or -errno. */
int      ssem_file_identity_note    (SsemFileIdentity       *self,
                                     int                     fd);

/* The same for who has looked already. */
void     ssem_file_identity_set     (SsemFileIdentity       *self,
                                     const struct stat      *found);

gboolean ssem_file_identity_is      (const SsemFileIdentity *self,
                                     int                     fd);
gboolean ssem_file_identity_matches (const SsemFileIdentity *self,
                                     const struct stat      *found);

G_END_DECLS
