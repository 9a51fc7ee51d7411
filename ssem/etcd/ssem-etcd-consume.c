/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-consume-private.h"

#include "ssem-etcd-failure-private.h"

/* An acquire without undo first acquires as every other, and then turns its hold into a smaller
 * total. Until then the acquire has not returned, so the units come back if the process dies. An
 * acquire of a process that has created units does the same with as many: what comes back is what
 * the process has acquired, less what it has released. The transaction writes the member record:
 * its revision tells whether one whose reply was lost was applied. */

typedef struct
{
  SsemEtcdActivity activity;
  SsemEtcdHold hold;    /* its name is owned */
  gint64 n;             /* units of it */
  gboolean is_credit;
  gint64 epoch;         /* in which the process has created them */
  gint64 sent_revision; /* of the member record */
  gboolean is_in_doubt;
  SsemEtcdConsumedFunc func;
  gpointer data;
} Consume;

static void consume_send (Consume *consume);

static void
consume_end (Consume *consume,
             int      failure)
{
  SsemEtcdSemaphore *semaphore = ssem_etcd_semaphore_ref (consume->activity.semaphore);

  ssem_etcd_activity_end (&consume->activity);
  ssem_etcd_semaphore_unlock (semaphore);
  consume->func (consume->data, failure,
                 failure == 0 && consume->hold.units > 0 ? &consume->hold : NULL);
  g_free (consume->hold.name);
  g_free (consume);
  ssem_etcd_semaphore_unref (semaphore);
}

/* The transaction was applied, and has written the member record and the rest of the hold. */
static void
consume_apply (Consume *consume,
               gint64   revision)
{
  consume->activity.semaphore->member_revision = revision;
  consume->hold.units -= consume->n;
  consume->hold.mod_revision = revision;
  consume_end (consume, 0);
}

/* Reads the revision of the member record from the answer. */
static gint64
get_member_revision (JsonObject *reply)
{
  JsonObject *response = ssem_etcd_txn_get_response (reply, 0);
  JsonArray *kvs = response != NULL ? ssem_etcd_get_array (response, "kvs") : NULL;
  JsonObject *kv = kvs != NULL ? ssem_etcd_array_get (kvs, 0) : NULL;

  return kv != NULL ? ssem_etcd_get_int64 (kv, "mod_revision") : 0;
}

static void
consumed_cb (gpointer         data,
             SsemEtcdOutcome  outcome,
             JsonObject      *reply,
             const GError    *error)
{
  Consume *consume = data;
  SsemEtcdSemaphore *self = consume->activity.semaphore;
  SsemEtcdView *view = &self->view;
  gint64 revision, member_revision;
  int failure;

  if (outcome == SSEM_ETCD_REFUSED &&
      ssem_etcd_reply_get_code (reply) == SSEM_ETCD_CODE_NOT_FOUND)
    ssem_etcd_session_lose (self->session);
  if (!ssem_etcd_activity_is_current (&consume->activity))
    {
      consume_end (consume, SSEM_FAILURE_LOST);
      return;
    }
  if (outcome == SSEM_ETCD_REFUSED)
    {
      consume_end (consume, ssem_etcd_failure_of_refusal (reply, error));
      return;
    }
  if (outcome != SSEM_ETCD_OK)
    {
      if (outcome == SSEM_ETCD_IN_DOUBT)
        consume->is_in_doubt = TRUE;
      consume_send (consume);
      return;
    }

  revision = ssem_etcd_reply_get_revision (reply);
  if (ssem_etcd_txn_succeeded (reply))
    {
      ssem_etcd_view_put_total (view, view->total - consume->n, revision);
      ssem_etcd_view_remove_hold (view, consume->hold.name);
      if (consume->n < consume->hold.units)
        ssem_etcd_view_put_hold (view, consume->hold.name, consume->hold.units - consume->n,
                                 revision);
      consume_apply (consume, revision);
      return;
    }

  failure = ssem_etcd_semaphore_read (self, reply, 0, revision);
  member_revision = get_member_revision (reply);
  if (consume->is_in_doubt && member_revision > consume->sent_revision)
    {
      consume_apply (consume, member_revision);
    }
  else if (failure != 0)
    {
      consume_end (consume, failure);
    }
  else if (member_revision == 0)
    {
      self->generation = 0;
      consume_end (consume, SSEM_FAILURE_LOST);
    }
  else if (!g_hash_table_contains (view->holds, consume->hold.name))
    {
      /* A reset has forgotten the acquire already. */
      consume->hold.units = 0;
      consume_end (consume, 0);
    }
  else if (consume->is_credit && view->epoch != consume->epoch)
    {
      /* A reset has forgotten what the process had created. */
      consume_end (consume, 0);
    }
  else
    {
      consume_send (consume);
    }
}

static void
consume_send (Consume *consume)
{
  SsemEtcdSemaphore *self = consume->activity.semaphore;
  SsemEtcdView *view = &self->view;
  SsemEtcdTxn *txn = ssem_etcd_txn_new ();

  consume->sent_revision = self->member_revision;
  ssem_etcd_semaphore_guard (self, txn);
  ssem_etcd_txn_compare (txn, self->names.state, NULL, SSEM_ETCD_MOD, SSEM_ETCD_EQUAL,
                         view->state_mod_revision);
  ssem_etcd_semaphore_compare_hold (self, txn, consume->hold.name, consume->hold.mod_revision);
  ssem_etcd_semaphore_put_state (self, txn, view->total - consume->n, view->epoch,
                                 view->initial);
  if (consume->n < consume->hold.units)
    ssem_etcd_semaphore_put_hold (self, txn, consume->hold.name, consume->hold.units - consume->n,
                                  self->session->lease);
  else
    ssem_etcd_semaphore_delete_hold (self, txn, consume->hold.name);
  ssem_etcd_semaphore_put_member (self, txn);
  ssem_etcd_semaphore_add_ranges (self, txn, SSEM_ETCD_ELSE);
  ssem_etcd_activity_send (&consume->activity, txn, consumed_cb, consume);
}

static void
locked_cb (gpointer data)
{
  Consume *consume = data;

  if (ssem_etcd_semaphore_is_joined (consume->activity.semaphore))
    consume_send (consume);
  else
    consume_end (consume, SSEM_FAILURE_LOST);
}

void
ssem_etcd_consume (SsemEtcdSemaphore    *semaphore,
                   const SsemEtcdHold   *hold,
                   gint64                n,
                   gboolean              is_credit,
                   SsemEtcdConsumedFunc  func,
                   gpointer              data)
{
  Consume *consume = g_new0 (Consume, 1);

  ssem_etcd_activity_begin (&consume->activity, semaphore, NULL);
  consume->hold = *hold;
  consume->hold.name = g_strdup (hold->name);
  consume->n = n;
  consume->is_credit = is_credit;
  consume->epoch = semaphore->credit_epoch;
  consume->func = func;
  consume->data = data;
  ssem_etcd_semaphore_lock (semaphore, locked_cb, consume);
}
