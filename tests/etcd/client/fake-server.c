/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fake-server.h"

#include <string.h>
#include <sys/socket.h>

/* One thread accepts, and each connection has a thread. The test waits by iterating the default
 * main context, which every change wakes up. The mutex protects the plans and the records. */

typedef struct
{
  FakeKind kind;
  char *text;
} Plan;

struct _FakeServer
{
  GSocket *listener;
  char *endpoint;
  GThread *thread;

  GMutex mutex;
  GCond cond;
  GQueue plans;
  GPtrArray *requests;
  GPtrArray *sockets; /* of connections that are open */
  GPtrArray *threads;
  guint n_connections;
  guint n_closed;
  gboolean is_ending;
};

typedef struct
{
  FakeServer *server;
  GSocket *socket;
} Connection;

static void
plan_free (Plan *plan)
{
  g_free (plan->text);
  g_free (plan);
}

static void
changed (FakeServer *self)
{
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->mutex);
  g_main_context_wakeup (NULL);
}

/* Returns the next plan if it is for a new connection (@is_first), or for a request. */
static Plan *
take_plan (FakeServer *self,
           gboolean    is_first)
{
  Plan *plan;

  g_mutex_lock (&self->mutex);
  plan = g_queue_peek_head (&self->plans);
  if (plan != NULL && (plan->kind == FAKE_RESET_FIRST) == is_first)
    g_queue_pop_head (&self->plans);
  else
    plan = NULL;
  g_mutex_unlock (&self->mutex);

  return plan;
}

static void
reset (GSocket *socket)
{
  const struct linger linger = { .l_onoff = 1, .l_linger = 0 };

  setsockopt (g_socket_get_fd (socket), SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  g_socket_close (socket, NULL);
}

static gboolean
send_text (GSocket    *socket,
           const char *text,
           gsize       step)
{
  const gsize length = strlen (text);
  gsize i = 0;

  while (i < length)
    {
      const gssize n = g_socket_send (socket, text + i, MIN (step, length - i), NULL, NULL);

      if (n <= 0)
        return FALSE;
      i += (gsize) n;
    }

  return TRUE;
}

/* Reads a whole request and records it. Returns FALSE if the client has closed. */
static gboolean
read_request (Connection *connection)
{
  g_autoptr(GString) text = g_string_new (NULL);
  g_autofree char *path = NULL;
  g_autofree char *token = NULL;
  const char *body = NULL, *header;
  gsize length = 0;

  while (body == NULL || strlen (body) < length)
    {
      char block[4096];
      const gssize n = g_socket_receive (connection->socket, block, sizeof block, NULL, NULL);

      if (n <= 0)
        return FALSE;
      g_string_append_len (text, block, n);
      body = strstr (text->str, "\r\n\r\n");
      header = strstr (text->str, "Content-Length: ");
      if (body != NULL)
        {
          body += 4;
          g_assert (header != NULL);
          length = (gsize) g_ascii_strtoull (header + strlen ("Content-Length: "), NULL, 10);
        }
    }

  g_assert (g_str_has_prefix (text->str, "POST /v3/"));
  path = g_strndup (text->str + 9, strcspn (text->str + 9, " "));
  header = strstr (text->str, "Authorization: ");
  token = header != NULL ? g_strndup (header + 15, strcspn (header + 15, "\r")) : g_strdup ("-");
  g_mutex_lock (&connection->server->mutex);
  g_ptr_array_add (connection->server->requests,
                   g_strdup_printf ("%s %s %s", path, token, body));
  changed (connection->server);

  return TRUE;
}

/* Returns FALSE if the connection is over. */
static gboolean
act (Connection *connection,
     const Plan *plan)
{
  const char *text = plan != NULL ? plan->text : fake_ok ();

  switch (plan != NULL ? plan->kind : FAKE_SEND)
    {
    case FAKE_SEND:
      return send_text (connection->socket, text, strlen (text));
    case FAKE_SEND_BYTEWISE:
      return send_text (connection->socket, text, 1);
    case FAKE_SEND_CLOSE:
      send_text (connection->socket, text, strlen (text));
      return FALSE;
    case FAKE_SILENT:
      return TRUE;
    case FAKE_RESET:
    case FAKE_RESET_FIRST:
    default:
      reset (connection->socket);
      return FALSE;
    }
}

static gpointer
serve (gpointer data)
{
  Connection *connection = data;
  FakeServer *self = connection->server;
  gboolean is_open = TRUE, is_closed_by_client = FALSE;
  Plan *plan = take_plan (self, TRUE);

  if (plan != NULL)
    is_open = act (connection, plan);
  while (is_open)
    {
      g_clear_pointer (&plan, plan_free);
      if (!read_request (connection))
        {
          is_closed_by_client = TRUE;
          break;
        }
      plan = take_plan (self, FALSE);
      is_open = act (connection, plan);
    }
  g_clear_pointer (&plan, plan_free);

  g_mutex_lock (&self->mutex);
  g_socket_close (connection->socket, NULL);
  g_ptr_array_remove (self->sockets, connection->socket);
  if (is_closed_by_client)
    self->n_closed++;
  g_object_unref (connection->socket);
  g_free (connection);
  changed (self);

  return NULL;
}

static gpointer
accept_all (gpointer data)
{
  FakeServer *self = data;

  while (TRUE)
    {
      GSocket *socket = g_socket_accept (self->listener, NULL, NULL);
      Connection *connection;

      g_mutex_lock (&self->mutex);
      if (self->is_ending || socket == NULL)
        {
          g_mutex_unlock (&self->mutex);
          g_clear_object (&socket);
          return NULL;
        }
      connection = g_new (Connection, 1);
      connection->server = self;
      connection->socket = socket;
      self->n_connections++;
      g_ptr_array_add (self->sockets, socket);
      g_ptr_array_add (self->threads, g_thread_new ("serve", serve, connection));
      changed (self);
    }
}

/* Returns a socket that is bound to a free port, and the endpoint. */
static GSocket *
bind_socket (char **endpoint)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GInetAddress) host = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr(GSocketAddress) any = g_inet_socket_address_new (host, 0);
  g_autoptr(GSocketAddress) address = NULL;
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM,
                                  G_SOCKET_PROTOCOL_TCP, &error);

  g_assert_no_error (error);
  g_socket_bind (socket, any, FALSE, &error);
  g_assert_no_error (error);
  address = g_socket_get_local_address (socket, &error);
  g_assert_no_error (error);
  *endpoint = g_strdup_printf ("http://127.0.0.1:%u",
                               g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)));

  return socket;
}

