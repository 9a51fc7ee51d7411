/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-semaphore-private.h"

G_BEGIN_DECLS

typedef void (* SsemEtcdValueFunc) (gpointer data,
                                    int      failure,
                                    int      value);

/* Reads the value. In the I/O thread. */
void ssem_etcd_value_start (SsemEtcdSemaphore  *semaphore,
                            SsemEtcdValueFunc   func,
                            gpointer            data);

G_END_DECLS
