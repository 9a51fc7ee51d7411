/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-transport-private.h"

G_BEGIN_DECLS

/* Opens the connections for streams. */
typedef struct _SsemEtcdStreams SsemEtcdStreams;

/* A request whose answer is a stream of objects, one a line, on a connection of its own. */
typedef struct _SsemEtcdStream SsemEtcdStream;

/* Is called with each object of the stream. When the stream ends, it is called with NULL, once. The
 * callback may close the stream. */
typedef void (* SsemEtcdStreamFunc) (gpointer    data,
                                     JsonObject *object);

/* @config and @trust must outlive the streams. */
SsemEtcdStreams *ssem_etcd_streams_new  (const SsemEtcdConfig *config,
                                         SsemEtcdTrust        *trust);
void             ssem_etcd_streams_free (SsemEtcdStreams      *self);

SsemEtcdStream  *ssem_etcd_streams_open (SsemEtcdStreams      *self,
                                         const SsemEtcdPost   *post,
                                         SsemEtcdStreamFunc    func,
                                         gpointer              data);

/* Closes the connection. No callback comes after this. */
void             ssem_etcd_stream_close (SsemEtcdStream       *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemEtcdStreams, ssem_etcd_streams_free)

G_END_DECLS