FakeServer *
fake_server_new (void)
{
  FakeServer *self = g_new0 (FakeServer, 1);
  g_autoptr(GError) error = NULL;

  self->listener = bind_socket (&self->endpoint);
  g_socket_listen (self->listener, &error);
  g_assert_no_error (error);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->cond);
  g_queue_init (&self->plans);
  self->requests = g_ptr_array_new_with_free_func (g_free);
  self->sockets = g_ptr_array_new ();
  self->threads = g_ptr_array_new ();
  self->thread = g_thread_new ("accept", accept_all, self);

  return self;
}

void
fake_server_free (FakeServer *self)
{
  guint i;

  g_mutex_lock (&self->mutex);
  self->is_ending = TRUE;
  shutdown (g_socket_get_fd (self->listener), SHUT_RDWR);
  for (i = 0; i < self->sockets->len; i++)
    shutdown (g_socket_get_fd (self->sockets->pdata[i]), SHUT_RDWR);
  g_mutex_unlock (&self->mutex);
  g_thread_join (self->thread);
  for (i = 0; i < self->threads->len; i++)
    g_thread_join (self->threads->pdata[i]);

  g_object_unref (self->listener);
  g_queue_clear_full (&self->plans, (GDestroyNotify) plan_free);
  g_ptr_array_unref (self->requests);
  g_ptr_array_unref (self->sockets);
  g_ptr_array_unref (self->threads);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->cond);
  g_free (self->endpoint);
  g_free (self);
}

const char *
fake_server_get_endpoint (FakeServer *self)
{
  return self->endpoint;
}

void
fake_server_plan (FakeServer *self,
                  FakeKind    kind,
                  const char *text)
{
  Plan *plan = g_new (Plan, 1);

  plan->kind = kind;
  plan->text = g_strdup (text);
  g_mutex_lock (&self->mutex);
  g_queue_push_tail (&self->plans, plan);
  g_mutex_unlock (&self->mutex);
}

static guint
get_number (FakeServer  *self,
            const guint *number)
{
  guint value;

  g_mutex_lock (&self->mutex);
  value = *number;
  g_mutex_unlock (&self->mutex);

  return value;
}

guint
fake_server_get_n_requests (FakeServer *self)
{
  return get_number (self, &self->requests->len);
}

char *
fake_server_get_request (FakeServer *self,
                         guint       index)
{
  char *request;

  g_mutex_lock (&self->mutex);
  g_assert_cmpuint (index, <, self->requests->len);
  request = g_strdup (self->requests->pdata[index]);
  g_mutex_unlock (&self->mutex);

  return request;
}

guint
fake_server_get_n_connections (FakeServer *self)
{
  return get_number (self, &self->n_connections);
}

guint
fake_server_get_n_closed (FakeServer *self)
{
  return get_number (self, &self->n_closed);
}

void
fake_server_wait_closed (FakeServer *self)
{
  gboolean is_closed = FALSE;

  /* The client is not to see it: its main context is not iterated. */
  while (!is_closed)
    {
      g_mutex_lock (&self->mutex);
      is_closed = self->sockets->len == 0;
      if (!is_closed)
        g_cond_wait (&self->cond, &self->mutex);
      g_mutex_unlock (&self->mutex);
    }
}

/* --- Answers --- */

char *
fake_answer (guint       status,
             const char *body)
{
  return g_strdup_printf ("HTTP/1.1 %u Status\r\nContent-Type: application/json\r\n"
                          "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s",
                          status, strlen (body), body);
}

char *
fake_chunks (guint       status,
             const char *body)
{
  const gsize half = strlen (body) / 2;

  return g_strdup_printf ("HTTP/1.1 %u Status\r\nTrailer: Grpc-Trailer-Content-Type\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%.*s\r\n%zX;x=y\r\n%s\r\n"
                          "0\r\nGrpc-Trailer-Content-Type: application/grpc\r\n\r\n",
                          status, half, (int) half, body, strlen (body) - half, body + half);
}

char *
fake_refusal (guint       status,
              int         code,
              const char *message)
{
  g_autofree char *body = g_strdup_printf ("{\"error\":\"%s\",\"message\":\"%s\",\"code\":%d}",
                                           message, message, code);

  return fake_chunks (status, body);
}

const char *
fake_ok (void)
{
  return "HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n{\"header\":{\"revision\":\"17\"}}";
}

char *
fake_refusing_endpoint (GSocket **socket)
{
  char *endpoint;

  *socket = bind_socket (&endpoint);

  return endpoint;
}
