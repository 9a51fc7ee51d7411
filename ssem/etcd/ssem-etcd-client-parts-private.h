/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-auth-private.h"
#include "ssem-etcd-client-private.h"
#include "ssem-etcd-endpoints-private.h"
#include "ssem-etcd-stream-private.h"

G_BEGIN_DECLS

/* What the watches share with the client's requests. */
SsemEtcdEndpoints *ssem_etcd_client_get_endpoints (SsemEtcdClient *self);
SsemEtcdStreams   *ssem_etcd_client_get_streams   (SsemEtcdClient *self);
SsemEtcdAuth      *ssem_etcd_client_get_auth      (SsemEtcdClient *self);
GMainContext      *ssem_etcd_client_get_context   (SsemEtcdClient *self);

/* How long an endpoint may take to answer, in milliseconds. */
guint              ssem_etcd_client_get_timeout   (SsemEtcdClient *self);

G_END_DECLS
