/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "counter-fast.h"

G_BEGIN_DECLS

/* Memory that is mapped several times, as several processes would have it. */

#define N_MAPPINGS 5
#define INITIAL 100

typedef struct
{
  SsemShmSegment *mappings[N_MAPPINGS];
} Memory;

void              memory_init    (Memory            *self);
void              memory_clear   (Memory            *self);

/* Returns a handle on a new slot of @process. */
SsemShmSlotHandle claim          (SsemShmSegment    *segment,
                                  guint64            process);

/* Adds @delta units, which the process then holds no longer. */
void              add            (SsemShmSlotHandle *handle,
                                  int                delta);

guint             count_slots_of (SsemShmSegment    *segment,
                                  guint64            process);

G_END_DECLS
