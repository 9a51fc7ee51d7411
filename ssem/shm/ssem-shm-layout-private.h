/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* The segment: the memory that the processes of one key share, byte for byte.
 *
 * Terms
 *
 *   state      the word that contains the value (the number of available units) and identifies the
 *              last operation
 *   slot       a part of the segment that one process owns, or that is free. A process owns one or
 *              more slots, and one thread at a time uses a slot.
 *   operation  an acquire, a release or a reset by one slot. An operation changes `state` once.
 *   sequence   the number of an operation. Each slot counts its operations separately.
 *   epoch      the time between two resets, and its number. In a new epoch no process holds units.
 *   holding    how many units a slot holds: the units that it acquired minus the units that it
 *              released. Operations without undo do not count. A slot with a negative holding owes
 *              units.
 *   record     a part of a slot that contains the slot's holding after an operation
 *   stamp      a part of a record that contains the epoch and the start time of the holding
 *   process id a random number of 48 bits by which a process is known in the segments that it uses
 *   attach id  the process id (bits 8-55) and a number of the attachment (bits 0-7), which differs
 *              for two attachments of one process. No process id is used twice, so an old attach id
 *              never equals a new one.
 *   reclaim    to return the units of a dead process to the semaphore
 *   mark       a content of `state` that identifies an attempt to reclaim instead of an operation
 *
 * Fields have fixed widths and no pointers, so that 32-bit and 64-bit processes agree. Each slot
 * has its own cache line, and so has `waiters`. `state` shares a line with words that rarely
 * change.
 *
 * The lists below describe what each word contains, and which process writes the word and when.
 * ssem-shm-counter.c gives the reasons. A word that is "for display" never decides who owns units.
 *
 * state, 64 bits, changed by compare-and-swap only
 *
 *   bits    name      meaning
 *   0-11    slot      the slot of the last operation. Slot 0 means a mark, or no operation yet.
 *   12-14   epoch     low bits of the epoch
 *   15-31   sequence  low bits of the sequence of the last operation, or the number of a mark
 *   32      waiters   set if a thread may be asleep: see ssem-shm-waiters.c
 *   33-63   value     units available
 *
 *   Waiters sleep on the upper half. The slot and the sequence identify the operation that changed
 *   the value last, so we say that `state` names the operation.
 *
 *   The order of the fields serves the fast path. A sequence that wraps carries into the waiters
 *   bit, and a value out of range carries out of the word.
 *
 * epoch, 32 bits: the whole number of the epoch. A reset advances the bits in `state` first and
 * this word second. A process that finds this word one behind advances the word.
 *
 * waiters, 64 bits: see ssem-shm-waiters.c.
 *
 * life, 64 bits: see ssem-shm-life.c.
 *
 * listeners, and the two times of the next look, 64 bits each: see ssem-shm-recovery.c.
 *
 * The words of a slot. Only the owner writes them, except `owner` and `done`.
 *
 *   owner      0 for a free slot; otherwise the attach id of the owner (bits 8-63) and flags (bits
 *              0-7). The new owner claims a free slot. The slot is freed by its owner, or by a
 *              process that has reclaimed the dead owner's units.
 *   committed  the sequence of the last finished operation. The next operation has the next
 *              sequence.
 *   done       the sequence of the last operation or reclaim whose success another thread has
 *              recorded before overwriting `state`. Any process may advance this word. The owner
 *              also replaces a very old `done` by `committed`.
 *   waiting    how many units the owner's thread waits for; 0 if the thread does not wait
 *   record     A slot has two records, for even and for odd sequences. Each contains the holding
 *              after an operation and a stamp. An operation writes only the record that `committed`
 *              does not select. Only a claim writes the record that `committed` selects.
 *   stamp      The stamp of a record contains the epoch of the holding in bits 0-31. In other
 *              epochs the slot holds 0. Bits 32-63 are for display: they contain the time when the
 *              holding became positive, in seconds of the wall clock. They contain 0 if the holding
 *              is not positive or the time is unknown.
 *   pid, pid_name_space
 *              for display; written by a claim
 *   waiting_since
 *              for display, in seconds of the wall clock; written before the thread waits
 */

#define SSEM_SHM_VALUE_MAX G_MAXINT

#define SSEM_SHM_SLOT_BITS     12
#define SSEM_SHM_SEQUENCE_BITS 17
#define SSEM_SHM_EPOCH_BITS    3

/* Slot 0 belongs to no process. */
#define SSEM_SHM_MAX_SLOTS   (1 << SSEM_SHM_SLOT_BITS)
#define SSEM_SHM_KEY_MAX     1024
#define SSEM_SHM_N_LISTENERS 3
#define SSEM_SHM_LINE        64
#define SSEM_SHM_PAGE        4096

