/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-semaphore-private.h"

G_BEGIN_DECLS

/* Which waiters one transaction serves. */
typedef struct
{
  gboolean needs_view;  /* the units are free only as far as the view knows */
  gboolean is_capped;   /* more could be served than one transaction may */
  gint64 units;         /* of all */
  GArray *grants;
} SsemEtcdGrants;

/* Chooses waiters in the order of the queue that @n_units together can serve, without the first
 * @n_skipped of those. Returns NULL if there are none. */
SsemEtcdGrants *ssem_etcd_grants_new   (SsemEtcdSemaphore  *semaphore,
                                        gint64              n_units,
                                        guint               n_skipped,
                                        gboolean            needs_view);
void            ssem_etcd_grants_free  (SsemEtcdGrants     *self);

/* Adds comparisons and operations to @txn. */
void            ssem_etcd_grants_add   (SsemEtcdGrants     *self,
                                        SsemEtcdSemaphore  *semaphore,
                                        SsemEtcdTxn        *txn);

/* The transaction was applied: brings the view up to date, and wakes waits of this process. */
void            ssem_etcd_grants_apply (SsemEtcdGrants     *self,
                                        SsemEtcdSemaphore  *semaphore,
                                        gint64              revision);

#define SSEM_ETCD_MAX_GRANT_LEVELS 4

/* What a release tries, one after the other in nested transactions. NULL: it serves nobody. */
typedef struct
{
  SsemEtcdGrants *grants[SSEM_ETCD_MAX_GRANT_LEVELS];
  guint n;
} SsemEtcdGrantLevels;

/* Chooses for a release that pays @n_paid units; none where nobody can be served. */
void            ssem_etcd_grant_levels_choose (SsemEtcdGrantLevels *self,
                                               SsemEtcdSemaphore   *semaphore,
                                               gint64               n_paid);
void            ssem_etcd_grant_levels_clear  (SsemEtcdGrantLevels *self);

G_END_DECLS
