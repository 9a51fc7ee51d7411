/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-counter-private.h"

#include <time.h>

/* A compare-and-swap whose outcome is known after a crash
 *
 *   ssem-shm-layout-private.h defines the words. The value is in `state`, and the holding is in a
 *   slot. A process can die between any two instructions, also between the stores to these two
 *   words. So each operation takes three steps:
 *
 *   1. Write the slot's new holding into the record that `committed` does not select.
 *   2. Swap `state` for a word that contains the new value and names this operation: the slot's
 *      index and the operation's sequence. The old word names the previous operation, and the swap
 *      erases that name. So the success of the previous operation is recorded before the swap:
 *      either its slot has committed the operation, or the slot's `done` is raised to its sequence.
 *   3. Set `committed` to the operation's sequence.
 *
 *   For the slot of a dead process, the operation after `committed` took place if `state` names it
 *   or if `done` equals its sequence. Then the operation's record is valid; otherwise the record
 *   that `committed` selects is valid. A reader loads `state` before `done`. If another thread had
 *   erased the name before the reader loaded `state`, that thread had raised `done` earlier still,
 *   so the reader sees it.
 *
 *   An operation that finds too few units does not take place. The next operation of the slot uses
 *   the same sequence and the same record.
 *
 * Reclaiming the units of a dead process
 *
 *   A dead process holds the sum of its slots' holdings, and no thread changes these holdings any
 *   more. A live process reads the holdings and returns the sum with one swap. The new `state`
 *   names the dead process's first slot and the sequence `committed` + 2, which no operation of
 *   that owner can have. Any number of processes may try this concurrently. The rule above shows
 *   whether the units have been returned already: `state` names that sequence or `done` equals it.
 *   If another process returns the units first, `state` changes and the swap fails. So no process
 *   waits, and a process that dies or stops while it reclaims leaves nothing to repair.
 *
 *   The sum is valid only if all the slots belonged to the dead process while they were read. So
 *   the reader checks the owner of the first slot at the end. Before the slots are freed, the first
 *   slot gets the flag SSEM_SHM_OWNER_RECLAIMED. The first slot is freed last.
 *
 *   A reclaiming process may stop for any time before its swap. Meanwhile another process may
 *   return the same units. Another slot may then run so many operations that its sequence wraps and
 *   `state` has its old content again. The swap would then succeed and return the units twice. So
 *   each attempt first swaps a mark into `state`: slot 0 with a number from `n_marks`. Then the
 *   attempt checks again whether the units have been returned, and swaps from the mark. Only
 *   reclaim attempts put marks into `state`, so a mark can recur only after 131,072 attempts.
 *
 *   The next owner of a slot begins with a sequence beyond the sequence of the reclaim.
 *
 * Epochs
 *
 *   A record of another epoch counts as 0. A reset is an operation that also advances the epoch in
 *   `state`. `state` has room for three bits of the epoch, so the whole number is in the word
 *   `epoch`, which a reset advances after `state`. No operation swaps `state` before the two agree:
 *   a process that finds `epoch` one behind advances the word.
 *
 * Wrapping
 *
 *   `state` holds 17 bits of the sequence. Suppose a process stops between its load of `state` and
 *   its swap, while one slot runs a multiple of 131,072 operations and leaves the same value. Then
 *   the swap succeeds as if `state` had not changed, which is right for the value. But the swap
 *   erases the name of an operation whose success may be unrecorded. If that operation's process
 *   dies just after its own swap, other processes may not learn that the operation took place.
 *
 * Memory order
 *
 *   An operation's swap is sequentially consistent, because waiters depend on its order relative to
 *   the word `waiters` (ssem-shm-waiters.c). The swap also releases the record. A reader loads
 *   `committed` or `owner` with acquire, and so sees the record that was written before.
 */

/* A bound for the holding of a slot in a damaged segment. */
#define HOLDING_MAX (G_GINT64_CONSTANT (1) << 50)

#define SEQUENCE_IS_LATER(a, b) ((gint32) ((guint32) (a) - (guint32) (b)) > 0)

static inline gboolean
low_sequence_bits_equal (guint32 sequence,
                         guint32 low_bits)
{
  return SSEM_SHM_LOW_BITS (sequence, SSEM_SHM_SEQUENCE_BITS) == low_bits;
}

