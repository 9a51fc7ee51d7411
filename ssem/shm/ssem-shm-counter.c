/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-counter-private.h"

#include <time.h>

/* A compare-and-swap whose outcome is known after a crash
 *
 *   The value and the number of units that each process holds lie in different words. A process can
 *   die between any two instructions, also between the stores to these words. So each operation has
 *   a sequence number, counted separately for each slot, and takes three steps:
 *
 *   1. Write what the slot will hold into a record. Of the slot's two records, the operation uses
 *      the one that `committed` does not select.
 *   2. Swap `state` for a word with the new value, the slot's index and the operation's sequence.
 *      The old word names the operation before. The swap destroys that name, so the success of that
 *      operation is made known first: either its slot has committed it, or the slot's `done` is
 *      raised to its sequence.
 *   3. Set `committed` to the operation's sequence.
 *
 *   For the slot of a dead process, the operation after `committed` took place if `state` names it
 *   or if `done` equals its sequence. Then the operation's record is valid; otherwise the record
 *   that `committed` selects is valid. A reader loads `state` before `done`: a process that
 *   overwrites the name in between has raised `done` before.
 *
 *   An operation that finds too few units does not take place. The next operation of the slot uses
 *   the same sequence and the same record.
 *
 * Reclaiming what a dead process holds
 *
 *   A dead process holds the sum over its slots, and nobody writes these slots any more. A live
 *   process returns that sum with a swap in the dead process's name: the new `state` names the dead
 *   process's first slot, with a sequence that no operation of the slot can have used. Any number
 *   of processes may try this concurrently, each with its own reading. The sequence shows whether
 *   the units have been returned already, by the rule for every operation: `state` names it or
 *   `done` equals it. If another process returns them first, `state` changes and the swap fails. So
 *   nobody waits, and a process that dies or stops while it reclaims leaves nothing to repair.
 *
 *   A reading is valid only if the slots belonged to the dead process until the end of the reading.
 *   So the owner of its first slot is read last. Slots are freed only after the first slot has been
 *   marked as reclaimed, and the marked slot is freed last.
 *
 *   A reclaiming process may stop for any time before its swap. Meanwhile another process may
 *   return the same units, and a third may run operations until its sequence has wrapped and
 *   `state` has the old bits again. Then the swap would succeed and return the units twice. So each
 *   attempt first puts a mark into `state`: slot 0 with a number that the attempt draws from a
 *   counter in the segment. The attempt then checks whether the units have been returned, and swaps
 *   from the mark. Only another attempt puts a mark there, so the same mark comes back after
 *   262,144 attempts.
 *
 * The next owner of a slot continues the sequence beyond the one that reclaiming used.
 *
 * Epochs
 *
 *   A record of another epoch counts as 0. A reset is an operation like the others that also moves
 *   the epoch in `state` forward. `state` has room for a few bits of the epoch, so the whole number
 *   is in the word `epoch`, which a reset moves after `state`. No operation starts before the two
 *   agree; a process that finds the word one behind moves it.
 *
 * Wrapping
 *
 *   `state` holds 18 bits of the sequence. Suppose a process stops between reading `state` and its
 *   swap, while one slot runs a multiple of 262,144 operations and leaves the same value. Then the
 *   swap succeeds as if nothing had happened, which is right for the value. What can be lost is the
 *   success of an operation whose process dies in the instant after its swap.
 *
 * Memory order
 *
 *   An operation's swap is sequentially consistent, because waiters depend on its order against the
 *   word `waiters` (ssem-shm-waiters.c). The swap also releases the record. A reader loads
 *   `committed` or `owner` with acquire, and so sees the record that was written before.
 */

#define HOLDING_MAX (G_GINT64_CONSTANT (1) << 50)

#define SEQUENCE_IS_LATER(a, b) ((gint32) ((guint32) (a) - (guint32) (b)) > 0)

static inline gboolean
matches (guint32 sequence,
         guint32 low_bits)
{
  return SSEM_SHM_LOW_BITS (sequence, SSEM_SHM_SEQUENCE_BITS) == low_bits;
}

