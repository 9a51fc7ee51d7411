/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-client-parts-private.h"

#include "ssem-etcd-request-private.h"

#include <string.h>

/* A watch is in one of these states:
 *
 *   idle     has nothing: it was reset, and waits for a restart
 *   pausing  has a source, and connects when it is dispatched
 *   asking   has a question for a token
 *   open     has a stream, and a source until the server has said "created"
 *
 * What the server sends is in the order of revisions, and all events of a revision come in one
 * message. So next_revision is all that has to be kept to resume: without a gap, and without giving
 * an event twice.
 *
 * An endpoint that fails a request is dropped by the watches, too: a server that is stopped or cut
 * off from the cluster keeps its connections.
 */

struct _SsemEtcdWatch
{
  SsemEtcdClient *client;
  char *key;
  char *range_end;
  gint64 next_revision;
  SsemEtcdWatchFunc func;
  gpointer data;

  SsemEtcdStream *stream;
  GSource *source;
  guint endpoint; /* of the stream or the question */
  char *token;    /* of the stream */
  guint n_failures;
};

static void connect_now (SsemEtcdWatch *self);

static void
clear_source (SsemEtcdWatch *self)
{
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
}

/* Makes the watch idle. */
static void
stop (SsemEtcdWatch *self)
{
  clear_source (self);
  ssem_etcd_auth_forget (ssem_etcd_client_get_auth (self->client), self);
  g_clear_pointer (&self->stream, ssem_etcd_stream_close);
}

static void
set_source (SsemEtcdWatch *self,
            guint          pause_msec,
            GSourceFunc    func)
{
  clear_source (self);
  self->source = g_timeout_source_new (pause_msec);
  g_source_set_callback (self->source, func, self, NULL);
  g_source_attach (self->source, ssem_etcd_client_get_context (self->client));
}

static gboolean
connect_cb (gpointer data)
{
  SsemEtcdWatch *self = data;

  clear_source (self);
  connect_now (self);

  return G_SOURCE_REMOVE;
}

/* Connects again: the first time soon, then after pauses that grow. */
static void
connect_later (SsemEtcdWatch *self)
{
  const guint n = self->n_failures++;

  stop (self);
  set_source (self, n > 0 ? ssem_etcd_endpoints_get_pause (n - 1) : 0, connect_cb);
}

/* Of ssem-etcd-endpoints.c. */
static void
endpoint_failed_cb (gpointer data,
                    guint    endpoint)
{
  SsemEtcdWatch *self = data;

  if (self->stream != NULL && self->endpoint == endpoint)
    connect_later (self);
}

static void
fail_endpoint (SsemEtcdWatch *self)
{
  connect_later (self);
  ssem_etcd_endpoints_fail (ssem_etcd_client_get_endpoints (self->client), self->endpoint);
}

static gboolean
timeout_cb (gpointer data)
{
  SsemEtcdWatch *self = data;

  clear_source (self);
  fail_endpoint (self);

  return G_SOURCE_REMOVE;
}

/* --- What comes --- */

/* Gives the events to the callback, which may free the watch. */
static void
take_events (SsemEtcdWatch *self,
             JsonArray     *events)
{
  JsonObject *last = ssem_etcd_array_get (events, json_array_get_length (events) - 1);
  const gint64 revision = ssem_etcd_get_int64 (ssem_etcd_get_object (last, "kv"), "mod_revision");

  if (revision < self->next_revision)
    return;
  self->next_revision = revision + 1;
  self->func (self->data, SSEM_ETCD_WATCH_EVENTS, revision, events);
}

/* The server has ended the watch. */
static void
take_end (SsemEtcdWatch *self,
          JsonObject    *result)
{
  const gint64 compact_revision = ssem_etcd_get_int64 (result, "compact_revision");

  if (compact_revision > 0)
    {
      stop (self);
      self->func (self->data, SSEM_ETCD_WATCH_RESET, compact_revision, NULL);
      return;
    }

  /* The token has run out, most likely. If not, a new one does no harm. */
  ssem_etcd_auth_renew (ssem_etcd_client_get_auth (self->client), self->token);
  self->n_failures = MAX (self->n_failures, 1);
  connect_later (self);
}

