/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/sysv/ssem-sysv-ledger-private.h"

#include <glib.h>

G_BEGIN_DECLS

/* The ledger of this process for one incarnation of a semaphore. An account outlives the attachment
 * while its balance is not 0, as the kernel's undo count does. An instance that is opened later
 * continues the same ledger. In a child of fork (), all ledgers are empty. */
typedef struct
{
  guint64 incarnation; /* constant after init */
  int n_users;         /* with the lock of ssem-sysv-account.c */
  SsemSysvLedger ledger;
} SsemSysvAccount;

/* Prepares this module. Call it before the other functions. */
void             ssem_sysv_account_init  (void);

/* Returns the account of @incarnation, and counts the caller as a user. */
SsemSysvAccount *ssem_sysv_account_get   (guint64          incarnation);

/* Removes the caller as a user. Frees the account after the last user, unless @keeps_units. */
void             ssem_sysv_account_unref (SsemSysvAccount *self,
                                          gboolean         keeps_units);

G_END_DECLS
