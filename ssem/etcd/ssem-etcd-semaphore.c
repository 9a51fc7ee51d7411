/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-semaphore-private.h"

#include "ssem-etcd-failure-private.h"

/* What the files of the operations share: transactions, holds, and who is under way.
 *
 * Nothing is done twice, and nothing is forgotten, by three rules:
 *
 * - Each transaction that writes compares the mod revision of the process's own member record, the
 *   guard. Where a reply is lost, the operation writes that record again (the fence). The lost
 *   request can then no more be applied, so what the cluster has now is what it has done.
 * - The name of a hold or a waiter is used again only when the process knows that nothing has it.
 *   What others compare is the revision.
 * - Whether a hold counts is decided once, by the process that holds, from the answer of the very
 *   transaction that put it.
 *
 * At any time the units of the holds that count are not more than the total. Each transaction keeps
 * that by itself: it puts a hold if no hold is newer than those that it has added up; or it puts
 * holds in the place of others, with at most their units.
 */

/* Where more wait, an event for each of them at each step costs more than a look at each
 * release. */
#define LONG_QUEUE 4

SsemEtcdSemaphore *
ssem_etcd_semaphore_new (SsemEtcdSession *session,
                         const char      *key)
{
  SsemEtcdSemaphore *self = g_new0 (SsemEtcdSemaphore, 1);

  self->references = 1;
  self->session = session;
  self->key = g_strdup (key);
  ssem_etcd_names_init (&self->names, session->config->prefix, key);
  self->instances = g_ptr_array_new ();
  g_queue_init (&self->activities);
  g_queue_init (&self->idlers);
  g_queue_init (&self->settlers);
  g_queue_init (&self->lockers);
  g_queue_init (&self->holds);
  g_queue_init (&self->releases);
  g_queue_init (&self->free_names);
  ssem_etcd_view_init (&self->view, &self->names);
  self->waits = g_hash_table_new (g_str_hash, g_str_equal);

  return self;
}

SsemEtcdSemaphore *
ssem_etcd_semaphore_get (SsemEtcdSession *session,
                         const char      *key)
{
  SsemEtcdSemaphore *self = g_hash_table_lookup (session->members, key);

  if (self != NULL)
    return ssem_etcd_semaphore_ref (self);

  self = ssem_etcd_semaphore_new (session, key);
  g_hash_table_insert (session->members, self->key, self);

  return self;
}

SsemEtcdSemaphore *
ssem_etcd_semaphore_ref (SsemEtcdSemaphore *self)
{
  self->references++;

  return self;
}

void
ssem_etcd_semaphore_keep (SsemEtcdSemaphore *self)
{
  if (!self->is_kept)
    ssem_etcd_semaphore_ref (self);
  self->is_kept = TRUE;
}

void
ssem_etcd_semaphore_unkeep (SsemEtcdSemaphore *self)
{
  gboolean is_kept = self->is_kept;

  self->is_kept = FALSE;
  if (is_kept)
    ssem_etcd_semaphore_unref (self);
}

void
ssem_etcd_semaphore_forget (SsemEtcdSemaphore *self)
{
  if (g_hash_table_lookup (self->session->members, self->key) == self)
    g_hash_table_remove (self->session->members, self->key);
  ssem_etcd_semaphore_unkeep (self);
}

static void
name_free (gpointer data)
{
  g_free (((SsemEtcdName *) data)->text);
  g_free (data);
}

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

void
ssem_etcd_semaphore_unref (SsemEtcdSemaphore *self)
{
  if (--self->references > 0)
    return;

  ssem_etcd_semaphore_forget (self);
  ssem_etcd_semaphore_drop_holds (self);
  g_queue_clear_full (&self->free_names, name_free);
  g_clear_pointer (&self->watch, ssem_etcd_watch_free);
  g_clear_pointer (&self->members_watch, ssem_etcd_watch_free);
  clear_source (&self->watch_timer);
  clear_source (&self->look_timer);
  ssem_etcd_view_clear (&self->view);
  g_hash_table_unref (self->waits);
  g_ptr_array_unref (self->instances);
  ssem_etcd_names_clear (&self->names);
  g_free (self->member_path);
  g_free (self->member_value);
  g_free (self->key);
  g_free (self);
}

