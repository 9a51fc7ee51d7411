/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-semaphore-private.h"

G_BEGIN_DECLS

/* Whether there is a dispatcher as far as is known, or should be one: the next transaction tells. */
gboolean ssem_etcd_dispatcher_is_expected (SsemEtcdSemaphore *self);

/* Tries to make this process the dispatcher, if one is of use and there is none as far as is known.
 * Returns whether it does, so that the queue will be served. */
gboolean ssem_etcd_dispatcher_volunteer (SsemEtcdSemaphore *self);

/* The process is the dispatcher. Ends that, serves the waiters once more, and calls @func. */
void     ssem_etcd_dispatcher_resign    (SsemEtcdSemaphore *self,
                                         SsemEtcdTaskFunc   func,
                                         gpointer           data);

/* The process is the dispatcher. Serves the waiters that the free units are enough for. */
void     ssem_etcd_dispatcher_evaluate  (SsemEtcdSemaphore *self);

/* Reads which process is the dispatcher, from the range of the state in the response at @index.
 * Returns whether there is one. */
gboolean ssem_etcd_dispatcher_read      (SsemEtcdSemaphore *self,
                                         JsonObject        *reply,
                                         guint              index,
                                         gint64             revision);

/* An acquire for @units has put its waiter, and does not see what happens in a long queue. */
void     ssem_etcd_dispatcher_enqueue   (SsemEtcdSemaphore *self,
                                         int                units);

/* The process has looked at everything: makes sure that somebody serves the queue. */
void     ssem_etcd_dispatcher_check     (SsemEtcdSemaphore *self);

G_END_DECLS
