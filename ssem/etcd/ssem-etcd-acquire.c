/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-acquire-private.h"

#include "ssem-etcd-attempt-private.h"
#include "ssem-etcd-consume-private.h"
#include "ssem-etcd-dispatcher-private.h"
#include "ssem-etcd-failure-private.h"
#include "ssem-etcd-membership-private.h"
#include "ssem-etcd-release-private.h"

/* Acquiring.
 *
 * The attempt is one transaction: see ssem-etcd-attempt.c. It puts a hold, or a waiter. States:
 *
 *   joining    It waits until the process is a member.
 *   sent       A request is under way. What happens meanwhile is looked at when its reply comes.
 *   waiting    The waiter record exists. Next: another process grants the units; or they are free,
 *              and the acquire takes them; or it is abandoned, and withdraws the record.
 *
 * Where a reply is lost, the fence tells what has become of the request. When the lease ends, all
 * records are gone, and the acquire begins again with a new lease. */

#define RETRY_MS 200

struct _SsemEtcdAcquire
{
  SsemEtcdActivity activity;
  SsemEtcdWait wait;
  SsemEtcdAcquireFlags flags;
  SsemEtcdAcquiredFunc func; /* NULL once called */
  gpointer data;

  SsemEtcdAttempt attempt;  /* under way */
  int abandoned;            /* what it is to fail with, or 0 */
  gboolean is_withdrawing;  /* could not take its record out, and tries again */
  gboolean is_unsettled;    /* it was completed before its records were gone */
  GSource *retry;
};

static void acquire_join     (gpointer         data);
static void acquire_attempt  (SsemEtcdAcquire *self);
static void acquire_settle   (SsemEtcdAcquire *self);
static void acquire_withdraw (SsemEtcdAcquire *self);
static void acquire_look     (SsemEtcdAcquire *self);
static void acquire_retry    (SsemEtcdAcquire *self);

/* --- The end --- */

static void
acquire_complete (SsemEtcdAcquire *self,
                  int              failure,
                  guint64          fencing_token)
{
  SsemEtcdAcquiredFunc func = self->func;

  self->func = NULL;
  if (func != NULL)
    func (self->data, failure, fencing_token);
}

static void
acquire_end (SsemEtcdAcquire *self,
             int              failure,
             guint64          fencing_token)
{
  SsemEtcdSemaphore *semaphore = ssem_etcd_semaphore_ref (self->activity.semaphore);

  ssem_etcd_semaphore_remove_wait (semaphore, &self->wait);
  acquire_complete (self, failure, fencing_token);
  if (self->retry != NULL)
    g_source_destroy (self->retry);
  g_clear_pointer (&self->retry, g_source_unref);
  if (self->is_unsettled)
    ssem_etcd_semaphore_settle (semaphore);
  ssem_etcd_activity_end_busy (&self->activity);
  g_free (self->wait.name);
  g_free (self);
  ssem_etcd_semaphore_evaluate (semaphore);
  ssem_etcd_semaphore_unref (semaphore);
}

static void
consumed_cb (gpointer            data,
             int                 failure,
             const SsemEtcdHold *rest)
{
  SsemEtcdAcquire *self = data;
  SsemEtcdSemaphore *semaphore = self->activity.semaphore;

  if (rest != NULL)
    ssem_etcd_semaphore_add_hold (semaphore, rest->name, rest->units, rest->mod_revision);
  else if (failure == 0)
    ssem_etcd_semaphore_free_name (semaphore, self->wait.name, semaphore->member_revision);
  else if (failure != SSEM_FAILURE_LOST)
    ssem_etcd_release_hold (semaphore, self->wait.name, self->wait.units,
                            self->wait.granted_revision);
  acquire_end (self, failure, (guint64) self->wait.granted_revision);
}