/* --- Activities --- */

void
ssem_etcd_activity_begin (SsemEtcdActivity   *self,
                          SsemEtcdSemaphore  *semaphore,
                          void             (* lose) (SsemEtcdActivity *))
{
  self->semaphore = ssem_etcd_semaphore_ref (semaphore);
  self->lose = lose;
  self->link.data = self;
  g_queue_push_tail_link (&semaphore->activities, &self->link);
}

void
ssem_etcd_activity_end (SsemEtcdActivity *self)
{
  g_queue_unlink (&self->semaphore->activities, &self->link);
  g_clear_pointer (&self->semaphore, ssem_etcd_semaphore_unref);
}

void
ssem_etcd_activity_begin_busy (SsemEtcdActivity   *self,
                               SsemEtcdSemaphore  *semaphore,
                               void             (* lose) (SsemEtcdActivity *))
{
  ssem_etcd_activity_begin (self, semaphore, lose);
  semaphore->n_busy++;
}

void
ssem_etcd_activity_end_busy (SsemEtcdActivity *self)
{
  SsemEtcdSemaphore *semaphore = ssem_etcd_semaphore_ref (self->semaphore);
  SsemEtcdCall *call;

  ssem_etcd_activity_end (self);
  semaphore->n_busy--;
  while (semaphore->n_busy == 0 && (call = g_queue_pop_head (&semaphore->idlers)) != NULL)
    ssem_etcd_call_run (call);
  ssem_etcd_semaphore_unref (semaphore);
}

void
ssem_etcd_semaphore_call_when_idle (SsemEtcdSemaphore *self,
                                    SsemEtcdTaskFunc   func,
                                    gpointer           data)
{
  if (self->n_busy == 0)
    func (data);
  else
    g_queue_push_tail (&self->idlers, ssem_etcd_call_new (func, data));
}

void
ssem_etcd_semaphore_unsettle (SsemEtcdSemaphore *self)
{
  self->n_unsettled++;
}

void
ssem_etcd_semaphore_settle (SsemEtcdSemaphore *self)
{
  SsemEtcdCall *call;

  self->n_unsettled--;
  while (self->n_unsettled == 0 && (call = g_queue_pop_head (&self->settlers)) != NULL)
    ssem_etcd_call_run (call);
}

void
ssem_etcd_semaphore_call_when_settled (SsemEtcdSemaphore *self,
                                       SsemEtcdTaskFunc   func,
                                       gpointer           data)
{
  if (self->n_unsettled == 0)
    func (data);
  else
    g_queue_push_tail (&self->settlers, ssem_etcd_call_new (func, data));
}

SsemEtcdCall *
ssem_etcd_call_new (SsemEtcdTaskFunc func,
                    gpointer         data)
{
  SsemEtcdCall *self = g_new (SsemEtcdCall, 1);

  self->func = func;
  self->data = data;

  return self;
}

void
ssem_etcd_call_run (SsemEtcdCall *self)
{
  self->func (self->data);
  g_free (self);
}

gboolean
ssem_etcd_activity_is_current (SsemEtcdActivity *self)
{
  return ssem_etcd_session_check (self->semaphore->session) &&
         self->generation == self->semaphore->session->generation;
}

void
ssem_etcd_activity_send (SsemEtcdActivity  *self,
                         SsemEtcdTxn       *txn,
                         SsemEtcdReplyFunc  func,
                         gpointer           data)
{
  self->generation = self->semaphore->session->generation;
  ssem_etcd_session_send (self->semaphore->session, "kv/txn", ssem_etcd_txn_end (txn), func, data);
}

