/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* The segment: the memory that the processes of one key share, byte for byte.
 *
 * Fields have fixed widths and no pointers, so that 32-bit and 64-bit processes agree. Each
 * contended word has a cache line of its own. The list below says which process may write a word,
 * in which order, and which stale values are harmless. ssem-shm-counter.c gives the reasons.
 *
 * attach id: a number that a process draws from `last_attach_id` when it attaches. No number is
 * drawn twice, so a comparison with a stale attach id fails.
 *
 * state, 64 bits, changed by compare-and-swap only
 *
 *   bits    name      meaning
 *   0-30    value     units available
 *   31      epoch     lowest bit of the epoch
 *   32-49   sequence  low bits of the sequence of the last operation
 *   50-61   slot      the slot that ran the last operation; 0: no slot has run any, or the mark of
 *                     a reclaiming process (ssem-shm-counter.c), with a number from n_marks
 *   62-63   epoch     the next two bits of the epoch
 *
 *   Waiters sleep on the lower half.
 *
 * epoch, 32 bits: the whole number of the epoch. A reset moves the bits in `state` first and this
 * word second; a process that finds the word one behind moves it.
 *
 * waiters, 64 bits: see ssem-shm-waiters.c.
 *
 * life, 64 bits, and remover: see linux/ssem-shm-naming.c.
 *
 * wings, 64 bits, and n_near: see linux/ssem-shm-wing.c.
 *
 * slot
 *
 *   owner      0 for a free slot; otherwise the attach id of the owner (16-63) and flags (0-15).
 *              From free to claimed: by the new owner. From claimed to free: by the owner, or by a
 *              process that has reclaimed the slot of a dead owner.
 *   committed  the sequence of the last finished operation; the next operation has the next
 *              sequence. Written by the owner only.
 *   done       the sequence of the last operation that another process has seen succeed before it
 *              overwrote `state`. Moves forward only. Written by any process.
 *   waiting    how many units the owner's thread waits for; 0 if it does not wait. Written by the
 *              owner only.
 *   record     one for operations with an even and one for those with an odd sequence: what the
 *              slot holds after the operation, and in `stamp` the epoch of that holding (0-31). In
 *              another epoch the slot holds 0. The stamp also has the time since when the slot
 *              holds units, for people (32-63): seconds of the wall clock, or 0 if unknown. Written
 *              by the owner only, and only the record that `committed` does not select.
 *   pid, pid_name_space, waiting_since for people; nothing is decided by them. Written by the owner
 *              only: the first two when it claims the slot; waiting_since, in seconds of the wall
 *              clock, before it waits.
 */

#define SSEM_SHM_VALUE_MAX G_MAXINT

#define SSEM_SHM_SLOT_BITS     12
#define SSEM_SHM_SEQUENCE_BITS 18
#define SSEM_SHM_EPOCH_BITS    3

/* Slot 0 belongs to no process. */
#define SSEM_SHM_MAX_SLOTS   (1 << SSEM_SHM_SLOT_BITS)
#define SSEM_SHM_KEY_MAX     1024
#define SSEM_SHM_LINE        64
#define SSEM_SHM_PAGE        4096

typedef struct
{
  atomic_int_least64_t holding;
  atomic_uint_least64_t stamp;
} SsemShmRecord;

#define SSEM_SHM_STAMP_EPOCH(stamp)       ((guint32) (stamp))
#define SSEM_SHM_STAMP_SINCE(stamp)       ((guint32) ((stamp) >> 32))
#define SSEM_SHM_STAMP_MAKE(epoch, since) ((guint64) (since) << 32 | (guint32) (epoch))

typedef struct
{
  atomic_uint_least64_t owner;
  atomic_uint_least32_t committed;
  atomic_uint_least32_t done;
  SsemShmRecord record[2];
  atomic_uint_least32_t waiting;
  atomic_int_least32_t pid;
  atomic_uint_least32_t pid_name_space;
  atomic_uint_least32_t waiting_since;
} SsemShmSlot;

/* Returns the sum of what two slots hold. Large and very negative holdings may wrap in between and
 * wrap back. No content of a damaged segment makes the addition undefined. */
static inline gint64
ssem_shm_sum (gint64 a,
              gint64 b)
{
  return (gint64) ((guint64) a + (guint64) b);
}

/* Flags of an owner. */
#define SSEM_SHM_OWNER_SHIFT     16
#define SSEM_SHM_OWNER_CLAIMING  1 /* the rest is still the former owner's; the slot holds 0 */
#define SSEM_SHM_OWNER_RECLAIMED 2 /* all units of this process have been returned */
#define SSEM_SHM_OWNER_FLAGS     ((1 << SSEM_SHM_OWNER_SHIFT) - 1)

