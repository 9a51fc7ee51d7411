/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-ledger-private.h"

#define BALANCE_MAX ((G_GINT64_CONSTANT (1) << 47) - 1)

static gint64
word_balance (gint64  word,
              guint16 epoch)
{
  return (guint16) word == epoch ? word >> 16 : 0;
}

static int
undo_for (gint64 balance)
{
  return (int) CLAMP (balance, 0, SSEM_SYSV_LEDGER_UNDO_MAX);
}

int
ssem_sysv_ledger_move (SsemSysvLedger *ledger,
                       guint16         epoch,
                       int             delta)
{
  gint64 old_word, before, after, new_word;

  /* Relaxed: the word orders nothing but itself. */
  old_word = atomic_load_explicit (&ledger->word, memory_order_relaxed);
  do
    {
      before = word_balance (old_word, epoch);
      after = CLAMP (before + delta, -BALANCE_MAX, BALANCE_MAX);
      new_word = (gint64) ((guint64) after << 16 | epoch);
    }
  while (!atomic_compare_exchange_weak_explicit (&ledger->word, &old_word, new_word,
                                                 memory_order_relaxed, memory_order_relaxed));

  return undo_for (after) - undo_for (before);
}

gint64
ssem_sysv_ledger_balance (SsemSysvLedger *ledger,
                          guint16         epoch)
{
  return word_balance (atomic_load_explicit (&ledger->word, memory_order_relaxed), epoch);
}
