/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-counter-private.h"

#include <time.h>

/* A compare-and-swap whose outcome can be told after a crash
 *
 * The value and what each process holds lie in different words, and a process can die between any
 * two instructions. So an operation of a slot
 *
 *   1. writes down what the slot will hold, in the record that the committed number does not name;
 *   2. swaps state for one with the new value and its own name, slot and number; before that it
 *      makes sure that the success of the one whose name it overwrites is known: either that one
 *      has committed, or its `done` is raised to the number in state;
 *   3. writes down that it is over (committed).
 *
 * Of a dead slot one can tell: the operation after the committed one has happened if state names
 * it, or if `done` does. Then its record is true, else the record of the committed one. State has
 * to be read first, `done` after: whoever overwrote the name in between had raised `done` before.
 *
 * An operation that finds too few units has not happened; its number and its record are used again.
 *
 * Settling a death: the last will
 *
 *   What a dead process holds is the sum over its slots, which nobody writes any more. It is given
 *   back by an operation in its own name: the swap puts the name of the process's first slot into
 *   state, with the number after the last that this slot can have used. Any number of processes may
 *   try that at once, each from what it has read itself: the number says whether it has happened
 *   already, by the same rule as for any other operation (state names it, or `done` does), and if
 *   it has happened in the meantime, state has changed and the swap fails. So nobody has to be
 *   waited for, and a settler that dies or stands still half-way leaves nothing to be mended.
 *
 *   What was read is of use only if the slots were still the dead process's at the end of the
 *   reading: its first slot's owner is looked at after everything else. Slots are freed only once
 *   the first is marked as settled, the marked one last.
 *
 *   A process that reclaims may stand still for any time before its swap. Meanwhile another may give
 *   the same units back, and a third may make operations until its number has wrapped and state is
 *   what it was: the swap would succeed and give the units twice. So each attempt first puts a mark of
 *   its own into state, slot 0 with a number that is drawn from a counter in the segment. It looks
 *   whether the units have come back while that stands there, and swaps from the mark. Only another
 *   attempt to reclaim makes such a mark, so it would take 262,144 attempts for it to come back.
 *
 * A new owner goes on counting where the former one stopped, beyond the last will's number.
 *
 * Epochs: a record of another epoch counts as 0. A reset is an operation like the others, which
 * moves the epoch in state on. The bits of it there are few, so the whole number stands in a word
 * of its own, which a reset moves after state; nobody begins an operation before the two agree, and
 * who finds the word behind moves it.
 *
 * Numbers wrap. State has 18 bits of them. A process that stands still between reading state and
 * swapping it, while one slot makes a multiple of 262,144 operations and leaves the very value that
 * was read, would swap as if nothing had happened, which for the value is right. What could be lost
 * is the success of an operation whose process dies in the instant after that swap.
 *
 * Memory order: an operation's swap is sequentially consistent, because waiters depend on its order
 * against the word of waiters (ssem-shm-waiting.c); it also releases the record, which stands
 * before it. A reader of committed or owner acquires, and so sees the record that was written
 * before.
 */

#define HOLDING_MAX (G_GINT64_CONSTANT (1) << 50)

#define NUMBER_IS_LATER(a, b) ((gint32) ((guint32) (a) - (guint32) (b)) > 0)

static inline gboolean
matches (guint32 number,
         guint32 low_bits)
{
  return SSEM_SHM_LOW_BITS (number, SSEM_SHM_NUMBER_BITS) == low_bits;
}