/* --- Transactions --- */

void
ssem_etcd_semaphore_guard (SsemEtcdSemaphore *self,
                           SsemEtcdTxn       *txn)
{
  ssem_etcd_txn_compare (txn, self->member_path, NULL, SSEM_ETCD_MOD, SSEM_ETCD_EQUAL,
                         self->member_revision);
}

void
ssem_etcd_semaphore_put_member (SsemEtcdSemaphore *self,
                                SsemEtcdTxn       *txn)
{
  ssem_etcd_txn_put (txn, SSEM_ETCD_THEN, self->member_path, self->member_value,
                     self->session->lease);
}

void
ssem_etcd_semaphore_compare_incarnation (SsemEtcdSemaphore *self,
                                         SsemEtcdTxn       *txn)
{
  ssem_etcd_txn_compare (txn, self->names.state, NULL, SSEM_ETCD_CREATE, SSEM_ETCD_EQUAL,
                         self->incarnation);
}

void
ssem_etcd_semaphore_compare_view (SsemEtcdSemaphore *self,
                                  SsemEtcdTxn       *txn)
{
  ssem_etcd_txn_compare (txn, self->names.state, NULL, SSEM_ETCD_MOD, SSEM_ETCD_EQUAL,
                         self->view.state_mod_revision);
  ssem_etcd_txn_compare (txn, self->names.holds, self->names.holds_end, SSEM_ETCD_MOD,
                         SSEM_ETCD_LESS, self->view.revision + 1);
}

void
ssem_etcd_semaphore_compare_nothing_new (SsemEtcdSemaphore *self,
                                         SsemEtcdTxn       *txn)
{
  /* The second one would not see that everything is gone. */
  ssem_etcd_semaphore_guard (self, txn);
  ssem_etcd_txn_compare (txn, self->names.base, self->names.end, SSEM_ETCD_MOD, SSEM_ETCD_LESS,
                         self->view.revision + 1);
}

void
ssem_etcd_semaphore_compare_no_waiter (SsemEtcdSemaphore *self,
                                       SsemEtcdTxn       *txn)
{
  ssem_etcd_txn_compare (txn, self->names.waiters, self->names.waiters_end, SSEM_ETCD_CREATE,
                         SSEM_ETCD_EQUAL, 0);
}

void
ssem_etcd_semaphore_compare_no_new_waiter (SsemEtcdSemaphore *self,
                                           SsemEtcdTxn       *txn)
{
  ssem_etcd_txn_compare (txn, self->names.waiters, self->names.waiters_end, SSEM_ETCD_CREATE,
                         SSEM_ETCD_LESS, self->view.revision + 1);
}

void
ssem_etcd_semaphore_compare_dispatcher (SsemEtcdSemaphore *self,
                                        SsemEtcdTxn       *txn)
{
  ssem_etcd_txn_compare (txn, self->names.dispatcher, NULL, SSEM_ETCD_CREATE, SSEM_ETCD_GREATER, 0);
}

void
ssem_etcd_semaphore_compare_hold (SsemEtcdSemaphore *self,
                                  SsemEtcdTxn       *txn,
                                  const char        *name,
                                  gint64             mod_revision)
{
  g_autofree char *path = g_strconcat (self->names.holds, name, NULL);

  ssem_etcd_txn_compare (txn, path, NULL, SSEM_ETCD_MOD, SSEM_ETCD_EQUAL, mod_revision);
}

void
ssem_etcd_semaphore_compare_waiter (SsemEtcdSemaphore   *self,
                                    SsemEtcdTxn         *txn,
                                    const SsemEtcdEntry *waiter)
{
  g_autofree char *path = g_strconcat (self->names.waiters, waiter->name, NULL);

  ssem_etcd_txn_compare (txn, path, NULL, SSEM_ETCD_MOD, SSEM_ETCD_EQUAL, waiter->mod_revision);
}

