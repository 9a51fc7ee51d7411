/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-dispatcher-private.h"

#include "ssem-etcd-grants-private.h"
#include "ssem-etcd-serve-private.h"

/* Serving a long queue.
 *
 * Where many hold and many wait, many release at the same time. If each release gave its units to a
 * waiter, it would have to read the queue first, and most would choose the same waiter. So one of
 * the processes becomes the dispatcher. The others only delete what they hold, and put a
 * waiter for what they want. The dispatcher watches everything, and gives what is free to many in
 * one transaction.
 *
 * The record of the dispatcher is bound to its lease. A release compares that the record is there,
 * so its units are not left to nobody: a dispatcher that resigns reads everything in the
 * transaction that deletes the record, and serves once more.
 *
 * A dispatcher may be stopped, or killed, and then its record stays until the lease ends. Waiting
 * processes look in turn. One that sees free units twice, and no new hold between, serves in its
 * place. */

/* Fewer than SSEM_ETCD_MANY_WAITERS, so that the dispatcher does not change at each step. */
#define FEW_WAITERS 16

/* After this time without a new hold, the dispatcher is taken for stopped. */
#define PATIENCE_MS 150

typedef struct
{
  SsemEtcdActivity activity;
  SsemEtcdTaskFunc func;
  gpointer data;
} Change;

static void resign_send (Change *change);

static Change *
change_begin (SsemEtcdSemaphore *self,
              SsemEtcdTaskFunc   func,
              gpointer           data)
{
  Change *change = g_new0 (Change, 1);

  self->is_changing_dispatcher = TRUE;
  change->func = func;
  change->data = data;
  ssem_etcd_activity_begin_busy (&change->activity, self, NULL);

  return change;
}

static void
change_end (Change *change)
{
  SsemEtcdSemaphore *self = ssem_etcd_semaphore_ref (change->activity.semaphore);

  self->is_changing_dispatcher = FALSE;
  ssem_etcd_activity_end_busy (&change->activity);
  if (change->func != NULL)
    change->func (change->data);
  g_free (change);
  ssem_etcd_semaphore_evaluate (self);
  ssem_etcd_semaphore_unref (self);
}

gboolean
ssem_etcd_dispatcher_is_expected (SsemEtcdSemaphore *self)
{
  return self->has_long_queue &&
         (self->view.dispatcher != 0 || self->view.n_waiters > SSEM_ETCD_MANY_WAITERS);
}

/* --- Volunteering --- */

static void
volunteer_end (Change *change)
{
  SsemEtcdSemaphore *self = change->activity.semaphore;

  if (ssem_etcd_semaphore_is_dispatcher (self))
    ssem_etcd_semaphore_watch (self);
  change_end (change);
}

/* The reply was lost. The view says whether this process is the dispatcher, and the request cannot be
 * applied any more. */
static void
volunteer_fenced_cb (gpointer data,
                     int      failure)
{
  volunteer_end (data);
}

static void
volunteered_cb (gpointer         data,
                SsemEtcdOutcome  outcome,
                JsonObject      *reply,
                const GError    *error)
{
  Change *change = data;
  SsemEtcdSemaphore *self = change->activity.semaphore;

  if (!ssem_etcd_activity_is_current (&change->activity))
    {
      change_end (change);
      return;
    }
  if (outcome == SSEM_ETCD_IN_DOUBT)
    {
      ssem_etcd_semaphore_fence (self, volunteer_fenced_cb, change);
      return;
    }

  if (outcome == SSEM_ETCD_OK && ssem_etcd_txn_succeeded (reply))
    ssem_etcd_semaphore_read (self, reply, 1, ssem_etcd_reply_get_revision (reply));
  else if (outcome == SSEM_ETCD_OK)
    ssem_etcd_view_read_dispatcher (&self->view, ssem_etcd_txn_get_response (reply, 0));
  volunteer_end (change);
}

static void
volunteer_send (Change *change)
{
  SsemEtcdSemaphore *self = change->activity.semaphore;
  SsemEtcdTxn *txn = ssem_etcd_txn_new ();

  ssem_etcd_semaphore_guard (self, txn);
  ssem_etcd_semaphore_compare_incarnation (self, txn);
  ssem_etcd_txn_compare (txn, self->names.dispatcher, NULL, SSEM_ETCD_CREATE, SSEM_ETCD_EQUAL, 0);
  ssem_etcd_txn_put (txn, SSEM_ETCD_THEN, self->names.dispatcher, "{}", self->session->lease);
  ssem_etcd_txn_range (txn, SSEM_ETCD_THEN, self->member_path, NULL);
  ssem_etcd_view_add_ranges (&self->names, txn, SSEM_ETCD_THEN, 0, SSEM_ETCD_WAITERS_ALL);
  ssem_etcd_txn_range (txn, SSEM_ETCD_ELSE, self->names.state, self->names.state_end);
  ssem_etcd_activity_send (&change->activity, txn, volunteered_cb, change);
}

gboolean
ssem_etcd_dispatcher_volunteer (SsemEtcdSemaphore *self)
{
  if (self->is_changing_dispatcher)
    return TRUE;
  if (!self->has_long_queue || self->view.dispatcher != 0 ||
      self->view.n_waiters <= SSEM_ETCD_MANY_WAITERS || self->instances->len == 0 ||
      !ssem_etcd_semaphore_is_joined (self))
    return FALSE;

  volunteer_send (change_begin (self, NULL, NULL));

  return TRUE;
}

