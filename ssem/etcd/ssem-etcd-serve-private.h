/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-semaphore-private.h"

G_BEGIN_DECLS

/* Gives free units to waiters. Does nothing while it does so already. */
void ssem_etcd_serve (SsemEtcdSemaphore *semaphore);

G_END_DECLS
