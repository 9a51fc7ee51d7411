/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-payment-private.h"

/* A transaction has at most 128 operations by default, and grants take some, too. */
#define MAX_ITEMS 40

static void
clear_item (gpointer data)
{
  g_free (((SsemEtcdPaymentItem *) data)->name);
}

void
ssem_etcd_payment_init (SsemEtcdPayment *self)
{
  self->items = g_array_new (FALSE, FALSE, sizeof (SsemEtcdPaymentItem));
  g_array_set_clear_func (self->items, clear_item);
  self->n_created = 0;
}

void
ssem_etcd_payment_clear (SsemEtcdPayment *self)
{
  g_clear_pointer (&self->items, g_array_unref);
}

void
ssem_etcd_payment_reset (SsemEtcdPayment *self)
{
  g_array_set_size (self->items, 0);
  self->n_created = 0;
}

static void
add_item (SsemEtcdPayment    *self,
          const SsemEtcdHold *hold,
          gint64              n_paid)
{
  SsemEtcdPaymentItem item = { g_strdup (hold->name), hold->mod_revision, hold->units, n_paid };

  g_array_append_val (self->items, item);
}

void
ssem_etcd_payment_choose (SsemEtcdPayment   *self,
                          SsemEtcdSemaphore *semaphore,
                          gint64             n)
{
  GList *link;

  for (link = semaphore->holds.head; link != NULL; link = link->next)
    {
      if (((SsemEtcdHold *) link->data)->units == n)
        {
          add_item (self, link->data, n);
          return;
        }
    }
  for (link = semaphore->holds.head; link != NULL && n > 0; link = link->next)
    {
      SsemEtcdHold *hold = link->data;
      gint64 n_paid = MIN (hold->units, n);

      if (self->items->len == MAX_ITEMS)
        return;
      add_item (self, hold, n_paid);
      n -= n_paid;
    }
  self->n_created = n;
}

void
ssem_etcd_payment_add (SsemEtcdPayment *self,
                       const char      *name,
                       gint64           units,
                       gint64           mod_revision)
{
  SsemEtcdPaymentItem item = { g_strdup (name), mod_revision, units, units };

  g_array_append_val (self->items, item);
}

gint64
ssem_etcd_payment_get_units (SsemEtcdPayment *self)
{
  gint64 n = self->n_created;
  guint i;

  for (i = 0; i < self->items->len; i++)
    n += g_array_index (self->items, SsemEtcdPaymentItem, i).n_paid;

  return n;
}

void
ssem_etcd_payment_add_to (SsemEtcdPayment   *self,
                          SsemEtcdSemaphore *semaphore,
                          SsemEtcdTxn       *txn)
{
  SsemEtcdView *view = &semaphore->view;
  guint i;

  for (i = 0; i < self->items->len; i++)
    {
      SsemEtcdPaymentItem *item = &g_array_index (self->items, SsemEtcdPaymentItem, i);

      ssem_etcd_semaphore_compare_hold (semaphore, txn, item->name, item->mod_revision);
      if (item->n_paid < item->units)
        ssem_etcd_semaphore_put_hold (semaphore, txn, item->name, item->units - item->n_paid,
                                      semaphore->session->lease);
      else
        ssem_etcd_semaphore_delete_hold (semaphore, txn, item->name);
    }
  if (self->n_created > 0)
    {
      ssem_etcd_txn_compare (txn, semaphore->names.state, NULL, SSEM_ETCD_MOD, SSEM_ETCD_EQUAL,
                             view->state_mod_revision);
      ssem_etcd_semaphore_put_state (semaphore, txn, view->total + self->n_created, view->epoch,
                                     view->initial);
      ssem_etcd_semaphore_put_member (semaphore, txn);
    }
}

static void
apply_item (SsemEtcdPaymentItem *item,
            SsemEtcdSemaphore   *semaphore,
            gint64               revision)
{
  SsemEtcdHold *hold = ssem_etcd_semaphore_find_hold (semaphore, item->name);

  if (item->n_paid == item->units && !item->is_name_used_up)
    ssem_etcd_semaphore_free_name (semaphore, item->name, revision);

  /* It is not in the list if the acquire was abandoned, or a reset has forgotten it. */
  if (hold == NULL)
    {
      ssem_etcd_view_remove_hold (&semaphore->view, item->name);
    }
  else if (item->n_paid == item->units)
    {
      ssem_etcd_semaphore_drop_hold (semaphore, hold);
    }
  else
    {
      hold->units -= item->n_paid;
      hold->mod_revision = revision;
      semaphore->n_held -= item->n_paid;
      ssem_etcd_view_put_hold (&semaphore->view, item->name, hold->units, revision);
    }
}

void
ssem_etcd_payment_apply (SsemEtcdPayment   *self,
                         SsemEtcdSemaphore *semaphore,
                         gint64             revision)
{
  SsemEtcdView *view = &semaphore->view;
  guint i;

  for (i = 0; i < self->items->len; i++)
    apply_item (&g_array_index (self->items, SsemEtcdPaymentItem, i), semaphore, revision);
  if (self->n_created == 0)
    return;

  semaphore->member_revision = revision;
  ssem_etcd_view_put_total (view, view->total + self->n_created, revision);
}

gboolean
ssem_etcd_payment_is_one_hold (const SsemEtcdPayment *self)
{
  const SsemEtcdPaymentItem *item = &g_array_index (self->items, SsemEtcdPaymentItem, 0);

  return self->items->len == 1 && item->n_paid == item->units && self->n_created == 0;
}

char *
ssem_etcd_payment_get_path (const SsemEtcdPayment *self,
                            SsemEtcdSemaphore     *semaphore)
{
  return g_strconcat (semaphore->names.holds,
                      g_array_index (self->items, SsemEtcdPaymentItem, 0).name, NULL);
}

void
ssem_etcd_payment_use_up_name (SsemEtcdPayment *self)
{
  g_array_index (self->items, SsemEtcdPaymentItem, 0).is_name_used_up = TRUE;
}

gboolean
ssem_etcd_payment_is_gone (SsemEtcdPayment   *self,
                           SsemEtcdSemaphore *semaphore)
{
  guint i;

  for (i = 0; i < self->items->len; i++)
    {
      SsemEtcdPaymentItem *item = &g_array_index (self->items, SsemEtcdPaymentItem, i);
      SsemEtcdEntry *entry = g_hash_table_lookup (semaphore->view.holds, item->name);

      if (entry == NULL || entry->mod_revision != item->mod_revision)
        return TRUE;
    }

  return FALSE;
}

void
ssem_etcd_payment_drop_gone (SsemEtcdPayment   *self,
                             SsemEtcdSemaphore *semaphore)
{
  guint i;

  for (i = 0; i < self->items->len; i++)
    {
      SsemEtcdPaymentItem *item = &g_array_index (self->items, SsemEtcdPaymentItem, i);
      SsemEtcdEntry *entry = g_hash_table_lookup (semaphore->view.holds, item->name);
      SsemEtcdHold *hold = ssem_etcd_semaphore_find_hold (semaphore, item->name);

      if (hold != NULL && entry == NULL)
        ssem_etcd_semaphore_drop_hold (semaphore, hold);
      else if (hold != NULL)
        hold->mod_revision = entry->mod_revision;
    }
}