/* --- Resigning --- */

static void
resigned_cb (gpointer         data,
             SsemEtcdOutcome  outcome,
             JsonObject      *reply,
             const GError    *error)
{
  Change *change = data;
  SsemEtcdSemaphore *self = change->activity.semaphore;

  if (outcome == SSEM_ETCD_IN_DOUBT && ssem_etcd_activity_is_current (&change->activity))
    {
      resign_send (change);
      return;
    }

  if (outcome == SSEM_ETCD_OK && ssem_etcd_activity_is_current (&change->activity))
    {
      ssem_etcd_semaphore_read (self, reply, ssem_etcd_txn_succeeded (reply) ? 1 : 0,
                                ssem_etcd_reply_get_revision (reply));
      if (g_hash_table_size (self->waits) > 0)
        ssem_etcd_semaphore_watch (self);
      if (ssem_etcd_view_get_free (&self->view) > 0)
        ssem_etcd_serve (self);
    }
  else
    {
      /* The next answer that has the record says that this process still is the dispatcher. */
      self->view.dispatcher = 0;
    }
  change_end (change);
}

static void
resign_send (Change *change)
{
  SsemEtcdSemaphore *self = change->activity.semaphore;
  SsemEtcdTxn *txn = ssem_etcd_txn_new ();

  ssem_etcd_semaphore_guard (self, txn);
  ssem_etcd_txn_compare (txn, self->names.dispatcher, NULL, SSEM_ETCD_MOD, SSEM_ETCD_EQUAL,
                         self->view.dispatcher_revision);
  ssem_etcd_txn_delete (txn, SSEM_ETCD_THEN, self->names.dispatcher, NULL);
  ssem_etcd_semaphore_add_ranges_with_queue (self, txn, SSEM_ETCD_THEN);
  ssem_etcd_semaphore_add_ranges_with_queue (self, txn, SSEM_ETCD_ELSE);
  ssem_etcd_activity_send (&change->activity, txn, resigned_cb, change);
}

void
ssem_etcd_dispatcher_resign (SsemEtcdSemaphore *self,
                             SsemEtcdTaskFunc   func,
                             gpointer           data)
{
  resign_send (change_begin (self, func, data));
}

/* --- Serving --- */

void
ssem_etcd_dispatcher_evaluate (SsemEtcdSemaphore *self)
{
  SsemEtcdView *view = &self->view;
  SsemEtcdGrants *grants;

  if (self->is_changing_dispatcher || self->is_serving)
    return;
  /* A request that began before may have replaced the live view by a partial one. */
  if (view->is_partial)
    {
      ssem_etcd_semaphore_look (self);
      return;
    }
  if (g_queue_get_length (&view->queue) < FEW_WAITERS)
    {
      ssem_etcd_dispatcher_resign (self, NULL, NULL);
      return;
    }

  /* The next event says more than the one with which nobody could be served. */
  if (view->revision == self->stuck_revision)
    return;
  grants = ssem_etcd_grants_new (self, MAX (ssem_etcd_view_get_free (view), 0), 0, TRUE);
  if (grants == NULL)
    return;

  ssem_etcd_grants_free (grants);
  ssem_etcd_serve (self);
}

gboolean
ssem_etcd_dispatcher_read (SsemEtcdSemaphore *self,
                           JsonObject        *reply,
                           guint              index,
                           gint64             revision)
{
  if (revision >= self->view.revision)
    ssem_etcd_view_read_dispatcher (&self->view, ssem_etcd_txn_get_response (reply, index));

  return self->view.dispatcher != 0;
}

void
ssem_etcd_dispatcher_enqueue (SsemEtcdSemaphore *self,
                              int                units)
{
  /* Where more wait, enough others have volunteered. */
  if (!self->has_long_queue || self->view.dispatcher != 0 ||
      self->view.n_waiters > 2 * SSEM_ETCD_MANY_WAITERS)
    return;

  if (!ssem_etcd_dispatcher_volunteer (self) && ssem_etcd_view_get_free (&self->view) >= units)
    ssem_etcd_serve (self);
}

static gint64
get_newest_hold (const SsemEtcdView *view)
{
  GHashTableIter iter;
  gpointer value;
  gint64 newest = 1;

  g_hash_table_iter_init (&iter, view->holds);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    newest = MAX (newest, ((const SsemEtcdEntry *) value)->mod_revision);

  return newest;
}

void
ssem_etcd_dispatcher_check (SsemEtcdSemaphore *self)
{
  SsemEtcdView *view = &self->view;
  gint64 looked_hold = self->looked_hold;

  self->looked_hold = 0;
  if (ssem_etcd_semaphore_is_dispatcher (self) || ssem_etcd_view_get_free (view) <= 0)
    return;

  if (view->dispatcher == 0 && ssem_etcd_dispatcher_volunteer (self))
    return;
  if (view->dispatcher == 0 || looked_hold == get_newest_hold (view))
    {
      ssem_etcd_serve (self);
    }
  else if (looked_hold == 0)
    {
      self->looked_hold = get_newest_hold (view);
      ssem_etcd_semaphore_look_later (self, PATIENCE_MS);
    }
}
