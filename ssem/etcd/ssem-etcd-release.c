/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-release-private.h"

#include "ssem-etcd-dispatcher-private.h"
#include "ssem-etcd-failure-private.h"
#include "ssem-etcd-grants-private.h"
#include "ssem-etcd-membership-private.h"
#include "ssem-etcd-payment-private.h"
#include "ssem-etcd-serve-private.h"

/* Releasing.
 *
 * What the process holds is paid back first, the rest is created. The transaction deletes the holds
 * and, in the same step, puts holds in their place for those who wait. These have at most the units
 * of the deleted ones, so they can never be too many, whatever others do at the same time: nothing
 * is compared but the deleted holds and the waiters. If another process was faster to serve the
 * same waiter, a nested transaction serves the next one.
 *
 * Units that are free besides can be given, too: but only if no hold is newer than the view.
 *
 * Where a dispatcher serves a long queue, a release serves nobody, if the dispatcher is still there.
 *
 * The releases of a process follow one another, so that two of them do not pay with the same hold.
 * One that creates units changes the state, and writes the member record with it: the record's
 * revision tells whether one whose reply was lost was applied. For the others the fence does. */

typedef struct
{
  SsemEtcdActivity activity;
  SsemEtcdReleasedFunc func; /* NULL once called, or where nobody wants to know */
  gpointer data;
  gint64 n_left;
  gboolean undo;
  gboolean is_lost;          /* what is left of it must not create units */
  char *name;                /* of the only hold to release, or NULL */
  gint64 name_revision;

  SsemEtcdPayment payment;   /* of the transaction under way */
  gboolean is_locked;
  gboolean is_fresh;         /* the view was read for this release */
  gboolean is_to_dispatcher; /* it serves nobody: the dispatcher will */
  gboolean has_missed_dispatcher;
  guint n_missed;            /* how often others were faster to serve the same waiters */
  gboolean is_blind;         /* the transaction reads nothing where it changes nothing */
  gboolean needs_read;
  gboolean has_queue;        /* the waiters were read for this release */
  gboolean is_in_doubt;
  gboolean is_plain;         /* a lease of those who wait has ended: serve nobody */
  gint64 sent_revision;      /* of the member record */
  SsemEtcdGrantLevels levels;
} Release;

static void release_begin  (Release *release);
static void release_send   (Release *release);
static void release_delete (Release *release);

/* --- The end --- */

static void
release_complete (Release *release,
                  int      failure)
{
  SsemEtcdReleasedFunc func = release->func;

  release->func = NULL;
  if (func != NULL)
    func (release->data, failure);
}

static void
release_end (Release *release,
             int      failure)
{
  SsemEtcdSemaphore *semaphore = ssem_etcd_semaphore_ref (release->activity.semaphore);

  if (release->is_locked)
    ssem_etcd_semaphore_unlock (semaphore);
  if (release->name != NULL)
    ssem_etcd_semaphore_settle (semaphore);
  release_complete (release, failure);
  ssem_etcd_grant_levels_clear (&release->levels);
  ssem_etcd_payment_clear (&release->payment);
  ssem_etcd_activity_end_busy (&release->activity);
  g_free (release->name);
  g_free (release);

  g_queue_pop_head (&semaphore->releases);
  if (!g_queue_is_empty (&semaphore->releases))
    release_begin (semaphore->releases.head->data);
  ssem_etcd_semaphore_evaluate (semaphore);
  ssem_etcd_semaphore_unref (semaphore);
}

/* What was held is lost. Each unit that the program releases all the same is one of those. */
static void
release_end_lost (Release *release)
{
  SsemEtcdSemaphore *self = release->activity.semaphore;

  if (release->undo && release->name == NULL && release->func != NULL)
    self->n_lost -= MIN (self->n_lost, release->n_left);
  release_end (release, SSEM_FAILURE_LOST);
}

static void
release_lose_cb (SsemEtcdActivity *activity)
{
  Release *release = (Release *) activity;
  SsemEtcdSemaphore *self = activity->semaphore;

  release->is_lost = TRUE;
  if (release->func != NULL && release->undo && release->name == NULL)
    self->n_lost -= MIN (self->n_lost, release->n_left);
  release_complete (release, SSEM_FAILURE_LOST);
}

