/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-ledger-private.h"

gint64
ssem_sysv_ledger_balance (SsemSysvLedger *ledger,
                          guint16         epoch)
{
  return ssem_sysv_ledger_word_balance (atomic_load_explicit (&ledger->word, memory_order_relaxed),
                                        epoch);
}
