/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-semaphore-private.h"

G_BEGIN_DECLS

/* Takes @n of the @units of the process's hold @name from the total, so that they do not come back
 * with the lease. The member record and what is left of the hold then have the same revision. In
 * the I/O thread. */
void ssem_etcd_consume (SsemEtcdSemaphore  *semaphore,
                        const char         *name,
                        gint64              units,
                        gint64              n,
                        gint64              mod_revision,
                        SsemEtcdJoinedFunc  func,
                        gpointer            data);

G_END_DECLS
