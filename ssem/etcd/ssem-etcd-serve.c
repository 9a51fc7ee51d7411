/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-serve-private.h"

#include "ssem-etcd-grants-private.h"

/* Serving waiters with units that nobody holds.
 *
 * The transaction puts holds in the place of waiters, if no hold is newer than the view. If it
 * fails, another process has served at the same time, or a waiter is gone. The dispatcher then
 * continues when its watch reports what has changed. Another process looks a moment later. */

typedef struct
{
  SsemEtcdActivity activity;
  SsemEtcdGrants *grants;
  gint64 view_revision; /* that the transaction rests on */
} Serve;

static void
serve_end (Serve *serve)
{
  SsemEtcdSemaphore *semaphore = ssem_etcd_semaphore_ref (serve->activity.semaphore);

  semaphore->is_serving = FALSE;
  ssem_etcd_activity_end_busy (&serve->activity);
  g_clear_pointer (&serve->grants, ssem_etcd_grants_free);
  g_free (serve);
  ssem_etcd_semaphore_evaluate (semaphore);
  ssem_etcd_semaphore_unref (semaphore);
}

static void
served_cb (gpointer         data,
           SsemEtcdOutcome  outcome,
           JsonObject      *reply,
           const GError    *error)
{
  Serve *serve = data;
  SsemEtcdSemaphore *semaphore = serve->activity.semaphore;
  gboolean is_served = outcome == SSEM_ETCD_OK && ssem_etcd_txn_succeeded (reply);
  gboolean is_capped = serve->grants->is_capped;

  if (!ssem_etcd_activity_is_current (&serve->activity))
    {
      serve_end (serve);
      return;
    }

  if (is_served)
    ssem_etcd_grants_apply (serve->grants, semaphore, ssem_etcd_reply_get_revision (reply));
  else if (ssem_etcd_semaphore_is_dispatcher (semaphore) && outcome != SSEM_ETCD_IN_DOUBT)
    semaphore->stuck_revision = serve->view_revision;
  else
    ssem_etcd_semaphore_look_later (semaphore, 0);
  serve_end (serve);
  if (is_served && is_capped)
    ssem_etcd_serve (semaphore);
}

static void
serve_send (Serve *serve)
{
  SsemEtcdSemaphore *semaphore = serve->activity.semaphore;
  gint64 n_free = MAX (ssem_etcd_view_get_free (&semaphore->view), 0);
  SsemEtcdTxn *txn;

  serve->grants = ssem_etcd_grants_new (semaphore, n_free, 0, TRUE);
  if (serve->grants == NULL)
    {
      serve_end (serve);
      return;
    }

  txn = ssem_etcd_txn_new ();
  ssem_etcd_semaphore_guard (semaphore, txn);
  ssem_etcd_grants_add (serve->grants, semaphore, txn);
  serve->view_revision = semaphore->view.revision;
  ssem_etcd_activity_send (&serve->activity, txn, served_cb, serve);
}

/* In a long queue the view does not have the waiters. */
static void
queue_cb (gpointer         data,
          SsemEtcdOutcome  outcome,
          JsonObject      *reply,
          const GError    *error)
{
  Serve *serve = data;
  SsemEtcdSemaphore *semaphore = serve->activity.semaphore;

  if (!ssem_etcd_activity_is_current (&serve->activity) || outcome != SSEM_ETCD_OK)
    {
      serve_end (serve);
      return;
    }

  if (!ssem_etcd_semaphore_is_dispatcher (semaphore))
    ssem_etcd_view_read_queue (&semaphore->view, reply);
  serve_send (serve);
}

void
ssem_etcd_serve (SsemEtcdSemaphore *semaphore)
{
  Serve *serve;

  if (semaphore->is_serving || !ssem_etcd_semaphore_is_joined (semaphore))
    return;

  semaphore->is_serving = TRUE;
  serve = g_new0 (Serve, 1);
  ssem_etcd_activity_begin_busy (&serve->activity, semaphore, NULL);
  serve->activity.generation = semaphore->session->generation;
  if (semaphore->has_long_queue && !ssem_etcd_semaphore_is_dispatcher (semaphore))
    ssem_etcd_session_send (semaphore->session, "kv/range",
                            ssem_etcd_semaphore_queue_body (semaphore), queue_cb, serve);
  else
    serve_send (serve);
}