#define SSEM_SHM_STAMP_EPOCH(stamp)       ((guint32) (stamp))
#define SSEM_SHM_STAMP_SINCE(stamp)       ((guint32) ((stamp) >> 32))
#define SSEM_SHM_STAMP_MAKE(epoch, since) ((guint64) (since) << 32 | (guint32) (epoch))

typedef struct
{
  atomic_uint_least64_t owner;
  atomic_uint_least32_t committed;
  atomic_uint_least32_t done;
  atomic_int_least64_t holding[2]; /* of the two records */
  atomic_uint_least64_t stamp[2];
  atomic_uint_least32_t waiting;
  atomic_int_least32_t pid;
  atomic_uint_least32_t pid_name_space;
  atomic_uint_least32_t waiting_since;
} SsemShmSlot;

/* Returns the sum of two holdings, or of a holding and a change of it. Intermediate sums may
 * overflow; the arithmetic is unsigned, so the final sum is still right. Even the contents of a
 * damaged segment cause no undefined behaviour here. */
static inline gint64
ssem_shm_sum (gint64 a,
              gint64 b)
{
  return (gint64) ((guint64) a + (guint64) b);
}

/* Flags of an owner word. */
#define SSEM_SHM_OWNER_SHIFT     8
#define SSEM_SHM_OWNER_CLAIMING  1 /* the other words may be the former owner's; the slot holds 0 */
#define SSEM_SHM_OWNER_RECLAIMED 2 /* nothing is left to return for this process */
#define SSEM_SHM_OWNER_ATTACHED  4 /* the process is attached; on one of its slots */
#define SSEM_SHM_OWNER_FLAGS     ((1 << SSEM_SHM_OWNER_SHIFT) - 1)

#define SSEM_SHM_PROCESS_ID_BITS 48
#define SSEM_SHM_ATTACH_ID(process_id, number) ((guint64) (process_id) << 8 | ((number) & 255))
#define SSEM_SHM_ATTACH_ID_PROCESS(attach_id)  ((guint64) (attach_id) >> 8)

typedef struct
{
  /* Constant once other processes can find the segment. */
  char magic[8];
  guint32 layout;
  guint32 key_length;
  guint64 incarnation; /* random; names one life of the semaphore, from creation to removal */
  guint64 segment_id;  /* random; names this segment */
  char key[SSEM_SHM_KEY_MAX];

  _Alignas (SSEM_SHM_LINE) atomic_uint_least64_t state;
  atomic_uint_least32_t epoch;
  atomic_int_least32_t initial; /* for display: the value after creation or the last reset */

  _Alignas (SSEM_SHM_LINE) atomic_uint_least64_t waiters;

  _Alignas (SSEM_SHM_LINE) atomic_uint_least64_t life;
  atomic_uint_least64_t listeners[SSEM_SHM_N_LISTENERS]; /* attach ids; 0 for none */
  atomic_uint_least64_t next_try_look;
  atomic_uint_least64_t next_wait_look;

  /* These words only grow. An old value hides only slots that hold nothing yet. */
  atomic_uint_least32_t n_slots;    /* how many slots the segment has room for, with slot 0 */
  atomic_uint_least32_t slots_used; /* no slot from this index on has run an operation */

  atomic_uint_least32_t n_marks;    /* the number of the next mark; a reclaiming process draws it */

  _Alignas (SSEM_SHM_LINE) SsemShmSlot slots[];
} SsemShmSegment;

G_STATIC_ASSERT (sizeof (SsemShmSlot) == SSEM_SHM_LINE);
G_STATIC_ASSERT (sizeof (SsemShmSegment) == 1280);
G_STATIC_ASSERT (G_STRUCT_OFFSET (SsemShmSegment, state) == 1088);
G_STATIC_ASSERT (ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2);
G_STATIC_ASSERT (sizeof (atomic_uint_least64_t) == 8 && sizeof (atomic_uint_least32_t) == 4);

/* Identifies the layout. Change the leading number whenever a field moves; the sizes reveal most
 * other changes. */
#define SSEM_SHM_LAYOUT ((guint32) (7u << 24 | (sizeof (SsemShmSegment) + sizeof (SsemShmSlot))))

#define SSEM_SHM_SIZE(n_slots) (sizeof (SsemShmSegment) + (gsize) (n_slots) * sizeof (SsemShmSlot))