/* Decides what the next transaction does. Returns FALSE if there is nothing to do, or no way. */
static gboolean
release_prepare (Release *release)
{
  SsemEtcdSemaphore *self = release->activity.semaphore;
  SsemEtcdView *view = &self->view;

  /* What is in doubt may still be applied: once, as long as the next transaction pays the same. */
  if (release->is_in_doubt)
    return TRUE;

  ssem_etcd_payment_reset (&release->payment);
  if (release->name != NULL)
    {
      ssem_etcd_payment_add (&release->payment, release->name, release->n_left,
                             release->name_revision);
    }
  else if (release->undo)
    {
      if (self->n_held == 0 && self->n_lost > 0)
        {
          release_end_lost (release);
          return FALSE;
        }
      ssem_etcd_payment_choose (&release->payment, self, release->n_left);
    }
  else
    {
      release->payment.n_created = release->n_left;
    }

  if (release->is_fresh &&
      ssem_etcd_view_get_free (view) + release->n_left > G_MAXINT)
    {
      release_end (release, SSEM_FAILURE_TOO_MANY);
      return FALSE;
    }

  return TRUE;
}

/* --- The transaction --- */

static SsemEtcdTxn *
build_level (Release        *release,
             SsemEtcdGrants *grants)
{
  SsemEtcdSemaphore *self = release->activity.semaphore;
  SsemEtcdTxn *txn = ssem_etcd_txn_new ();

  ssem_etcd_semaphore_guard (self, txn);
  ssem_etcd_payment_add_to (&release->payment, self, txn);
  if (grants != NULL)
    ssem_etcd_grants_add (grants, self, txn);
  else if (release->is_to_dispatcher)
    ssem_etcd_semaphore_compare_dispatcher (self, txn);
  else if (!release->is_plain &&
           !(self->view.is_partial && g_queue_is_empty (&self->view.queue)))
    ssem_etcd_semaphore_compare_no_new_waiter (self, txn);
  else if (!release->is_plain)
    ssem_etcd_semaphore_compare_no_waiter (self, txn);

  return txn;
}

/* --- The answer --- */

/* The transaction was applied, at @revision. */
static void
release_apply (Release        *release,
               SsemEtcdGrants *grants,
               gint64          revision)
{
  SsemEtcdSemaphore *self = release->activity.semaphore;
  gboolean is_capped = grants != NULL && grants->is_capped;

  release->n_left -= ssem_etcd_payment_get_units (&release->payment);
  if (release->undo)
    ssem_etcd_semaphore_add_credit (self, release->payment.n_created);
  ssem_etcd_payment_apply (&release->payment, self, revision);
  release->is_in_doubt = FALSE;
  if (grants != NULL)
    ssem_etcd_grants_apply (grants, self, revision);

  if (is_capped)
    ssem_etcd_serve (self);
  if (!release->is_to_dispatcher)
    ssem_etcd_dispatcher_volunteer (self);
  if (release->n_left > 0)
    release_begin (release);
  else
    release_end (release, 0);
}

/* The hold to release may be gone, or smaller. */
static void
release_find_hold (Release *release)
{
  SsemEtcdView *view = &release->activity.semaphore->view;
  const SsemEtcdEntry *hold = g_hash_table_lookup (view->holds, release->name);

  release->n_left = hold != NULL ? hold->units : 0;
  if (hold != NULL)
    release->name_revision = hold->mod_revision;
}

/* Nothing was changed, and the view is fresh. */
static void
release_again (Release *release)
{
  SsemEtcdSemaphore *self = release->activity.semaphore;

  /* A reset has forgotten the holds, so nothing of it can be applied any more. */
  if (ssem_etcd_payment_is_gone (&release->payment, self))
    release->is_in_doubt = FALSE;
  ssem_etcd_payment_drop_gone (&release->payment, self);
  if (release->name != NULL)
    release_find_hold (release);
  if (!g_queue_is_empty (&self->view.queue))
    ssem_etcd_semaphore_watch (self);
  if (release->n_left == 0)
    release_end (release, 0);
  else
    release_begin (release);
}

static void
fenced_cb (gpointer data,
           int      failure)
{
  Release *release = data;
  SsemEtcdSemaphore *self = release->activity.semaphore;
  SsemEtcdPaymentItem *item = &g_array_index (release->payment.items, SsemEtcdPaymentItem, 0);
  SsemEtcdEntry *entry = g_hash_table_lookup (self->view.holds, item->name);

  if (failure == SSEM_FAILURE_LOST)
    release_end_lost (release);
  else if (failure != 0)
    release_end (release, failure);
  else if (entry != NULL && entry->mod_revision == item->mod_revision)
    release_again (release);
  else
    release_apply (release, NULL, entry != NULL ? entry->mod_revision : self->view.revision);
}

