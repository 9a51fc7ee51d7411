/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-instance-private.h"
#include "ssem/ssem-types.h"

G_BEGIN_DECLS

/* Calls of the program's threads, each of which the I/O thread carries out. They return 0 or a
 * failure. Any thread may call them. */

/* Opens @instance. Sets @error in place of a failure if the cluster cannot be reached. */
int  ssem_etcd_operation_open      (SsemEtcdInstance  *instance,
                                    int                initial_value,
                                    SsemAccessMode     mode,
                                    GError           **error);

/* As in the table of the backend. */
int  ssem_etcd_operation_acquire   (SsemEtcdInstance  *instance,
                                    int                n,
                                    gint64             deadline_usec,
                                    GCancellable      *cancellable,
                                    gboolean           is_interruptible,
                                    guint64           *fencing_token);
void ssem_etcd_operation_acquire_async (SsemEtcdInstance *instance,
                                    int                n,
                                    GCancellable      *cancellable,
                                    SsemAcquiredFunc   acquired,
                                    gpointer           data);
int  ssem_etcd_operation_release   (SsemEtcdInstance  *instance,
                                    int                n);
int  ssem_etcd_operation_get_value (SsemEtcdInstance  *instance,
                                    int               *value);

/* Detaches the instance, ends its waits, and leaves the semaphore if it was the last one. Waits a
 * short time for the cluster. */
void ssem_etcd_operation_close     (SsemEtcdInstance  *instance);

G_END_DECLS