/* The number of slots that fit into the first page. */
#define SSEM_SHM_FIRST_SLOTS ((SSEM_SHM_PAGE - sizeof (SsemShmSegment)) / sizeof (SsemShmSlot))

/* The phases of `life`, in its bits 0-1. */
enum
{
  SSEM_SHM_LIFE_IN_USE,
  SSEM_SHM_LIFE_CLOSING,
  SSEM_SHM_LIFE_REMOVED,
};
#define SSEM_SHM_LIFE_PHASE(life) ((int) ((life) & 3))

static inline gboolean
ssem_shm_life_is_removed (guint64 life)
{
  return SSEM_SHM_LIFE_PHASE (life) == SSEM_SHM_LIFE_REMOVED;
}

/* The fields of `state`. */
typedef struct
{
  int value;
  guint32 epoch;    /* its lowest SSEM_SHM_EPOCH_BITS bits */
  guint32 slot;
  guint32 sequence; /* its lowest SSEM_SHM_SEQUENCE_BITS bits */
} SsemShmState;

#define SSEM_SHM_LOW_BITS(word, bits) ((guint32) (word) & ((1u << (bits)) - 1))

#define SSEM_SHM_STATE_EPOCH_SHIFT    SSEM_SHM_SLOT_BITS
#define SSEM_SHM_STATE_SEQUENCE_SHIFT (SSEM_SHM_STATE_EPOCH_SHIFT + SSEM_SHM_EPOCH_BITS)
#define SSEM_SHM_STATE_WAITERS_SHIFT  (SSEM_SHM_STATE_SEQUENCE_SHIFT + SSEM_SHM_SEQUENCE_BITS)
#define SSEM_SHM_STATE_VALUE_SHIFT    (SSEM_SHM_STATE_WAITERS_SHIFT + 1)

#define SSEM_SHM_STATE_SEQUENCE_ONE   (G_GUINT64_CONSTANT (1) << SSEM_SHM_STATE_SEQUENCE_SHIFT)
#define SSEM_SHM_STATE_WAITERS        (G_GUINT64_CONSTANT (1) << SSEM_SHM_STATE_WAITERS_SHIFT)

G_STATIC_ASSERT (SSEM_SHM_STATE_WAITERS_SHIFT == 32);

static inline SsemShmState
ssem_shm_state_unpack (guint64 word)
{
  return (SsemShmState) {
    .value = (int) (word >> SSEM_SHM_STATE_VALUE_SHIFT),
    .epoch = SSEM_SHM_LOW_BITS (word >> SSEM_SHM_STATE_EPOCH_SHIFT, SSEM_SHM_EPOCH_BITS),
    .slot = SSEM_SHM_LOW_BITS (word, SSEM_SHM_SLOT_BITS),
    .sequence = SSEM_SHM_LOW_BITS (word >> SSEM_SHM_STATE_SEQUENCE_SHIFT, SSEM_SHM_SEQUENCE_BITS),
  };
}

static inline guint64
ssem_shm_state_pack (int     value,
                     guint32 epoch,
                     guint32 slot,
                     guint32 sequence)
{
  return (guint64) value << SSEM_SHM_STATE_VALUE_SHIFT |
         (guint64) SSEM_SHM_LOW_BITS (sequence, SSEM_SHM_SEQUENCE_BITS)
           << SSEM_SHM_STATE_SEQUENCE_SHIFT |
         (guint64) SSEM_SHM_LOW_BITS (epoch, SSEM_SHM_EPOCH_BITS) << SSEM_SHM_STATE_EPOCH_SHIFT |
         slot;
}

/* Returns the content of `state` that follows @word: the same waiters bit, all else new. */
static inline guint64
ssem_shm_state_replace (guint64 word,
                        int     value,
                        guint32 epoch,
                        guint32 slot,
                        guint32 sequence)
{
  return (word & SSEM_SHM_STATE_WAITERS) | ssem_shm_state_pack (value, epoch, slot, sequence);
}

/* Returns whether @word, a content of `state`, names operation @sequence of slot @index. */
static inline gboolean
ssem_shm_state_is_operation (guint64 word,
                             guint32 index,
                             guint32 sequence)
{
  SsemShmState state = ssem_shm_state_unpack (word);

  return state.slot == index &&
         state.sequence == SSEM_SHM_LOW_BITS (sequence, SSEM_SHM_SEQUENCE_BITS);
}

/* Returns the half of @word that waiters sleep on. */
static inline guint32
ssem_shm_state_get_sleep_half (guint64 word)
{
  return (guint32) (word >> SSEM_SHM_STATE_WAITERS_SHIFT);
}

G_END_DECLS
