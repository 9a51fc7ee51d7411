/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-value-private.h"

#include "ssem-etcd-failure-private.h"
#include "ssem-etcd-membership-private.h"

typedef struct
{
  SsemEtcdActivity activity;
  SsemEtcdValueFunc func; /* NULL once called */
  gpointer data;
} Value;

static void value_begin (Value *value);

static void
value_complete (Value *value,
                int    failure,
                int    n)
{
  SsemEtcdValueFunc func = value->func;

  value->func = NULL;
  if (func != NULL)
    func (value->data, failure, n);
}

static void
value_end (Value *value,
           int    failure,
           int    n)
{
  value_complete (value, failure, n);
  ssem_etcd_activity_end (&value->activity);
  g_free (value);
}

static void
value_lose_cb (SsemEtcdActivity *activity)
{
  value_complete ((Value *) activity, SSEM_FAILURE_LOST, 0);
}

static void
read_cb (gpointer         data,
         SsemEtcdOutcome  outcome,
         JsonObject      *reply,
         const GError    *error)
{
  Value *value = data;
  SsemEtcdSemaphore *self = value->activity.semaphore;
  int failure;
  gint64 n_free;

  if (!ssem_etcd_activity_is_current (&value->activity))
    {
      value_end (value, SSEM_FAILURE_LOST, 0);
    }
  else if (outcome == SSEM_ETCD_REFUSED)
    {
      value_end (value, ssem_etcd_failure_of_refusal (reply, error), 0);
    }
  else if (outcome != SSEM_ETCD_OK)
    {
      value_begin (value);
    }
  else
    {
      n_free = ssem_etcd_semaphore_get_free_in (self, reply, 0);
      failure = ssem_etcd_semaphore_read (self, reply, 0, ssem_etcd_reply_get_revision (reply));
      value_end (value, failure, (int) CLAMP (n_free, 0, G_MAXINT));
    }
}

static void
joined_cb (gpointer           data,
           SsemEtcdSemaphore *semaphore,
           int                failure,
           const GError      *error)
{
  Value *value = data;
  SsemEtcdTxn *txn;

  if (failure != 0)
    {
      value_end (value, failure, 0);
      return;
    }

  txn = ssem_etcd_txn_new ();
  ssem_etcd_semaphore_add_ranges (semaphore, txn, SSEM_ETCD_THEN);
  ssem_etcd_activity_send (&value->activity, txn, read_cb, value);
}

static void
value_begin (Value *value)
{
  ssem_etcd_membership_ensure (value->activity.semaphore, joined_cb, value);
}

static void
begin_cb (gpointer data)
{
  value_begin (data);
}

void
ssem_etcd_value_start (SsemEtcdSemaphore *semaphore,
                       SsemEtcdValueFunc  func,
                       gpointer           data)
{
  Value *value = g_new0 (Value, 1);

  ssem_etcd_activity_begin (&value->activity, semaphore, value_lose_cb);
  value->func = func;
  value->data = data;
  ssem_etcd_semaphore_call_when_settled (semaphore, begin_cb, value);
}