/* The process has the units, by a hold of its own that @revision has put. */
static void
acquire_grant (SsemEtcdAcquire *self,
               gint64           revision)
{
  SsemEtcdSemaphore *semaphore = self->activity.semaphore;
  SsemEtcdWait *wait = &self->wait;
  const gboolean is_credit = !(self->flags & SSEM_ETCD_ACQUIRE_NO_UNDO);
  gint64 n_consumed;

  ssem_etcd_semaphore_remove_wait (semaphore, wait);
  ssem_etcd_view_put_hold (&semaphore->view, wait->name, wait->units, revision);
  ssem_etcd_view_remove_waiter (&semaphore->view, wait->name);

  /* Units that came in time, or just after, are a success: but not after a cancellation. */
  if (self->func == NULL ||
      (self->abandoned != 0 && self->abandoned != SSEM_FAILURE_TIMED_OUT))
    {
      ssem_etcd_release_hold (semaphore, wait->name, wait->units, revision);
      acquire_end (self, self->abandoned, 0);
      return;
    }

  n_consumed = is_credit ? ssem_etcd_semaphore_spend_credit (semaphore, wait->units) : wait->units;
  if (n_consumed > 0)
    {
      const SsemEtcdHold hold = { .name = wait->name, .units = wait->units,
                                  .mod_revision = revision };

      wait->granted_revision = revision;
      ssem_etcd_consume (semaphore, &hold, n_consumed, is_credit, consumed_cb, self);
      return;
    }

  ssem_etcd_semaphore_add_hold (semaphore, wait->name, wait->units, revision);
  acquire_end (self, 0, (guint64) revision);
}

/* The lease has ended: nothing of the acquire is in the cluster any more. */
static void
acquire_restart (SsemEtcdAcquire *self)
{
  ssem_etcd_semaphore_remove_wait (self->activity.semaphore, &self->wait);
  if (self->abandoned != 0)
    acquire_end (self, self->abandoned, 0);
  else if (self->flags & SSEM_ETCD_ACQUIRE_TRY)
    acquire_end (self, SSEM_FAILURE_LOST, 0);
  else
    acquire_join (self);
}

static void
acquire_lose_cb (SsemEtcdActivity *activity)
{
  SsemEtcdAcquire *self = (SsemEtcdAcquire *) activity;

  /* Else a reply comes, and finds out. */
  if (self->wait.is_idle)
    {
      self->wait.is_idle = FALSE;
      acquire_restart (self);
    }
  else if (self->flags & SSEM_ETCD_ACQUIRE_TRY)
    {
      self->abandoned = SSEM_FAILURE_LOST;
      acquire_complete (self, SSEM_FAILURE_LOST, 0);
    }
}

/* Returns whether the outcome of a request is an answer or in doubt; else it has been dealt
 * with. */
static gboolean
acquire_check (SsemEtcdAcquire *self,
               SsemEtcdOutcome  outcome,
               JsonObject      *reply,
               const GError    *error)
{
  SsemEtcdSession *session = self->activity.semaphore->session;

  if (outcome == SSEM_ETCD_REFUSED &&
      ssem_etcd_reply_get_code (reply) == SSEM_ETCD_CODE_NOT_FOUND)
    ssem_etcd_session_lose (session);
  if (!ssem_etcd_activity_is_current (&self->activity))
    {
      acquire_restart (self);
      return FALSE;
    }
  if (outcome == SSEM_ETCD_REFUSED)
    {
      acquire_end (self, ssem_etcd_failure_of_refusal (reply, error), 0);
      return FALSE;
    }

  return TRUE;
}

/* --- The attempt --- */

/* Asks whether the hold counted when it was put. */
static void
decided_cb (gpointer         data,
            SsemEtcdOutcome  outcome,
            JsonObject      *reply,
            const GError    *error)
{
  SsemEtcdAcquire *self = data;
  gint64 n_free = -1;

  if (!ssem_etcd_activity_is_current (&self->activity))
    {
      acquire_restart (self);
      return;
    }
  if (outcome == SSEM_ETCD_OK)
    n_free = ssem_etcd_semaphore_get_free_of (self->activity.semaphore,
                                              ssem_etcd_get_array (reply, "kvs"));

  /* Where nobody can tell any more, it does not count. */
  if (n_free >= 0)
    acquire_grant (self, self->wait.over_revision);
  else
    acquire_withdraw (self);
}

