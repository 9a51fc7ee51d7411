/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fake-server.h"
#include "test-world.h"

#include "ssem-etcd-transport-private.h"

#include <string.h>

/* What libsoup is trusted with: that a request goes out once, whatever the server answers; that a
 * lost or cancelled one does no harm to the next; and that it is known whether it went out. */

typedef struct
{
  FakeServer *server;
  SsemEtcdConfig *config;
  SsemEtcdTransport *transport;
  guint n_ended;
} Fixture;

typedef struct
{
  Fixture *fixture;
  SsemEtcdAttempt *attempt;
  guint order; /* among those that have ended: 1 is the first, 0 has not */
  gboolean was_sent;
  guint status;
  GError *error;
} Exchange;

static const char *
no_environment (const char *name)
{
  return NULL;
}

static void
set_up (Fixture    *fixture,
        const char *scheme)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *endpoint = NULL;

  fixture->server = fake_server_new ();
  endpoint = g_strconcat (scheme, strchr (fake_server_get_endpoint (fixture->server), ':'), NULL);
  fixture->config = ssem_etcd_config_new (endpoint, no_environment, &error);
  g_assert_no_error (error);
  fixture->transport = ssem_etcd_transport_new (fixture->config, g_main_context_default (), &error);
  g_assert_no_error (error);
}

static void
fixture_set_up (Fixture       *fixture,
                gconstpointer  data)
{
  set_up (fixture, "http");
}

static void
fixture_set_up_tls (Fixture       *fixture,
                    gconstpointer  data)
{
  set_up (fixture, "https");
}

