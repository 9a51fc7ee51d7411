/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-account-private.h"

#include "ssem/os/ssem-fork-private.h"
#include "ssem/os/ssem-thread-private.h"

static GMutex accounts_lock;
static GHashTable *accounts; /* incarnation -> account */

static void
empty_all_in_child (void)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, accounts);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SsemSysvAccount *account = value;

      atomic_store_explicit (&account->ledger.word, 0, memory_order_relaxed);
    }
}

void
ssem_sysv_account_init (void)
{
  accounts = g_hash_table_new (g_int64_hash, g_int64_equal);
  ssem_fork_protect (&accounts_lock, empty_all_in_child);
}

SsemSysvAccount *
ssem_sysv_account_get (guint64 incarnation)
{
  SsemSysvAccount *self;

  ssem_thread_lock (&accounts_lock);
  self = g_hash_table_lookup (accounts, &incarnation);
  if (self == NULL)
    {
      self = g_new0 (SsemSysvAccount, 1);
      self->incarnation = incarnation;
      g_hash_table_insert (accounts, &self->incarnation, self);
    }
  self->n_users++;
  ssem_thread_unlock (&accounts_lock);

  return self;
}

void
ssem_sysv_account_unref (SsemSysvAccount *self,
                         gboolean         keeps_units)
{
  ssem_thread_lock (&accounts_lock);
  if (--self->n_users == 0 && !keeps_units)
    {
      g_hash_table_remove (accounts, &self->incarnation);
      g_free (self);
    }
  ssem_thread_unlock (&accounts_lock);
}
