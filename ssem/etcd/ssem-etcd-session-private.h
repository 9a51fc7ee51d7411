/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-client-private.h"
#include "ssem-etcd-loop-private.h"

#include <stdatomic.h>

G_BEGIN_DECLS

/* One process and one cluster: an I/O thread, a client, a lease. */
typedef struct _SsemEtcdSession SsemEtcdSession;

/* @error is NULL where the session has a lease. */
typedef void (* SsemEtcdLeaseFunc) (gpointer      data,
                                    const GError *error);

/* What the session tells a member, which is a semaphore, in the I/O thread. */
typedef struct
{
  void (* lose)     (gpointer data); /* the lease has ended, and all that was bound to it */
  void (* leave)    (gpointer data); /* the process ends: give everything back */
} SsemEtcdMemberClass;

#define SSEM_ETCD_LEASE_NAME_SIZE 17

struct _SsemEtcdSession
{
  /* Constant after init. */
  SsemEtcdConfig *config;
  SsemEtcdLoop *loop;             /* the I/O thread */
  const SsemEtcdMemberClass *member_class;
  SsemEtcdSession *next;          /* in the list of this process */

  /* For any thread. */
  atomic_bool is_exiting;         /* the end of the process waits for this session */

  /* The rest is the I/O thread's. */
  SsemEtcdClient *client;         /* NULL until it is needed */
  GHashTable *members;            /* by key */
  guint64 last_number;            /* of the names of holds and waiters */

  gint64 lease;                   /* 0: none */
  char lease_name[SSEM_ETCD_LEASE_NAME_SIZE];
  guint generation;               /* of the lease; grows with each one */
  gint64 lease_end_usec;          /* by the clock that counts a suspend, too */
  gboolean is_granting;
  gint64 sent_usec;               /* the same clock: when the last request for the lease was sent */
  GQueue wanting;                 /* those who wait for a lease */
  GSource *timer;
  guint n_leaving;                /* requests that the end of the process waits for */
};

/* Prepares this file. @member_class is for all sessions. */
void             ssem_etcd_session_init         (const SsemEtcdMemberClass  *member_class);

/* Returns the session of this process for @config, of which it makes a copy. It stays as long as
 * the process. Any thread may call this. */
SsemEtcdSession *ssem_etcd_session_get          (const SsemEtcdConfig       *config,
                                                 GError                    **error);

/* --- In the I/O thread --- */

/* Makes the client, if there is none. Requests without a lease need no more. */
gboolean         ssem_etcd_session_connect      (SsemEtcdSession            *self,
                                                 GError                    **error);

/* Returns whether the lease counts as alive. One that has just run out is lost here. */
gboolean         ssem_etcd_session_check        (SsemEtcdSession            *self);

/* Calls @func when there is a lease, at once if there is one; with an error where the cluster has
 * given none for a while, and when the files of the configuration are unusable. */
void             ssem_etcd_session_want_lease   (SsemEtcdSession            *self,
                                                 SsemEtcdLeaseFunc           func,
                                                 gpointer                    data);

/* The cluster has said that the lease is gone. */
void             ssem_etcd_session_lose         (SsemEtcdSession            *self);

/* Sends a request, whose callback must come. The deadline is the end of the lease if there is one,
 * or a few seconds. */
void             ssem_etcd_session_send         (SsemEtcdSession            *self,
                                                 const char                 *path,
                                                 char                       *body,
                                                 SsemEtcdReplyFunc           func,
                                                 gpointer                    data);

/* Writes the name of a new hold or waiter. */
char            *ssem_etcd_session_new_name     (SsemEtcdSession            *self);

/* For the requests of leave (): the end of the process waits for them a short time. */
void             ssem_etcd_session_begin_leaving (SsemEtcdSession           *self);
void             ssem_etcd_session_end_leaving  (SsemEtcdSession            *self);

G_END_DECLS
