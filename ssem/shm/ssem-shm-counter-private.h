/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-layout-private.h"

G_BEGIN_DECLS

/* The robust counter: memory and atomics, and a clock for display.
 *
 * ssem-shm-layout-private.h defines the words. ssem-shm-counter.c describes the algorithm and why
 * it is correct. All functions are lock-free: a thread that stops or dies at any instruction blocks
 * no other thread.
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
  guint64 shifted_index; /* the index, shifted to the slot field of `state` */

  /* For add_fast (). prepare_fast () fills these fields, and add_fast () updates them. */
  guint64 last_word; /* the word that this slot stored in `state` last; 0 disables add_fast () */
  gint64 holding;    /* the slot's holding */
  gint64 least;      /* a smaller holding needs a new stamp, which add_fast () cannot write */
} SsemShmSlotHandle;

/* Adds @delta to the value and @holding_change to the slot's holding. Both may be negative. Changes
 * neither unless the result is SSEM_SHM_DONE. */
SsemShmResult ssem_shm_counter_add          (SsemShmSlotHandle handle,
                                             int               delta,
                                             int               holding_change);

/* Prepares @handle for add_fast () after add () or reset (). If another slot has changed `state`
 * since, add_fast () stays disabled. */
void          ssem_shm_counter_prepare_fast (SsemShmSlotHandle *handle);

/* Does what add () does, if this slot made the last change of `state`. That is the common case
 * without contention: the epoch is the same, and no success of another slot needs to be recorded.
 *
 * Returns FALSE in all other cases, for example if there are too few units or too many, or if the
 * handle is not prepared. Then neither the value nor the holding has changed; call add () for the
 * result.
 *
 * @may_end_holding is a compile-time constant. It may be FALSE only if @holding_change is never
 * negative. The function does not read the clock, which would take a tenth of the function's time.
 * So the start time of a holding that begins here is unknown.
 *
 * The processor delays a load from the segment until the thread's previous swap is complete. So
 * this function loads nothing from the segment before its own swap, and compares `state` with the
 * word that this slot stored last. Any other change has stored another slot or sequence in `state`,
 * and the swap fails. */
static G_ALWAYS_INLINE inline gboolean
ssem_shm_counter_add_fast (SsemShmSlotHandle *handle,
                           int                delta,
                           int                holding_change,
                           gboolean           may_end_holding)
{
  guint64 word = handle->last_word;
  SsemShmSlot *slot;
  gint64 holding;
  guint64 next;

  /* The sequence increases by one; the slot and the epoch stay the same. A sequence that wraps
   * would change the slot. A value out of range would change the lowest bit of the epoch. */
  next = word + (G_GUINT64_CONSTANT (1) << 32) + (guint64) (gint64) delta;
  if (G_UNLIKELY (word == 0 ||
                  ((next ^ word) & (SSEM_SHM_STATE_SLOT | SSEM_SHM_STATE_EPOCH)) != 0))
    return FALSE;

  holding = ssem_shm_sum (handle->holding, holding_change);
  if (may_end_holding && G_UNLIKELY (holding < handle->least))
    return FALSE;

  /* prepare_fast () has written the stamp. */
  slot = handle->slot;
  atomic_store_explicit (&slot->record[next >> 32 & 1].holding, holding, memory_order_relaxed);

  if (G_UNLIKELY (!atomic_compare_exchange_strong (&handle->segment->state, &word, next)))
    {
      handle->last_word = 0;
      return FALSE;
    }
  handle->last_word = next;
  handle->holding = holding;

  /* Release: a thread that loads this sequence with acquire also sees the record. */
  atomic_store_explicit (&slot->committed,
                         atomic_load_explicit (&slot->committed, memory_order_relaxed) + 1,
                         memory_order_release);

  return TRUE;
}

/* Sets the value and starts a new epoch, in which no process holds units. */
void          ssem_shm_counter_reset        (SsemShmSlotHandle handle,
                                             int               value);

