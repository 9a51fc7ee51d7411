/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-client-private.h"
#include "ssem/backend/ssem-backend-private.h"

G_BEGIN_DECLS

/* The error numbers of this backend, beside those of SsemFailure. */
typedef enum
{
  SSEM_ETCD_FAILURE_REMOVED = 1,   /* somebody has removed the semaphore from outside */
  SSEM_ETCD_FAILURE_DENIED,        /* the cluster refuses for want of rights */
  SSEM_ETCD_FAILURE_FULL,          /* the cluster has no room */
  SSEM_ETCD_FAILURE_REFUSED,       /* the cluster refuses for another reason */
  SSEM_ETCD_FAILURE_MALFORMED,     /* a record is not what this library writes */
  SSEM_ETCD_FAILURE_NO_THREAD,     /* the system has no more threads */
  SSEM_ETCD_FAILURE_NOT_FOUND,     /* of opening */
  SSEM_ETCD_FAILURE_ALREADY_EXISTS, /* the same */
} SsemEtcdFailure;

/* Returns the number for a refusal. */
int  ssem_etcd_failure_of_refusal (JsonObject      *reply,
                                   const GError    *error);

/* Sets the error for such a number. */
void ssem_etcd_failure_describe   (SsemOperation    operation,
                                   const char      *key,
                                   int              failure,
                                   GError         **error);

/* Does the same for an operation that has failed because of @cause, unless that is NULL. */
void ssem_etcd_failure_explain    (SsemOperation    operation,
                                   const char      *key,
                                   int              failure,
                                   const GError    *cause,
                                   GError         **error);

G_END_DECLS