/* Returns the whole number of the epoch in @state; that of a later epoch if @state is stale.
 * Advances `epoch` if the word is one behind `state`. */
static inline guint32
get_epoch (SsemShmSegment     *segment,
           const SsemShmState *state)
{
  guint32 epoch = atomic_load_explicit (&segment->epoch, memory_order_acquire);

  /* `epoch` seems one behind: a reset is between its two steps, or its process died there. Then
   * take the second step. But if @state is stale, `epoch` may be ahead of @state, although the
   * three bits match, and must not advance. So load `state` again. If `epoch` has not changed
   * around that load, `state` is at most one epoch ahead. Three bits then suffice. */
  if (G_UNLIKELY (SSEM_SHM_LOW_BITS (epoch + 1, SSEM_SHM_EPOCH_BITS) == state->epoch))
    {
      SsemShmState now = ssem_shm_state_unpack (atomic_load (&segment->state));

      if (now.epoch == state->epoch)
        atomic_compare_exchange_strong (&segment->epoch, &epoch, epoch + 1);
      epoch = atomic_load_explicit (&segment->epoch, memory_order_acquire);
    }

  return epoch;
}

/* Records the success of the operation or reclaim that @word names, before the caller erases the
 * name from `state`. Has no effect if @word is stale: then the caller's swap fails. */
static void
record_success (SsemShmSegment *segment,
                guint64         word)
{
  SsemShmState state = ssem_shm_state_unpack (word);
  SsemShmSlot *slot = &segment->slots[state.slot];
  guint32 sequence, done;

  sequence = atomic_load_explicit (&slot->committed, memory_order_acquire);
  if (low_sequence_bits_equal (sequence, state.sequence))
    return;

  /* @word names operation `committed` + 1 or a reclaim, `committed` + 2. Otherwise @word is stale,
   * and nothing needs to be recorded. */
  if (low_sequence_bits_equal (sequence + 1, state.sequence))
    sequence += 1;
  else if (low_sequence_bits_equal (sequence + 2, state.sequence))
    sequence += 2;
  else
    return;

  /* The upper bits of the sequence come from `committed`. They are right only if `state` has not
   * changed since `committed` was loaded. The waiters bit is left out: it may be set and cleared
   * again, and then the caller's swap succeeds. */
  if (((atomic_load (&segment->state) ^ word) & ~SSEM_SHM_STATE_WAITERS) != 0)
    return;

  done = atomic_load_explicit (&slot->done, memory_order_relaxed);
  while (SEQUENCE_IS_LATER (sequence, done))
    {
      if (atomic_compare_exchange_weak (&slot->done, &done, sequence))
        break;
    }
}

static inline void
write_record (SsemShmSlot *slot,
              guint32      sequence,
              gint64       holding,
              guint32      epoch,
              guint32      since)
{
  atomic_store_explicit (&slot->holding[sequence & 1], holding, memory_order_relaxed);
  atomic_store_explicit (&slot->stamp[sequence & 1], SSEM_SHM_STAMP_MAKE (epoch, since),
                         memory_order_relaxed);
}

static inline gint64
load_holding (SsemShmSlot *slot,
              guint32      sequence,
              guint32      epoch)
{
  guint64 stamp = atomic_load_explicit (&slot->stamp[sequence & 1], memory_order_relaxed);

  if (SSEM_SHM_STAMP_EPOCH (stamp) != epoch)
    return 0;

  return atomic_load_explicit (&slot->holding[sequence & 1], memory_order_relaxed);
}

static inline guint32
load_since (SsemShmSlot *slot,
            guint32      sequence)
{
  guint64 stamp = atomic_load_explicit (&slot->stamp[sequence & 1], memory_order_relaxed);

  return SSEM_SHM_STAMP_SINCE (stamp);
}

/* Returns the start time of the holding for an operation that changes it from @before to @after.
 * The record of operation @committed has the start time of @before. */
static inline guint32
compute_since (SsemShmSlot *slot,
               guint32      committed,
               gint64       before,
               gint64       after)
{
  if (after <= 0)
    return 0;

  return before > 0 ? load_since (slot, committed) : (guint32) time (NULL);
}

/* Returns the slot's committed sequence, and raises a `done` that is more than 2^30 behind.
 * Otherwise the sequence could wrap until it equals the old `done`, and an operation that failed in
 * a crash would look like a success. The fast path refuses when the low bits of the sequence wrap,
 * so this function runs often enough. */