/* The whole number of @state's epoch. Where state has moved on since, it may be a later one. */
static inline guint32
get_epoch (SsemShmSegment     *segment,
           const SsemShmState *state)
{
  guint32 epoch = atomic_load_explicit (&segment->epoch, memory_order_acquire);

  /* A reset is between its two steps, or died there: take the second. If @state is stale, the word
   * may be ahead of it, and must not be moved even where their bits seem to say so; then the swap
   * will fail, whatever we answer. If the word is the same before and after a look at state, state
   * was no further than one ahead of it, and the bits are enough. */
  if (G_UNLIKELY (SSEM_SHM_LOW_BITS (epoch + 1, SSEM_SHM_EPOCH_BITS) == state->epoch))
    {
      SsemShmState now = ssem_shm_state_unpack (atomic_load (&segment->state));

      if (now.epoch == state->epoch)
        atomic_compare_exchange_strong (&segment->epoch, &epoch, epoch + 1);
      epoch = atomic_load_explicit (&segment->epoch, memory_order_acquire);
    }

  return epoch;
}

/* Before @word, which was state, is overwritten: see to it that the success of the operation that
 * it names will be known. If state has moved on, the swap will fail, and nothing needs to be
 * done. */
static void
record_success_of (SsemShmSegment *segment,
                   guint64         word)
{
  SsemShmState state = ssem_shm_state_unpack (word);
  SsemShmSlot *slot = &segment->slots[state.slot];
  guint32 number, done;

  number = atomic_load_explicit (&slot->committed, memory_order_acquire);
  if (matches (number, state.number))
    return;

  /* The one under way, or the last will. Else the slot has another owner by now, or state has moved
   * on: nothing that anybody asks for. */
  if (matches (number + 1, state.number))
    number += 1;
  else if (matches (number + 2, state.number))
    number += 2;
  else
    return;

  /* The number is the whole one only if state still is what it was when committed was read. */
  if (atomic_load (&segment->state) != word)
    return;

  done = atomic_load_explicit (&slot->done, memory_order_relaxed);
  while (NUMBER_IS_LATER (number, done))
    {
      if (atomic_compare_exchange_weak (&slot->done, &done, number))
        break;
    }
}

static inline void
write_record (SsemShmSlot *slot,
              guint32      number,
              gint64       holding,
              guint32      epoch,
              guint32      since)
{
  SsemShmRecord *record = &slot->record[number & 1];

  atomic_store_explicit (&record->holding, holding, memory_order_relaxed);
  atomic_store_explicit (&record->stamp, SSEM_SHM_STAMP_MAKE (epoch, since),
                         memory_order_relaxed);
}

static inline gint64
record_holding (SsemShmSlot *slot,
                guint32      number,
                guint32      epoch)
{
  SsemShmRecord *record = &slot->record[number & 1];

  if (SSEM_SHM_STAMP_EPOCH (atomic_load_explicit (&record->stamp, memory_order_relaxed)) != epoch)
    return 0;

  return atomic_load_explicit (&record->holding, memory_order_relaxed);
}

static inline guint32
record_since (SsemShmSlot *slot,
              guint32      number)
{
  guint64 stamp = atomic_load_explicit (&slot->record[number & 1].stamp, memory_order_relaxed);

  return SSEM_SHM_STAMP_SINCE (stamp);
}

/* Since when a slot holds any, that held @before with the committed operation and will hold
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

/* The slot's committed number. Should `done` ever bear the next one already, because numbers have
 * wrapped, the next operation would be taken for a success. So it is kept from falling behind that
 * far: this function runs at least whenever the number's low bits wrap. */
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
ssem_shm_counter_add (SsemShmLane lane,
                      int         delta,
                      int         owes)
{
  SsemShmSegment *segment = lane.segment;
  SsemShmSlot *slot = lane.slot;
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
      if (state.slot != lane.index && state.slot != 0)
        record_success_of (segment, old_word);

      new_word = ssem_shm_state_pack (state.value + delta, state.epoch, lane.index, committed + 1);
    }
  while (!atomic_compare_exchange_strong (&segment->state, &old_word, new_word));

  /* Release: pairs with the acquire in record_success_of (). */
  atomic_store_explicit (&slot->committed, committed + 1, memory_order_release);

  return SSEM_SHM_DONE;
}

