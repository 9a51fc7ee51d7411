/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/linux/ssem-shm-file-private.h"

G_BEGIN_DECLS

/* How a segment gets its name, who is attached to it, and how it loses the name again. The protocol
 * is told in ssem-shm-naming.c.
 *
 * Functions answer 0 or -errno unless they say otherwise, and none of them waits for another
 * process.
 */

/* What opening does about a segment that is there, or is not. */
typedef enum
{
  SSEM_SHM_OPEN_EXISTING,  /* -ENOENT where there is none */
  SSEM_SHM_OPEN_OR_CREATE,
  SSEM_SHM_CREATE_NEW,     /* -EEXIST where somebody is attached; a leftover makes way */
  SSEM_SHM_JOIN,           /* opens it where somebody is attached; a leftover makes way */
} SsemShmOpening;

/* Opens and maps the segment of the key, after creating it with @initial_value where @opening says
 * so, and enters this process among the attached. Other errors are those of ssem_shm_file_open().
 * -EIDRM where it is not of @lineage, unless that is 0. Sets @is_new to whether it was created. */
int      ssem_shm_file_attach (SsemShmFile    *self,
                               int             initial_value,
                               SsemShmOpening  opening,
                               guint64         lineage,
                               gboolean       *is_new);

/* Comes back among the attached, after lingering. -EIDRM where the segment is gone. */
int      ssem_shm_file_rejoin (SsemShmFile *self);

/* Leaves the attached; the last one removes the segment. With @lingers the process stays known as
 * alive, so that what it holds is not given back. Answers whether the segment was removed. */
gboolean ssem_shm_file_leave  (SsemShmFile *self,
                               gboolean     lingers);

/* Removes a segment that nobody is attached to; -EBUSY where somebody is. */
int      ssem_shm_file_remove_leftover (SsemShmFile *self);

G_END_DECLS