static void
release_resolve (Release *release)
{
  if (!release->is_locked)
    ssem_etcd_semaphore_fence (release->activity.semaphore, fenced_cb, release);
  else
    {
      release->is_in_doubt = TRUE;
      release_send (release);
    }
}

/* The last branch has read everything. */
static void
release_read (Release    *release,
              JsonObject *reply,
              gint64      revision)
{
  SsemEtcdSemaphore *self = release->activity.semaphore;
  JsonObject *response = ssem_etcd_txn_get_response (reply, 0);
  JsonArray *kvs = response != NULL ? ssem_etcd_get_array (response, "kvs") : NULL;
  JsonObject *kv = kvs != NULL ? ssem_etcd_array_get (kvs, 0) : NULL;
  gint64 member_revision = kv != NULL ? ssem_etcd_get_int64 (kv, "mod_revision") : 0;
  int failure = ssem_etcd_semaphore_read (self, reply, 0, revision);

  if (release->is_in_doubt && member_revision > release->sent_revision)
    {
      release_apply (release, NULL, member_revision);
    }
  else if (failure != 0)
    {
      release_end (release, failure);
    }
  else
    {
      if (member_revision == 0)
        self->generation = 0;
      release_again (release);
    }
}

/* Returns whether the outcome is an answer, or can be asked for again; else that was the end. */
static gboolean
release_check (Release         *release,
               SsemEtcdOutcome  outcome,
               JsonObject      *reply,
               const GError    *error)
{
  if (!ssem_etcd_activity_is_current (&release->activity))
    {
      release_end_lost (release);
      return FALSE;
    }
  if (outcome == SSEM_ETCD_REFUSED)
    {
      release_end (release, ssem_etcd_failure_of_refusal (reply, error));
      return FALSE;
    }

  return TRUE;
}

static void
deleted_cb (gpointer         data,
            SsemEtcdOutcome  outcome,
            JsonObject      *reply,
            const GError    *error)
{
  Release *release = data;

  if (!release_check (release, outcome, reply, error))
    return;
  if (outcome == SSEM_ETCD_OK)
    {
      release_apply (release, NULL, ssem_etcd_reply_get_revision (reply));
    }
  else
    {
      /* What is in doubt may still come, and would delete another hold of that name. */
      ssem_etcd_payment_use_up_name (&release->payment);
      release_delete (release);
    }
}

/* A database that is larger than it may be refuses each transaction, but deletes what is asked for
 * alone. */
static void
release_delete (Release *release)
{
  SsemEtcdSemaphore *self = release->activity.semaphore;
  g_autofree char *path = ssem_etcd_payment_get_path (&release->payment, self);

  ssem_etcd_session_send (self->session, "kv/deleterange", ssem_etcd_delete_body (path, NULL),
                          deleted_cb, release);
}