void
ssem_shm_counter_recall (SsemShmLane *lane)
{
  SsemShmSlot *slot = lane->slot;
  guint32 committed = atomic_load_explicit (&slot->committed, memory_order_relaxed);
  guint64 word = atomic_load_explicit (&lane->segment->state, memory_order_relaxed);
  guint64 stamp;

  lane->left = 0;
  if (!ssem_shm_state_names (word, lane->name, committed))
    return;

  /* Both records have the same stamp, until one needs another. */
  stamp = atomic_load_explicit (&slot->record[committed & 1].stamp, memory_order_relaxed);
  atomic_store_explicit (&slot->record[~committed & 1].stamp, stamp, memory_order_relaxed);

  lane->left = word;
  lane->holding = atomic_load_explicit (&slot->record[committed & 1].holding,
                                        memory_order_relaxed);
  lane->least = SSEM_SHM_STAMP_SINCE (stamp) != 0 ? 1 : G_MININT64;
}

void
ssem_shm_counter_reset (SsemShmLane lane,
                        int         value)
{
  SsemShmSegment *segment = lane.segment;
  SsemShmSlot *slot = lane.slot;
  guint32 committed = get_committed (slot);
  guint64 old_word = atomic_load_explicit (&segment->state, memory_order_acquire);
  guint64 new_word;
  guint32 epoch;

  do
    {
      SsemShmState state = ssem_shm_state_unpack (old_word);

      epoch = get_epoch (segment, &state);
      write_record (slot, committed + 1, 0, epoch + 1, 0);
      if (state.slot != lane.index && state.slot != 0)
        record_success_of (segment, old_word);

      new_word = ssem_shm_state_pack (value, state.epoch + 1, lane.index, committed + 1);
    }
  while (!atomic_compare_exchange_strong (&segment->state, &old_word, new_word));

  /* The second step, unless somebody has taken it for us. */
  atomic_compare_exchange_strong (&segment->epoch, &epoch, epoch + 1);
  atomic_store_explicit (&segment->initial, value, memory_order_relaxed);
  atomic_store_explicit (&slot->committed, committed + 1, memory_order_release);
}

/* --- Slots --- */

guint32
ssem_shm_counter_claim_slot (SsemShmSegment *segment,
                             guint64         process,
                             int             pid,
                             guint32         pid_name_space)
{
  guint32 n_slots = atomic_load_explicit (&segment->n_slots, memory_order_acquire);
  guint32 index, used, number;

  for (index = 1; index < n_slots; index++)
    {
      SsemShmSlot *slot = &segment->slots[index];
      guint64 owner = 0;

      if (atomic_load_explicit (&slot->owner, memory_order_relaxed) != 0 ||
          !atomic_compare_exchange_strong (&slot->owner, &owner,
                                           ssem_shm_owner (process) | SSEM_SHM_OWNER_CLAIMING))
        continue;

      used = atomic_load (&segment->slots_used);
      while (used <= index &&
             !atomic_compare_exchange_weak (&segment->slots_used, &used, index + 1))
        ;

      number = atomic_load_explicit (&slot->committed, memory_order_relaxed) + 4;
      atomic_store_explicit (&slot->waiting, 0, memory_order_relaxed);
      atomic_store_explicit (&slot->pid, pid, memory_order_relaxed);
      atomic_store_explicit (&slot->pid_name_space, pid_name_space, memory_order_relaxed);
      write_record (slot, number, 0, 0, 0);
      atomic_store_explicit (&slot->committed, number, memory_order_release);
      atomic_store (&slot->owner, ssem_shm_owner (process));

      return index;
    }

  return 0;
}

