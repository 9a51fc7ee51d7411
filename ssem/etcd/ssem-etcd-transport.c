/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-transport-private.h"

#include "ssem/ssem-i18n-private.h"

/* libsoup speaks HTTP/1.1. There is one connection for requests to each endpoint that is in use.
 *
 * Attempts wait for it in a queue of their endpoint, and libsoup gets them one by one. Its own
 * queue would not do: there, a cancelled message waits for its turn. What keeps the lease alive
 * goes to the front. An attempt's time begins when it is the next: the time in the queue is not the
 * endpoint's fault.
 *
 *   queued -> running -> answered, or failed
 *     |          |
 *     v          v
 *   freed     dropped (cancelled or out of time) -> libsoup calls back -> freed
 *
 * The transport owns the attempts up to "running"; libsoup's callback owns one that runs or was
 * dropped. A dropped attempt has no callback and no endpoint: the transport may be gone.
 *
 * libsoup opens a new connection for each POST, unless the message has the flag IDEMPOTENT. The
 * flag does not make it send one again after a lost connection: for that the method itself must be
 * idempotent. libsoup would also send again to answer a challenge, a redirection or the status 421;
 * restarted_cb () sees to it that nothing goes out then.
 *
 * Before libsoup uses a kept connection, it looks whether the server has closed it.
 */

/* What is deeper does not come from etcd. */
#define MAX_DEPTH 64

typedef struct
{
  SsemEtcdTransport *transport;
  const char *address;
  GHashTable *uris;          /* the path with its GUri: they are few, and used again and again */
  GQueue queue;              /* of attempts */
  SsemEtcdAttempt *attempt;  /* that runs, or NULL */
  GSource *start;            /* NULL, or calls start_next () */
} Endpoint;

struct _SsemEtcdTransport
{
  const SsemEtcdConfig *config;
  GMainContext *context;
  SsemEtcdTrust trust;
  SoupSession *session;
  guint n;
  Endpoint *endpoints;
};

struct _SsemEtcdAttempt
{
  Endpoint *endpoint;
  SoupMessage *message;
  GCancellable *cancellable;
  SsemEtcdLimit limit;
  GSource *timeout;
  SsemEtcdAnswerFunc func; /* NULL: it was dropped */
  gpointer data;

  gboolean was_sent;
  GTlsConnection *new_tls;       /* that it has made, if the endpoint wants TLS */
  GTlsCertificateFlags problems; /* of the server's certificate */
};

/* JSON-GLib calls itself for each level, and has no limit. Brackets inside of strings count, too:
 * etcd writes none but in messages. */
static gboolean
is_flat (const char *text,
         gsize       length)
{
  guint depth = 0;
  gsize i;

  for (i = 0; i < length && depth <= MAX_DEPTH; i++)
    if (text[i] == '[' || text[i] == '{')
      depth++;
    else if ((text[i] == ']' || text[i] == '}') && depth > 0)
      depth--;

  return depth <= MAX_DEPTH;
}

JsonObject *
ssem_etcd_parse (const char *text,
                 gsize       length)
{
  g_autoptr(JsonParser) parser = json_parser_new_immutable ();
  JsonNode *root;

  if (length == 0 || !is_flat (text, length) ||
      !json_parser_load_from_data (parser, text, (gssize) length, NULL))
    return NULL;
  root = json_parser_get_root (parser);

  return root != NULL && JSON_NODE_HOLDS_OBJECT (root) ? json_node_dup_object (root) : NULL;
}

/* --- Attempts --- */

static void
clear_timeout (SsemEtcdAttempt *self)
{
  if (self->timeout != NULL)
    g_source_destroy (self->timeout);
  g_clear_pointer (&self->timeout, g_source_unref);
}

static void
attempt_free (SsemEtcdAttempt *self)
{
  clear_timeout (self);
  g_signal_handlers_disconnect_by_data (self->message, self);
  g_object_unref (self->message);
  g_object_unref (self->cancellable);
  g_clear_object (&self->new_tls);
  g_free (self);
}

/* The gateway reads the body to its end before it acts, so nothing is applied as long as no byte of
 * the body is out. */
static void
wrote_headers_cb (SoupMessage     *message,
                  SsemEtcdAttempt *self)
{
  self->was_sent = TRUE;
}

static void
restarted_cb (SoupMessage     *message,
              SsemEtcdAttempt *self)
{
  g_cancellable_cancel (self->cancellable);
}

static gboolean
accept_certificate_cb (SoupMessage          *message,
                       GTlsCertificate      *certificate,
                       GTlsCertificateFlags  problems,
                       SsemEtcdAttempt      *self)
{
  self->problems = problems;

  return FALSE;
}

static void
network_event_cb (SoupMessage        *message,
                  GSocketClientEvent  event,
                  GIOStream          *connection,
                  SsemEtcdAttempt    *self)
{
  SsemEtcdTransport *transport = self->endpoint->transport;

  ssem_etcd_trust_prepare (&transport->trust, event, connection, transport->config->ttl);
  if (event == G_SOCKET_CLIENT_TLS_HANDSHAKING)
    g_set_object (&self->new_tls, G_TLS_CONNECTION (connection));
}