void
ssem_etcd_semaphore_put_hold (SsemEtcdSemaphore *self,
                              SsemEtcdTxn       *txn,
                              const char        *name,
                              gint64             units,
                              gint64             lease)
{
  g_autofree char *path = g_strconcat (self->names.holds, name, NULL);
  g_autofree char *value = ssem_etcd_names_units (units, g_get_real_time ());

  ssem_etcd_txn_put (txn, SSEM_ETCD_THEN, path, value, lease);
}

void
ssem_etcd_semaphore_put_waiter (SsemEtcdSemaphore *self,
                                SsemEtcdTxn       *txn,
                                const char        *name,
                                gint64             units)
{
  g_autofree char *path = g_strconcat (self->names.waiters, name, NULL);
  g_autofree char *value = ssem_etcd_names_units (units, g_get_real_time ());

  ssem_etcd_txn_put (txn, SSEM_ETCD_THEN, path, value, self->session->lease);
}

void
ssem_etcd_semaphore_put_state (SsemEtcdSemaphore *self,
                               SsemEtcdTxn       *txn,
                               gint64             total,
                               gint64             epoch,
                               gint64             initial)
{
  g_autofree char *value = ssem_etcd_names_state (total, epoch, initial);

  ssem_etcd_txn_put (txn, SSEM_ETCD_THEN, self->names.state, value, 0);
}

/* Another process may have reset the semaphore. */
static void
forget_old_credit (SsemEtcdSemaphore *self)
{
  if (self->credit_epoch != self->view.epoch)
    self->n_credit = 0;
  self->credit_epoch = self->view.epoch;
}

void
ssem_etcd_semaphore_add_credit (SsemEtcdSemaphore *self,
                                gint64             n)
{
  forget_old_credit (self);
  self->n_credit += n;
}

gint64
ssem_etcd_semaphore_spend_credit (SsemEtcdSemaphore *self,
                                  gint64             n)
{
  forget_old_credit (self);
  n = MIN (n, self->n_credit);
  self->n_credit -= n;

  return n;
}

void
ssem_etcd_semaphore_delete_hold (SsemEtcdSemaphore *self,
                                 SsemEtcdTxn       *txn,
                                 const char        *name)
{
  g_autofree char *path = g_strconcat (self->names.holds, name, NULL);

  ssem_etcd_txn_delete (txn, SSEM_ETCD_THEN, path, NULL);
}

void
ssem_etcd_semaphore_delete_waiter (SsemEtcdSemaphore *self,
                                   SsemEtcdTxn       *txn,
                                   const char        *name)
{
  g_autofree char *path = g_strconcat (self->names.waiters, name, NULL);

  ssem_etcd_txn_delete (txn, SSEM_ETCD_THEN, path, NULL);
}

static void
add_ranges (SsemEtcdSemaphore *self,
            SsemEtcdTxn       *txn,
            SsemEtcdBranch     branch,
            guint              n_holds)
{
  SsemEtcdWaiters waiters = ssem_etcd_semaphore_is_dispatcher (self) ? SSEM_ETCD_WAITERS_ALL
                            : self->has_long_queue ? SSEM_ETCD_WAITERS_ANY
                            : SSEM_ETCD_WAITERS_FEW;

  ssem_etcd_txn_range (txn, branch, self->member_path, NULL);
  ssem_etcd_view_add_ranges (&self->names, txn, branch, n_holds, waiters);
}

void
ssem_etcd_semaphore_add_ranges (SsemEtcdSemaphore *self,
                                SsemEtcdTxn       *txn,
                                SsemEtcdBranch     branch)
{
  add_ranges (self, txn, branch, 0);
}

