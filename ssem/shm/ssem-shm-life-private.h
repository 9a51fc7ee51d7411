/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-port-private.h"

G_BEGIN_DECLS

/* Whether a segment is in use or has been removed. The protocol is in ssem-shm-life.c. */

/* Keeps the segment from being removed, after this process has marked a slot as attached. Returns
 * FALSE if the segment has been removed. */
gboolean ssem_shm_life_keep       (SsemShmMember *member);

/* Returns whether another live process is attached. TRUE if in doubt. */
gboolean ssem_shm_life_has_others (SsemShmMember *member);

/* Marks the segment as removed if no other process is attached. This process is attached no more.
 * Returns whether the segment has been removed. */
gboolean ssem_shm_life_end        (SsemShmMember *member);

G_END_DECLS
