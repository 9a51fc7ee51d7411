/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/sysv/ssem-sysv-ledger-private.h"

#include <glib.h>

G_BEGIN_DECLS

/* The ledger of this process for one incarnation of a semaphore. It outlives the attachment while
 * the process owes units, as the kernel's undo count does. So an instance that is opened later
 * continues the ledger. In a child of fork () all ledgers are empty. */
typedef struct
{
  guint64 incarnation; /* constant after init */
  int n_users;         /* with the lock of ssem-sysv-account.c */
  SsemSysvLedger ledger;
} SsemSysvAccount;

/* To be called before the others. */
void             ssem_sysv_account_init (void);

/* Returns the account of @incarnation, with one more user. */
SsemSysvAccount *ssem_sysv_account_get  (guint64          incarnation);

/* Drops a user. The account goes with the last one, unless it is to be kept for its units. */
void             ssem_sysv_account_put  (SsemSysvAccount *self,
                                         gboolean         keeps_units);

G_END_DECLS