gint64
ssem_shm_counter_get_holding (SsemShmSegment *segment,
                              guint64         process)
{
  SsemShmState state = ssem_shm_state_unpack (atomic_load (&segment->state));
  guint32 epoch = get_epoch (segment, &state);
  guint32 used = atomic_load (&segment->slots_used);
  gint64 holding = 0;
  guint32 index;

  for (index = 1; index < used; index++)
    {
      SsemShmSlot *slot = &segment->slots[index];

      if (atomic_load (&slot->owner) == ssem_shm_owner (process))
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
                                  guint64         process)
{
  SsemShmState state = ssem_shm_state_unpack (atomic_load (&segment->state));
  SsemShmSlot *slot = &segment->slots[index];

  if (record_holding (slot, atomic_load (&slot->committed), get_epoch (segment, &state)) != 0)
    return FALSE;

  free_slot (slot, ssem_shm_owner (process));

  return TRUE;
}

/* The first slot of @process that is not just being claimed, 0 for none. */
static guint32
find_first_slot (SsemShmSegment *segment,
                 guint64         process)
{
  guint32 used = atomic_load (&segment->slots_used);
  guint32 index;

  for (index = 1; index < used; index++)
    {
      guint64 owner = atomic_load (&segment->slots[index].owner);

      if (owner >> SSEM_SHM_OWNER_SHIFT == process && !(owner & SSEM_SHM_OWNER_CLAIMING))
        return index;
    }

  return 0;
}

void
ssem_shm_counter_free_slots (SsemShmSegment *segment,
                             guint64         process)
{
  guint32 first = find_first_slot (segment, process);
  guint32 used = atomic_load (&segment->slots_used);
  guint64 owner;
  guint32 index;

  /* The mark says that nothing is to be given back any more; while it stands, the slots may go in
   * any order. Whoever finds the first slot free already finds no other one left. */
  owner = ssem_shm_owner (process);
  if (first != 0)
    atomic_compare_exchange_strong (&segment->slots[first].owner, &owner,
                                    owner | SSEM_SHM_OWNER_SETTLED);

  for (index = 1; index < used; index++)
    {
      owner = atomic_load (&segment->slots[index].owner);
      if (owner >> SSEM_SHM_OWNER_SHIFT == process && !(owner & SSEM_SHM_OWNER_SETTLED))
        free_slot (&segment->slots[index], owner);
    }

  if (first != 0)
    free_slot (&segment->slots[first], ssem_shm_owner (process) | SSEM_SHM_OWNER_SETTLED);
}

/* --- Settling a death --- */

/* The number of the last operation of a dead process's slot that has happened. @word is state, read
 * before. */
static guint32
last_number (SsemShmSlot *slot,
             guint32      index,
             guint64      word)
{
  guint32 committed = atomic_load (&slot->committed);

  return ssem_shm_counter_is_ahead (slot, index, word) ? committed + 1 : committed;
}

/* What it holds in @epoch. */
static gint64
holding_of_dead (SsemShmSlot *slot,
                 guint32      index,
                 guint64      word,
                 guint32      epoch)
{
  gint64 holding = record_holding (slot, last_number (slot, index, word), epoch);

  /* No slot comes to hold that much; but it is what a file says, and is added up. */
  return CLAMP (holding, -HOLDING_MAX, HOLDING_MAX);
}

/* What the slots of @process, of which @first is the first, hold together in @epoch. */
static gint64
holding_of_all (SsemShmSegment *segment,
                guint64         process,
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

      if (atomic_load (&slot->owner) == ssem_shm_owner (process))
        holding = ssem_shm_sum (holding, holding_of_dead (slot, index, word, epoch));
    }

  return holding;
}

/* Whether the last will, whose number is @will, of the process whose first slot is @index has been
 * executed. */
static gboolean
is_executed (SsemShmSlot        *slot,
             guint32             index,
             const SsemShmState *state,
             guint32             will)
{
  return (state->slot == index && matches (will, state->number)) ||
         atomic_load (&slot->done) == will;
}

/* What the will of @process, whose first slot is @first, would give back; 0 or less where there is
 * nothing to give, or it has been executed. */