/* Returns the whole number of @state's epoch, or of a later epoch if `state` has moved on. */
static inline guint32
get_epoch (SsemShmSegment     *segment,
           const SsemShmState *state)
{
  guint32 epoch = atomic_load_explicit (&segment->epoch, memory_order_acquire);

  /* A reset is between its two steps, or its process died there: take the second step. If @state is
   * stale, the word may be ahead of it and must not move, even if the few bits match; the caller's
   * swap fails then, whatever the result here. If the word does not change around another load of
   * `state`, then `state` is at most one ahead of the word, and the few bits are enough. */
  if (G_UNLIKELY (SSEM_SHM_LOW_BITS (epoch + 1, SSEM_SHM_EPOCH_BITS) == state->epoch))
    {
      SsemShmState now = ssem_shm_state_unpack (atomic_load (&segment->state));

      if (now.epoch == state->epoch)
        atomic_compare_exchange_strong (&segment->epoch, &epoch, epoch + 1);
      epoch = atomic_load_explicit (&segment->epoch, memory_order_acquire);
    }

  return epoch;
}

/* Makes the success of the operation that @word names known, before the caller overwrites @word in
 * `state`. If `state` has moved on, the caller's swap fails and nothing needs to be done. */
static void
record_success_of (SsemShmSegment *segment,
                   guint64         word)
{
  SsemShmState state = ssem_shm_state_unpack (word);
  SsemShmSlot *slot = &segment->slots[state.slot];
  guint32 sequence, done;

  sequence = atomic_load_explicit (&slot->committed, memory_order_acquire);
  if (matches (sequence, state.sequence))
    return;

  /* The operation after `committed`, or a reclaim. Otherwise the slot has another owner by now or
   * `state` has moved on, and nobody asks for the result. */
  if (matches (sequence + 1, state.sequence))
    sequence += 1;
  else if (matches (sequence + 2, state.sequence))
    sequence += 2;
  else
    return;

  /* The sequence is complete only if `state` has not changed since `committed` was loaded. */
  if (atomic_load (&segment->state) != word)
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
  SsemShmRecord *record = &slot->record[sequence & 1];

  atomic_store_explicit (&record->holding, holding, memory_order_relaxed);
  atomic_store_explicit (&record->stamp, SSEM_SHM_STAMP_MAKE (epoch, since),
                         memory_order_relaxed);
}

static inline gint64
record_holding (SsemShmSlot *slot,
                guint32      sequence,
                guint32      epoch)
{
  SsemShmRecord *record = &slot->record[sequence & 1];

  if (SSEM_SHM_STAMP_EPOCH (atomic_load_explicit (&record->stamp, memory_order_relaxed)) != epoch)
    return 0;

  return atomic_load_explicit (&record->holding, memory_order_relaxed);
}

static inline guint32
record_since (SsemShmSlot *slot,
              guint32      sequence)
{
  guint64 stamp = atomic_load_explicit (&slot->record[sequence & 1].stamp, memory_order_relaxed);

  return SSEM_SHM_STAMP_SINCE (stamp);
}

/* Returns since when a slot holds units that held @before after operation @committed and will hold
 * @after. */
static inline guint32
next_since (SsemShmSlot *slot,
            guint32      committed,
            gint64       before,
            gint64       after)
{
  if (after <= 0)
    return 0;

  return before > 0 ? record_since (slot, committed) : (guint32) time (NULL);
}

/* Returns the slot's committed sequence, and keeps a stale `done` within 2^30 of it. Otherwise a
 * wrapped sequence could equal the stale `done`, and a crash would look like a success. This
 * function runs at least whenever the low bits of the sequence wrap. */
static guint32
get_committed (SsemShmSlot *slot)
{
  guint32 committed = atomic_load_explicit (&slot->committed, memory_order_relaxed);
  guint32 done = atomic_load_explicit (&slot->done, memory_order_relaxed);

  if (G_UNLIKELY (committed - done > (1u << 30)))
    atomic_compare_exchange_strong (&slot->done, &done, committed);

  return committed;
}

SsemShmResult
ssem_shm_counter_add (SsemShmSlotHandle handle,
                      int               delta,
                      int               owes)
{
  SsemShmSegment *segment = handle.segment;
  SsemShmSlot *slot = handle.slot;
  guint32 committed = get_committed (slot);
  guint64 old_word = atomic_load_explicit (&segment->state, memory_order_acquire);
  guint64 new_word;

  do
    {
      SsemShmState state = ssem_shm_state_unpack (old_word);
      gint64 holding, owed;
      guint32 epoch;

      if (delta < 0 && state.value < -delta)
        return SSEM_SHM_TOO_FEW;
      if (delta > 0 && state.value > SSEM_SHM_VALUE_MAX - delta)
        return SSEM_SHM_TOO_MANY;

      epoch = get_epoch (segment, &state);
      holding = record_holding (slot, committed, epoch);
      owed = ssem_shm_sum (holding, owes);
      write_record (slot, committed + 1, owed, epoch, next_since (slot, committed, holding, owed));
      if (state.slot != handle.index && state.slot != 0)
        record_success_of (segment, old_word);

      new_word = ssem_shm_state_pack (state.value + delta, state.epoch, handle.index,
                                      committed + 1);
    }
  while (!atomic_compare_exchange_strong (&segment->state, &old_word, new_word));

  /* Release: pairs with the acquire in record_success_of (). */
  atomic_store_explicit (&slot->committed, committed + 1, memory_order_release);

  return SSEM_SHM_DONE;
}