/* A reply was lost. */
static void
fenced_cb (gpointer data,
           int      failure)
{
  SsemEtcdAcquire *self = data;
  SsemEtcdSemaphore *semaphore = self->activity.semaphore;
  SsemEtcdEntry *hold;

  if (failure == SSEM_FAILURE_LOST)
    acquire_restart (self);
  else if (failure != 0)
    acquire_end (self, failure, 0);
  if (failure != 0)
    return;

  self->activity.generation = semaphore->session->generation;
  hold = g_hash_table_lookup (semaphore->view.holds, self->wait.name);
  if (ssem_etcd_semaphore_is_unknown (semaphore, self->wait.name))
    {
      acquire_look (self);
      return;
    }
  if (hold == NULL)
    {
      acquire_settle (self);
      return;
    }

  self->wait.over_revision = hold->create_revision;
  ssem_etcd_session_send (semaphore->session, "kv/range",
                          ssem_etcd_range_body (semaphore->names.base, semaphore->names.end,
                                                hold->create_revision, 0,
                                                SSEM_ETCD_RANGE_DEFAULT),
                          decided_cb, self);
}

/* Reads an answer with ranges. Returns FALSE if that was the end. */
static gboolean
acquire_read (SsemEtcdAcquire *self,
              JsonObject      *reply,
              guint            index,
              gint64           revision)
{
  int failure = ssem_etcd_semaphore_read (self->activity.semaphore, reply, index, revision);

  if (failure != 0)
    acquire_end (self, self->abandoned != 0 ? self->abandoned : failure, 0);

  return failure == 0;
}

/* Nothing of the acquire is there. */
static void
acquire_again (SsemEtcdAcquire *self)
{
  SsemEtcdSemaphore *semaphore = self->activity.semaphore;

  ssem_etcd_semaphore_remove_wait (semaphore, &self->wait);
  ssem_etcd_semaphore_drop_name (semaphore, &self->wait);
  if (self->abandoned != 0)
    acquire_end (self, self->abandoned, 0);
  else if (!ssem_etcd_semaphore_is_joined (semaphore))
    acquire_join (self);
  else if ((self->flags & SSEM_ETCD_ACQUIRE_TRY) &&
           ssem_etcd_view_get_free (&semaphore->view) < self->wait.units)
    acquire_end (self, SSEM_FAILURE_WOULD_BLOCK, 0);
  else
    acquire_attempt (self);
}

/* @reply is the answer of the level that put something. */
static void
acquire_put (SsemEtcdAcquire *self,
             SsemEtcdLevel    level,
             JsonObject      *reply,
             gint64           revision)
{
  SsemEtcdSemaphore *semaphore = self->activity.semaphore;
  SsemEtcdView *view = &semaphore->view;
  gint64 n_free = 0;

  if (level == SSEM_ETCD_LEVEL_FIRST)
    {
      /* No hold was newer than the view, and now it has this one. */
      view->revision = MAX (view->revision, revision);
      acquire_grant (self, revision);
      return;
    }
  if (level == SSEM_ETCD_LEVEL_OVER)
    n_free = ssem_etcd_semaphore_get_free_in (semaphore, reply, 1);
  if (level != SSEM_ETCD_LEVEL_ENQUEUE && !acquire_read (self, reply, 1, revision))
    return;
  if (level != SSEM_ETCD_LEVEL_OVER)
    {
      ssem_etcd_semaphore_note_waiter (semaphore, &self->wait, revision);
      if (level == SSEM_ETCD_LEVEL_ENQUEUE &&
          !ssem_etcd_dispatcher_read (semaphore, reply, 1, revision))
        acquire_look (self);
      else
        acquire_settle (self);
    }
  else if (n_free >= 0)
    {
      acquire_grant (self, revision);
    }
  else
    {
      self->wait.over_revision = revision;
      acquire_withdraw (self);
    }
}

