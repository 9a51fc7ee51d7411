/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-semaphore-private.h"

G_BEGIN_DECLS

/* An acquire that is under way. In the I/O thread. */
typedef struct _SsemEtcdAcquire SsemEtcdAcquire;

/* Is called once. After that the acquire must not be used. */
typedef void (* SsemEtcdAcquiredFunc) (gpointer data,
                                       int      failure,
                                       guint64  fencing_token);

typedef enum
{
  SSEM_ETCD_ACQUIRE_DEFAULT = 0,
  SSEM_ETCD_ACQUIRE_TRY = 1 << 0,    /* it does not wait */
  SSEM_ETCD_ACQUIRE_NO_UNDO = 1 << 1, /* the units do not come back with the lease */
} SsemEtcdAcquireFlags;

SsemEtcdAcquire *ssem_etcd_acquire_start   (SsemEtcdSemaphore     *semaphore,
                                            int                    n,
                                            SsemEtcdAcquireFlags   flags,
                                            SsemEtcdAcquiredFunc   func,
                                            gpointer               data);

/* Ends the acquire with @failure, if it has no units by then: once its records are gone, and at
 * the latest when the cluster can be reached again. */
void             ssem_etcd_acquire_abandon (SsemEtcdAcquire       *self,
                                            int                    failure);

/* Calls the function of an acquire that was abandoned right now. What it has in the cluster is
 * taken back later. */
void             ssem_etcd_acquire_give_up (SsemEtcdAcquire       *self);

G_END_DECLS