static GError *
make_error (SsemEtcdAttempt *self,
            const GError    *cause)
{
  const gboolean is_new = self->new_tls != NULL &&
                          g_tls_connection_get_peer_certificate (self->new_tls) != NULL;
  g_autoptr(GError) own = NULL;

  if (cause->domain == SOUP_SESSION_ERROR)
    own = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                               _("the answer is not of HTTP/1.1"));
  else if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT) ||
           g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    own = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, cause->message);

  return ssem_etcd_trust_make_error (self->endpoint->address, self->problems, is_new,
                                     own != NULL ? own : cause);
}

static void start_next (Endpoint *endpoint);

static gboolean
start_cb (gpointer data)
{
  Endpoint *endpoint = data;

  g_clear_pointer (&endpoint->start, g_source_unref);
  start_next (endpoint);

  return G_SOURCE_REMOVE;
}

/* Not at once: the next one may be cancelled, too. */
static void
start_later (Endpoint *endpoint)
{
  if (endpoint->start != NULL || g_queue_is_empty (&endpoint->queue))
    return;

  endpoint->start = g_idle_source_new ();
  g_source_set_priority (endpoint->start, G_PRIORITY_DEFAULT);
  g_source_set_callback (endpoint->start, start_cb, endpoint, NULL);
  g_source_attach (endpoint->start, endpoint->transport->context);
}

/* Frees the attempt and calls its callback, which may free the transport. */
static void
end_attempt (SsemEtcdAttempt      *self,
             const SsemEtcdAnswer *answer)
{
  const SsemEtcdAnswerFunc func = self->func;
  gpointer data = self->data;

  attempt_free (self);
  func (data, answer);
}

static void
answered_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      data)
{
  SsemEtcdAttempt *self = data;
  g_autoptr(GError) cause = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) body = soup_session_send_and_read_finish (SOUP_SESSION (source), result,
                                                              &cause);
  SsemEtcdAnswer answer = { .was_sent = self->was_sent };
  g_autoptr(JsonObject) reply = NULL;
  g_autofree char *other_text = NULL;

  if (self->func == NULL)
    {
      attempt_free (self);
      return;
    }

  self->endpoint->attempt = NULL;
  if (body != NULL)
    {
      gsize length;
      const char *text = g_bytes_get_data (body, &length);

      answer.status = soup_message_get_status (self->message);
      answer.reply = reply = ssem_etcd_parse (text, length);
      if (reply == NULL)
        answer.text = other_text = g_strndup (text, length);
      start_next (self->endpoint);
    }
  else
    {
      answer.error = error = make_error (self, cause);
      /* First the callback, which may take the queue away. */
      start_later (self->endpoint);
    }
  end_attempt (self, &answer);
}

gboolean
ssem_etcd_attempt_was_sent (SsemEtcdAttempt *self)
{
  return self->was_sent;
}

void
ssem_etcd_attempt_cancel (SsemEtcdAttempt *self)
{
  Endpoint *endpoint = g_steal_pointer (&self->endpoint);

  if (endpoint->attempt != self)
    {
      g_queue_remove (&endpoint->queue, self);
      attempt_free (self);
      return;
    }

  endpoint->attempt = NULL;
  self->func = NULL;
  clear_timeout (self);
  g_signal_handlers_disconnect_by_data (self->message, self);
  g_cancellable_cancel (self->cancellable);
  start_later (endpoint);
}

static gboolean
timeout_cb (gpointer data)
{
  SsemEtcdAttempt *self = data;
  const SsemEtcdAnswerFunc func = self->func;
  gpointer func_data = self->data;
  SsemEtcdAnswer answer = { .was_sent = self->was_sent };
  g_autoptr(GError) error = NULL;

  g_set_error (&error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _("The etcd server %s does not answer"),
               self->endpoint->address);
  answer.error = error;
  ssem_etcd_attempt_cancel (self);
  func (func_data, &answer);

  return G_SOURCE_REMOVE;
}

static gboolean
timeout_dispatch (GSource     *source,
                  GSourceFunc  func,
                  gpointer     data)
{
  return func (data);
}

static GSourceFuncs timeout_funcs = {
  .dispatch = timeout_dispatch,
};

static void
set_timeout (SsemEtcdAttempt *self,
             gint64           time_usec)
{
  clear_timeout (self);
  self->timeout = g_source_new (&timeout_funcs, sizeof (GSource));
  g_source_set_callback (self->timeout, timeout_cb, self, NULL);
  g_source_set_ready_time (self->timeout, time_usec);
  g_source_attach (self->timeout, self->endpoint->transport->context);
}