static guint32
get_committed_and_refresh_done (SsemShmSlot *slot)
{
  guint32 committed = atomic_load_explicit (&slot->committed, memory_order_relaxed);
  guint32 done = atomic_load_explicit (&slot->done, memory_order_relaxed);

  if (G_UNLIKELY (committed - done > (1u << 30)))
    atomic_compare_exchange_strong (&slot->done, &done, committed);

  return committed;
}

SsemShmSlotHandle
ssem_shm_slot_handle_make (SsemShmSegment *segment,
                           guint32         index)
{
  SsemShmSlot *slot = &segment->slots[index];

  return (SsemShmSlotHandle) {
    .segment = segment,
    .slot = slot,
    .index = index,
    .committed = atomic_load_explicit (&slot->committed, memory_order_relaxed),
    .last_word = SSEM_SHM_WORD_UNKNOWN,
  };
}

SsemShmResult
ssem_shm_counter_add (SsemShmSlotHandle *handle,
                      int                delta,
                      int                holding_change)
{
  SsemShmSegment *segment = handle->segment;
  SsemShmSlot *slot = handle->slot;
  guint32 committed = get_committed_and_refresh_done (slot);
  guint64 old_word = atomic_load_explicit (&segment->state, memory_order_acquire);
  guint64 new_word;

  do
    {
      SsemShmState state = ssem_shm_state_unpack (old_word);
      gint64 before, after;
      guint32 epoch;

      if (delta < 0 && state.value < -delta)
        return SSEM_SHM_TOO_FEW;
      if (delta > 0 && state.value > SSEM_SHM_VALUE_MAX - delta)
        return SSEM_SHM_TOO_MANY;

      epoch = get_epoch (segment, &state);
      before = load_holding (slot, committed, epoch);
      after = ssem_shm_sum (before, holding_change);
      write_record (slot, committed + 1, after, epoch,
                    compute_since (slot, committed, before, after));
      if (state.slot != handle->index && state.slot != 0)
        record_success (segment, old_word);

      new_word = ssem_shm_state_replace (old_word, state.value + delta, state.epoch,
                                         handle->index, committed + 1);
    }
  while (!atomic_compare_exchange_strong (&segment->state, &old_word, new_word));

  /* Release: pairs with the acquire in record_success (). */
  atomic_store_explicit (&slot->committed, committed + 1, memory_order_release);
  handle->committed = committed + 1;

  return SSEM_SHM_DONE;
}

void
ssem_shm_counter_prepare_fast (SsemShmSlotHandle *handle)
{
  SsemShmSlot *slot = handle->slot;
  guint32 committed = handle->committed;
  guint64 word = atomic_load_explicit (&handle->segment->state, memory_order_relaxed);
  guint64 stamp;

  atomic_store_explicit (&handle->last_word, SSEM_SHM_WORD_UNKNOWN, memory_order_relaxed);
  if (!ssem_shm_state_is_operation (word, handle->index, committed) ||
      (word & SSEM_SHM_STATE_WAITERS) != 0)
    return;

  /* The fast path writes no stamp, so the other record gets a copy of the current stamp. */
  stamp = atomic_load_explicit (&slot->stamp[committed & 1], memory_order_relaxed);
  atomic_store_explicit (&slot->stamp[~committed & 1], stamp, memory_order_relaxed);

  handle->holding = atomic_load_explicit (&slot->holding[committed & 1], memory_order_relaxed);
  handle->least = SSEM_SHM_STAMP_SINCE (stamp) != 0 ? 1 : G_MININT64;

  /* At the end: a signal handler that interrupts this takes the fast path from then on. */
  atomic_signal_fence (memory_order_seq_cst);
  atomic_store_explicit (&handle->last_word, word, memory_order_relaxed);
}

