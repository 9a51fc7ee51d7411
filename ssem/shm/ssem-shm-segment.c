/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-segment-private.h"

#include <errno.h>
#include <string.h>

static const char segment_magic[8] = "SsemShm";

void
ssem_shm_segment_fill (SsemShmSegment *segment,
                       const char     *key,
                       int             initial_value,
                       guint64         segment_id,
                       guint64         incarnation)
{
  memcpy (segment->magic, segment_magic, sizeof segment->magic);
  segment->layout = SSEM_SHM_LAYOUT;
  segment->key_length = (guint32) strlen (key);
  memcpy (segment->key, key, segment->key_length);
  segment->segment_id = segment_id;
  segment->incarnation = incarnation != 0 ? incarnation : segment_id;

  /* Relaxed: no other process sees the segment before it is published. */
  atomic_store_explicit (&segment->epoch, 1, memory_order_relaxed);
  atomic_store_explicit (&segment->state, ssem_shm_state_pack (initial_value, 1, 0, 0),
                         memory_order_relaxed);
  atomic_store_explicit (&segment->initial, initial_value, memory_order_relaxed);
  atomic_store_explicit (&segment->n_slots, SSEM_SHM_FIRST_SLOTS, memory_order_relaxed);
  atomic_store_explicit (&segment->slots_used, 1, memory_order_relaxed);
}

int
ssem_shm_segment_check (const SsemShmSegment *head,
                        goffset               size,
                        const char           *key)
{
  guint64 state;

  if (size < (goffset) sizeof *head ||
      memcmp (head->magic, segment_magic, sizeof head->magic) != 0)
    return -EBADMSG;
  if (head->layout != SSEM_SHM_LAYOUT)
    return -EPROTO;

  state = atomic_load (&head->state);
  if (head->key_length > SSEM_SHM_KEY_MAX ||
      (key != NULL &&
       (head->key_length != strlen (key) || memcmp (head->key, key, head->key_length) != 0)) ||
      atomic_load (&head->n_slots) < SSEM_SHM_FIRST_SLOTS ||
      atomic_load (&head->n_slots) > SSEM_SHM_MAX_SLOTS ||
      atomic_load (&head->slots_used) > atomic_load (&head->n_slots) ||
      ssem_shm_state_unpack (state).slot >= MAX (1, atomic_load (&head->slots_used)) ||
      (guint64) size < SSEM_SHM_SIZE (atomic_load (&head->n_slots)))
    return -EBADMSG;

  return 0;
}

void
ssem_shm_segment_grow (SsemShmSegment *segment,
                       guint32         n_slots)
{
  guint32 before = atomic_load (&segment->n_slots);

  while (before < n_slots &&
         !atomic_compare_exchange_weak (&segment->n_slots, &before, n_slots))
    ;
}
