/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* The segment: what processes of one key share, byte for byte.
 *
 * Fields have fixed widths and no pointers, so that 32-bit and 64-bit processes agree. Each word
 * that is contended has a cache line of its own. Who may write a word, in which order, and which
 * stale values are harmless, is said here once; the reasoning is in ssem-shm-counter.c.
 *
 * state, 64 bits, changed by compare-and-swap only
 *
 *   bits    name     meaning
 *   0-30    value    units available
 *   31      epoch    lowest bit of the epoch's number
 *   32-49   number   with which of its operations ...
 *   50-61   slot     ... which slot made the last change; 0: nobody has made one, or the mark of a
 *                    process that reclaims (ssem-shm-counter.c), with a number from n_marks
 *   62-63   epoch    the next two bits of the epoch's number
 *
 *   The lower half is what waiters sleep on.
 *
 * epoch, 32 bits: the whole number of the epoch. A reset moves the bits in state on first, this
 * word after; whoever finds it one behind moves it on.
 *
 * waiters, 64 bits: see ssem-shm-waiting.c.
 *
 * life, 64 bits, and remover: see ssem-shm-naming.c.
 *
 * wings, 64 bits, and n_near: see ssem-shm-wing.c.
 *
 * slot
 *
 *   owner      0 for a free slot; else the number of the process (16-63), and flags (0-15).
 *              Free to claimed: by the new owner. Claimed to free: by the owner, or by whoever has
 *              settled its death. Process numbers are never used again, so a stale expectation
 *              fails.
 *   committed  number of the operation finished last; the next one has the number after. Owner
 *              only.
 *   done       number of the last operation that another process has seen succeed before it
 *              overwrote state; moves forward only. Anybody.
 *   waiting    the units that the owner's thread waits for, 0 when it doesn't. Owner only.
 *   record     for the operation with an even and for the one with an odd number: what the slot
 *              holds after it, and in stamp the epoch that this belongs to (0-31); in another epoch
 *              it holds 0. Also in stamp, for people, since when it holds any (32-63), in seconds
 *              of the wall clock's time, or 0 where nobody has looked at the clock.
 *              Owner only, and only the record that committed does not name.
 *   pid, pid_name_space, waiting_since
 *              for people; they decide nothing. Owner only: the first two in claiming, and
 *              waiting_since, in seconds of the wall clock's time, before waiting.
 */

#define SSEM_SHM_VALUE_MAX G_MAXINT

#define SSEM_SHM_SLOT_BITS   12
#define SSEM_SHM_NUMBER_BITS 18
#define SSEM_SHM_EPOCH_BITS  3

/* Slot 0 is nobody's. */
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

/* Sums of what slots hold, of which some may be large and others as far below 0. Where they wrap in
 * between, they wrap back; and a file with anything in it makes no undefined sum. */
static inline gint64
ssem_shm_sum (gint64 a,
              gint64 b)
{
  return (gint64) ((guint64) a + (guint64) b);
}

/* Flags of an owner. */
#define SSEM_SHM_OWNER_SHIFT    16
#define SSEM_SHM_OWNER_CLAIMING 1 /* the rest of the slot is still the former owner's: it holds 0 */
#define SSEM_SHM_OWNER_SETTLED  2 /* nothing of this process is to be given back any more */
#define SSEM_SHM_OWNER_FLAGS    ((1 << SSEM_SHM_OWNER_SHIFT) - 1)

typedef struct
{
  /* Constant once the segment is published. */
  char magic[8];
  guint32 layout;
  guint32 key_length;
  guint64 lineage; /* a random number: one semaphore's life, from creation to removal */
  guint64 birth;   /* a random number: of this file */
  char key[SSEM_SHM_KEY_MAX];

  _Alignas (SSEM_SHM_LINE) atomic_uint_least64_t state;
  atomic_uint_least32_t epoch;
  atomic_int_least32_t initial; /* the value of creation or the last reset; for people */

  _Alignas (SSEM_SHM_LINE) atomic_uint_least64_t waiters;

  _Alignas (SSEM_SHM_LINE) atomic_uint_least64_t life;
  atomic_uint_least64_t remover;
  atomic_uint_least64_t last_process; /* how many numbers have been given out */
  atomic_uint_least64_t wings;
  atomic_int_least32_t n_near;
  atomic_uint_least32_t n_slots;      /* what the file has room for; grows */
  atomic_uint_least32_t slots_used;   /* slots from here on have never been claimed; grows */
  atomic_uint_least32_t n_marks;      /* how many numbers of marks have been given out */

  _Alignas (SSEM_SHM_LINE) SsemShmSlot slots[];
} SsemShmSegment;

G_STATIC_ASSERT (sizeof (SsemShmSlot) == SSEM_SHM_LINE);
G_STATIC_ASSERT (sizeof (SsemShmSegment) == 1280);
G_STATIC_ASSERT (G_STRUCT_OFFSET (SsemShmSegment, state) == 1088);
G_STATIC_ASSERT (ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2);
G_STATIC_ASSERT (sizeof (atomic_uint_least64_t) == 8 && sizeof (atomic_uint_least32_t) == 4);

/* Fields are only ever moved with a new number in front; sizes tell most other changes. */
#define SSEM_SHM_LAYOUT ((guint32) (5u << 24 | (sizeof (SsemShmSegment) + sizeof (SsemShmSlot))))

#define SSEM_SHM_SIZE(n_slots) (sizeof (SsemShmSegment) + (gsize) (n_slots) * sizeof (SsemShmSlot))

/* As many as the first page has room for. */
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

/* state, taken apart. */
typedef struct
{
  int value;
  guint32 epoch;  /* SSEM_SHM_EPOCH_BITS of it */
  guint32 slot;
  guint32 number; /* SSEM_SHM_NUMBER_BITS of it */
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
    .number = SSEM_SHM_LOW_BITS (word >> 32, SSEM_SHM_NUMBER_BITS),
  };
}

static inline guint64
ssem_shm_state_pack (int     value,
                     guint32 epoch,
                     guint32 slot,
                     guint32 number)
{
  return (guint64) value |
         (guint64) (epoch & 1) << 31 |
         (guint64) SSEM_SHM_LOW_BITS (number, SSEM_SHM_NUMBER_BITS) << 32 |
         (guint64) slot << 50 |
         (guint64) (epoch >> 1 & 3) << 62;
}

/* Whether the last change was that with @number of the slot whose name, in its place, is @name. */
static inline gboolean
ssem_shm_state_names (guint64 word,
                      guint64 name,
                      guint32 number)
{
  return (word & ~(SSEM_SHM_STATE_EPOCH | G_MAXINT32)) ==
         (name | (guint64) SSEM_SHM_LOW_BITS (number, SSEM_SHM_NUMBER_BITS) << 32);
}

G_END_DECLS