void
ssem_shm_counter_recall (SsemShmSlotHandle *handle)
{
  SsemShmSlot *slot = handle->slot;
  guint32 committed = atomic_load_explicit (&slot->committed, memory_order_relaxed);
  guint64 word = atomic_load_explicit (&handle->segment->state, memory_order_relaxed);
  guint64 stamp;

  handle->left = 0;
  if (!ssem_shm_state_names (word, handle->name, committed))
    return;

  /* Both records have the same stamp, until one needs another. */
  stamp = atomic_load_explicit (&slot->record[committed & 1].stamp, memory_order_relaxed);
  atomic_store_explicit (&slot->record[~committed & 1].stamp, stamp, memory_order_relaxed);

  handle->left = word;
  handle->holding = atomic_load_explicit (&slot->record[committed & 1].holding,
                                        memory_order_relaxed);
  handle->least = SSEM_SHM_STAMP_SINCE (stamp) != 0 ? 1 : G_MININT64;
}

void
ssem_shm_counter_reset (SsemShmSlotHandle handle,
                        int               value)
{
  SsemShmSegment *segment = handle.segment;
  SsemShmSlot *slot = handle.slot;
  guint32 committed = get_committed (slot);
  guint64 old_word = atomic_load_explicit (&segment->state, memory_order_acquire);
  guint64 new_word;
  guint32 epoch;

  do
    {
      SsemShmState state = ssem_shm_state_unpack (old_word);

      epoch = get_epoch (segment, &state);
      write_record (slot, committed + 1, 0, epoch + 1, 0);
      if (state.slot != handle.index && state.slot != 0)
        record_success_of (segment, old_word);

      new_word = ssem_shm_state_pack (value, state.epoch + 1, handle.index, committed + 1);
    }
  while (!atomic_compare_exchange_strong (&segment->state, &old_word, new_word));

  /* The second step, unless another process has taken it. */
  atomic_compare_exchange_strong (&segment->epoch, &epoch, epoch + 1);
  atomic_store_explicit (&segment->initial, value, memory_order_relaxed);
  atomic_store_explicit (&slot->committed, committed + 1, memory_order_release);
}

/* --- Slots --- */

guint32
ssem_shm_counter_claim_slot (SsemShmSegment *segment,
                             guint64         attach_id,
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
                                           ssem_shm_owner (attach_id) | SSEM_SHM_OWNER_CLAIMING))
        continue;

      used = atomic_load (&segment->slots_used);
      while (used <= index &&
             !atomic_compare_exchange_weak (&segment->slots_used, &used, index + 1))
        ;

      sequence = atomic_load_explicit (&slot->committed, memory_order_relaxed) + 4;
      atomic_store_explicit (&slot->waiting, 0, memory_order_relaxed);
      atomic_store_explicit (&slot->pid, pid, memory_order_relaxed);
      atomic_store_explicit (&slot->pid_name_space, pid_name_space, memory_order_relaxed);
      write_record (slot, sequence, 0, 0, 0);
      atomic_store_explicit (&slot->committed, sequence, memory_order_release);
      atomic_store (&slot->owner, ssem_shm_owner (attach_id));

      return index;
    }

  return 0;
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

      if (atomic_load (&slot->owner) == ssem_shm_owner (attach_id))
        holding = ssem_shm_sum (holding,
                                record_holding (slot, atomic_load (&slot->committed), epoch));
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

  if (record_holding (slot, atomic_load (&slot->committed), get_epoch (segment, &state)) != 0)
    return FALSE;

  free_slot (slot, ssem_shm_owner (attach_id));

  return TRUE;
}

/* Returns the first slot of process @attach_id that is not just being claimed; 0 for none. */
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
  guint64 owner;
  guint32 index;

  /* The mark means that nothing is left to return; while it stands, the slots may be freed in any
   * order. If the first slot is free already, so are the others. */
  owner = ssem_shm_owner (attach_id);
  if (first != 0)
    atomic_compare_exchange_strong (&segment->slots[first].owner, &owner,
                                    owner | SSEM_SHM_OWNER_RECLAIMED);

  for (index = 1; index < used; index++)
    {
      owner = atomic_load (&segment->slots[index].owner);
      if (owner >> SSEM_SHM_OWNER_SHIFT == attach_id && !(owner & SSEM_SHM_OWNER_RECLAIMED))
        free_slot (&segment->slots[index], owner);
    }

  if (first != 0)
    free_slot (&segment->slots[first], ssem_shm_owner (attach_id) | SSEM_SHM_OWNER_RECLAIMED);
}

