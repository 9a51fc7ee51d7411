/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-counter-private.h"

/* Does a whole operation on the fast path, as the library does between its own checks. Returns FALSE
 * if the fast path cannot operate. */
static inline gboolean
counter_add_fast (SsemShmSlotHandle *handle,
                  int                delta,
                  int                holding_change)
{
  SsemShmFast fast;

  if (delta < 0)
    return ssem_shm_counter_begin_fast (handle, FALSE, -delta, &fast) &&
           ssem_shm_counter_finish_fast (handle, FALSE, holding_change, fast);

  return ssem_shm_counter_begin_fast (handle, TRUE, delta, &fast) &&
         ssem_shm_counter_finish_fast (handle, TRUE, holding_change, fast);
}