void
ssem_shm_counter_reset (SsemShmSlotHandle *handle,
                        int                value)
{
  SsemShmSegment *segment = handle->segment;
  SsemShmSlot *slot = handle->slot;
  guint32 committed = get_committed_and_refresh_done (slot);
  guint64 old_word = atomic_load_explicit (&segment->state, memory_order_acquire);
  guint64 new_word;
  guint32 epoch;

  do
    {
      SsemShmState state = ssem_shm_state_unpack (old_word);

      epoch = get_epoch (segment, &state);
      write_record (slot, committed + 1, 0, epoch + 1, 0);
      if (state.slot != handle->index && state.slot != 0)
        record_success (segment, old_word);

      new_word = ssem_shm_state_replace (old_word, value, state.epoch + 1, handle->index,
                                         committed + 1);
    }
  while (!atomic_compare_exchange_strong (&segment->state, &old_word, new_word));

  /* The second step, unless another process has taken it. */
  atomic_compare_exchange_strong (&segment->epoch, &epoch, epoch + 1);
  atomic_store_explicit (&segment->initial, value, memory_order_relaxed);
  atomic_store_explicit (&slot->committed, committed + 1, memory_order_release);
  handle->committed = committed + 1;
}

/* --- Slots --- */

guint32
ssem_shm_counter_claim_slot (SsemShmSegment *segment,
                             guint64         attach_id,
                             gboolean        is_attached,
                             int             pid,
                             guint32         pid_name_space)
{
  guint32 n_slots = atomic_load_explicit (&segment->n_slots, memory_order_acquire);
  guint32 index, used, sequence;

  for (index = 1; index < n_slots; index++)
    {
      SsemShmSlot *slot = &segment->slots[index];
      guint64 owner = 0;

      if (atomic_load_explicit (&slot->owner, memory_order_relaxed) != 0 ||
          !atomic_compare_exchange_strong (&slot->owner, &owner,
                                           ssem_shm_make_owner_word (attach_id) |
                                           SSEM_SHM_OWNER_CLAIMING))
        continue;

      /* Pairs with the fence in get_holding_to_return (). A process that loads a record of this
       * owner then also sees that the former owner's slots were being freed. */
      atomic_thread_fence (memory_order_release);

      used = atomic_load (&segment->slots_used);
      while (used <= index &&
             !atomic_compare_exchange_weak (&segment->slots_used, &used, index + 1))
        ;

      /* The former owner's last operation may have used + 1, and the reclaim + 2. */
      sequence = atomic_load_explicit (&slot->committed, memory_order_relaxed) + 4;
      atomic_store_explicit (&slot->waiting, 0, memory_order_relaxed);
      atomic_store_explicit (&slot->pid, pid, memory_order_relaxed);
      atomic_store_explicit (&slot->pid_name_space, pid_name_space, memory_order_relaxed);
      write_record (slot, sequence, 0, 0, 0);
      atomic_store_explicit (&slot->committed, sequence, memory_order_release);
      atomic_store (&slot->owner, ssem_shm_make_owner_word (attach_id) |
                                  (is_attached ? SSEM_SHM_OWNER_ATTACHED : 0));

      return index;
    }

  return 0;
}

gboolean
ssem_shm_counter_set_attached (SsemShmSegment *segment,
                               guint32         index,
                               guint64         attach_id,
                               gboolean        is_attached)
{
  guint64 owner = ssem_shm_make_owner_word (attach_id);
  guint64 before = is_attached ? owner : owner | SSEM_SHM_OWNER_ATTACHED;

  return atomic_compare_exchange_strong (&segment->slots[index].owner, &before,
                                         before ^ SSEM_SHM_OWNER_ATTACHED);
}

gint64
ssem_shm_counter_get_holding (SsemShmSegment *segment,
                              guint64         attach_id)
{
  SsemShmState state = ssem_shm_state_unpack (atomic_load (&segment->state));
  guint32 epoch = get_epoch (segment, &state);
  guint32 used = atomic_load (&segment->slots_used);
  gint64 holding = 0;
  guint32 index;

  for (index = 1; index < used; index++)
    {
      SsemShmSlot *slot = &segment->slots[index];

      if (ssem_shm_owner_is (atomic_load (&slot->owner), attach_id))
        holding = ssem_shm_sum (holding,
                                load_holding (slot, atomic_load (&slot->committed), epoch));
    }

  return holding;
}

static void
free_slot (SsemShmSlot *slot,
           guint64      owner)
{
  atomic_compare_exchange_strong (&slot->owner, &owner, 0);
}

gboolean
ssem_shm_counter_free_empty_slot (SsemShmSegment *segment,
                                  guint32         index,
                                  guint64         attach_id)
{
  SsemShmState state = ssem_shm_state_unpack (atomic_load (&segment->state));
  SsemShmSlot *slot = &segment->slots[index];

  if (load_holding (slot, atomic_load (&slot->committed), get_epoch (segment, &state)) != 0)
    return FALSE;

  free_slot (slot, ssem_shm_make_owner_word (attach_id));

  return TRUE;
}