/* Each callback may free the watch, so it is the last thing that is done. */
static void
object_cb (gpointer    data,
           JsonObject *object)
{
  SsemEtcdWatch *self = data;
  JsonObject *result = ssem_etcd_get_object (object, "result");
  JsonArray *events = ssem_etcd_get_array (result, "events");
  const gint64 revision = ssem_etcd_reply_get_revision (result);

  if (result == NULL)
    {
      /* The stream has ended, or the server has sent an error. */
      if (object != NULL)
        ssem_etcd_auth_renew (ssem_etcd_client_get_auth (self->client), self->token);
      fail_endpoint (self);
    }
  else if (ssem_etcd_get_boolean (result, "canceled"))
    {
      take_end (self, result);
    }
  else if (ssem_etcd_get_boolean (result, "created"))
    {
      /* Events before the revision may still come, in messages of their own. */
      clear_source (self);
      self->n_failures = 0;
    }
  else if (events != NULL && json_array_get_length (events) > 0)
    {
      take_events (self, events);
    }
  else if (revision >= self->next_revision)
    {
      self->next_revision = revision + 1;
      self->func (self->data, SSEM_ETCD_WATCH_PROGRESS, revision, NULL);
    }
}

/* --- Connecting --- */

static void
got_token_cb (gpointer                  data,
              const SsemEtcdAuthResult *result)
{
  SsemEtcdWatch *self = data;

  if (result->verdict == SSEM_ETCD_VERDICT_OK)
    {
      connect_now (self);
      return;
    }

  /* A password that is wrong is an error of the requests. The watch goes on trying. */
  self->endpoint = result->endpoint;
  self->n_failures = MAX (self->n_failures, 1);
  fail_endpoint (self);
}

static void
connect_now (SsemEtcdWatch *self)
{
  SsemEtcdAuth *auth = ssem_etcd_client_get_auth (self->client);
  const guint timeout_msec = ssem_etcd_client_get_timeout (self->client);
  g_autoptr(GBytes) body = NULL;
  char *text;
  SsemEtcdPost post;

  self->endpoint =
    (guint) ssem_etcd_endpoints_choose (ssem_etcd_client_get_endpoints (self->client), 0);
  if (!ssem_etcd_auth_is_ready (auth))
    {
      ssem_etcd_auth_ask (auth, self->endpoint, timeout_msec, got_token_cb, self);
      return;
    }

  text = ssem_etcd_watch_body (self->key, self->range_end, self->next_revision);
  body = g_bytes_new_take (text, strlen (text));
  g_free (self->token);
  self->token = g_strdup (ssem_etcd_auth_get_token (auth));
  post = (SsemEtcdPost) {
    .endpoint = self->endpoint,
    .path = "watch",
    .body = body,
    .token = self->token,
  };
  self->stream = ssem_etcd_streams_open (ssem_etcd_client_get_streams (self->client), &post,
                                         object_cb, self);
  set_source (self, timeout_msec, timeout_cb);
}

/* --- The watch --- */

SsemEtcdWatch *
ssem_etcd_watch_new (SsemEtcdClient    *client,
                     const char        *key,
                     const char        *range_end,
                     gint64             start_revision,
                     SsemEtcdWatchFunc  func,
                     gpointer           data)
{
  SsemEtcdWatch *self = g_new0 (SsemEtcdWatch, 1);

  self->client = client;
  self->key = g_strdup (key);
  self->range_end = g_strdup (range_end);
  self->next_revision = start_revision;
  self->func = func;
  self->data = data;
  ssem_etcd_endpoints_listen (ssem_etcd_client_get_endpoints (client), endpoint_failed_cb, self);
  connect_now (self);

  return self;
}

void
ssem_etcd_watch_restart (SsemEtcdWatch *self,
                         gint64         start_revision)
{
  stop (self);
  self->next_revision = start_revision;
  self->n_failures = 0;
  connect_now (self);
}

void
ssem_etcd_watch_reconnect (SsemEtcdWatch *self)
{
  if (self->stream != NULL)
    fail_endpoint (self);
}

void
ssem_etcd_watch_free (SsemEtcdWatch *self)
{
  stop (self);
  ssem_etcd_endpoints_unlisten (ssem_etcd_client_get_endpoints (self->client), self);
  g_free (self->key);
  g_free (self->range_end);
  g_free (self->token);
  g_free (self);
}
