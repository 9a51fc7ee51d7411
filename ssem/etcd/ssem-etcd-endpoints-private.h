/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Which endpoint is tried next, and when. */
typedef struct _SsemEtcdEndpoints SsemEtcdEndpoints;

/* Is called when an endpoint is taken for failed. */
typedef void (* SsemEtcdFailedFunc) (gpointer  data,
                                     guint     endpoint);

/* A set of endpoints: bit 1 << i stands for endpoint i. */
typedef guint32 SsemEtcdEndpointSet;

/* @n is at least 1 and at most 32. */
SsemEtcdEndpoints *ssem_etcd_endpoints_new       (guint                n);
void               ssem_etcd_endpoints_free      (SsemEtcdEndpoints   *self);

/* Returns the best endpoint that is not in @tried; -1 if all are. */
int                ssem_etcd_endpoints_choose    (SsemEtcdEndpoints   *self,
                                                  SsemEtcdEndpointSet  tried);

/* Makes @endpoint the last choice, and calls the listeners. */
void               ssem_etcd_endpoints_fail      (SsemEtcdEndpoints   *self,
                                                  guint                endpoint);

/* A listener neither adds nor removes listeners. */
void               ssem_etcd_endpoints_listen    (SsemEtcdEndpoints   *self,
                                                  SsemEtcdFailedFunc   func,
                                                  gpointer             data);
void               ssem_etcd_endpoints_unlisten  (SsemEtcdEndpoints   *self,
                                                  gpointer             data);

/* Returns how long to wait after @n_rounds rounds in which every endpoint has failed, in
 * milliseconds. */
guint              ssem_etcd_endpoints_get_pause (guint                n_rounds);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemEtcdEndpoints, ssem_etcd_endpoints_free)

G_END_DECLS
