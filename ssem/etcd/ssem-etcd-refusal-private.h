/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-transport-private.h"

G_BEGIN_DECLS

/* What an answer of HTTP means. */
typedef enum
{
  SSEM_ETCD_VERDICT_OK,
  SSEM_ETCD_VERDICT_REFUSED, /* nothing was applied, and no endpoint would say otherwise */
  SSEM_ETCD_VERDICT_LATER,   /* nothing was applied; another endpoint, or later, may be better */
  SSEM_ETCD_VERDICT_TOKEN,   /* nothing was applied; a new token is needed */
  SSEM_ETCD_VERDICT_DOUBT,   /* something may have been applied */
} SsemEtcdVerdict;

/* @answer has a status. Sets the error unless it returns OK: @endpoint is the name in its
 * message. */
SsemEtcdVerdict ssem_etcd_judge (const SsemEtcdAnswer  *answer,
                                 const char            *endpoint,
                                 GError               **error);

G_END_DECLS
