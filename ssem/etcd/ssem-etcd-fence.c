/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-semaphore-private.h"

#include "ssem-etcd-failure-private.h"

/* Changes of the process's own member record: one at a time, so that its revision always says
 * whether the last one was applied. */

void
ssem_etcd_semaphore_lock (SsemEtcdSemaphore *self,
                          SsemEtcdTaskFunc   func,
                          gpointer           data)
{
  if (self->is_locked)
    {
      g_queue_push_tail (&self->lockers, ssem_etcd_call_new (func, data));
      return;
    }

  self->is_locked = TRUE;
  func (data);
}

void
ssem_etcd_semaphore_unlock (SsemEtcdSemaphore *self)
{
  SsemEtcdCall *next = g_queue_pop_head (&self->lockers);

  if (next == NULL)
    self->is_locked = FALSE;
  else
    ssem_etcd_call_run (next);
}

/* --- The fence --- */

typedef struct
{
  SsemEtcdActivity activity;
  SsemEtcdJoinedFunc func;
  gpointer data;
  GSource *retry;
} Fence;

#define RETRY_MS 200

static void fence_send (Fence *fence);
static void fence_locked_cb (gpointer data);

static void
fence_end (Fence *fence,
           int    failure)
{
  SsemEtcdSemaphore *semaphore = ssem_etcd_semaphore_ref (fence->activity.semaphore);
  SsemEtcdJoinedFunc func = fence->func;
  gpointer data = fence->data;

  ssem_etcd_activity_end (&fence->activity);
  g_free (fence);
  ssem_etcd_semaphore_unlock (semaphore);
  func (data, failure);
  ssem_etcd_semaphore_unref (semaphore);
}

static gboolean
retry_cb (gpointer data)
{
  Fence *fence = data;

  g_clear_pointer (&fence->retry, g_source_unref);
  fence_locked_cb (fence);

  return G_SOURCE_REMOVE;
}

static void
fenced_cb (gpointer         data,
           SsemEtcdOutcome  outcome,
           JsonObject      *reply,
           const GError    *error)
{
  Fence *fence = data;
  SsemEtcdSemaphore *self = fence->activity.semaphore;
  int failure;

  if (outcome == SSEM_ETCD_REFUSED &&
      ssem_etcd_reply_get_code (reply) == SSEM_ETCD_CODE_NOT_FOUND)
    ssem_etcd_session_lose (self->session);
  if (!ssem_etcd_activity_is_current (&fence->activity))
    {
      fence_end (fence, SSEM_FAILURE_LOST);
      return;
    }
  if (outcome == SSEM_ETCD_REFUSED &&
      ssem_etcd_reply_get_code (reply) == SSEM_ETCD_CODE_RESOURCE_EXHAUSTED)
    {
      /* The database is full, and what is in doubt must not be forgotten. */
      fence->retry = g_timeout_source_new (RETRY_MS);
      g_source_set_callback (fence->retry, retry_cb, fence, NULL);
      g_source_attach (fence->retry, self->session->loop->context);
      return;
    }
  if (outcome == SSEM_ETCD_REFUSED)
    {
      fence_end (fence, ssem_etcd_failure_of_refusal (reply, error));
      return;
    }
  if (outcome != SSEM_ETCD_OK)
    {
      /* The same once more: the guard keeps it from being applied twice. */
      fence_send (fence);
      return;
    }

  if (ssem_etcd_txn_succeeded (reply))
    {
      self->member_revision = ssem_etcd_reply_get_revision (reply);
      failure = ssem_etcd_semaphore_read (self, reply, 1, self->member_revision);
    }
  else
    {
      JsonObject *response = ssem_etcd_txn_get_response (reply, 1);
      JsonArray *kvs = response != NULL ? ssem_etcd_get_array (response, "kvs") : NULL;
      JsonObject *kv = kvs != NULL ? ssem_etcd_array_get (kvs, 0) : NULL;

      failure = ssem_etcd_semaphore_read (self, reply, 1, ssem_etcd_reply_get_revision (reply));
      if (kv != NULL)
        self->member_revision = ssem_etcd_get_int64 (kv, "mod_revision");
      else
        self->generation = 0;
    }
  fence_end (fence, failure);
}

static void
fence_send (Fence *fence)
{
  SsemEtcdSemaphore *self = fence->activity.semaphore;
  SsemEtcdTxn *txn = ssem_etcd_txn_new ();

  ssem_etcd_semaphore_guard (self, txn);
  ssem_etcd_semaphore_put_member (self, txn);
  ssem_etcd_semaphore_add_ranges (self, txn, SSEM_ETCD_THEN);
  /* As many responses as the other branch has. */
  ssem_etcd_txn_range (txn, SSEM_ETCD_ELSE, self->member_path, NULL);
  ssem_etcd_semaphore_add_ranges (self, txn, SSEM_ETCD_ELSE);
  ssem_etcd_activity_send (&fence->activity, txn, fenced_cb, fence);
}

static void
fence_locked_cb (gpointer data)
{
  Fence *fence = data;

  if (ssem_etcd_semaphore_is_joined (fence->activity.semaphore))
    fence_send (fence);
  else
    fence_end (fence, SSEM_FAILURE_LOST);
}

void
ssem_etcd_semaphore_fence (SsemEtcdSemaphore  *self,
                           SsemEtcdJoinedFunc  func,
                           gpointer            data)
{
  Fence *fence = g_new0 (Fence, 1);

  ssem_etcd_activity_begin (&fence->activity, self, NULL);
  fence->func = func;
  fence->data = data;
  ssem_etcd_semaphore_lock (self, fence_locked_cb, fence);
}
