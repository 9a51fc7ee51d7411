/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-refusal-private.h"

G_BEGIN_DECLS

/* The token that gives the rights of a user. */
typedef struct _SsemEtcdAuth SsemEtcdAuth;

typedef struct
{
  SsemEtcdVerdict verdict; /* OK: there is a token, or none is needed */
  guint endpoint;          /* that was asked */
  const GError *error;     /* NULL with OK */
} SsemEtcdAuthResult;

typedef void (* SsemEtcdAuthFunc) (gpointer                  data,
                                   const SsemEtcdAuthResult *result);

SsemEtcdAuth *ssem_etcd_auth_new       (const SsemEtcdConfig     *config,
                                        SsemEtcdTransport        *transport);

/* Nobody is called any more. */
void          ssem_etcd_auth_free      (SsemEtcdAuth             *self);

/* Whether a request can be sent without asking for a token first. */
gboolean      ssem_etcd_auth_is_ready  (SsemEtcdAuth             *self);

/* Returns the token for a request, or NULL: then it goes without. */
const char   *ssem_etcd_auth_get_token (SsemEtcdAuth             *self);

/* Forgets @token, with which a request was refused, unless another one came since. Returns FALSE if
 * there is no user, so that no token would help. */
gboolean      ssem_etcd_auth_renew     (SsemEtcdAuth             *self,
                                        const char               *token);

/* Asks @endpoint for a token. All who ask in the meantime get the same answer. */
void          ssem_etcd_auth_ask       (SsemEtcdAuth             *self,
                                        guint                     endpoint,
                                        guint                     timeout_msec,
                                        SsemEtcdAuthFunc          func,
                                        gpointer                  data);

/* Calls nothing for what was asked with @data. */
void          ssem_etcd_auth_forget    (SsemEtcdAuth             *self,
                                        gpointer                  data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemEtcdAuth, ssem_etcd_auth_free)

G_END_DECLS