void
ssem_etcd_semaphore_add_ranges_if_valid (SsemEtcdSemaphore *self,
                                         SsemEtcdTxn       *txn,
                                         SsemEtcdBranch     branch)
{
  add_ranges (self, txn, branch, (guint) CLAMP (self->view.total, 0, G_MAXINT) + 1);
}

void
ssem_etcd_semaphore_add_ranges_with_queue (SsemEtcdSemaphore *self,
                                           SsemEtcdTxn       *txn,
                                           SsemEtcdBranch     branch)
{
  ssem_etcd_txn_range (txn, branch, self->member_path, NULL);
  ssem_etcd_view_add_ranges (&self->names, txn, branch, 0, ssem_etcd_semaphore_is_dispatcher (self)
                             ? SSEM_ETCD_WAITERS_ALL : SSEM_ETCD_WAITERS_FIRST);
}

char *
ssem_etcd_semaphore_queue_body (SsemEtcdSemaphore *self)
{
  return ssem_etcd_range_body (self->names.waiters, self->names.waiters_end, 0,
                               SSEM_ETCD_N_FIRST,
                               SSEM_ETCD_RANGE_BY_CREATION);
}

/* Reads the only record of a range; returns FALSE where there is none. */
static gboolean
read_only_record (JsonObject     *reply,
                  guint           index,
                  SsemEtcdRecord *record)
{
  JsonObject *response = ssem_etcd_txn_get_response (reply, index);
  JsonArray *kvs = response != NULL ? ssem_etcd_get_array (response, "kvs") : NULL;

  return kvs != NULL && json_array_get_length (kvs) == 1 &&
         ssem_etcd_record_read (ssem_etcd_array_get (kvs, 0), record);
}

int
ssem_etcd_semaphore_read (SsemEtcdSemaphore *self,
                          JsonObject        *reply,
                          guint              index,
                          gint64             revision)
{
  g_auto(SsemEtcdRecord) member = { NULL };
  gboolean is_member = read_only_record (reply, index, &member);
  gboolean is_read;

  /* The process itself writes its member record, under the lock, and knows the revision; but for a
   * reply that was lost. */
  if (is_member && !self->is_locked)
    self->member_revision = MAX (self->member_revision, member.mod_revision);

  /* Without the record: somebody has removed it, or its lease has ended in the cluster, which the
   * next request with that lease finds out. */
  if (!is_member && !self->is_locked)
    self->generation = 0;

  is_read = ssem_etcd_view_read (&self->view, reply, index + 1, revision);
  if (self->view.n_waiters > LONG_QUEUE)
    self->has_long_queue = TRUE;
  else if (self->view.n_waiters < LONG_QUEUE / 2)
    self->has_long_queue = FALSE;
  if (!is_read)
    return 0;

  if (self->view.state_create_revision == 0 ||
      (self->incarnation != 0 && self->view.state_create_revision != self->incarnation))
    {
      self->is_removed = TRUE;
      return SSEM_ETCD_FAILURE_REMOVED;
    }

  return self->view.total >= 0 ? 0 : SSEM_ETCD_FAILURE_MALFORMED;
}

gint64
ssem_etcd_semaphore_get_free_in (SsemEtcdSemaphore *self,
                                 JsonObject        *reply,
                                 guint              index)
{
  SsemEtcdView view = { NULL };
  gint64 n_free;

  ssem_etcd_view_init (&view, &self->names);
  n_free = ssem_etcd_view_read (&view, reply, index + 1, 1) ? ssem_etcd_view_get_free (&view) : -1;
  ssem_etcd_view_clear (&view);

  return n_free;
}

gint64
ssem_etcd_semaphore_get_free_of (SsemEtcdSemaphore *self,
                                 JsonArray         *kvs)
{
  SsemEtcdView view = { NULL };
  gint64 n_free;

  ssem_etcd_view_init (&view, &self->names);
  ssem_etcd_view_read_all (&view, kvs, 1);
  n_free = ssem_etcd_view_get_free (&view);
  ssem_etcd_view_clear (&view);

  return n_free;
}

