/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-layout-private.h"

G_BEGIN_DECLS

/* The robust counter: memory and atomics, nothing else.
 *
 * ssem-shm-counter.c describes the algorithm and why it is correct. All functions are lock-free: a
 * thread that stops or dies anywhere in one of them blocks no other thread.
 */

typedef enum
{
  SSEM_SHM_DONE,
  SSEM_SHM_TOO_FEW,  /* fewer units than requested are available */
  SSEM_SHM_TOO_MANY, /* the value would exceed the maximum */
} SsemShmResult;

/* A slot handle: what a thread keeps in its own memory about a slot that it has claimed. */
typedef struct
{
  SsemShmSegment *segment;
  SsemShmSlot *slot;
  guint32 index;
  guint64 name; /* the index, at its position in `state` */

  /* For add_fast (), set by recall (). */
  guint64 left;   /* what this thread stored in `state` last; 0: call recall () first */
  gint64 holding; /* what the slot holds */
  gint64 least;   /* if the slot holds less than this, its record needs another stamp */
} SsemShmSlotHandle;

/* Adds @delta to the value. The slot holds @owes units more afterwards; fewer if @owes is
 * negative. */
SsemShmResult ssem_shm_counter_add          (SsemShmSlotHandle handle,
                                             int               delta,
                                             int               owes);

/* Prepares @handle for add_fast () after a change by another function. Has no effect if another
 * slot has changed `state` since. */
void          ssem_shm_counter_recall       (SsemShmSlotHandle *handle);

/* Does what add () does if this slot also made the last change, which is the common case without
 * contention. Then the epoch is the same, and no other slot's success needs to be recorded. Returns
 * FALSE, without any effect, in other cases and if there are too few units or too many.
 *
 * @may_end_holding is a constant: FALSE if @owes is never negative. The function does not read the
 * clock, which would take a tenth of its time; so nobody knows since when units are held that were
 * taken here.
 *
 * A processor executes a load from the segment only after the preceding swap. So the function loads
 * nothing that the thread already knows: it swaps from the word that this thread has left in
 * `state`. Any other change has put another name there, and the swap fails. */
static G_ALWAYS_INLINE inline gboolean
ssem_shm_counter_add_fast (SsemShmSlotHandle *handle,
                              int          delta,
                              int          owes,
                              gboolean     may_end_holding)
{
  guint64 word = handle->left;
  SsemShmSlot *slot;
  gint64 holding;
  guint64 next;

  /* The slot and the epoch stay the same, the sequence increases by one. A sequence that wraps
   * would change the slot; a value out of range would change the lowest bit of the epoch. */
  next = word + (G_GUINT64_CONSTANT (1) << 32) + (guint64) (gint64) delta;
  if (G_UNLIKELY (word == 0 ||
                  ((next ^ word) & (SSEM_SHM_STATE_SLOT | SSEM_SHM_STATE_EPOCH)) != 0))
    return FALSE;

  holding = ssem_shm_sum (handle->holding, owes);
  if (may_end_holding && G_UNLIKELY (holding < handle->least))
    return FALSE;

  /* recall () has written the stamp. */
  slot = handle->slot;
  atomic_store_explicit (&slot->record[next >> 32 & 1].holding, holding, memory_order_relaxed);

  if (G_UNLIKELY (!atomic_compare_exchange_strong (&handle->segment->state, &word, next)))
    {
      handle->left = 0;
      return FALSE;
    }
  handle->left = next;
  handle->holding = holding;

  /* Release: a thread that loads this sequence also sees the record. */
  atomic_store_explicit (&slot->committed,
                         atomic_load_explicit (&slot->committed, memory_order_relaxed) + 1,
                         memory_order_release);

  return TRUE;
}

/* Sets the value and starts a new epoch, in which no process holds anything. */
void          ssem_shm_counter_reset        (SsemShmSlotHandle handle,
                                             int               value);

/* Returns whether the operation after the slot's committed one took place. @word is `state`, loaded
 * before. */
static inline gboolean
ssem_shm_counter_is_ahead (SsemShmSlot *slot,
                           guint32      index,
                           guint64      word)
{
  guint32 next = atomic_load (&slot->committed) + 1;
  SsemShmState state = ssem_shm_state_unpack (word);

  return (state.slot == index &&
          state.sequence == SSEM_SHM_LOW_BITS (next, SSEM_SHM_SEQUENCE_BITS)) ||
         atomic_load (&slot->done) == next;
}

/* Returns the owner word of a slot of process @attach_id, without flags. */
static inline guint64
ssem_shm_owner (guint64 attach_id)
{
  return attach_id << SSEM_SHM_OWNER_SHIFT;
}

/* Claims a free slot for process @attach_id, which people know as @pid in @pid_name_space. Returns
 * 0 if the segment has no free slot. */
guint32       ssem_shm_counter_claim_slot   (SsemShmSegment *segment,
                                             guint64         attach_id,
                                             int             pid,
                                             guint32         pid_name_space);

/* Frees a slot of process @attach_id whose thread ends, if the slot neither holds nor owes units.
 * Returns whether it did. */
gboolean      ssem_shm_counter_free_empty_slot (SsemShmSegment *segment,
                                                guint32         index,
                                                guint64         attach_id);

/* Returns how many units the slots of process @attach_id hold together. Only for that process,
 * while none of its threads operates. */
gint64        ssem_shm_counter_get_holding  (SsemShmSegment *segment,
                                             guint64         attach_id);

/* Frees all slots of process @attach_id and forgets what they hold. Either it is the calling
 * process and none of its threads operates, or it is dead and reclaimed. */
void          ssem_shm_counter_free_slots   (SsemShmSegment *segment,
                                             guint64         attach_id);

/* Returns the units of the dead process @attach_id to the semaphore, and frees its slots. Any
 * number of processes may do so concurrently; the units come back once. Returns whether this call
 * returned units. */
gboolean      ssem_shm_counter_reclaim      (SsemShmSegment *segment,
                                             guint64         attach_id);

/* Returns what process @attach_id, alive or dead, holds in @copy, a copy of a segment with @word in
 * `state` that nobody writes. Negative if the process has created units. */
gint64        ssem_shm_counter_peek_holding (SsemShmSegment *copy,
                                             guint64         word,
                                             guint64         attach_id);

/* Returns since when slot @index of such a copy holds units, in seconds of the wall clock; 0 if the
 * slot holds none or the time is unknown. */
guint32       ssem_shm_counter_peek_since   (SsemShmSegment *copy,
                                             guint64         word,
                                             guint32         index);

static inline int
ssem_shm_counter_get_value (SsemShmSegment *segment)
{
  return ssem_shm_state_unpack (atomic_load_explicit (&segment->state, memory_order_relaxed)).value;
}

G_END_DECLS
