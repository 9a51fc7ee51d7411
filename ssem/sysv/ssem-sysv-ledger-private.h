/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* The balance of this process at a semaphore: the units that it acquired, less those that it
 * released.
 *
 * A negative balance means that the process has created units. Only a positive balance comes back
 * at the death of the process, and never more than the largest value. So the kernel's undo count
 * has to be the balance, limited to between 0 and the largest value. Each move of the balance needs
 * a certain change of the undo count. The sum of these changes is right in any order of the
 * threads, so no lock is needed.
 *
 *   word    bits    meaning
 *   word    63-16   the balance, signed; stops at its limits, which no process reaches
 *           15-0    low bits of the epoch that the balance belongs to. A reset begins a new epoch:
 *                   the undo count is 0, and so is a balance of an earlier epoch. A move with a
 *                   slightly older epoch belongs to the word's epoch.
 */
typedef struct
{
  _Atomic gint64 word;
} SsemSysvLedger;

/* The largest undo count, which is also the largest value; Linux's SEMAEM and SEMVMX. */
#define SSEM_SYSV_LEDGER_UNDO_MAX 32767

#define SSEM_SYSV_LEDGER_BALANCE_MAX ((G_GINT64_CONSTANT (1) << 47) - 1)

/* How many epochs a move may be behind the word. A larger distance means that the move is ahead:
 * the process may have done nothing during many resets. */
#define SSEM_SYSV_LEDGER_LATE_MAX 1024

static inline gint64
ssem_sysv_ledger_word_balance (gint64  word,
                               guint16 epoch)
{
  return (guint16) word == epoch ? word >> 16 : 0;
}

/* Returns the epoch of a move that has read @epoch. Another thread may have seen a reset since, and
 * its booking must not be forgotten. A word that is 0 has never been used. */
static inline guint16
ssem_sysv_ledger_word_epoch (gint64  word,
                             guint16 epoch)
{
  guint16 ahead = (guint16) ((guint16) word - epoch);

  if (G_UNLIKELY (ahead != 0 && ahead <= SSEM_SYSV_LEDGER_LATE_MAX && word != 0))
    return (guint16) word;

  return epoch;
}

static inline int
ssem_sysv_ledger_undo_for (gint64 balance)
{
  return (int) CLAMP (balance, 0, SSEM_SYSV_LEDGER_UNDO_MAX);
}

/* Adds @delta to the balance. Returns the change of the undo count that this needs. Inline for the
 * same reason as ssem_sysv_set_change (). */
static inline int
ssem_sysv_ledger_move (SsemSysvLedger *ledger,
                       guint16         epoch,
                       int             delta)
{
  gint64 old_word, before, after, new_word;
  guint16 booked;

  /* Relaxed: the word orders nothing but itself. */
  old_word = atomic_load_explicit (&ledger->word, memory_order_relaxed);
  do
    {
      booked = ssem_sysv_ledger_word_epoch (old_word, epoch);
      before = ssem_sysv_ledger_word_balance (old_word, booked);
      after = CLAMP (before + delta, -SSEM_SYSV_LEDGER_BALANCE_MAX, SSEM_SYSV_LEDGER_BALANCE_MAX);
      new_word = (gint64) ((guint64) after << 16 | booked);
    }
  while (!atomic_compare_exchange_weak_explicit (&ledger->word, &old_word, new_word,
                                                 memory_order_relaxed, memory_order_relaxed));

  return ssem_sysv_ledger_undo_for (after) - ssem_sysv_ledger_undo_for (before);
}

/* Returns the balance in @epoch. */
gint64 ssem_sysv_ledger_balance (SsemSysvLedger *ledger,
                                 guint16         epoch);

G_END_DECLS