gboolean
ssem_etcd_semaphore_is_alone (SsemEtcdSemaphore *self)
{
  return self->view.n_held <= self->n_held && g_queue_is_empty (&self->view.queue) &&
         !self->view.is_partial;
}

gboolean
ssem_etcd_semaphore_is_unknown (SsemEtcdSemaphore *self,
                                const char        *name)
{
  return self->view.is_partial && !g_hash_table_contains (self->view.holds, name) &&
         !g_hash_table_contains (self->view.waiters, name);
}

/* --- Names --- */

/* Names are used again, because etcd keeps each key in its index until a compaction, and walks over
 * those that are deleted, too: with a new name for each hold, each comparison of a range would take
 * longer than the one before. */

static gboolean
is_of_lease (SsemEtcdSemaphore *self,
             const char        *text)
{
  return g_str_has_prefix (text, self->session->lease_name);
}

void
ssem_etcd_semaphore_take_name (SsemEtcdSemaphore *self,
                               SsemEtcdWait      *wait)
{
  SsemEtcdName *name = g_queue_pop_head (&self->free_names);

  g_free (wait->name);
  if (name != NULL && is_of_lease (self, name->text))
    {
      wait->name = g_steal_pointer (&name->text);
      wait->since_revision = name->revision;
    }
  else
    {
      /* They are of a lease that has ended. */
      g_queue_clear_full (&self->free_names, name_free);
      wait->name = ssem_etcd_session_new_name (self->session);
      wait->since_revision = 0;
    }
  g_clear_pointer (&name, name_free);
}

void
ssem_etcd_semaphore_drop_name (SsemEtcdSemaphore *self,
                               SsemEtcdWait      *wait)
{
  if (wait->name != NULL)
    ssem_etcd_semaphore_free_name (self, wait->name,
                                   MAX (wait->since_revision, self->view.read_revision));
  g_clear_pointer (&wait->name, g_free);
}

void
ssem_etcd_semaphore_free_name (SsemEtcdSemaphore *self,
                               const char        *text,
                               gint64             revision)
{
  SsemEtcdName *name;

  if (!is_of_lease (self, text))
    return;

  name = g_new (SsemEtcdName, 1);
  name->text = g_strdup (text);
  name->revision = revision;
  g_queue_push_head (&self->free_names, name);
}

/* --- Holds --- */

void
ssem_etcd_semaphore_add_hold (SsemEtcdSemaphore *self,
                              const char        *name,
                              gint64             units,
                              gint64             revision)
{
  SsemEtcdHold *hold = g_new0 (SsemEtcdHold, 1);

  hold->name = g_strdup (name);
  hold->units = units;
  hold->mod_revision = revision;
  hold->link.data = hold;
  g_queue_push_head_link (&self->holds, &hold->link);
  self->n_held += units;
}

SsemEtcdHold *
ssem_etcd_semaphore_find_hold (SsemEtcdSemaphore *self,
                               const char        *name)
{
  GList *link;

  for (link = self->holds.head; link != NULL; link = link->next)
    {
      if (g_str_equal (((SsemEtcdHold *) link->data)->name, name))
        return link->data;
    }

  return NULL;
}

static void
hold_free (SsemEtcdHold *hold)
{
  g_free (hold->name);
  g_free (hold);
}

void
ssem_etcd_semaphore_drop_hold (SsemEtcdSemaphore *self,
                               SsemEtcdHold      *hold)
{
  g_queue_unlink (&self->holds, &hold->link);
  self->n_held -= hold->units;
  ssem_etcd_view_remove_hold (&self->view, hold->name);
  hold_free (hold);
}

void
ssem_etcd_semaphore_drop_holds (SsemEtcdSemaphore *self)
{
  while (!g_queue_is_empty (&self->holds))
    ssem_etcd_semaphore_drop_hold (self, self->holds.head->data);
}