static gint64
find_holding_to_give (SsemShmSegment *segment,
             guint64         process,
             guint32         first,
             guint64         word)
{
  SsemShmSlot *slot = &segment->slots[first];
  SsemShmState state = ssem_shm_state_unpack (word);
  guint32 epoch = get_epoch (segment, &state);
  gint64 holding;

  if (is_executed (slot, first, &state, atomic_load (&slot->committed) + 2))
    return 0;

  holding = holding_of_all (segment, process, first, word, epoch);

  /* Now it is known whether all this was read from the dead process's slots. */
  return atomic_load (&slot->owner) == ssem_shm_owner (process) ? holding : 0;
}

/* Puts a mark into state, which names nobody and is this attempt's own. */
static gboolean
put_mark (SsemShmSegment *segment,
          guint64        *word)
{
  SsemShmState state = ssem_shm_state_unpack (*word);
  guint32 number = atomic_fetch_add (&segment->n_marks, 1);
  guint64 mark = ssem_shm_state_pack (state.value, state.epoch, 0, number);

  if (state.slot != 0)
    record_success_of (segment, *word);
  if (!atomic_compare_exchange_strong (&segment->state, word, mark))
    return FALSE;

  *word = mark;

  return TRUE;
}

/* Tries to execute the last will of @process, whose first slot is @first. Answers TRUE when it has
 * been executed, by whomever, or there is nothing to give. */
static gboolean
execute_will (SsemShmSegment *segment,
              guint64         process,
              guint32         first,
              gboolean       *has_given)
{
  guint32 will = atomic_load (&segment->slots[first].committed) + 2;
  guint64 word = atomic_load (&segment->state);
  SsemShmState state;
  gint64 holding;
  int value;

  /* Without a mark, where there is nothing to give. */
  if (find_holding_to_give (segment, process, first, word) <= 0)
    return TRUE;
  if (!put_mark (segment, &word))
    return FALSE;
  holding = find_holding_to_give (segment, process, first, word);
  if (holding <= 0)
    return TRUE;

  state = ssem_shm_state_unpack (word);
  value = (int) (state.value + MIN (holding, SSEM_SHM_VALUE_MAX - state.value));
  *has_given = atomic_compare_exchange_strong (&segment->state, &word,
                                               ssem_shm_state_pack (value, state.epoch, first,
                                                                    will));

  return *has_given;
}

gboolean
ssem_shm_counter_settle (SsemShmSegment *segment,
                         guint64         process)
{
  guint32 first = find_first_slot (segment, process);
  gboolean has_given = FALSE;

  if (first != 0)
    {
      while (!execute_will (segment, process, first, &has_given))
        ;
    }

  ssem_shm_counter_free_slots (segment, process);

  return has_given;
}

/* --- Looking --- */

gint64
ssem_shm_counter_peek_holding (SsemShmSegment *copy,
                               guint64         word,
                               guint64         process)
{
  SsemShmState state = ssem_shm_state_unpack (word);
  guint32 epoch = get_epoch (copy, &state);
  guint32 first = find_first_slot (copy, process);
  SsemShmSlot *slot = &copy->slots[first];

  /* Slots are freed in ascending order behind the first, and were read in that order: where the
   * first says that all is settled, it is, whatever the others look like. */
  if (first == 0 || atomic_load (&slot->owner) != ssem_shm_owner (process) ||
      is_executed (slot, first, &state, atomic_load (&slot->committed) + 2))
    return 0;

  return holding_of_all (copy, process, first, word, epoch);
}

guint32
ssem_shm_counter_peek_since (SsemShmSegment *copy,
                             guint64         word,
                             guint32         index)
{
  SsemShmState state = ssem_shm_state_unpack (word);
  SsemShmSlot *slot = &copy->slots[index];
  guint32 number = last_number (slot, index, word);

  return record_holding (slot, number, get_epoch (copy, &state)) > 0 ? record_since (slot, number)
                                                                     : 0;
}
