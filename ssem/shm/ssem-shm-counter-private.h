/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-layout-private.h"

G_BEGIN_DECLS

/* The robust counter: memory and atomics, nothing else.
 *
 * The algorithm and why it is right are told in ssem-shm-counter.c. All functions are lock-free: a
 * thread that stands still, or is dead, anywhere in one of them holds up nobody.
 */

typedef enum
{
  SSEM_SHM_DONE,
  SSEM_SHM_TOO_FEW, /* fewer units than were asked for */
  SSEM_SHM_TOO_MANY, /* the value would pass the maximum */
} SsemShmResult;

/* A slot, as its thread knows it. */
typedef struct
{
  SsemShmSegment *segment;
  SsemShmSlot *slot;
  guint32 index;
  guint64 name; /* the index as it stands in state */

  /* For add_fast (), as recall () has found it. */
  guint64 left;   /* what this thread has left in state last; 0: call recall () first */
  gint64 holding; /* what the slot holds */
  gint64 least;   /* with less than that, its record needs another stamp */
} SsemShmLane;

/* Adds @delta to the value, through the calling thread's slot. @owes: how many units more (less)
 * the slot holds afterwards. */
SsemShmResult ssem_shm_counter_add          (SsemShmLane     lane,
                                             int             delta,
                                             int             owes);

/* Readies @lane for add_fast (), after a change in another way. Where somebody has changed state
 * since, it is not ready. */
void          ssem_shm_counter_recall       (SsemShmLane    *lane);

/* add () for the case that makes all the speed: the last change was this slot's too, so the epoch
 * is the same, and there is nobody else's success to record. Nor does it look at the clock, which
 * would take a tenth of its time; so nobody knows since when units are held that were taken this
 * way. @may_end_holding, a constant: FALSE where @owes is not negative. The answer is FALSE where
 * it is not that case, or there are too few units, or too many; nothing has happened then.
 *
 * The processor reads what lies in the segment only when the swap before is through. So nothing is
 * read there that the thread knows: the swap is tried with what this thread has left in state.
 * Whoever changed it since has put another name into it, and the swap fails. */
static G_ALWAYS_INLINE inline gboolean
ssem_shm_counter_add_fast (SsemShmLane *lane,
                              int          delta,
                              int          owes,
                              gboolean     may_end_holding)
{
  guint64 word = lane->left;
  SsemShmSlot *slot;
  gint64 holding;
  guint64 next;

  /* The slot and the epoch stay, the number goes up by one. Should it wrap, it would change the
   * slot; should the value pass one of its ends, it would change the epoch's lowest bit. */
  next = word + (G_GUINT64_CONSTANT (1) << 32) + (guint64) (gint64) delta;
  if (G_UNLIKELY (word == 0 ||
                  ((next ^ word) & (SSEM_SHM_STATE_SLOT | SSEM_SHM_STATE_EPOCH)) != 0))
    return FALSE;

  holding = ssem_shm_sum (lane->holding, owes);
  if (may_end_holding && G_UNLIKELY (holding < lane->least))
    return FALSE;

  /* The stamp is there already: recall () has seen to it. */
  slot = lane->slot;
  atomic_store_explicit (&slot->record[next >> 32 & 1].holding, holding, memory_order_relaxed);

  if (G_UNLIKELY (!atomic_compare_exchange_strong (&lane->segment->state, &word, next)))
    {
      lane->left = 0;
      return FALSE;
    }
  lane->left = next;
  lane->holding = holding;

  /* Release: whoever sees the number sees the record. */
  atomic_store_explicit (&slot->committed,
                         atomic_load_explicit (&slot->committed, memory_order_relaxed) + 1,
                         memory_order_release);

  return TRUE;
}

/* Sets the value and begins a new epoch, in which nobody holds anything. */
void          ssem_shm_counter_reset        (SsemShmLane     lane,
                                             int             value);

/* Whether the operation after the slot's committed one has happened. @word is state, read
 * before. */
static inline gboolean
ssem_shm_counter_is_ahead (SsemShmSlot *slot,
                           guint32      index,
                           guint64      word)
{
  guint32 next = atomic_load (&slot->committed) + 1;
  SsemShmState state = ssem_shm_state_unpack (word);

  return (state.slot == index &&
          state.number == SSEM_SHM_LOW_BITS (next, SSEM_SHM_NUMBER_BITS)) ||
         atomic_load (&slot->done) == next;
}

/* The process's number in the high bits of an owner. */
static inline guint64
ssem_shm_owner (guint64 process)
{
  return process << SSEM_SHM_OWNER_SHIFT;
}

/* Claims a free slot for @process, which people know as @pid in @pid_name_space; 0 where the file
 * has no free one. */
guint32       ssem_shm_counter_claim_slot   (SsemShmSegment *segment,
                                             guint64         process,
                                             int             pid,
                                             guint32         pid_name_space);

/* At the end of a thread: frees its slot of @process where that holds nothing, nor owes anything.
 * Answers whether it did. */
gboolean      ssem_shm_counter_free_empty_slot (SsemShmSegment *segment,
                                                guint32         index,
                                                guint64         process);

/* The units that the slots of @process hold, together. Only for its own threads while none
 * operates. */
gint64        ssem_shm_counter_get_holding  (SsemShmSegment *segment,
                                             guint64         process);

/* Frees all slots of @process; what they hold is forgotten. @process is the caller's own and none
 * of its threads operates, or it is dead and settled. */
void          ssem_shm_counter_free_slots   (SsemShmSegment *segment,
                                             guint64         process);

/* Gives back what the dead @process holds, and frees its slots. Any number of processes may do so
 * at the same time; it happens once. Answers whether units came back through this call. */
gboolean      ssem_shm_counter_settle       (SsemShmSegment *segment,
                                             guint64         process);

/* What @process holds in a copy of a segment that nobody writes, its state being @word; whether it
 * lives or not. Less than 0 where it has created units. */
gint64        ssem_shm_counter_peek_holding (SsemShmSegment *copy,
                                             guint64         word,
                                             guint64         process);

/* Since when the slot holds any; 0 where it doesn't, or nobody knows. As above. */
guint32       ssem_shm_counter_peek_since   (SsemShmSegment *copy,
                                             guint64         word,
                                             guint32         index);

static inline int
ssem_shm_counter_get_value (SsemShmSegment *segment)
{
  return ssem_shm_state_unpack (atomic_load_explicit (&segment->state, memory_order_relaxed)).value;
}

G_END_DECLS
