/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-slot-private.h"

G_BEGIN_DECLS

/* How a process comes to a segment and leaves it. The design note is in ssem-shm-attach.c.
 *
 * Functions return 0 or -errno unless stated otherwise, and none of them waits for another process.
 */

/* What attaching does if there is a segment, or if there is none. */
typedef enum
{
  SSEM_SHM_OPEN_EXISTING,  /* fails with -ENOENT if there is none */
  SSEM_SHM_OPEN_OR_CREATE,
  SSEM_SHM_CREATE_NEW,     /* fails with -EEXIST if a process is attached; replaces a leftover */
  SSEM_SHM_JOIN,           /* opens the segment if a process is attached; replaces a leftover */
} SsemShmOpening;

/* Opens the segment of the key, creating it with @initial_value if @opening says so, and attaches
 * this process. -EIDRM if the segment is not of @incarnation, unless that is 0. Sets @is_new to
 * whether it was created. Other errors: those of ssem_shm_member_open () and
 * ssem_shm_member_enroll (). */
int      ssem_shm_attach   (SsemShmSlots   *slots,
                            int             initial_value,
                            SsemShmOpening  opening,
                            guint64         incarnation,
                            gboolean       *is_new);

/* Attaches a lingering process again. -EIDRM if the segment has been removed. */
int      ssem_shm_reattach (SsemShmSlots   *slots);

/* Ends being attached; the last process removes the segment. Other processes go on to see this
 * process as alive, so that they do not reclaim what it holds; if it has freed its slots, they see
 * nothing of it. Returns whether the segment was removed. The segment stays mapped. */
gboolean ssem_shm_leave    (SsemShmSlots   *slots);

/* Removes the segment of the key if no process is attached; -EBUSY if one is. @member is closed,
 * and has no attach id. */
int      ssem_shm_remove_leftover (SsemShmMember *member);

G_END_DECLS
