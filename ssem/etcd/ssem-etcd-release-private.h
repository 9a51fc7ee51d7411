/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-semaphore-private.h"

G_BEGIN_DECLS

/* Giving units back, and to those who wait. In the I/O thread. */

typedef void (* SsemEtcdReleasedFunc) (gpointer data,
                                       int      failure);

/* Releases @n units. Without @undo they count as created. */
void ssem_etcd_release_start (SsemEtcdSemaphore     *semaphore,
                              int                    n,
                              gboolean               undo,
                              SsemEtcdReleasedFunc   func,
                              gpointer               data);

/* Gives the hold @name back, which is none of the semaphore's list. */
void ssem_etcd_release_hold  (SsemEtcdSemaphore     *semaphore,
                              const char            *name,
                              gint64                 units,
                              gint64                 mod_revision);

G_END_DECLS
