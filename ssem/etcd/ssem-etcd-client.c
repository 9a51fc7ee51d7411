/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-client-parts-private.h"

#include "ssem-etcd-request-private.h"
#include "ssem-etcd-threads-private.h"
#include "ssem/ssem-i18n-private.h"

#include <string.h>

/* A request goes through these states:
 *
 *   queued -> (asking for a token) -> attempt -> ended
 *               ^                        |
 *               +------- pause <---------+
 *
 * An attempt has one endpoint. If it has failed and nothing was applied, the request goes to the
 * next endpoint at once. Once all have failed there is a pause, which grows; then another round
 * begins. Each state has what wakes it up: an attempt, a question of ssem-etcd-auth.c, or a source;
 * the request is ended in none of them.
 *
 * A client owns its requests. A request is freed when it ends, before its callback is called.
 */

#define MIN_TIMEOUT_MSEC 500
#define MAX_TIMEOUT_MSEC 15000

/* A token that is refused again was not the reason. */
#define MAX_TOKENS 3

struct _SsemEtcdClient
{
  const SsemEtcdConfig *config;
  GMainContext *context;
  guint n_endpoints;
  guint timeout_msec;
  SsemEtcdEndpoints *endpoints;
  SsemEtcdTransport *transport;
  SsemEtcdStreams *streams;
  SsemEtcdAuth *auth;
  GQueue requests; /* in the order of their calls */
  guint n_doubts;  /* requests that ended IN_DOUBT since the last one that was answered */
};

typedef struct
{
  GList link;             /* in the client's list */
  SsemEtcdClient *client;
  const char *path;       /* interned */
  GBytes *body;
  gint64 deadline_usec;
  gboolean is_repeatable; /* may be applied twice */
  SsemEtcdReplyFunc func;
  gpointer data;

  SsemEtcdEndpointSet tried; /* in this round */
  guint n_rounds;
  guint n_tokens;            /* that were refused */
  GError *error;             /* of the last attempt */

  /* At most one is not NULL. */
  SsemEtcdAttempt *attempt;
  GSource *source;

  guint endpoint; /* of the attempt */
  char *token;    /* of the attempt */
} Request;

static void try_next (Request *request);

static void
request_free (Request *request)
{
  if (request->source != NULL)
    g_source_destroy (request->source);
  g_clear_pointer (&request->source, g_source_unref);
  g_bytes_unref (request->body);
  g_clear_error (&request->error);
  g_free (request->token);
  g_free (request);
}

static void
end_request (Request         *request,
             SsemEtcdOutcome  outcome,
             JsonObject      *reply)
{
  const SsemEtcdReplyFunc func = request->func;
  gpointer data = request->data;
  g_autoptr(GError) error = g_steal_pointer (&request->error);

  if (outcome == SSEM_ETCD_IN_DOUBT)
    request->client->n_doubts++;
  else if (outcome != SSEM_ETCD_UNSENT)
    request->client->n_doubts = 0;
  g_queue_unlink (&request->client->requests, &request->link);
  request_free (request);
  func (data, outcome, reply, outcome != SSEM_ETCD_OK ? error : NULL);
}

static void
set_source (Request     *request,
            guint        pause_msec,
            GSourceFunc  func)
{
  request->source = pause_msec > 0 ? g_timeout_source_new (pause_msec) : g_idle_source_new ();
  g_source_set_priority (request->source, G_PRIORITY_DEFAULT);
  g_source_set_callback (request->source, func, request, NULL);
  g_source_attach (request->source, request->client->context);
}

/* Returns the time until the deadline in milliseconds, but at most @limit. */
static guint
limit_to_deadline (const Request *request,
                   guint          limit)
{
  gint64 rest;

  if (request->deadline_usec == SSEM_ETCD_ONE_ROUND)
    return limit;
  rest = request->deadline_usec - g_get_monotonic_time ();

  return rest <= 0 ? 0 : (guint) MIN ((rest + 999) / 1000, (gint64) limit);
}

static gboolean
start_cb (gpointer data)
{
  Request *request = data;

  g_clear_pointer (&request->source, g_source_unref);
  try_next (request);

  return G_SOURCE_REMOVE;
}

/* Nothing was applied: tries the next endpoint, or waits, or ends. */
static void
go_on (Request *request)
{
  SsemEtcdClient *self = request->client;
  const gboolean is_last_round = request->deadline_usec == SSEM_ETCD_ONE_ROUND;
  const gboolean has_endpoint = ssem_etcd_endpoints_choose (self->endpoints, request->tried) >= 0;
  guint pause = 0;

  if (limit_to_deadline (request, 1) == 0 || (!has_endpoint && is_last_round))
    {
      end_request (request, SSEM_ETCD_UNSENT, NULL);
      return;
    }
  if (!has_endpoint)
    {
      request->tried = 0;
      pause = limit_to_deadline (request, ssem_etcd_endpoints_get_pause (request->n_rounds++));
    }

  /* Also without a pause: the callbacks of many requests must not nest. */
  set_source (request, pause, start_cb);
}