static void
attempted_cb (gpointer         data,
              SsemEtcdOutcome  outcome,
              JsonObject      *reply,
              const GError    *error)
{
  SsemEtcdAcquire *self = data;
  JsonObject *answer;
  SsemEtcdLevel level;
  gint64 revision;

  if (!acquire_check (self, outcome, reply, error))
    return;
  if (outcome != SSEM_ETCD_OK)
    {
      if (outcome == SSEM_ETCD_UNSENT)
        acquire_again (self);
      else
        ssem_etcd_semaphore_fence (self->activity.semaphore, fenced_cb, self);
      return;
    }

  revision = ssem_etcd_reply_get_revision (reply);
  answer = ssem_etcd_attempt_find (&self->attempt, reply, &level);
  if (answer == NULL)
    acquire_end (self, SSEM_ETCD_FAILURE_MALFORMED, 0);
  else if (level != SSEM_ETCD_LEVEL_NONE)
    acquire_put (self, level, answer, revision);
  else if (!self->attempt.has_ranges || acquire_read (self, answer, 0, revision))
    {
      self->attempt.n_missed++;
      acquire_again (self);
    }
}

static void
tried_cb (gpointer         data,
          SsemEtcdOutcome  outcome,
          JsonObject      *reply,
          const GError    *error)
{
  SsemEtcdAcquire *self = data;

  if (!acquire_check (self, outcome, reply, error))
    return;
  if (outcome != SSEM_ETCD_OK ||
      acquire_read (self, reply, 0, ssem_etcd_reply_get_revision (reply)))
    acquire_again (self);
}

static void
acquire_attempt (SsemEtcdAcquire *self)
{
  SsemEtcdSemaphore *semaphore = self->activity.semaphore;
  gboolean is_try = (self->flags & SSEM_ETCD_ACQUIRE_TRY) != 0;
  SsemEtcdTxn *txn;

  ssem_etcd_semaphore_take_name (semaphore, &self->wait);
  self->wait.granted_revision = 0;
  self->wait.over_revision = 0;
  if (!is_try)
    ssem_etcd_semaphore_add_wait (semaphore, &self->wait);
  txn = ssem_etcd_attempt_build (&self->attempt, semaphore, self->wait.name, self->wait.units,
                                 is_try);
  ssem_etcd_activity_send (&self->activity, txn, attempted_cb, self);
}

/* --- Waiting --- */

/* Puts the acquire where its records are, according to the view. */
static void
acquire_settle (SsemEtcdAcquire *self)
{
  SsemEtcdSemaphore *semaphore = self->activity.semaphore;
  SsemEtcdWait *wait = &self->wait;
  SsemEtcdEntry *hold = g_hash_table_lookup (semaphore->view.holds, wait->name);

  if (wait->granted_revision != 0)
    {
      acquire_grant (self, wait->granted_revision);
    }
  else if (hold != NULL && hold->create_revision == wait->over_revision)
    {
      acquire_withdraw (self);
    }
  else if (hold != NULL)
    {
      acquire_grant (self, hold->create_revision);
    }
  else if (!g_hash_table_contains (semaphore->view.waiters, wait->name))
    {
      /* It was never put, or somebody has deleted it. */
      acquire_again (self);
    }
  else if (self->abandoned != 0)
    {
      acquire_withdraw (self);
    }
  else
    {
      wait->is_idle = TRUE;
      ssem_etcd_semaphore_add_wait (semaphore, wait);
      ssem_etcd_semaphore_watch (semaphore);
      ssem_etcd_semaphore_evaluate (semaphore);
      ssem_etcd_dispatcher_enqueue (semaphore, wait->units);
    }
}

/* The database is full. The acquire fails, and takes its record out. If the server refuses that,
 * too, it tries again: another process may give units to the record. */
static void
acquire_fail_without_space (SsemEtcdAcquire *self,
                            int              failure)
{
  if (self->abandoned == 0)
    {
      self->abandoned = failure;
      acquire_withdraw (self);
      return;
    }

  if (self->func != NULL)
    ssem_etcd_acquire_give_up (self);
  self->is_withdrawing = TRUE;
  acquire_retry (self);
}

