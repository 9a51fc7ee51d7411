/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-etcd-config-private.h"

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Sends requests to the JSON gateway of an etcd cluster.
 *
 * A client belongs to the thread that iterates its main context. All functions are called in that
 * thread, and the callbacks run in it. No function blocks but ssem_etcd_client_new (), which reads
 * the files of the certificates.
 */
typedef struct _SsemEtcdClient SsemEtcdClient;

typedef enum
{
  SSEM_ETCD_OK,       /* the reply is the cluster's answer */
  SSEM_ETCD_REFUSED,  /* the cluster has answered with an error, and has applied nothing */
  SSEM_ETCD_UNSENT,   /* the deadline has passed, and nothing was applied */
  SSEM_ETCD_IN_DOUBT, /* the request may have been applied, or may still be */
} SsemEtcdOutcome;

/* The codes of gRPC in a refusal, with what the error then is. */
typedef enum
{
  SSEM_ETCD_CODE_NONE = 0,
  SSEM_ETCD_CODE_INVALID_ARGUMENT = 3,
  SSEM_ETCD_CODE_NOT_FOUND = 5,           /* G_IO_ERROR_NOT_FOUND: the lease, for example */
  SSEM_ETCD_CODE_PERMISSION_DENIED = 7,   /* G_IO_ERROR_PERMISSION_DENIED */
  SSEM_ETCD_CODE_RESOURCE_EXHAUSTED = 8,  /* G_IO_ERROR_NO_SPACE: the quota of the database */
  SSEM_ETCD_CODE_FAILED_PRECONDITION = 9, /* G_IO_ERROR_EXISTS: the lease, for example */
  SSEM_ETCD_CODE_OUT_OF_RANGE = 11,       /* the revision is compacted, or in the future */
  SSEM_ETCD_CODE_UNIMPLEMENTED = 12,
  SSEM_ETCD_CODE_UNAVAILABLE = 14,
  SSEM_ETCD_CODE_DATA_LOSS = 15,
  SSEM_ETCD_CODE_UNAUTHENTICATED = 16,
} SsemEtcdCode;

/* Is called once for each request, never from inside ssem_etcd_client_send (). With OK, @reply is
 * the answer and @error is NULL. Of an answer that is a stream of results ("lease/keepalive") it is
 * the first result. Else @error is set: in GIO's domains, with a translated message that names the
 * endpoint and the cause. With REFUSED, @reply is what ssem_etcd_reply_get_code () reads, or
 * NULL. */
typedef void (* SsemEtcdReplyFunc) (gpointer         data,
                                    SsemEtcdOutcome  outcome,
                                    JsonObject      *reply,
                                    const GError    *error);

/* Each endpoint gets the request once, without a pause. */
#define SSEM_ETCD_ONE_ROUND G_GINT64_CONSTANT (0)

/* Reads the files of the certificates, and fails if they are unusable. @config must outlive the
 * client. */
SsemEtcdClient *ssem_etcd_client_new  (const SsemEtcdConfig  *config,
                                       GMainContext          *context,
                                       GError               **error);

/* Ends the client. Its requests end with UNSENT or IN_DOUBT and G_IO_ERROR_CANCELLED before this
 * returns; the watches must have been freed. */
void            ssem_etcd_client_free (SsemEtcdClient        *self);

/* Sends the JSON text @body to "/v3/@path", for example "kv/txn". The client takes the text.
 *
 * It tries again, with the other endpoints and then with pauses, what surely was not applied, and
 * what can be done twice without harm: "kv/range", "lease/keepalive" and "lease/timetolive", which
 * are never IN_DOUBT. @deadline_usec is a point of g_get_monotonic_time (), G_MAXINT64, or
 * SSEM_ETCD_ONE_ROUND. An endpoint that does not answer for a quarter of the lease's time is taken
 * for failed. */
void            ssem_etcd_client_send (SsemEtcdClient        *self,
                                       const char            *path,
                                       char                  *body,
                                       gint64                 deadline_usec,
                                       SsemEtcdReplyFunc      func,
                                       gpointer               data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemEtcdClient, ssem_etcd_client_free)

/* --- Watches --- */

typedef struct _SsemEtcdWatch SsemEtcdWatch;

typedef enum
{
  SSEM_ETCD_WATCH_EVENTS,   /* what has changed, in order; the revision is the last change's */
  SSEM_ETCD_WATCH_PROGRESS, /* nothing has changed up to the revision */
  SSEM_ETCD_WATCH_RESET,    /* changes since the revision are compacted: read again, then restart */
} SsemEtcdWatchNews;

/* @events are objects with "type" ("DELETE", or none for a put) and "kv"; else NULL. The callback
 * may restart and free the watch. */
typedef void (* SsemEtcdWatchFunc) (gpointer           data,
                                    SsemEtcdWatchNews  news,
                                    gint64             revision,
                                    JsonArray         *events);

/* Watches the keys from @key up to @range_end, or @key alone where @range_end is NULL, for changes
 * from @start_revision on. A connection of its own carries each watch. One that is lost is made
 * again, with back-off, from the next revision on; events are given once. */
SsemEtcdWatch  *ssem_etcd_watch_new       (SsemEtcdClient    *client,
                                           const char        *key,
                                           const char        *range_end,
                                           gint64             start_revision,
                                           SsemEtcdWatchFunc  func,
                                           gpointer           data);

/* Watches from another revision on: after RESET. */
void            ssem_etcd_watch_restart   (SsemEtcdWatch     *self,
                                           gint64             start_revision);

/* Drops the connection, for a watch that has missed a change, and connects again: to another
 * endpoint if there is one. */
void            ssem_etcd_watch_reconnect (SsemEtcdWatch     *self);

/* Closes the connection. No callback comes after this. */
void            ssem_etcd_watch_free      (SsemEtcdWatch     *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemEtcdWatch, ssem_etcd_watch_free)

G_END_DECLS
