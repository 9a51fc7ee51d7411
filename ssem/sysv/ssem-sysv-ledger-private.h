/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* The balance of this process at a semaphore: the units that it acquired with undo, less the units
 * that it released with undo.
 *
 * A negative balance means that the process has created units. Only a positive balance comes back
 * when the process dies, and never more than the largest value. So the kernel's undo count must be
 * the balance, limited to between 0 and the largest value. Each change of the balance requires a
 * change of the undo count. Threads may apply these changes in any order, because only their sum
 * matters. So the ledger needs no lock.
 *
 *   field   bits    meaning
 *   word    63-16   the balance, signed. No process reaches its limits.
 *           15-0    the low bits of the balance's epoch. A reset begins a new epoch, in which the
 *                   undo count is 0. So a balance of an earlier epoch counts as 0. A change with a
 *                   slightly older epoch counts in the word's epoch.
 */
typedef struct
{
  _Atomic gint64 word;
} SsemSysvLedger;

/* The largest undo count and the largest value: SEMAEM and SEMVMX of Linux. */
#define SSEM_SYSV_LEDGER_UNDO_MAX 32767

#define SSEM_SYSV_LEDGER_BALANCE_MAX ((G_GINT64_CONSTANT (1) << 47) - 1)

/* How many epochs a change may be older than the word. Epochs wrap around. A larger distance means
 * that the change is newer: the process may have been idle during many resets. */
#define SSEM_SYSV_LEDGER_LATE_MAX 1024

/* Returns the balance in @epoch that @word contains. */
static inline gint64
ssem_sysv_ledger_word_balance (gint64  word,
                               guint16 epoch)
{
  return (guint16) word == epoch ? word >> 16 : 0;
}

/* Returns the epoch in which a change counts, if its thread has read @epoch. After that, another
 * thread may have stored a balance in a newer epoch. That balance must not be lost. A word that is
 * 0 has never been used. */
static inline guint16
ssem_sysv_ledger_word_epoch (gint64  word,
                             guint16 epoch)
{
  guint16 ahead = (guint16) ((guint16) word - epoch);

  if (G_UNLIKELY (ahead != 0 && ahead <= SSEM_SYSV_LEDGER_LATE_MAX && word != 0))
    return (guint16) word;

  return epoch;
}

/* Returns the undo count that @balance requires. */
static inline int
ssem_sysv_ledger_get_undo_for (gint64 balance)
{
  return (int) CLAMP (balance, 0, SSEM_SYSV_LEDGER_UNDO_MAX);
}

/* Adds @delta to the balance. Returns the change of the undo count that this requires. Inline for
 * the same reason as ssem_sysv_set_change (). */
static inline int
ssem_sysv_ledger_add (SsemSysvLedger *ledger,
                      guint16         epoch,
                      int             delta)
{
  gint64 old_word, before, after, new_word;
  guint16 counted_in;

  /* Relaxed: threads do not use the word to order other memory. */
  old_word = atomic_load_explicit (&ledger->word, memory_order_relaxed);
  do
    {
      counted_in = ssem_sysv_ledger_word_epoch (old_word, epoch);
      before = ssem_sysv_ledger_word_balance (old_word, counted_in);
      after = CLAMP (before + delta, -SSEM_SYSV_LEDGER_BALANCE_MAX, SSEM_SYSV_LEDGER_BALANCE_MAX);
      new_word = (gint64) ((guint64) after << 16 | counted_in);
    }
  while (!atomic_compare_exchange_weak_explicit (&ledger->word, &old_word, new_word,
                                                 memory_order_relaxed, memory_order_relaxed));

  return ssem_sysv_ledger_get_undo_for (after) - ssem_sysv_ledger_get_undo_for (before);
}

/* Returns the balance in @epoch. */
gint64 ssem_sysv_ledger_balance (SsemSysvLedger *ledger,
                                 guint16         epoch);

G_END_DECLS