/* The reply of what changes the records of the acquire, other than the attempt: it says in its last
 * operations, or in its other branch, how they are. */
static void
changed_cb (gpointer         data,
            SsemEtcdOutcome  outcome,
            JsonObject      *reply,
            const GError    *error)
{
  SsemEtcdAcquire *self = data;
  gint64 revision;
  guint index;

  if (outcome == SSEM_ETCD_REFUSED && ssem_etcd_activity_is_current (&self->activity) &&
      ssem_etcd_reply_get_code (reply) == SSEM_ETCD_CODE_RESOURCE_EXHAUSTED)
    {
      acquire_fail_without_space (self, ssem_etcd_failure_of_refusal (reply, error));
      return;
    }
  if (!acquire_check (self, outcome, reply, error))
    return;
  if (outcome != SSEM_ETCD_OK)
    {
      if (outcome == SSEM_ETCD_UNSENT)
        acquire_settle (self);
      else
        ssem_etcd_semaphore_fence (self->activity.semaphore, fenced_cb, self);
      return;
    }

  revision = ssem_etcd_reply_get_revision (reply);
  index = ssem_etcd_txn_succeeded (reply) ? 2 : 0;
  if (!acquire_read (self, reply, index, revision))
    return;
  if (index > 0 && self->abandoned == 0)
    ssem_etcd_semaphore_note_waiter (self->activity.semaphore, &self->wait, revision);
  if (index == 0 && ssem_etcd_semaphore_is_unknown (self->activity.semaphore, self->wait.name))
    acquire_look (self);
  else
    acquire_settle (self);
}

/* The view does not have all of those who wait, so it does not say what has become of the
 * acquire. */
static void
looked_cb (gpointer         data,
           SsemEtcdOutcome  outcome,
           JsonObject      *reply,
           const GError    *error)
{
  SsemEtcdAcquire *self = data;
  gint64 revision;

  if (!acquire_check (self, outcome, reply, error))
    return;
  revision = outcome == SSEM_ETCD_OK ? ssem_etcd_reply_get_revision (reply) : 0;
  if (revision == 0)
    acquire_look (self);
  else if (acquire_read (self, reply, 1, revision))
    {
      if (ssem_etcd_txn_get_count (reply, 0) > 0)
        ssem_etcd_semaphore_note_waiter (self->activity.semaphore, &self->wait, revision);
      acquire_settle (self);
    }
}

static void
acquire_look (SsemEtcdAcquire *self)
{
  SsemEtcdTxn *txn = ssem_etcd_attempt_build_look (self->activity.semaphore, self->wait.name);

  ssem_etcd_activity_send (&self->activity, txn, looked_cb, self);
}

/* Takes the units, which are free. */
static void
acquire_take (SsemEtcdAcquire *self)
{
  SsemEtcdSemaphore *semaphore = self->activity.semaphore;
  SsemEtcdEntry *waiter = g_hash_table_lookup (semaphore->view.waiters, self->wait.name);

  if (waiter == NULL)
    acquire_settle (self);
  else
    ssem_etcd_activity_send (&self->activity, ssem_etcd_attempt_build_take (semaphore, waiter),
                             changed_cb, self);
}

/* Takes back a hold that is one too many, or the waiter of an acquire that was abandoned. */
static void
acquire_withdraw (SsemEtcdAcquire *self)
{
  SsemEtcdSemaphore *semaphore = self->activity.semaphore;
  SsemEtcdTxn *txn;

  self->wait.is_idle = FALSE;
  if (self->wait.granted_revision == self->wait.over_revision)
    self->wait.granted_revision = 0;
  if (self->abandoned != 0)
    txn = ssem_etcd_attempt_build_remove (semaphore, self->wait.name, self->wait.over_revision);
  else
    txn = ssem_etcd_attempt_build_convert (semaphore, self->wait.name, self->wait.units,
                                           self->wait.over_revision);
  ssem_etcd_activity_send (&self->activity, txn, changed_cb, self);
}

