/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-trust-private.h"

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* The connections for requests. */
typedef struct _SsemEtcdTransport SsemEtcdTransport;

/* One request to one endpoint. */
typedef struct _SsemEtcdAttempt SsemEtcdAttempt;

typedef struct
{
  gboolean was_sent; /* the endpoint may have the whole request */
  guint status;      /* of HTTP; 0: the endpoint has not answered, or not completely */
  JsonObject *reply; /* NULL if the answer is no object */
  const char *text;  /* what came instead of an object, or NULL */
  const GError *error; /* why there is no answer, and names the endpoint; NULL with a status */
} SsemEtcdAnswer;

/* @answer belongs to the transport. */
typedef void (* SsemEtcdAnswerFunc) (gpointer              data,
                                     const SsemEtcdAnswer *answer);

SsemEtcdTransport *ssem_etcd_transport_new        (const SsemEtcdConfig  *config,
                                                   GMainContext          *context,
                                                   GError               **error);
void               ssem_etcd_transport_free       (SsemEtcdTransport     *self);

/* What is sent, and where. */
typedef struct
{
  guint endpoint;
  const char *path;  /* below "/v3/" */
  GBytes *body;
  const char *token; /* or NULL */
} SsemEtcdPost;

/* How long an attempt may take. */
typedef struct
{
  guint msec;           /* from when it has the connection, or begins to make it, to the answer */
  gint64 deadline_usec; /* of g_get_monotonic_time (); G_MAXINT64: none */
} SsemEtcdLimit;

/* Sends a request once, never twice. @func is called from the main context, once. An attempt that
 * passes @limit fails with G_IO_ERROR_TIMED_OUT, and its connection is closed. */
SsemEtcdAttempt   *ssem_etcd_transport_post       (SsemEtcdTransport     *self,
                                                   const SsemEtcdPost    *post,
                                                   SsemEtcdLimit          limit,
                                                   SsemEtcdAnswerFunc     func,
                                                   gpointer               data);

/* Returns whether the endpoint may have the whole request. */
gboolean           ssem_etcd_attempt_was_sent     (SsemEtcdAttempt       *self);

/* Drops the attempt, and closes its connection if it was sent. @func is not called any more. */
void               ssem_etcd_attempt_cancel       (SsemEtcdAttempt       *self);

/* Both are constant. */
const SsemEtcdConfig *ssem_etcd_transport_get_config (SsemEtcdTransport *self);
SsemEtcdTrust     *ssem_etcd_transport_get_trust  (SsemEtcdTransport     *self);

/* Returns the object of the text, or NULL if it is none. */
JsonObject        *ssem_etcd_parse                (const char            *text,
                                                   gsize                  length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemEtcdTransport, ssem_etcd_transport_free)

G_END_DECLS
