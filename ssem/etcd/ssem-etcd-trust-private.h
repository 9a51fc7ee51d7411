/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-config-private.h"

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* Whom the client trusts, and what it shows. */
typedef struct
{
  GTlsDatabase *database;       /* NULL: the certificates that the system trusts */
  GTlsCertificate *certificate; /* NULL: none */
} SsemEtcdTrust;

/* Reads the files. Does nothing if no endpoint has https. */
gboolean ssem_etcd_trust_init       (SsemEtcdTrust         *self,
                                     const SsemEtcdConfig  *config,
                                     GError               **error);
void     ssem_etcd_trust_clear      (SsemEtcdTrust         *self);

/* Handles "network-event" of a message. Before the handshake it tells the connection whom to trust.
 * It also makes the system end a connection whose other side is gone without a word: within the
 * lease's time @ttl, so that there is time for another endpoint. */
void     ssem_etcd_trust_prepare    (SsemEtcdTrust         *self,
                                     GSocketClientEvent     event,
                                     GIOStream             *connection,
                                     int                    ttl);

/* Returns an error in GIO's domains that names the endpoint and the cause: what is wrong with its
 * certificate, or @cause. @is_new: the server has shown its certificate on this connection, and has
 * not answered yet. */
GError  *ssem_etcd_trust_make_error (const char            *endpoint,
                                     GTlsCertificateFlags   problems,
                                     gboolean               is_new,
                                     const GError          *cause);

/* Returns a session without time-outs, a proxy and features. */
SoupSession *ssem_etcd_new_session  (guint                  max_per_host,
                                     guint                  max_in_all);

G_END_DECLS