static void
wake_cb (SsemEtcdWait     *wait,
         SsemEtcdWaitNews  news)
{
  SsemEtcdAcquire *self = (SsemEtcdAcquire *) ((char *) wait -
                                               G_STRUCT_OFFSET (SsemEtcdAcquire, wait));

  if (!ssem_etcd_activity_is_current (&self->activity))
    acquire_restart (self);
  else if (news == SSEM_ETCD_WAIT_FITS)
    acquire_take (self);
  else
    acquire_settle (self);
}

/* --- The beginning --- */

static gboolean
retry_cb (gpointer data)
{
  SsemEtcdAcquire *self = data;

  g_clear_pointer (&self->retry, g_source_unref);
  if (self->is_withdrawing && ssem_etcd_activity_is_current (&self->activity))
    acquire_withdraw (self);
  else
    acquire_restart (self);

  return G_SOURCE_REMOVE;
}

static void
acquire_retry (SsemEtcdAcquire *self)
{
  self->retry = g_timeout_source_new (RETRY_MS);
  g_source_set_callback (self->retry, retry_cb, self, NULL);
  g_source_attach (self->retry, self->activity.semaphore->session->loop->context);
}

static void
joined_cb (gpointer           data,
           SsemEtcdSemaphore *semaphore,
           int                failure,
           const GError      *error)
{
  SsemEtcdAcquire *self = data;

  if (self->abandoned != 0)
    {
      acquire_end (self, self->abandoned, 0);
    }
  else if (failure == 0)
    {
      self->activity.generation = semaphore->session->generation;
      if ((self->flags & SSEM_ETCD_ACQUIRE_TRY) &&
          ssem_etcd_view_get_free (&semaphore->view) < self->wait.units)
        {
          SsemEtcdTxn *txn = ssem_etcd_txn_new ();

          ssem_etcd_semaphore_add_ranges (semaphore, txn, SSEM_ETCD_THEN);
          ssem_etcd_activity_send (&self->activity, txn, tried_cb, self);
          return;
        }
      acquire_attempt (self);
    }
  else if (failure != SSEM_FAILURE_LOST || (self->flags & SSEM_ETCD_ACQUIRE_TRY))
    {
      acquire_end (self, failure, 0);
    }
  else
    {
      /* The cluster is out of reach. */
      acquire_retry (self);
    }
}

static void
acquire_join (gpointer data)
{
  SsemEtcdAcquire *self = data;

  ssem_etcd_membership_ensure (self->activity.semaphore, joined_cb, self);
}

SsemEtcdAcquire *
ssem_etcd_acquire_start (SsemEtcdSemaphore    *semaphore,
                         int                   n,
                         SsemEtcdAcquireFlags  flags,
                         SsemEtcdAcquiredFunc  func,
                         gpointer              data)
{
  SsemEtcdAcquire *self = g_new0 (SsemEtcdAcquire, 1);

  ssem_etcd_activity_begin_busy (&self->activity, semaphore, acquire_lose_cb);
  self->wait.units = n;
  self->wait.semaphore = semaphore;
  self->wait.wake = wake_cb;
  self->flags = flags;
  self->func = func;
  self->data = data;
  if (flags & SSEM_ETCD_ACQUIRE_TRY)
    ssem_etcd_semaphore_call_when_settled (semaphore, acquire_join, self);
  else
    acquire_join (self);

  return self;
}

void
ssem_etcd_acquire_give_up (SsemEtcdAcquire *self)
{
  self->is_unsettled = TRUE;
  ssem_etcd_semaphore_unsettle (self->activity.semaphore);
  acquire_complete (self, self->abandoned, 0);
}

void
ssem_etcd_acquire_abandon (SsemEtcdAcquire *self,
                           int              failure)
{
  self->abandoned = failure;
  if (self->wait.is_idle)
    acquire_withdraw (self);
  else if (self->retry != NULL && !self->is_withdrawing)
    acquire_end (self, failure, 0);
}
