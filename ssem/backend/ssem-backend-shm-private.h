/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-backend-private.h"

#include "ssem/shm/ssem-shm-attachment-private.h"
#include "ssem/shm/ssem-shm-counter-private.h"
#include "ssem/shm/ssem-shm-waiters-private.h"

G_BEGIN_DECLS

typedef struct
{
  SsemInstance parent;

  /* Constant after init. The handle is looked up in each operation: its place is not computed anew,
   * because all else has to wait for that. */
  int undo_mask;                 /* all bits with undo, none without */
  guint place;                   /* of the handle among a thread's recent ones */
  guint64 serial;                /* the attachment's */
  SsemShmAttachment *attachment;

  atomic_bool is_closed;
} SsemShmInstance;

/* Wakes waiters, for which @n units are there. */
void ssem_backend_shm_wake (SsemInstance *instance,
                            int           n);

/* FALSE: it would need more than a few instructions, or fail, and nothing has happened. */
static inline gboolean
ssem_backend_shm_acquire_fast (SsemInstance *instance,
                               int           n)
{
  SsemShmInstance *self = (SsemShmInstance *) instance;
  SsemShmSlotHandle *handle = ssem_shm_attachment_peek_handle_at (self->serial, self->place);

  return G_LIKELY (handle != NULL) &&
         ssem_shm_counter_add_fast (handle, -n, n & self->undo_mask, FALSE);
}

/* The same; where it is TRUE, @has_waiters tells whether the units are to be followed by wake (). */
static inline gboolean
ssem_backend_shm_release_fast (SsemInstance *instance,
                               int           n,
                               gboolean     *has_waiters)
{
  SsemShmInstance *self = (SsemShmInstance *) instance;
  SsemShmSlotHandle *handle = ssem_shm_attachment_peek_handle_at (self->serial, self->place);

  if (G_UNLIKELY (handle == NULL ||
                  !ssem_shm_counter_add_fast (handle, n, -n & self->undo_mask, TRUE)))
    return FALSE;

  *has_waiters = ssem_shm_waiters_is_anybody (handle->segment);

  return TRUE;
}

G_END_DECLS