static void
released_cb (gpointer         data,
             SsemEtcdOutcome  outcome,
             JsonObject      *reply,
             const GError    *error)
{
  Release *release = data;
  SsemEtcdSemaphore *self = release->activity.semaphore;
  gboolean is_lease_gone = outcome == SSEM_ETCD_REFUSED &&
                           ssem_etcd_reply_get_code (reply) == SSEM_ETCD_CODE_NOT_FOUND;
  gint64 revision;
  guint i;

  if (is_lease_gone && release->is_plain)
    ssem_etcd_session_lose (self->session);
  if (!ssem_etcd_activity_is_current (&release->activity))
    {
      release_end_lost (release);
      return;
    }
  if (outcome == SSEM_ETCD_UNSENT)
    {
      release_begin (release);
      return;
    }
  if (is_lease_gone)
    {
      /* It is that of a waiter, or the process's own: the next attempt tells. Those who wait see
       * that the units are free. */
      release->is_plain = TRUE;
      release_send (release);
      return;
    }
  if (outcome == SSEM_ETCD_REFUSED && !release->is_plain &&
      ssem_etcd_reply_get_code (reply) == SSEM_ETCD_CODE_RESOURCE_EXHAUSTED)
    {
      /* The database is full, so nothing can be put for those who wait; but deleting is allowed. */
      release->is_plain = TRUE;
      release_send (release);
      return;
    }
  if (outcome == SSEM_ETCD_REFUSED && ssem_etcd_payment_is_one_hold (&release->payment) &&
      ssem_etcd_reply_get_code (reply) == SSEM_ETCD_CODE_RESOURCE_EXHAUSTED)
    {
      release_delete (release);
      return;
    }
  if (outcome == SSEM_ETCD_REFUSED)
    {
      release_end (release, ssem_etcd_failure_of_refusal (reply, error));
      return;
    }
  if (outcome == SSEM_ETCD_IN_DOUBT)
    {
      release_resolve (release);
      return;
    }

  revision = ssem_etcd_reply_get_revision (reply);
  for (i = 0; i < release->levels.n && reply != NULL; i++)
    {
      if (ssem_etcd_txn_succeeded (reply))
        {
          release_apply (release, release->levels.grants[i], revision);
          return;
        }
      if (i + 1 < release->levels.n)
        reply = ssem_etcd_txn_get_response (reply, 0);
    }
  release->has_missed_dispatcher |= release->is_to_dispatcher;
  if (reply != NULL && release->is_to_dispatcher && release->is_blind)
    {
      if (!ssem_etcd_semaphore_is_dispatcher (self))
        self->view.dispatcher = 0;
      release_begin (release);
    }
  else if (reply != NULL && release->is_blind)
    {
      /* In a long queue, most likely others have served the same waiters. */
      release->has_queue = FALSE;
      release->is_fresh = FALSE;
      release->needs_read = !self->has_long_queue || release->n_missed++ > 0;
      release_begin (release);
    }
  else if (reply != NULL)
    release_read (release, reply, revision);
  else
    release_end (release, SSEM_ETCD_FAILURE_MALFORMED);
}

static void
release_send (Release *release)
{
  SsemEtcdSemaphore *self = release->activity.semaphore;
  SsemEtcdTxn *txns[SSEM_ETCD_MAX_GRANT_LEVELS];
  guint i;

  ssem_etcd_grant_levels_clear (&release->levels);
  if (!release->is_plain && !release->is_to_dispatcher)
    ssem_etcd_grant_levels_choose (&release->levels, self,
                                   ssem_etcd_payment_get_units (&release->payment));
  /* Where nobody can be served, the units become free. */
  if (release->levels.n == 0)
    release->levels.n = 1;

  for (i = 0; i < release->levels.n; i++)
    txns[i] = build_level (release, release->levels.grants[i]);
  /* The usual case is kept short: what would be read costs the server time even where it is not
   * done. */
  release->is_blind = !release->is_locked &&
                      (release->is_to_dispatcher || release->levels.grants[0] != NULL ||
                       ssem_etcd_semaphore_is_alone (self));
  if (!release->is_blind)
    ssem_etcd_semaphore_add_ranges_with_queue (self, txns[release->levels.n - 1],
                                               SSEM_ETCD_ELSE);
  for (i = release->levels.n - 1; i > 0; i--)
    ssem_etcd_txn_nest (txns[i - 1], SSEM_ETCD_ELSE, txns[i]);
  if (!release->is_in_doubt)
    release->sent_revision = self->member_revision;
  ssem_etcd_activity_send (&release->activity, txns[0], released_cb, release);
}

/* --- The beginning --- */

static void
read_cb (gpointer         data,
         SsemEtcdOutcome  outcome,
         JsonObject      *reply,
         const GError    *error)
{
  Release *release = data;
  SsemEtcdSemaphore *self = release->activity.semaphore;
  int failure;

  if (!release_check (release, outcome, reply, error))
    return;
  if (outcome != SSEM_ETCD_OK)
    {
      release_begin (release);
    }
  else
    {
      failure = ssem_etcd_semaphore_read (self, reply, 0, ssem_etcd_reply_get_revision (reply));
      release->is_fresh = TRUE;
      if (failure != 0)
        release_end (release, failure);
      else
        release_again (release);
    }
}

/* Reads first, where the value may come near the maximum. */
static gboolean
must_read (Release *release)
{
  return !release->is_fresh &&
         (release->needs_read ||
          release->activity.semaphore->view.total + release->n_left > G_MAXINT);
}