/* Returns whether the operation after the slot's committed operation took place. @word is `state`,
 * loaded before the call. The answer is final only for a slot whose owner no longer runs. */
static inline gboolean
ssem_shm_counter_next_operation_succeeded (SsemShmSlot *slot,
                                           guint32      index,
                                           guint64      word)
{
  guint32 next = atomic_load (&slot->committed) + 1;
  SsemShmState state = ssem_shm_state_unpack (word);

  return (state.slot == index &&
          state.sequence == SSEM_SHM_LOW_BITS (next, SSEM_SHM_SEQUENCE_BITS)) ||
         atomic_load (&slot->done) == next;
}

/* Returns the owner word, without flags, of a slot that belongs to process @attach_id. */
static inline guint64
ssem_shm_make_owner_word (guint64 attach_id)
{
  return attach_id << SSEM_SHM_OWNER_SHIFT;
}

/* Returns whether @owner, the owner word of a slot, says that process @attach_id uses the slot: its
 * claim is complete, and the process is not reclaimed. */
static inline gboolean
ssem_shm_owner_is (guint64 owner,
                   guint64 attach_id)
{
  return (owner & ~(guint64) SSEM_SHM_OWNER_ATTACHED) == ssem_shm_make_owner_word (attach_id);
}

/* Claims a free slot for process @attach_id and returns its index; 0 if the segment has no free
 * slot. @is_attached is for the slot that shows the process as attached. Tools display the process
 * as @pid in @pid_name_space. */
guint32       ssem_shm_counter_claim_slot   (SsemShmSegment *segment,
                                             guint64         attach_id,
                                             gboolean        is_attached,
                                             int             pid,
                                             guint32         pid_name_space);

/* Shows process @attach_id as attached, or not any more, on its slot @index. Only that process may
 * call this function. Returns FALSE if the slot is not the process's, or says so already. */
gboolean      ssem_shm_counter_set_attached (SsemShmSegment *segment,
                                             guint32         index,
                                             guint64         attach_id,
                                             gboolean        is_attached);

/* Frees slot @index of process @attach_id if the slot's holding is 0. The slot's thread must not
 * operate any more. Returns whether the slot's holding was 0. */
gboolean      ssem_shm_counter_free_empty_slot (SsemShmSegment *segment,
                                                guint32         index,
                                                guint64         attach_id);

/* Returns the sum of the holdings of process @attach_id. Only that process may call this function,
 * while none of its threads operates. */
gint64        ssem_shm_counter_get_holding  (SsemShmSegment *segment,
                                             guint64         attach_id);

/* Frees all slots of process @attach_id without returning their units. The process must be the
 * caller, with no operating thread, or must be dead and reclaimed. */
void          ssem_shm_counter_free_slots   (SsemShmSegment *segment,
                                             guint64         attach_id);

/* Returns the units of the dead process @attach_id to the semaphore, and frees the process's slots.
 * Any number of processes may call this concurrently; the units come back once. Returns whether
 * this call returned units. */
gboolean      ssem_shm_counter_reclaim      (SsemShmSegment *segment,
                                             guint64         attach_id);

/* Returns the sum of the holdings of process @attach_id, alive or dead; negative if the process
 * owes units. @copy is a private copy of a segment, whose `state` contains @word. The function may
 * advance the epoch word of @copy. */
gint64        ssem_shm_counter_peek_holding (SsemShmSegment *copy,
                                             guint64         word,
                                             guint64         attach_id);

/* Returns when the holding of slot @index in such a copy became positive, in seconds of the wall
 * clock. Returns 0 if the holding is not positive or the time is unknown. */
guint32       ssem_shm_counter_peek_since   (SsemShmSegment *copy,
                                             guint64         word,
                                             guint32         index);

static inline int
ssem_shm_counter_get_value (SsemShmSegment *segment)
{
  return ssem_shm_state_unpack (atomic_load_explicit (&segment->state, memory_order_relaxed)).value;
}

G_END_DECLS
