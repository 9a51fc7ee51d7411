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
  guint32 committed; /* a copy of the slot's */

  /* For the fast path. prepare_fast () fills these fields, and the fast path updates them. */
  atomic_uint_least64_t last_word; /* the word that this slot stored in `state` last, or one of the
                                    * numbers below; written by the thread only */
  gint64 holding;                  /* the slot's holding */
  gint64 least;                    /* a smaller holding needs a new stamp, which the fast path
                                    * cannot write */
} SsemShmSlotHandle;

/* Numbers that `last_word` contains instead of a word. With either, begin_fast () returns FALSE,
 * because of the waiters bit. An instruction can store each of them as it is, which takes a number
 * of 32 bits with its sign. */
#define SSEM_SHM_WORD_UNKNOWN ((guint64) G_MININT32)     /* the fast path cannot operate */
#define SSEM_SHM_WORD_IN_USE  ((guint64) G_MININT32 + 1) /* the thread is on the fast path */

/* An operation on the fast path. */
typedef struct
{
  guint64 word; /* the expected content of `state` */
  guint64 next; /* the content after the operation */
} SsemShmFast;

/* Returns a handle of slot @index, which the caller has claimed. */
SsemShmSlotHandle ssem_shm_slot_handle_make (SsemShmSegment *segment,
                                             guint32         index);

/* Adds @delta to the value and @holding_change to the slot's holding. Both may be negative. Changes
 * neither unless the result is SSEM_SHM_DONE. */
SsemShmResult ssem_shm_counter_add          (SsemShmSlotHandle *handle,
                                             int                delta,
                                             int                holding_change);

/* Prepares @handle for the fast path after add () or reset (). If another slot has changed `state`
 * since, or threads wait, the fast path stays disabled. */
void          ssem_shm_counter_prepare_fast (SsemShmSlotHandle *handle);

/* The fast path: does what add () does, if this slot made the last change of `state`. That is the
 * common case without contention: the epoch is the same, no thread waits, and no success of another
 * slot needs to be recorded.
 *
 *   begin_fast ()   announces the operation to the other threads of the process.
 *   finish_fast ()  operates, and takes the announcement back.
 *   leave_fast ()   takes the announcement back instead.
 *
 * begin_fast () and finish_fast () return FALSE if the fast path cannot operate: there are too few
 * units or too many, a thread waits, or another slot has operated. Then neither the value nor the
 * holding has changed, and nothing is announced. Call add () for the result.
 *
 * The processor delays a load from the segment until the thread's previous swap is complete. So the
 * fast path loads nothing from the segment before its own swap, and compares `state` with the word
 * that this slot stored last. Any other change has stored another slot or sequence in `state`, or
 * the waiters bit, and the swap fails. @is_release is a compile-time constant. */
static inline void
ssem_shm_counter_leave_fast (SsemShmSlotHandle *handle,
                             guint64            word)
{
  /* Release: the operation's accesses come before another thread unmaps the segment. */
  atomic_store_explicit (&handle->last_word, word, memory_order_release);
}

static G_ALWAYS_INLINE inline gboolean
ssem_shm_counter_begin_fast (SsemShmSlotHandle *handle,
                             gboolean           is_release,
                             int                n,
                             SsemShmFast       *fast)
{
  guint64 units = (guint64) n << SSEM_SHM_STATE_VALUE_SHIFT;
  guint64 word = atomic_load_explicit (&handle->last_word, memory_order_relaxed);
  guint64 next;

  /* A value out of range overflows. */
  if (G_UNLIKELY (is_release ? __builtin_add_overflow (word, units, &next)
                             : __builtin_sub_overflow (word, units, &next)))
    return FALSE;

  atomic_store_explicit (&handle->last_word, SSEM_SHM_WORD_IN_USE, memory_order_relaxed);

  /* A sequence that wraps sets the waiters bit. */
  fast->word = word;
  fast->next = next + SSEM_SHM_STATE_SEQUENCE_ONE;
  if (G_LIKELY ((fast->next & SSEM_SHM_STATE_WAITERS) == 0))
    return TRUE;

  ssem_shm_counter_leave_fast (handle, word);

  return FALSE;
}

static inline gboolean
ssem_shm_counter_is_in_fast (SsemShmSlotHandle *handle)
{
  /* Acquire: pairs with the release in leave_fast (). */
  return atomic_load_explicit (&handle->last_word, memory_order_acquire) == SSEM_SHM_WORD_IN_USE;
}

/* The function does not read the clock, which would take a tenth of the function's time. So the
 * start time of a holding that begins here is unknown. A holding ends only in a release. */
static G_ALWAYS_INLINE inline gboolean
ssem_shm_counter_finish_fast (SsemShmSlotHandle *handle,
                              gboolean           is_release,
                              gint64             holding_change,
                              SsemShmFast        fast)
{
  guint64 word = fast.word;
  SsemShmSlot *slot = handle->slot;
  gint64 holding = ssem_shm_sum (handle->holding, holding_change);
  guint32 sequence = handle->committed + 1;

  if (is_release && G_UNLIKELY (holding < handle->least))
    {
      ssem_shm_counter_leave_fast (handle, SSEM_SHM_WORD_UNKNOWN);
      return FALSE;
    }

  /* A signal handler may have operated since begin_fast () loaded the word. Then the swap fails;
   * the record must be the one that `committed` does not select even so. The stamp is there
   * already: prepare_fast () has written it. It also sets the handle's holding again if the swap
   * fails. */
  handle->holding = holding;
  atomic_store_explicit (&slot->holding[sequence & 1], holding, memory_order_relaxed);

  if (G_UNLIKELY (!atomic_compare_exchange_strong (&handle->segment->state, &word, fast.next)))
    {
      ssem_shm_counter_leave_fast (handle, SSEM_SHM_WORD_UNKNOWN);
      return FALSE;
    }

  /* Release: a thread that loads this sequence with acquire also sees the record. */
  handle->committed = sequence;
  atomic_store_explicit (&slot->committed, sequence, memory_order_release);
  ssem_shm_counter_leave_fast (handle, fast.next);

  return TRUE;
}

/* Sets the value and starts a new epoch, in which no process holds units. */
void          ssem_shm_counter_reset        (SsemShmSlotHandle *handle,
                                             int                value);

/* Returns whether the operation after the slot's committed operation took place. @word is `state`,
 * loaded before the call. The answer is final only for a slot whose owner no longer runs. */
static inline gboolean
ssem_shm_counter_next_operation_succeeded (SsemShmSlot *slot,
                                           guint32      index,
                                           guint64      word)
{
  guint32 next = atomic_load (&slot->committed) + 1;

  return ssem_shm_state_is_operation (word, index, next) || atomic_load (&slot->done) == next;
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
