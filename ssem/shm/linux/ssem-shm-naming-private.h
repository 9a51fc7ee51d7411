/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/linux/ssem-shm-linux-member-private.h"

G_BEGIN_DECLS

/* How a segment ends, for the protocol in ssem-shm-naming.c. */

/* Ends the segment if this process is the only one that has ever been attached. Returns whether it
 * did. */
gboolean ssem_shm_naming_doom_own        (SsemShmLinuxMember *self);

/* Ends the segment if no process is attached. Returns whether the segment has ended. */
gboolean ssem_shm_naming_doom            (SsemShmLinuxMember *self);

/* Removes the name of a segment that has ended. Returns FALSE if another process does so. */
gboolean ssem_shm_naming_remove_doomed   (SsemShmLinuxMember *self,
                                          guint64             attach_id);

/* Removes what killed processes have left of the key. */
void     ssem_shm_naming_clear_leftovers (SsemShmLinuxMember *self);

G_END_DECLS
