/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-grants-private.h"

/* A transaction has at most 128 operations by default, and a grant takes two. */
#define MAX_GRANTS 20

/* Where very many wait, many release at the same time: not all for the same waiter. */
#define MAX_SKIPPED 24

typedef struct
{
  char *name;
  gint64 units;
  gint64 lease;
  gint64 mod_revision;
} Grant;

static void
clear_grant (gpointer data)
{
  g_free (((Grant *) data)->name);
}

SsemEtcdGrants *
ssem_etcd_grants_new (SsemEtcdSemaphore *semaphore,
                      gint64             n_units,
                      guint              n_skipped,
                      gboolean           needs_view)
{
  SsemEtcdGrants *self = g_new0 (SsemEtcdGrants, 1);
  GList *link;

  self->needs_view = needs_view;
  self->grants = g_array_new (FALSE, FALSE, sizeof (Grant));
  g_array_set_clear_func (self->grants, clear_grant);
  for (link = semaphore->view.queue.head; link != NULL && n_units > 0; link = link->next)
    {
      SsemEtcdEntry *entry = link->data;
      Grant grant = { NULL, entry->units, entry->lease, entry->mod_revision };

      if (entry->units > n_units || entry->lease == 0)
        continue;
      /* An old answer may show a waiter that has become a hold of this process since, with which
       * the release may pay. */
      if (entry->lease == semaphore->session->lease &&
          !g_hash_table_contains (semaphore->waits, entry->name))
        continue;
      if (n_skipped > 0)
        {
          n_skipped--;
          continue;
        }
      if (self->grants->len == MAX_GRANTS)
        {
          self->is_capped = TRUE;
          break;
        }
      grant.name = g_strdup (entry->name);
      g_array_append_val (self->grants, grant);
      n_units -= entry->units;
      self->units += entry->units;
    }

  if (self->grants->len == 0)
    g_clear_pointer (&self, ssem_etcd_grants_free);

  return self;
}

void
ssem_etcd_grants_free (SsemEtcdGrants *self)
{
  g_array_unref (self->grants);
  g_free (self);
}

void
ssem_etcd_grants_add (SsemEtcdGrants    *self,
                      SsemEtcdSemaphore *semaphore,
                      SsemEtcdTxn       *txn)
{
  guint i;

  if (self->needs_view)
    ssem_etcd_semaphore_compare_view (semaphore, txn);
  for (i = 0; i < self->grants->len; i++)
    {
      Grant *grant = &g_array_index (self->grants, Grant, i);
      const SsemEtcdEntry waiter = { .name = grant->name, .mod_revision = grant->mod_revision };

      ssem_etcd_semaphore_compare_waiter (semaphore, txn, &waiter);
      ssem_etcd_semaphore_put_hold (semaphore, txn, grant->name, grant->units, grant->lease);
      ssem_etcd_semaphore_delete_waiter (semaphore, txn, grant->name);
    }
}

void
ssem_etcd_grants_apply (SsemEtcdGrants    *self,
                        SsemEtcdSemaphore *semaphore,
                        gint64             revision)
{
  SsemEtcdView *view = &semaphore->view;
  guint i;

  /* No hold was newer than the view, and now it has these. */
  if (self->needs_view)
    view->revision = MAX (view->revision, revision);
  for (i = 0; i < self->grants->len; i++)
    {
      Grant *grant = &g_array_index (self->grants, Grant, i);
      SsemEtcdWait *wait = g_hash_table_lookup (semaphore->waits, grant->name);

      /* Where the watch is ahead, it has told already; and what came after that. */
      if (view->event_revision < revision && view->read_revision < revision)
        {
          ssem_etcd_view_remove_waiter (view, grant->name);
          ssem_etcd_view_put_hold (view, grant->name, grant->units, revision);
        }
      if (wait != NULL && wait->granted_revision == 0)
        {
          wait->granted_revision = revision;
          ssem_etcd_semaphore_wake_granted (wait);
        }
    }
}

/* --- Levels --- */

static void
add_level (SsemEtcdGrantLevels *self,
           SsemEtcdGrants      *grants)
{
  self->grants[self->n++] = grants;
}

void
ssem_etcd_grant_levels_choose (SsemEtcdGrantLevels *self,
                               SsemEtcdSemaphore   *semaphore,
                               gint64               n_paid)
{
  SsemEtcdView *view = &semaphore->view;
  gint64 n_free = MAX (ssem_etcd_view_get_free (view), 0);
  guint n_skipped = 0;
  SsemEtcdGrants *all = NULL, *paid;
  guint i, n_levels;

  if (view->is_partial)
    n_skipped = (guint) g_random_int_range (0, MAX_SKIPPED);
  paid = ssem_etcd_grants_new (semaphore, n_paid, n_skipped, FALSE);
  if (paid == NULL && n_skipped > 0)
    {
      n_skipped = 0;
      paid = ssem_etcd_grants_new (semaphore, n_paid, 0, FALSE);
    }
  if (n_free > 0)
    all = ssem_etcd_grants_new (semaphore, n_paid + n_free, 0, TRUE);
  if (all != NULL && (paid == NULL || all->units > paid->units))
    add_level (self, g_steal_pointer (&all));
  g_clear_pointer (&all, ssem_etcd_grants_free);

  /* Others may release at the same time, for the same waiter. */
  n_levels = view->n_held > semaphore->n_held || semaphore->has_long_queue
             ? SSEM_ETCD_MAX_GRANT_LEVELS - 1 : 1;
  for (i = 1; paid != NULL; i++)
    {
      add_level (self, paid);
      paid = i < n_levels ? ssem_etcd_grants_new (semaphore, n_paid, n_skipped + i, FALSE) : NULL;
    }
}

void
ssem_etcd_grant_levels_clear (SsemEtcdGrantLevels *self)
{
  guint i;

  for (i = 0; i < self->n; i++)
    g_clear_pointer (&self->grants[i], ssem_etcd_grants_free);
  self->n = 0;
}
