/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-session-private.h"
#include "ssem/backend/ssem-backend-private.h"

G_BEGIN_DECLS

/* Looking at semaphores without joining them: as in the table of the backend. Any thread may call
 * these functions. */

SsemSnapshot *ssem_etcd_inspect (SsemEtcdSession  *session,
                                 const char       *key,
                                 GError          **error);
gboolean      ssem_etcd_list    (SsemEtcdSession  *session,
                                 GPtrArray        *snapshots,
                                 GError          **error);
gboolean      ssem_etcd_remove  (SsemEtcdSession  *session,
                                 const char       *key,
                                 GError          **error);

G_END_DECLS
