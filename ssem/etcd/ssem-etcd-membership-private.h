/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-semaphore-private.h"
#include "ssem/ssem-types.h"

G_BEGIN_DECLS

/* Joining and leaving a semaphore. In the I/O thread. */

/* @semaphore is joined where @failure is 0 and @error NULL. @error says why the cluster gives no
 * lease. */
typedef void (* SsemEtcdOpenedFunc) (gpointer           data,
                                     SsemEtcdSemaphore *semaphore,
                                     int                failure,
                                     const GError      *error);

/* Joins the semaphore of @key as @mode says. */
void ssem_etcd_membership_open   (SsemEtcdSession    *session,
                                  const char         *key,
                                  int                 initial_value,
                                  SsemAccessMode      mode,
                                  SsemEtcdOpenedFunc  func,
                                  gpointer            data);

/* Joins @self again, with a new lease or in a child of fork (). Fails with REMOVED where it is not
 * the same semaphore any more. Calls @func at once if it has been joined. */
void ssem_etcd_membership_ensure (SsemEtcdSemaphore  *self,
                                  SsemEtcdOpenedFunc  func,
                                  gpointer            data);

/* Leaves, and removes the semaphore if no other process is a member; unless there are instances.
 * Calls @func, which may be NULL, at the end. */
void ssem_etcd_membership_leave  (SsemEtcdSemaphore  *self,
                                  SsemEtcdTaskFunc    func,
                                  gpointer            data);

/* The process ends. */
void ssem_etcd_membership_leave_at_exit (SsemEtcdSemaphore *self);

G_END_DECLS
