/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-backend-private.h"
#include "ssem-membership-private.h"

#include "ssem/shm/ssem-shm-attachment-private.h"

G_BEGIN_DECLS

typedef struct
{
  SsemInstance parent;

  /* Constant after init. Each operation looks up its slot handle first, and all else waits for
   * that; so the index is not computed each time. */
  int undo_mask;                 /* all bits with undo, none without */
  guint recent_index;            /* see ssem_shm_slots_get_recent_index () */
  guint64 serial;                /* the attachment's */
  SsemShmAttachment *attachment; /* the membership's */
  SsemMembership *membership;

  atomic_bool is_closed;
} SsemShmInstance;

/* Wakes waiters after @n units were released. */
void ssem_backend_shm_wake (SsemInstance *instance,
                            int           n);

/* Acquires in a few instructions. Returns FALSE, without any effect, if that is impossible. */
static inline gboolean
ssem_backend_shm_acquire_fast (SsemInstance *instance,
                               int           n)
{
  SsemShmInstance *self = (SsemShmInstance *) instance;
  SsemShmSlotHandle *handle = ssem_shm_slots_peek_handle (self->serial, self->recent_index);

  return G_LIKELY (handle != NULL) &&
         ssem_shm_counter_add_fast (handle, -n, n & self->undo_mask, FALSE);
}

/* Releases in a few instructions. If it returns TRUE and sets @has_waiters, the caller calls
 * ssem_backend_shm_wake () next. */
static inline gboolean
ssem_backend_shm_release_fast (SsemInstance *instance,
                               int           n,
                               gboolean     *has_waiters)
{
  SsemShmInstance *self = (SsemShmInstance *) instance;
  SsemShmSlotHandle *handle = ssem_shm_slots_peek_handle (self->serial, self->recent_index);

  if (G_UNLIKELY (handle == NULL ||
                  !ssem_shm_counter_add_fast (handle, n, -n & self->undo_mask, TRUE)))
    return FALSE;

  *has_waiters = ssem_shm_waiters_is_anybody (handle->segment);

  return TRUE;
}

G_END_DECLS
