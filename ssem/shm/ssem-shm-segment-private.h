/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-layout-private.h"

G_BEGIN_DECLS

/* Fills and checks the memory of a segment. */

/* Fills @segment, which is all zeros and has room for SSEM_SHM_FIRST_SLOTS slots. @incarnation 0
 * stands for that of @segment_id, which is random. */
void ssem_shm_segment_fill  (SsemShmSegment *segment,
                             const char     *key,
                             int             initial_value,
                             guint64         segment_id,
                             guint64         incarnation);

/* Returns whether @head, of a file of @size bytes, begins a segment: of @key, or of any key if that
 * is NULL. 0, -EBADMSG or -EPROTO. */
int  ssem_shm_segment_check (const SsemShmSegment *head,
                             goffset               size,
                             const char           *key);

/* Records that the segment has room for @n_slots. Another thread may have recorded more. */
void ssem_shm_segment_grow  (SsemShmSegment *segment,
                             guint32         n_slots);

G_END_DECLS