/* Returns the first slot whose claim by process @attach_id is complete; 0 if there is none. */
static guint32
find_first_slot (SsemShmSegment *segment,
                 guint64         attach_id)
{
  guint32 used = atomic_load (&segment->slots_used);
  guint32 index;

  for (index = 1; index < used; index++)
    {
      guint64 owner = atomic_load (&segment->slots[index].owner);

      if (owner >> SSEM_SHM_OWNER_SHIFT == attach_id && !(owner & SSEM_SHM_OWNER_CLAIMING))
        return index;
    }

  return 0;
}

void
ssem_shm_counter_free_slots (SsemShmSegment *segment,
                             guint64         attach_id)
{
  guint32 first = find_first_slot (segment, attach_id);
  guint32 used = atomic_load (&segment->slots_used);
  guint64 first_owner, owner;
  guint32 index;

  /* The flag means that nothing is left to return, so the other slots may be freed in any order.
   * The first slot is freed last: if another process has freed it, all others are free. */
  first_owner = atomic_load (&segment->slots[first].owner);
  if (first != 0 && ssem_shm_owner_is (first_owner, attach_id) &&
      atomic_compare_exchange_strong (&segment->slots[first].owner, &first_owner,
                                      first_owner | SSEM_SHM_OWNER_RECLAIMED))
    first_owner |= SSEM_SHM_OWNER_RECLAIMED;

  for (index = 1; index < used; index++)
    {
      owner = atomic_load (&segment->slots[index].owner);
      if (owner >> SSEM_SHM_OWNER_SHIFT == attach_id && !(owner & SSEM_SHM_OWNER_RECLAIMED))
        free_slot (&segment->slots[index], owner);
    }

  if (first != 0 && first_owner >> SSEM_SHM_OWNER_SHIFT == attach_id)
    free_slot (&segment->slots[first], first_owner);
}

/* --- Reclaiming --- */

/* Returns the sequence of the slot's last operation that took place. @word is `state`, loaded
 * before. The slot's owner is dead, or the slot is in a private copy of the segment. */
static guint32
get_last_sequence (SsemShmSlot *slot,
                   guint32      index,
                   guint64      word)
{
  guint32 committed = atomic_load (&slot->committed);

  return ssem_shm_counter_next_operation_succeeded (slot, index, word) ? committed + 1 : committed;
}

/* Returns the slot's holding in @epoch after the slot's last operation that took place. */
static gint64
get_slot_holding (SsemShmSlot *slot,
                  guint32      index,
                  guint64      word,
                  guint32      epoch)
{
  gint64 holding = load_holding (slot, get_last_sequence (slot, index, word), epoch);

  /* Only a damaged segment contains holdings outside these bounds. */
  return CLAMP (holding, -HOLDING_MAX, HOLDING_MAX);
}

/* Returns the sum of the holdings of process @attach_id in @epoch. @first is the process's first
 * slot. */
static gint64
get_process_holding (SsemShmSegment *segment,
                     guint64         attach_id,
                     guint32         first,
                     guint64         word,
                     guint32         epoch)
{
  guint32 used = atomic_load (&segment->slots_used);
  gint64 holding = 0;
  guint32 index;

  for (index = first; index < used; index++)
    {
      SsemShmSlot *slot = &segment->slots[index];

      if (ssem_shm_owner_is (atomic_load (&slot->owner), attach_id))
        holding = ssem_shm_sum (holding, get_slot_holding (slot, index, word, epoch));
    }

  return holding;
}

/* Returns whether a reclaim with the number @sequence has returned the units of the process whose
 * first slot has the index @index. */
static gboolean
is_reclaimed (SsemShmSlot        *slot,
              guint32             index,
              const SsemShmState *state,
              guint32             sequence)
{
  return (state->slot == index && low_sequence_bits_equal (sequence, state->sequence)) ||
         atomic_load (&slot->done) == sequence;
}

/* Returns how many units of the dead process @attach_id, whose first slot is @first, must still be
 * returned. The result is 0 or less if no units are left to return. */