static gboolean
moved_cb (gpointer data)
{
  Request *request = data;

  g_clear_pointer (&request->source, g_source_unref);
  go_on (request);

  return G_SOURCE_REMOVE;
}

/* The endpoint is of no use at the moment. The requests that wait for its connection go elsewhere,
 * if they can: each would find it out alone, one after the other. */
static void
fail_endpoint (Request *request)
{
  const guint endpoint = request->endpoint;
  GList *l;

  request->tried |= 1u << endpoint;
  ssem_etcd_endpoints_fail (request->client->endpoints, endpoint);

  for (l = request->client->requests.head; l != NULL; l = l->next)
    {
      Request *other = l->data;

      if (other->attempt == NULL || other->endpoint != endpoint ||
          ssem_etcd_attempt_was_sent (other->attempt) ||
          ssem_etcd_endpoints_choose (request->client->endpoints,
                                      other->tried | 1u << endpoint) < 0)
        continue;
      g_clear_pointer (&other->attempt, ssem_etcd_attempt_cancel);
      other->tried |= 1u << endpoint;
      g_clear_error (&other->error);
      other->error = g_error_copy (request->error);
      set_source (other, 0, moved_cb);
    }
}

static void
act_on (Request              *request,
        const SsemEtcdAnswer *answer)
{
  SsemEtcdClient *self = request->client;
  g_autoptr(JsonObject) reply = NULL;

  g_clear_error (&request->error);
  if (answer->reply != NULL)
    reply = json_object_ref (ssem_etcd_reply_unwrap (answer->reply));

  switch (ssem_etcd_judge (answer, self->config->endpoints[request->endpoint], &request->error))
    {
    case SSEM_ETCD_VERDICT_OK:
      end_request (request, SSEM_ETCD_OK, reply);
      break;
    case SSEM_ETCD_VERDICT_TOKEN:
      if (++request->n_tokens < MAX_TOKENS && ssem_etcd_auth_renew (self->auth, request->token))
        go_on (request);
      else
        end_request (request, SSEM_ETCD_REFUSED, reply);
      break;
    case SSEM_ETCD_VERDICT_REFUSED:
      end_request (request, SSEM_ETCD_REFUSED, reply);
      break;
    case SSEM_ETCD_VERDICT_LATER:
      fail_endpoint (request);
      go_on (request);
      break;
    case SSEM_ETCD_VERDICT_DOUBT:
    default:
      fail_endpoint (request);
      if (request->is_repeatable)
        go_on (request);
      else
        end_request (request, SSEM_ETCD_IN_DOUBT, NULL);
      break;
    }
}

static void
answered_cb (gpointer              data,
             const SsemEtcdAnswer *answer)
{
  Request *request = data;

  request->attempt = NULL;
  if (answer->status != 0)
    {
      act_on (request, answer);
      return;
    }

  /* The last attempt may have had very little time. What came before it tells more. */
  if (request->error == NULL || limit_to_deadline (request, 1) > 0)
    {
      g_clear_error (&request->error);
      request->error = g_error_copy (answer->error);
    }
  fail_endpoint (request);
  if (answer->was_sent && !request->is_repeatable)
    end_request (request, SSEM_ETCD_IN_DOUBT, NULL);
  else
    go_on (request);
}

static void
got_token_cb (gpointer                  data,
              const SsemEtcdAuthResult *result)
{
  Request *request = data;

  if (result->verdict == SSEM_ETCD_VERDICT_OK)
    {
      /* The asked endpoint works. */
      set_source (request, 0, start_cb);
      return;
    }

  g_clear_error (&request->error);
  request->error = g_error_copy (result->error);
  if (result->verdict == SSEM_ETCD_VERDICT_REFUSED)
    {
      end_request (request, SSEM_ETCD_REFUSED, NULL);
      return;
    }
  request->endpoint = result->endpoint;
  fail_endpoint (request);
  go_on (request);
}

static void
try_next (Request *request)
{
  SsemEtcdClient *self = request->client;
  const int endpoint = ssem_etcd_endpoints_choose (self->endpoints, request->tried);
  SsemEtcdLimit limit = { .msec = self->timeout_msec, .deadline_usec = request->deadline_usec };
  SsemEtcdPost post;

  if (endpoint < 0 || limit_to_deadline (request, 1) == 0)
    {
      if (request->error == NULL)
        g_set_error (&request->error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                     _("The etcd server %s does not answer"),
                     self->config->endpoints[request->endpoint]);
      end_request (request, SSEM_ETCD_UNSENT, NULL);
      return;
    }

  request->endpoint = (guint) endpoint;
  if (!ssem_etcd_auth_is_ready (self->auth))
    {
      ssem_etcd_auth_ask (self->auth, request->endpoint, self->timeout_msec, got_token_cb, request);
      return;
    }

  g_free (request->token);
  request->token = g_strdup (ssem_etcd_auth_get_token (self->auth));
  post = (SsemEtcdPost) {
    .endpoint = request->endpoint,
    .path = request->path,
    .body = request->body,
    .token = request->token,
  };
  if (request->deadline_usec == SSEM_ETCD_ONE_ROUND)
    limit.deadline_usec = G_MAXINT64;
  request->attempt = ssem_etcd_transport_post (self->transport, &post, limit, answered_cb, request);
}