static void
fixture_tear_down (Fixture       *fixture,
                   gconstpointer  data)
{
  ssem_etcd_transport_free (fixture->transport);
  ssem_etcd_config_free (fixture->config);
  /* What libsoup has cancelled still calls back; nothing of the transport is there any more. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  fake_server_free (fixture->server);
}

static void
answer_cb (gpointer              data,
           const SsemEtcdAnswer *answer)
{
  Exchange *exchange = data;

  g_assert_cmpuint (exchange->order, ==, 0);
  exchange->order = ++exchange->fixture->n_ended;
  exchange->was_sent = answer->was_sent;
  exchange->status = answer->status;
  exchange->error = answer->error != NULL ? g_error_copy (answer->error) : NULL;
  g_assert_true ((answer->error != NULL) == (answer->status == 0));
}

static void
post (Fixture  *fixture,
      guint     timeout_msec,
      gint64    deadline_usec,
      Exchange *exchange)
{
  g_autoptr(GBytes) body = g_bytes_new_static ("{}", 2);
  const SsemEtcdPost what = { .path = "kv/put", .body = body };
  const SsemEtcdLimit limit = { .msec = timeout_msec, .deadline_usec = deadline_usec };

  memset (exchange, 0, sizeof *exchange);
  exchange->fixture = fixture;
  exchange->attempt = ssem_etcd_transport_post (fixture->transport, &what, limit, answer_cb,
                                                exchange);
}

static void
exchange_clear (Exchange *exchange)
{
  g_clear_error (&exchange->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Exchange, exchange_clear)

/* Sends a request, and expects that the server gets it once. */
static void
expect_once (Fixture    *fixture,
             const char *text,
             guint       status)
{
  const guint n = fake_server_get_n_requests (fixture->server);
  g_auto(Exchange) exchange = { 0 };

  fake_server_plan (fixture->server, FAKE_SEND, text);
  post (fixture, 30000, G_MAXINT64, &exchange);
  wait_until (exchange.order != 0);
  g_assert_true (exchange.was_sent);
  g_assert_cmpuint (exchange.status, ==, status);
  g_assert_cmpuint (fake_server_get_n_requests (fixture->server), ==, n + 1);
}

/* These answers make a browser send again. The last one makes libsoup do it whatever its flags are:
 * then it is stopped, and the answer is lost. */
static void
test_once (Fixture       *fixture,
           gconstpointer  data)
{
  const struct
  {
    guint status;
    const char *header;
    guint expected;
  } cases[] = {
    { 301, "Location: /v3/kv/put", 301 },
    { 302, "Location: /v3/kv/put", 302 },
    { 307, "Location: /v3/kv/put", 307 },
    { 308, "Location: /v3/kv/put", 308 },
    { 401, "WWW-Authenticate: Basic realm=\"a\"", 401 },
    { 407, "Proxy-Authenticate: Basic realm=\"a\"", 407 },
    { 408, "X: y", 408 },
    { 503, "Retry-After: 0", 503 },
    { 421, "X: y", 0 },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf ("HTTP/1.1 %u Status\r\n%s\r\n"
                                               "Content-Length: 2\r\n\r\n{}",
                                               cases[i].status, cases[i].header);

      expect_once (fixture, text, cases[i].expected);
      expect_once (fixture, fake_ok (), 200);
    }
}

/* The time in the queue is not the endpoint's, but a deadline holds there, too. */
static void
test_queue (Fixture       *fixture,
            gconstpointer  data)
{
  g_auto(Exchange) first = { 0 };
  g_auto(Exchange) second = { 0 };
  g_auto(Exchange) third = { 0 };

  fake_server_plan (fixture->server, FAKE_SILENT, NULL);
  post (fixture, 400, G_MAXINT64, &first);
  post (fixture, 100, G_MAXINT64, &second);
  post (fixture, 30000, in_msec (50), &third);
  wait_until (fixture->n_ended == 3);
  g_assert_cmpuint (third.order, ==, 1);
  g_assert_error (third.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_false (third.was_sent);
  g_assert_cmpuint (first.order, ==, 2);
  g_assert_error (first.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpuint (second.order, ==, 3);
  wait_until (fake_server_get_n_closed (fixture->server) >= 1);
}

/* A cancelled request leaves its connection, and does not call back. */
static void
test_cancel (Fixture       *fixture,
             gconstpointer  data)
{
  g_autofree char *half = g_strndup (fake_ok (), strlen (fake_ok ()) - 5);
  const struct
  {
    FakeKind kind;
    const char *text;
  } cases[] = { { FAKE_SILENT, NULL }, { FAKE_SEND, half } };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const guint n = fake_server_get_n_requests (fixture->server);
      g_auto(Exchange) running = { 0 };
      g_auto(Exchange) queued = { 0 };
      g_auto(Exchange) next = { 0 };

      fake_server_plan (fixture->server, cases[i].kind, cases[i].text);
      post (fixture, 30000, G_MAXINT64, &running);
      post (fixture, 30000, G_MAXINT64, &queued);
      post (fixture, 30000, G_MAXINT64, &next);
      wait_until (fake_server_get_n_requests (fixture->server) == n + 1);
      g_assert_true (ssem_etcd_attempt_was_sent (running.attempt));
      g_assert_false (ssem_etcd_attempt_was_sent (queued.attempt));
      ssem_etcd_attempt_cancel (queued.attempt);
      ssem_etcd_attempt_cancel (running.attempt);
      wait_until (next.order != 0);
      g_assert_cmpuint (next.status, ==, 200);
      g_assert_cmpuint (running.order, ==, 0);
      g_assert_cmpuint (queued.order, ==, 0);
      g_assert_cmpuint (fake_server_get_n_requests (fixture->server), ==, n + 2);
      wait_until (fake_server_get_n_closed (fixture->server) == i + 1);
    }
  /* The connection of the second case is the kept one of the first. */
  g_assert_cmpuint (fake_server_get_n_connections (fixture->server), ==, 3);
}

/* A request that runs when the transport is freed, in each of its states. */
static void
test_free (Fixture       *fixture,
           gconstpointer  data)
{
  Exchange exchange;
  guint i;

  /* After so many iterations of the main context. */
  for (i = 0; i < 20; i++)
    {
      g_autoptr(GError) error = NULL;
      guint j;

      post (fixture, 30000, G_MAXINT64, &exchange);
      for (j = 0; j < i && exchange.order == 0; j++)
        g_main_context_iteration (NULL, TRUE);
      if (exchange.order == 0)
        ssem_etcd_attempt_cancel (exchange.attempt);
      ssem_etcd_transport_free (fixture->transport);
      fixture->transport = ssem_etcd_transport_new (fixture->config, g_main_context_default (),
                                                    &error);
      g_assert_no_error (error);
    }
}

/* Without a connection nothing was sent: a server that does not speak TLS, in both ways. */
static void
test_no_connection (Fixture       *fixture,
                    gconstpointer  data)
{
  g_auto(Exchange) reset = { 0 };
  g_auto(Exchange) silent = { 0 };

  fake_server_plan (fixture->server, FAKE_RESET_FIRST, NULL);
  post (fixture, 30000, G_MAXINT64, &reset);
  wait_until (reset.order != 0);
  g_assert_nonnull (reset.error);
  g_assert_false (reset.was_sent);

  post (fixture, 100, G_MAXINT64, &silent);
  wait_until (silent.order != 0);
  g_assert_error (silent.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_false (silent.was_sent);
  wait_until (fake_server_get_n_closed (fixture->server) == 1);
}

int
main (int    argc,
      char **argv)
{
  const struct
  {
    const char *path;
    void     (* set_up) (Fixture *fixture, gconstpointer data);
    void     (* test) (Fixture *fixture, gconstpointer data);
  } cases[] = {
    { "/ssem/etcd-transport/once", fixture_set_up, test_once },
    { "/ssem/etcd-transport/queue", fixture_set_up, test_queue },
    { "/ssem/etcd-transport/cancel", fixture_set_up, test_cancel },
    { "/ssem/etcd-transport/free", fixture_set_up, test_free },
    { "/ssem/etcd-transport/no-connection", fixture_set_up_tls, test_no_connection },
  };
  guint i;

  g_test_init (&argc, &argv, NULL);
  for (i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add (cases[i].path, Fixture, NULL, cases[i].set_up, cases[i].test, fixture_tear_down);

  return g_test_run ();
}