/* --- Reclaiming --- */

/* Returns the sequence of the last operation of a dead process's slot that took place. @word is
 * `state`, loaded before. */
static guint32
last_sequence (SsemShmSlot *slot,
               guint32      index,
               guint64      word)
{
  guint32 committed = atomic_load (&slot->committed);

  return ssem_shm_counter_is_ahead (slot, index, word) ? committed + 1 : committed;
}

/* Returns what the slot holds in @epoch. */
static gint64
holding_of_dead (SsemShmSlot *slot,
                 guint32      index,
                 guint64      word,
                 guint32      epoch)
{
  gint64 holding = record_holding (slot, last_sequence (slot, index, word), epoch);

  /* No slot holds that much in earnest, but a damaged segment may say so. */
  return CLAMP (holding, -HOLDING_MAX, HOLDING_MAX);
}

/* Returns what the slots of process @attach_id hold together in @epoch. @first is its first
 * slot. */
static gint64
holding_of_process (SsemShmSegment *segment,
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

      if (atomic_load (&slot->owner) == ssem_shm_owner (attach_id))
        holding = ssem_shm_sum (holding, holding_of_dead (slot, index, word, epoch));
    }

  return holding;
}

/* Returns whether the units of the process whose first slot is @index have been returned under
 * @sequence. */
static gboolean
is_reclaimed (SsemShmSlot        *slot,
              guint32             index,
              const SsemShmState *state,
              guint32             sequence)
{
  return (state->slot == index && matches (sequence, state->sequence)) ||
         atomic_load (&slot->done) == sequence;
}

/* Returns how many units are to be returned for process @attach_id, whose first slot is @first; 0
 * or less if there are none or if they have been returned. */
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

  holding = holding_of_process (segment, attach_id, first, word, epoch);

  /* The slots were the dead process's during the whole reading only if the first one still is. */
  return atomic_load (&slot->owner) == ssem_shm_owner (attach_id) ? holding : 0;
}

/* Puts this attempt's own mark, which names no slot, into `state`. */
static gboolean
put_mark (SsemShmSegment *segment,
          guint64        *word)
{
  SsemShmState state = ssem_shm_state_unpack (*word);
  guint32 sequence = atomic_fetch_add (&segment->n_marks, 1);
  guint64 mark = ssem_shm_state_pack (state.value, state.epoch, 0, sequence);

  if (state.slot != 0)
    record_success_of (segment, *word);
  if (!atomic_compare_exchange_strong (&segment->state, word, mark))
    return FALSE;

  *word = mark;

  return TRUE;
}

/* Tries to return what process @attach_id holds; @first is its first slot. Returns TRUE when that
 * has been done, by any process, or when there is nothing to return. */
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
                                               ssem_shm_state_pack (value, state.epoch, first,
                                                                    sequence));

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

/* --- Looking --- */

gint64
ssem_shm_counter_peek_holding (SsemShmSegment *copy,
                               guint64         word,
                               guint64         attach_id)
{
  SsemShmState state = ssem_shm_state_unpack (word);
  guint32 epoch = get_epoch (copy, &state);
  guint32 first = find_first_slot (copy, attach_id);
  SsemShmSlot *slot = &copy->slots[first];

  /* Slots after the first are freed in ascending order, and the copy was read in that order. So if
   * the first slot says that all is reclaimed, that is true whatever the other slots look like. */
  if (first == 0 || atomic_load (&slot->owner) != ssem_shm_owner (attach_id) ||
      is_reclaimed (slot, first, &state, atomic_load (&slot->committed) + 2))
    return 0;

  return holding_of_process (copy, attach_id, first, word, epoch);
}

guint32
ssem_shm_counter_peek_since (SsemShmSegment *copy,
                             guint64         word,
                             guint32         index)
{
  SsemShmState state = ssem_shm_state_unpack (word);
  SsemShmSlot *slot = &copy->slots[index];
  guint32 sequence = last_sequence (slot, index, word);

  if (record_holding (slot, sequence, get_epoch (copy, &state)) <= 0)
    return 0;

  return record_since (slot, sequence);
}