static gboolean
is_repeatable (const char *path)
{
  static const char *const paths[] = { "kv/range", "lease/keepalive", "lease/timetolive", NULL };

  return g_strv_contains (paths, path);
}

/* Where no endpoint is of use, what was in doubt is sent again, and again in doubt: there must be
 * pauses in between. What keeps the lease alive has pauses of its own. */
static guint
get_pause (const Request *request)
{
  const SsemEtcdClient *self = request->client;

  if (self->n_doubts <= self->n_endpoints || g_str_equal (request->path, "lease/keepalive"))
    return 0;

  return limit_to_deadline (request,
                            ssem_etcd_endpoints_get_pause (self->n_doubts - self->n_endpoints));
}

void
ssem_etcd_client_send (SsemEtcdClient    *self,
                       const char        *path,
                       char              *body,
                       gint64             deadline_usec,
                       SsemEtcdReplyFunc  func,
                       gpointer           data)
{
  Request *request = g_new0 (Request, 1);
  guint pause;

  request->client = self;
  request->path = g_intern_string (path);
  request->body = g_bytes_new_take (body, strlen (body));
  request->deadline_usec = deadline_usec;
  request->is_repeatable = is_repeatable (path);
  request->func = func;
  request->data = data;
  request->link.data = request;
  g_queue_push_tail_link (&self->requests, &request->link);

  /* The callback comes later in any case: an attempt and a question take their time. */
  pause = get_pause (request);
  if (pause == 0 && limit_to_deadline (request, 1) > 0)
    try_next (request);
  else
    set_source (request, pause, start_cb);
}

/* --- The client --- */

SsemEtcdClient *
ssem_etcd_client_new (const SsemEtcdConfig  *config,
                      GMainContext          *context,
                      GError               **error)
{
  SsemEtcdTransport *transport = ssem_etcd_transport_new (config, context, error);
  SsemEtcdClient *self;

  if (transport == NULL)
    return NULL;

  ssem_etcd_threads_revive ();
  self = g_new0 (SsemEtcdClient, 1);
  self->config = config;
  self->context = g_main_context_ref (context);
  self->n_endpoints = g_strv_length (config->endpoints);
  self->timeout_msec = (guint) CLAMP (config->ttl * 250, MIN_TIMEOUT_MSEC, MAX_TIMEOUT_MSEC);
  self->endpoints = ssem_etcd_endpoints_new (self->n_endpoints);
  self->transport = transport;
  self->streams = ssem_etcd_streams_new (config, ssem_etcd_transport_get_trust (transport));
  self->auth = ssem_etcd_auth_new (config, transport);
  g_queue_init (&self->requests);

  return self;
}

static void
cancel_request (Request *request)
{
  SsemEtcdOutcome outcome = SSEM_ETCD_UNSENT;

  if (request->attempt != NULL)
    {
      if (ssem_etcd_attempt_was_sent (request->attempt) && !request->is_repeatable)
        outcome = SSEM_ETCD_IN_DOUBT;
      ssem_etcd_attempt_cancel (request->attempt);
    }
  ssem_etcd_auth_forget (request->client->auth, request);
  g_clear_error (&request->error);
  request->error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                        _("The connection to the etcd cluster was closed"));
  end_request (request, outcome, NULL);
}

void
ssem_etcd_client_free (SsemEtcdClient *self)
{
  /* A callback may send again, which is in vain. */
  while (!g_queue_is_empty (&self->requests))
    cancel_request (g_queue_peek_head (&self->requests));
  ssem_etcd_auth_free (self->auth);
  ssem_etcd_streams_free (self->streams);
  ssem_etcd_transport_free (self->transport);
  ssem_etcd_endpoints_free (self->endpoints);
  g_main_context_unref (self->context);
  g_free (self);
}

/* --- For the watches --- */

SsemEtcdEndpoints *
ssem_etcd_client_get_endpoints (SsemEtcdClient *self)
{
  return self->endpoints;
}

SsemEtcdStreams *
ssem_etcd_client_get_streams (SsemEtcdClient *self)
{
  return self->streams;
}

SsemEtcdAuth *
ssem_etcd_client_get_auth (SsemEtcdClient *self)
{
  return self->auth;
}

GMainContext *
ssem_etcd_client_get_context (SsemEtcdClient *self)
{
  return self->context;
}

guint
ssem_etcd_client_get_timeout (SsemEtcdClient *self)
{
  return self->timeout_msec;
}
