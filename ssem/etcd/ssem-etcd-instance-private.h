/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-semaphore-private.h"
#include "ssem/backend/ssem-backend-private.h"

#include <stdatomic.h>

G_BEGIN_DECLS

/* One instance of the backend. */
typedef struct
{
  SsemInstance parent;
  gatomicrefcount references;  /* the library's, and one of each operation */

  /* Constant after init. */
  char *key;
  gboolean undo;

  atomic_bool is_closed;

  /* Under binding_lock. */
  SsemEtcdSession *session;    /* of the process with that fork_count */
  unsigned int fork_count;

  /* The I/O thread's. */
  SsemEtcdSemaphore *semaphore; /* a reference; NULL until the process is attached */
  gint64 incarnation;          /* of the semaphore that was opened */
  GQueue operations;           /* acquires that are under way */
  GQueue pending;              /* asynchronous acquires: the first one is under way */
} SsemEtcdInstance;

/* Prepares this file. */
void              ssem_etcd_instance_init    (void);

SsemEtcdInstance *ssem_etcd_instance_new     (const SsemBackendTable *table,
                                              SsemEtcdSession        *session,
                                              const char             *key,
                                              gboolean                undo);
SsemEtcdInstance *ssem_etcd_instance_ref     (SsemEtcdInstance       *self);
void              ssem_etcd_instance_unref   (SsemEtcdInstance       *self);

/* Returns the session of this process: in a child of fork () a new one. NULL where the system has
 * no more threads. Any thread may call this. */
SsemEtcdSession  *ssem_etcd_instance_get_session (SsemEtcdInstance   *self);

/* Returns whether this process has attached with the instance, or may have. */
gboolean          ssem_etcd_instance_is_own  (SsemEtcdInstance       *self);

/* --- In the I/O thread --- */

/* Attaches the instance to @semaphore, unless it is. */
void              ssem_etcd_instance_attach  (SsemEtcdInstance       *self,
                                              SsemEtcdSemaphore      *semaphore);
/* Attaches it to the semaphore of its key: in a child of fork (). */
void              ssem_etcd_instance_ensure  (SsemEtcdInstance       *self);
void              ssem_etcd_instance_detach  (SsemEtcdInstance       *self);

G_END_DECLS