typedef struct
{
  /* Constant once the segment is published. */
  char magic[8];
  guint32 layout;
  guint32 key_length;
  guint64 incarnation; /* random: one life of the semaphore, from creation to removal */
  guint64 segment_id;  /* random: of this segment; a successor has another */
  char key[SSEM_SHM_KEY_MAX];

  _Alignas (SSEM_SHM_LINE) atomic_uint_least64_t state;
  atomic_uint_least32_t epoch;
  atomic_int_least32_t initial; /* the value of creation or the last reset; for people */

  _Alignas (SSEM_SHM_LINE) atomic_uint_least64_t waiters;

  _Alignas (SSEM_SHM_LINE) atomic_uint_least64_t life;
  atomic_uint_least64_t remover;
  atomic_uint_least64_t last_attach_id; /* the last attach id that was given out */
  atomic_uint_least64_t wings;
  atomic_int_least32_t n_near;
  atomic_uint_least32_t n_slots;      /* how many slots the segment has room for; grows */
  atomic_uint_least32_t slots_used;   /* no slot from this index on has ever been claimed; grows */
  atomic_uint_least32_t n_marks;      /* the last number that was drawn for a mark */

  _Alignas (SSEM_SHM_LINE) SsemShmSlot slots[];
} SsemShmSegment;

G_STATIC_ASSERT (sizeof (SsemShmSlot) == SSEM_SHM_LINE);
G_STATIC_ASSERT (sizeof (SsemShmSegment) == 1280);
G_STATIC_ASSERT (G_STRUCT_OFFSET (SsemShmSegment, state) == 1088);
G_STATIC_ASSERT (ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2);
G_STATIC_ASSERT (sizeof (atomic_uint_least64_t) == 8 && sizeof (atomic_uint_least32_t) == 4);

/* The leading number changes whenever a field moves; the sizes reveal most other changes. */
#define SSEM_SHM_LAYOUT ((guint32) (5u << 24 | (sizeof (SsemShmSegment) + sizeof (SsemShmSlot))))

#define SSEM_SHM_SIZE(n_slots) (sizeof (SsemShmSegment) + (gsize) (n_slots) * sizeof (SsemShmSlot))

/* The number of slots that fit into the first page. */
#define SSEM_SHM_FIRST_SLOTS ((SSEM_SHM_PAGE - sizeof (SsemShmSegment)) / sizeof (SsemShmSlot))

/* life: version (2-63), phase (0-1) */
enum
{
  SSEM_SHM_LIFE_OPEN,
  SSEM_SHM_LIFE_CLOSING,
  SSEM_SHM_LIFE_DOOMED,
  SSEM_SHM_LIFE_NASCENT,
};
#define SSEM_SHM_LIFE_PHASE(life)       ((int) ((life) & 3))
#define SSEM_SHM_LIFE_NEXT(life, phase) ((((life) >> 2) + 1) << 2 | (phase))

/* The fields of `state`. */
typedef struct
{
  int value;
  guint32 epoch;  /* SSEM_SHM_EPOCH_BITS of it */
  guint32 slot;
  guint32 sequence; /* SSEM_SHM_SEQUENCE_BITS of it */
} SsemShmState;

#define SSEM_SHM_LOW_BITS(word, bits) ((guint32) (word) & ((1u << (bits)) - 1))

#define SSEM_SHM_STATE_EPOCH (G_GUINT64_CONSTANT (1) << 31 | G_GUINT64_CONSTANT (3) << 62)
#define SSEM_SHM_STATE_SLOT  (((G_GUINT64_CONSTANT (1) << SSEM_SHM_SLOT_BITS) - 1) << 50)

static inline SsemShmState
ssem_shm_state_unpack (guint64 word)
{
  return (SsemShmState) {
    .value = (int) (word & G_MAXINT32),
    .epoch = (guint32) (word >> 31 & 1) | (guint32) (word >> 62) << 1,
    .slot = SSEM_SHM_LOW_BITS (word >> 50, SSEM_SHM_SLOT_BITS),
    .sequence = SSEM_SHM_LOW_BITS (word >> 32, SSEM_SHM_SEQUENCE_BITS),
  };
}

static inline guint64
ssem_shm_state_pack (int     value,
                     guint32 epoch,
                     guint32 slot,
                     guint32 sequence)
{
  return (guint64) value |
         (guint64) (epoch & 1) << 31 |
         (guint64) SSEM_SHM_LOW_BITS (sequence, SSEM_SHM_SEQUENCE_BITS) << 32 |
         (guint64) slot << 50 |
         (guint64) (epoch >> 1 & 3) << 62;
}

/* Returns whether @word names operation @sequence of the slot with the index @name, which stands at
 * its position in `state`. */
static inline gboolean
ssem_shm_state_names (guint64 word,
                      guint64 name,
                      guint32 sequence)
{
  return (word & ~(SSEM_SHM_STATE_EPOCH | G_MAXINT32)) ==
         (name | (guint64) SSEM_SHM_LOW_BITS (sequence, SSEM_SHM_SEQUENCE_BITS) << 32);
}

G_END_DECLS
