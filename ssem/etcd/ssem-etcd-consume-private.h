/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-semaphore-private.h"

G_BEGIN_DECLS

/* @rest: what is left of the hold, or NULL. */
typedef void (* SsemEtcdConsumedFunc) (gpointer data, int failure, const SsemEtcdHold *rest);

/* Takes @n units of @hold, which is the process's, from the total, so that they do not come back
 * with the lease. With @is_credit because the process has created as many: if a reset has forgotten
 * that, the hold stays as it is. In the I/O thread. */
void ssem_etcd_consume (SsemEtcdSemaphore    *semaphore,
                        const SsemEtcdHold   *hold,
                        gint64                n,
                        gboolean              is_credit,
                        SsemEtcdConsumedFunc  func,
                        gpointer              data);

G_END_DECLS