static gint64
get_holding_to_return (SsemShmSegment *segment,
                       guint64         attach_id,
                       guint32         first,
                       guint64         word)
{
  SsemShmSlot *slot = &segment->slots[first];
  SsemShmState state = ssem_shm_state_unpack (word);
  guint32 epoch = get_epoch (segment, &state);
  gint64 holding;

  if (is_reclaimed (slot, first, &state, atomic_load (&slot->committed) + 2))
    return 0;

  holding = get_process_holding (segment, attach_id, first, word, epoch);

  /* If the dead process still owns its first slot, it owned all its slots during the reading. The
   * fence keeps the loads of the records before the load of the owner. */
  atomic_thread_fence (memory_order_acquire);

  return ssem_shm_owner_is (atomic_load (&slot->owner), attach_id) ? holding : 0;
}

/* Tries to swap a new mark into `state`, which contains @word, and sets @word to the mark. Returns
 * whether the swap succeeded. */
static gboolean
put_mark (SsemShmSegment *segment,
          guint64        *word)
{
  SsemShmState state = ssem_shm_state_unpack (*word);
  guint32 sequence = atomic_fetch_add (&segment->n_marks, 1);
  guint64 mark = ssem_shm_state_replace (*word, state.value, state.epoch, 0, sequence);

  if (state.slot != 0)
    record_success (segment, *word);
  if (!atomic_compare_exchange_strong (&segment->state, word, mark))
    return FALSE;

  *word = mark;

  return TRUE;
}

/* Tries to return the units of the dead process @attach_id, whose first slot is @first. Sets
 * @has_returned if this call returns them. Returns TRUE if no units are left to return. */
static gboolean
try_to_reclaim (SsemShmSegment *segment,
                guint64         attach_id,
                guint32         first,
                gboolean       *has_returned)
{
  guint32 sequence = atomic_load (&segment->slots[first].committed) + 2;
  guint64 word = atomic_load (&segment->state);
  SsemShmState state;
  gint64 holding;
  int value;

  /* No mark is needed if there is nothing to return. */
  if (get_holding_to_return (segment, attach_id, first, word) <= 0)
    return TRUE;
  if (!put_mark (segment, &word))
    return FALSE;
  holding = get_holding_to_return (segment, attach_id, first, word);
  if (holding <= 0)
    return TRUE;

  state = ssem_shm_state_unpack (word);
  value = (int) (state.value + MIN (holding, SSEM_SHM_VALUE_MAX - state.value));
  *has_returned = atomic_compare_exchange_strong (&segment->state, &word,
                                                  ssem_shm_state_replace (word, value, state.epoch,
                                                                          first, sequence));

  return *has_returned;
}

gboolean
ssem_shm_counter_reclaim (SsemShmSegment *segment,
                          guint64         attach_id)
{
  guint32 first = find_first_slot (segment, attach_id);
  gboolean has_returned = FALSE;

  if (first != 0)
    {
      while (!try_to_reclaim (segment, attach_id, first, &has_returned))
        ;
    }

  ssem_shm_counter_free_slots (segment, attach_id);

  return has_returned;
}

/* --- Inspecting a copy --- */

gint64
ssem_shm_counter_peek_holding (SsemShmSegment *copy,
                               guint64         word,
                               guint64         attach_id)
{
  SsemShmState state = ssem_shm_state_unpack (word);
  guint32 epoch = get_epoch (copy, &state);
  guint32 first = find_first_slot (copy, attach_id);
  SsemShmSlot *slot = &copy->slots[first];

  /* A first slot with the flag, or a completed reclaim, shows that nothing is left to return; the
   * other slots do not matter. If a process frees slots during the copying, the copy may miss some
   * of their holdings, and the sum for that process is inexact. */
  if (first == 0 || !ssem_shm_owner_is (atomic_load (&slot->owner), attach_id) ||
      is_reclaimed (slot, first, &state, atomic_load (&slot->committed) + 2))
    return 0;

  return get_process_holding (copy, attach_id, first, word, epoch);
}

guint32
ssem_shm_counter_peek_since (SsemShmSegment *copy,
                             guint64         word,
                             guint32         index)
{
  SsemShmState state = ssem_shm_state_unpack (word);
  SsemShmSlot *slot = &copy->slots[index];
  guint32 sequence = get_last_sequence (slot, index, word);

  if (load_holding (slot, sequence, get_epoch (copy, &state)) <= 0)
    return 0;

  return load_since (slot, sequence);
}