/* Whether the dispatcher is to serve the waiters. It may be this process. */
static gboolean
can_leave_to_dispatcher (Release *release)
{
  return ssem_etcd_dispatcher_is_expected (release->activity.semaphore) &&
         !release->has_missed_dispatcher && !release->is_plain;
}

/* In a long queue, the view does not have the waiters. */
static gboolean
must_read_queue (Release *release)
{
  SsemEtcdSemaphore *self = release->activity.semaphore;

  return self->has_long_queue && !ssem_etcd_semaphore_is_dispatcher (self) &&
         !release->is_to_dispatcher && !release->is_fresh && !release->has_queue;
}

static void
queue_cb (gpointer         data,
          SsemEtcdOutcome  outcome,
          JsonObject      *reply,
          const GError    *error)
{
  Release *release = data;
  SsemEtcdSemaphore *self = release->activity.semaphore;

  if (!release_check (release, outcome, reply, error))
    return;

  /* The process may have become the dispatcher meanwhile, which has them all. */
  release->has_queue = outcome == SSEM_ETCD_OK;
  if (outcome == SSEM_ETCD_OK && !ssem_etcd_semaphore_is_dispatcher (self))
    ssem_etcd_view_read_queue (&self->view, reply);
  release_begin (release);
}

static void
locked_cb (gpointer data)
{
  Release *release = data;

  release->is_locked = TRUE;
  if (release->is_lost)
    release_end (release, SSEM_FAILURE_LOST);
  else if (!ssem_etcd_semaphore_is_joined (release->activity.semaphore))
    release_end_lost (release);
  else if (release_prepare (release))
    release_send (release);
}

static void
joined_cb (gpointer           data,
           SsemEtcdSemaphore *semaphore,
           int                failure,
           const GError      *error)
{
  Release *release = data;

  release->activity.generation = semaphore->session->generation;
  release->is_to_dispatcher = can_leave_to_dispatcher (release);
  if (release->is_lost)
    {
      /* The caller has been told; the new lease holds none of these units. */
      release_end (release, SSEM_FAILURE_LOST);
    }
  else if (failure == SSEM_FAILURE_LOST)
    {
      release_end_lost (release);
    }
  else if (failure != 0)
    {
      release_end (release, failure);
    }
  else if (must_read (release))
    {
      SsemEtcdTxn *txn = ssem_etcd_txn_new ();

      ssem_etcd_semaphore_add_ranges_with_queue (semaphore, txn, SSEM_ETCD_THEN);
      ssem_etcd_activity_send (&release->activity, txn, read_cb, release);
    }
  else if (must_read_queue (release))
    {
      ssem_etcd_session_send (semaphore->session, "kv/range",
                              ssem_etcd_semaphore_queue_body (semaphore), queue_cb, release);
    }
  else if (release_prepare (release))
    {
      if (release->payment.n_created > 0 && !release->is_locked)
        ssem_etcd_semaphore_lock (semaphore, locked_cb, release);
      else
        release_send (release);
    }
}

static void
release_begin (Release *release)
{
  ssem_etcd_membership_ensure (release->activity.semaphore, joined_cb, release);
}

static Release *
release_new (SsemEtcdSemaphore *semaphore,
             gint64             n)
{
  Release *release = g_new0 (Release, 1);

  ssem_etcd_activity_begin_busy (&release->activity, semaphore, release_lose_cb);
  release->n_left = n;
  release->undo = TRUE;
  ssem_etcd_payment_init (&release->payment);

  return release;
}

static void
release_push (Release *release)
{
  SsemEtcdSemaphore *semaphore = release->activity.semaphore;

  g_queue_push_tail (&semaphore->releases, release);
  if (g_queue_get_length (&semaphore->releases) == 1)
    release_begin (release);
}

void
ssem_etcd_release_start (SsemEtcdSemaphore    *semaphore,
                         int                   n,
                         gboolean              undo,
                         SsemEtcdReleasedFunc  func,
                         gpointer              data)
{
  Release *release = release_new (semaphore, n);

  release->undo = undo;
  release->func = func;
  release->data = data;
  release_push (release);
}

void
ssem_etcd_release_hold (SsemEtcdSemaphore *semaphore,
                        const char        *name,
                        gint64             units,
                        gint64             mod_revision)
{
  Release *release = release_new (semaphore, units);

  release->name = g_strdup (name);
  release->name_revision = mod_revision;
  ssem_etcd_semaphore_unsettle (semaphore);
  release_push (release);
}
