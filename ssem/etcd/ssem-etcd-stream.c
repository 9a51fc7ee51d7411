/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-stream-private.h"

#include <string.h>

/* libsoup reads the streams. A stream lives until libsoup has called back, also if it was closed:
 * func is NULL then.
 */

/* What is longer does not come from etcd. */
#define MAX_LINE (64 * 1024 * 1024)
#define BLOCK_SIZE (16 * 1024)
#define MAX_STREAMS 1000

struct _SsemEtcdStreams
{
  const SsemEtcdConfig *config;
  SsemEtcdTrust *trust;
  SoupSession *session;
};

struct _SsemEtcdStream
{
  SsemEtcdTrust *trust;
  int ttl;
  SoupMessage *message;
  GCancellable *cancellable;
  GInputStream *input;
  GByteArray *rest; /* what has come and is no whole line */
  char *block;
  SsemEtcdStreamFunc func;
  gpointer data;
};

static void
stream_free (SsemEtcdStream *self)
{
  g_clear_object (&self->message);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->input);
  g_byte_array_unref (self->rest);
  g_free (self->block);
  g_free (self);
}

void
ssem_etcd_stream_close (SsemEtcdStream *self)
{
  self->func = NULL;
  g_cancellable_cancel (self->cancellable);
}

/* Gives the whole lines to the callback, and keeps the rest. Returns FALSE if the stream is
 * closed. */
static gboolean
take_lines (SsemEtcdStream *self,
            gsize           n_known)
{
  GByteArray *rest = self->rest;
  gsize begin = 0, scanned = n_known;

  while (self->func != NULL)
    {
      const char *text = (const char *) rest->data;
      const char *end = scanned < rest->len ? memchr (text + scanned, '\n', rest->len - scanned) :
                                              NULL;
      g_autoptr(JsonObject) object = NULL;

      if (end == NULL)
        break;
      object = ssem_etcd_parse (text + begin, (gsize) (end - text) - begin);
      begin = scanned = (gsize) (end - text) + 1;
      if (object == NULL)
        return FALSE;
      self->func (self->data, object);
    }
  g_byte_array_remove_range (rest, 0, (guint) begin);

  return self->func != NULL && rest->len <= MAX_LINE;
}

static void read_on (SsemEtcdStream *self);

static void
finish_stream (SsemEtcdStream *self)
{
  if (self->func != NULL)
    self->func (self->data, NULL);
  g_cancellable_cancel (self->cancellable);
  stream_free (self);
}

static void
read_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      data)
{
  SsemEtcdStream *self = data;
  const gsize n_known = self->rest->len;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL);

  if (n > 0)
    g_byte_array_append (self->rest, (const guint8 *) self->block, (guint) n);
  if (n > 0 && take_lines (self, n_known))
    read_on (self);
  else
    finish_stream (self);
}

static void
read_on (SsemEtcdStream *self)
{
  g_input_stream_read_async (self->input, self->block, BLOCK_SIZE, G_PRIORITY_DEFAULT,
                             self->cancellable, read_cb, self);
}

static void
opened_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      data)
{
  SsemEtcdStream *self = data;

  self->input = soup_session_send_finish (SOUP_SESSION (source), result, NULL);
  if (self->input != NULL && self->func != NULL)
    read_on (self);
  else
    finish_stream (self);
}

static void
network_event_cb (SoupMessage        *message,
                  GSocketClientEvent  event,
                  GIOStream          *connection,
                  SsemEtcdStream     *self)
{
  ssem_etcd_trust_prepare (self->trust, event, connection, self->ttl);
}

SsemEtcdStream *
ssem_etcd_streams_open (SsemEtcdStreams    *self,
                        const SsemEtcdPost *post,
                        SsemEtcdStreamFunc  func,
                        gpointer            data)
{
  g_autofree char *uri = g_strconcat (self->config->endpoints[post->endpoint], "/v3/", post->path,
                                      NULL);
  SsemEtcdStream *stream = g_new0 (SsemEtcdStream, 1);

  stream->trust = self->trust;
  stream->ttl = self->config->ttl;
  stream->message = soup_message_new (SOUP_METHOD_POST, uri);
  stream->cancellable = g_cancellable_new ();
  stream->rest = g_byte_array_new ();
  stream->block = g_malloc (BLOCK_SIZE);
  stream->func = func;
  stream->data = data;

  soup_message_set_flags (stream->message, SOUP_MESSAGE_NEW_CONNECTION | SOUP_MESSAGE_NO_REDIRECT);
  soup_message_set_request_body_from_bytes (stream->message, "application/json", post->body);
  if (post->token != NULL)
    soup_message_headers_replace (soup_message_get_request_headers (stream->message),
                                  "Authorization", post->token);
  g_signal_connect (stream->message, "network-event", G_CALLBACK (network_event_cb), stream);
  soup_session_send_async (self->session, stream->message, G_PRIORITY_DEFAULT,
                           stream->cancellable, opened_cb, stream);

  return stream;
}

/* --- The streams --- */

SsemEtcdStreams *
ssem_etcd_streams_new (const SsemEtcdConfig *config,
                       SsemEtcdTrust        *trust)
{
  SsemEtcdStreams *self = g_new0 (SsemEtcdStreams, 1);

  self->config = config;
  self->trust = trust;
  self->session = ssem_etcd_new_session (MAX_STREAMS, MAX_STREAMS);

  return self;
}

void
ssem_etcd_streams_free (SsemEtcdStreams *self)
{
  soup_session_abort (self->session);
  g_object_unref (self->session);
  g_free (self);
}