/* Gives the connection to the next attempt. */
static void
start_next (Endpoint *endpoint)
{
  SsemEtcdAttempt *attempt;

  if (endpoint->attempt != NULL || g_queue_is_empty (&endpoint->queue))
    return;

  attempt = g_queue_pop_head (&endpoint->queue);
  endpoint->attempt = attempt;
  set_timeout (attempt, MIN (g_get_monotonic_time () + (gint64) attempt->limit.msec * 1000,
                             attempt->limit.deadline_usec));
  soup_session_send_and_read_async (endpoint->transport->session, attempt->message,
                                    G_PRIORITY_DEFAULT, attempt->cancellable, answered_cb,
                                    attempt);
}

static GUri *
get_uri (Endpoint   *endpoint,
         const char *path)
{
  GUri *uri = g_hash_table_lookup (endpoint->uris, path);

  if (uri == NULL)
    {
      g_autofree char *text = g_strconcat (endpoint->address, "/v3/", path, NULL);

      uri = g_uri_parse (text, SOUP_HTTP_URI_FLAGS, NULL);
      g_assert (uri != NULL);
      g_hash_table_insert (endpoint->uris, g_strdup (path), uri);
    }

  return uri;
}

static SoupMessage *
make_message (Endpoint           *endpoint,
              const SsemEtcdPost *post)
{
  SoupMessage *message = soup_message_new_from_uri (SOUP_METHOD_POST,
                                                    get_uri (endpoint, post->path));

  soup_message_set_flags (message, SOUP_MESSAGE_IDEMPOTENT | SOUP_MESSAGE_NO_REDIRECT);
  soup_message_set_request_body_from_bytes (message, "application/json", post->body);
  if (post->token != NULL)
    soup_message_headers_append (soup_message_get_request_headers (message), "Authorization",
                                 post->token);

  return message;
}

SsemEtcdAttempt *
ssem_etcd_transport_post (SsemEtcdTransport  *self,
                          const SsemEtcdPost *post,
                          SsemEtcdLimit       limit,
                          SsemEtcdAnswerFunc  func,
                          gpointer            data)
{
  Endpoint *endpoint = &self->endpoints[post->endpoint];
  SsemEtcdAttempt *attempt = g_new0 (SsemEtcdAttempt, 1);

  attempt->endpoint = endpoint;
  attempt->message = make_message (endpoint, post);
  attempt->cancellable = g_cancellable_new ();
  attempt->limit = limit;
  attempt->func = func;
  attempt->data = data;
  g_signal_connect (attempt->message, "wrote-headers", G_CALLBACK (wrote_headers_cb), attempt);
  g_signal_connect (attempt->message, "restarted", G_CALLBACK (restarted_cb), attempt);
  g_signal_connect (attempt->message, "accept-certificate", G_CALLBACK (accept_certificate_cb),
                    attempt);
  g_signal_connect (attempt->message, "network-event", G_CALLBACK (network_event_cb), attempt);

  if (g_str_has_prefix (post->path, "lease/"))
    g_queue_push_head (&endpoint->queue, attempt);
  else
    g_queue_push_tail (&endpoint->queue, attempt);
  start_next (endpoint);
  if (endpoint->attempt != attempt && limit.deadline_usec != G_MAXINT64)
    set_timeout (attempt, limit.deadline_usec);

  return attempt;
}

/* --- The transport --- */

SsemEtcdTransport *
ssem_etcd_transport_new (const SsemEtcdConfig  *config,
                         GMainContext          *context,
                         GError               **error)
{
  g_autoptr(SsemEtcdTransport) self = g_new0 (SsemEtcdTransport, 1);
  guint i;

  self->config = config;
  self->context = g_main_context_ref (context);
  if (!ssem_etcd_trust_init (&self->trust, config, error))
    return NULL;

  self->n = g_strv_length (config->endpoints);
  self->session = ssem_etcd_new_session (1, self->n);
  self->endpoints = g_new0 (Endpoint, self->n);
  for (i = 0; i < self->n; i++)
    {
      Endpoint *endpoint = &self->endpoints[i];

      endpoint->transport = self;
      endpoint->address = config->endpoints[i];
      endpoint->uris = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                              (GDestroyNotify) g_uri_unref);
      g_queue_init (&endpoint->queue);
    }

  return g_steal_pointer (&self);
}

void
ssem_etcd_transport_free (SsemEtcdTransport *self)
{
  guint i;

  for (i = 0; i < self->n; i++)
    {
      Endpoint *endpoint = &self->endpoints[i];

      /* The attempts were cancelled by those who made them. */
      g_assert (endpoint->attempt == NULL && g_queue_is_empty (&endpoint->queue));
      if (endpoint->start != NULL)
        g_source_destroy (endpoint->start);
      g_clear_pointer (&endpoint->start, g_source_unref);
      g_hash_table_unref (endpoint->uris);
    }
  g_free (self->endpoints);
  if (self->session != NULL)
    soup_session_abort (self->session);
  g_clear_object (&self->session);
  ssem_etcd_trust_clear (&self->trust);
  g_main_context_unref (self->context);
  g_free (self);
}

const SsemEtcdConfig *
ssem_etcd_transport_get_config (SsemEtcdTransport *self)
{
  return self->config;
}

SsemEtcdTrust *
ssem_etcd_transport_get_trust (SsemEtcdTransport *self)
{
  return &self->trust;
}
