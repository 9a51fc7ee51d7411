/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fake-server.h"
#include "test-world.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the client does when a server misbehaves: what was perhaps applied is never sent again, and
 * what surely was not is. */

/* Refuses, by its port. */
static void
test_fail_over (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(GSocket) socket = NULL;
  g_autofree char *refusing = fake_refusing_endpoint (&socket);
  g_autofree char *endpoints = g_strdup_printf ("%s,%s", refusing,
                                                fake_server_get_endpoint (server));
  guint i;

  /* Whichever is first. */
  for (i = 0; i < 10; i++)
    {
      g_auto(World) world = { 0 };

      world_init (&world, endpoints, NULL);
      world_expect (&world, "kv/put", SSEM_ETCD_ONE_ROUND, SSEM_ETCD_OK, 0);
      world_expect (&world, "kv/put", SSEM_ETCD_ONE_ROUND, SSEM_ETCD_OK, 0);
    }
  g_assert_cmpuint (fake_server_get_n_requests (server), ==, 20);
  /* A connection is kept. */
  g_assert_cmpuint (fake_server_get_n_connections (server), ==, 10);
}

/* The message names the endpoint and the cause. */
static void
test_unreachable (void)
{
  g_autoptr(GSocket) socket = NULL;
  g_autofree char *refusing = fake_refusing_endpoint (&socket);
  g_auto(World) world = { 0 };
  g_auto(Reply) reply = { 0 };
  g_auto(Reply) late = { 0 };
  gint64 deadline;

  world_init (&world, refusing, NULL);
  world_send (&world, "kv/put", SSEM_ETCD_ONE_ROUND, &reply);
  world_wait (&reply);
  g_assert_cmpint (reply.outcome, ==, SSEM_ETCD_UNSENT);
  g_assert_error (reply.error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_assert_nonnull (strstr (reply.error->message, refusing));

  /* With a deadline it tries until then. */
  deadline = in_msec (200);
  world_send (&world, "kv/put", deadline, &late);
  world_wait (&late);
  g_assert_cmpint (late.outcome, ==, SSEM_ETCD_UNSENT);
  g_assert_error (late.error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_assert_cmpint (g_get_monotonic_time (), >=, deadline);
}

/* Nothing is sent after the deadline. */
static void
test_passed_deadline (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_auto(World) world = { 0 };

  world_init (&world, fake_server_get_endpoint (server), NULL);
  world_expect (&world, "kv/put", 1, SSEM_ETCD_UNSENT, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpuint (fake_server_get_n_requests (server), ==, 0);
}

/* The server has the request, and its answer does not come: nothing is sent twice. */
static void
test_doubt (void)
{
  g_autofree char *half = g_strndup (fake_ok (), strlen (fake_ok ()) - 5);
  g_autofree char *cut = g_strndup (fake_ok (), 20);
  g_autofree char *garbage = fake_answer (200, "nonsense");
  g_autofree char *list = fake_answer (200, "[]");
  g_autofree char *page = fake_answer (502, "<html>");
  g_autofree char *timed_out = fake_refusal (503, 14, "etcdserver: request timed out");
  g_autofree char *unknown = fake_refusal (500, 2, "something else");
  const struct
  {
    FakeKind kind;
    const char *text;
    int code;
  } cases[] = {
    { FAKE_RESET, NULL, G_IO_ERROR_CONNECTION_CLOSED },
    { FAKE_SEND_CLOSE, "", G_IO_ERROR_CONNECTION_CLOSED },
    { FAKE_SEND_CLOSE, half, G_IO_ERROR_CONNECTION_CLOSED },
    { FAKE_SEND_CLOSE, cut, G_IO_ERROR_INVALID_DATA },
    { FAKE_SEND, "garbage\r\n\r\n", G_IO_ERROR_INVALID_DATA },
    { FAKE_SEND, garbage, G_IO_ERROR_INVALID_DATA },
    { FAKE_SEND, list, G_IO_ERROR_INVALID_DATA },
    { FAKE_SEND, page, G_IO_ERROR_INVALID_DATA },
    { FAKE_SEND, timed_out, G_IO_ERROR_FAILED },
    { FAKE_SEND, unknown, G_IO_ERROR_FAILED },
    { FAKE_SILENT, NULL, G_IO_ERROR_TIMED_OUT },
  };
  guint i, is_kept;

  for (i = 0; i < G_N_ELEMENTS (cases); i++)
    for (is_kept = 0; is_kept <= 1; is_kept++)
      {
        g_autoptr(FakeServer) server = fake_server_new ();
        g_auto(World) world = { 0 };

        world_init_impatient (&world, fake_server_get_endpoint (server));
        /* libsoup would send again what a kept connection has lost, if it could. */
        if (is_kept)
          world_expect (&world, "kv/put", G_MAXINT64, SSEM_ETCD_OK, 0);
        fake_server_plan (server, cases[i].kind, cases[i].text);
        world_expect (&world, "kv/put", G_MAXINT64, SSEM_ETCD_IN_DOUBT, cases[i].code);
        g_assert_cmpuint (fake_server_get_n_requests (server), ==, 1 + is_kept);

        /* The next one is not harmed. What can be done twice, is. */
        fake_server_plan (server, cases[i].kind, cases[i].text);
        world_expect (&world, "kv/range", G_MAXINT64, SSEM_ETCD_OK, 0);
        world_expect (&world, "kv/put", G_MAXINT64, SSEM_ETCD_OK, 0);
        g_assert_cmpuint (fake_server_get_n_requests (server), ==, 4 + is_kept);
      }
}

/* Nothing was applied: it is sent again. A connection that is reset at once may have taken a
 * request before that, so only one that can be done twice is. */
static void
test_not_applied (void)
{
  g_autofree char *busy = fake_refusal (429, 8, "etcdserver: too many requests");
  g_autofree char *leaderless = fake_refusal (503, 14, "etcdserver: no leader");
  g_autofree char *page = fake_answer (404, "Not Found");
  const struct
  {
    const char *path;
    FakeKind kind;
    const char *text;
    guint n_requests;
  } cases[] = {
    { "kv/range", FAKE_RESET_FIRST, NULL, 1 },
    { "kv/put", FAKE_SEND, busy, 3 },
    { "kv/put", FAKE_SEND, leaderless, 3 },
    { "kv/put", FAKE_SEND, page, 3 },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(FakeServer) server = fake_server_new ();
      g_auto(World) world = { 0 };

      world_init (&world, fake_server_get_endpoint (server), NULL);
      fake_server_plan (server, cases[i].kind, cases[i].text);
      fake_server_plan (server, cases[i].kind, cases[i].text);
      world_expect (&world, cases[i].path, G_MAXINT64, SSEM_ETCD_OK, 0);
      g_assert_cmpuint (fake_server_get_n_requests (server), ==, cases[i].n_requests);
    }
}

/* The cluster's own errors come with their codes, and are not tried elsewhere. */
static void
test_refused (void)
{
  const struct
  {
    guint status;
    int code;
    const char *message;
    int error;
  } cases[] = {
    { 404, 5, "etcdserver: requested lease not found", G_IO_ERROR_NOT_FOUND },
    { 412, 9, "etcdserver: lease already exists", G_IO_ERROR_EXISTS },
    { 403, 7, "etcdserver: permission denied", G_IO_ERROR_PERMISSION_DENIED },
    { 429, 8, "etcdserver: mvcc: database space exceeded", G_IO_ERROR_NO_SPACE },
    { 400, 3, "etcdserver: key is not provided", G_IO_ERROR_INVALID_ARGUMENT },
    { 400, 11, "etcdserver: mvcc: required revision has been compacted", G_IO_ERROR_FAILED },
    { 400, 3, "etcdserver: user name is empty", G_IO_ERROR_PERMISSION_DENIED },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(FakeServer) server = fake_server_new ();
      g_autofree char *text = fake_refusal (cases[i].status, cases[i].code, cases[i].message);
      g_auto(World) world = { 0 };
      g_auto(Reply) reply = { 0 };

      world_init (&world, fake_server_get_endpoint (server), NULL);
      fake_server_plan (server, FAKE_SEND, text);
      world_send (&world, "kv/put", G_MAXINT64, &reply);
      world_wait (&reply);
      g_assert_cmpint (reply.outcome, ==, SSEM_ETCD_REFUSED);
      g_assert_error (reply.error, G_IO_ERROR, cases[i].error);
      g_assert_nonnull (strstr (reply.error->message, fake_server_get_endpoint (server)));
      g_assert_nonnull (strstr (reply.error->message, cases[i].message + strlen ("etcdserver: ")));
      g_assert_cmpint (ssem_etcd_reply_get_code (reply.reply), ==, cases[i].code);
      g_assert_cmpuint (fake_server_get_n_requests (server), ==, 1);
    }
}

/* A server that closes a kept connection when nothing was asked loses nothing. */
static void
test_idle_close (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_auto(World) world = { 0 };
  guint i;

  world_init (&world, fake_server_get_endpoint (server), NULL);
  for (i = 0; i < 20; i++)
    {
      fake_server_plan (server, FAKE_SEND_CLOSE, fake_ok ());
      world_expect (&world, "kv/put", G_MAXINT64, SSEM_ETCD_OK, 0);
      /* The connection is closed before the next request; the client may not have seen it. */
      wait_until (fake_server_get_n_requests (server) == i + 1);
      fake_server_wait_closed (server);
    }
  g_assert_cmpuint (fake_server_get_n_connections (server), ==, 20);
}

/* What waits for the connection of a server that hangs goes to another, not one after the other. */
static void
test_hanging (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(FakeServer) other = fake_server_new ();
  g_autofree char *endpoints = g_strdup_printf ("%s,%s", fake_server_get_endpoint (server),
                                                fake_server_get_endpoint (other));
  g_auto(World) world = { 0 };
  Reply replies[20];
  guint i, n_doubts = 0;
  gint64 begin;

  world_init_impatient (&world, endpoints);
  fake_server_plan (server, FAKE_SILENT, NULL);
  fake_server_plan (other, FAKE_SILENT, NULL);
  begin = g_get_monotonic_time ();
  for (i = 0; i < G_N_ELEMENTS (replies); i++)
    world_send (&world, "kv/put", G_MAXINT64, &replies[i]);
  for (i = 0; i < G_N_ELEMENTS (replies); i++)
    {
      world_wait (&replies[i]);
      g_assert_cmpuint (replies[i].n_calls, ==, 1);
      if (replies[i].outcome == SSEM_ETCD_IN_DOUBT)
        n_doubts++;
      else
        g_assert_cmpint (replies[i].outcome, ==, SSEM_ETCD_OK);
      reply_clear (&replies[i]);
    }

  /* One for each server that has taken it. */
  g_assert_cmpuint (n_doubts, ==, 2);
  g_assert_cmpuint (fake_server_get_n_requests (server) + fake_server_get_n_requests (other), ==,
                    G_N_ELEMENTS (replies));
  g_assert_cmpuint (fake_server_get_n_connections (server) +
                    fake_server_get_n_connections (other), ==, 3);
  /* Twice 2 seconds, a quarter of the lease's time. */
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 4 * G_USEC_PER_SEC);
}

/* The lease is kept alive before other requests; its answer is the first of a stream. */
static void
test_keep_alive (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autofree char *answer = fake_chunks (200, "{\"result\":{\"header\":{},\"ID\":\"7\","
                                              "\"TTL\":\"9\"}}\n");
  g_autofree char *error = fake_chunks (200, "{\"error\":{\"grpc_code\":5,\"http_code\":404,"
                                             "\"message\":\"etcdserver: gone\"}}\n");
  g_auto(World) world = { 0 };
  g_auto(Reply) first = { 0 };
  g_auto(Reply) second = { 0 };
  g_auto(Reply) urgent = { 0 };
  g_autofree char *request = NULL;

  world_init (&world, fake_server_get_endpoint (server), NULL);
  fake_server_plan (server, FAKE_SEND, fake_ok ());
  fake_server_plan (server, FAKE_SEND, answer);
  world_send (&world, "kv/put", G_MAXINT64, &first);
  world_send (&world, "kv/put", G_MAXINT64, &second);
  world_send (&world, "lease/keepalive", G_MAXINT64, &urgent);
  world_wait (&first);
  world_wait (&urgent);
  world_wait (&second);
  g_assert_cmpint (urgent.outcome, ==, SSEM_ETCD_OK);
  g_assert_cmpint (ssem_etcd_get_int64 (urgent.reply, "TTL"), ==, 9);
  request = fake_server_get_request (server, 1);
  g_assert_true (g_str_has_prefix (request, "lease/keepalive "));

  fake_server_plan (server, FAKE_SEND, error);
  world_expect (&world, "lease/keepalive", G_MAXINT64, SSEM_ETCD_REFUSED, G_IO_ERROR_NOT_FOUND);
}

/* --- Tokens --- */

#define TOKEN(token) "{\"header\":{},\"token\":\"" token "\"}"

static void
assert_request (FakeServer *server,
                guint       index,
                const char *prefix)
{
  g_autofree char *request = fake_server_get_request (server, index);

  g_assert_true (g_str_has_prefix (request, prefix));
}

/* One token for all requests; another when it has run out, and nothing is lost by that. */
static void
test_token (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autofree char *token = fake_answer (200, TOKEN ("t.1"));
  g_autofree char *new_token = fake_answer (200, TOKEN ("t.2"));
  g_autofree char *expired = fake_refusal (401, 16, "etcdserver: invalid auth token");
  g_auto(World) world = { 0 };
  g_auto(Reply) first = { 0 };
  g_auto(Reply) second = { 0 };

  world_init (&world, fake_server_get_endpoint (server), "ann:se\"cret");
  fake_server_plan (server, FAKE_SEND, token);
  world_send (&world, "kv/put", G_MAXINT64, &first);
  world_send (&world, "kv/put", G_MAXINT64, &second);
  world_wait (&first);
  world_wait (&second);
  g_assert_cmpint (first.outcome, ==, SSEM_ETCD_OK);
  g_assert_cmpint (second.outcome, ==, SSEM_ETCD_OK);

  fake_server_plan (server, FAKE_SEND, expired);
  fake_server_plan (server, FAKE_SEND, new_token);
  world_expect (&world, "kv/put", G_MAXINT64, SSEM_ETCD_OK, 0);

  g_assert_cmpuint (fake_server_get_n_requests (server), ==, 6);
  assert_request (server, 0, "auth/authenticate - {\"name\":\"ann\",\"password\":\"se\\\"cret\"}");
  assert_request (server, 1, "kv/put t.1 ");
  assert_request (server, 2, "kv/put t.1 ");
  assert_request (server, 3, "kv/put t.1 ");
  assert_request (server, 4, "auth/authenticate -");
  assert_request (server, 5, "kv/put t.2 ");
}

static void
test_wrong_password (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autofree char *wrong = fake_refusal (400, 3, "etcdserver: authentication failed, invalid user "
                                                 "ID or password");
  g_auto(World) world = { 0 };
  g_auto(Reply) reply = { 0 };

  world_init (&world, fake_server_get_endpoint (server), "ann:secret");
  fake_server_plan (server, FAKE_SEND, wrong);
  world_send (&world, "kv/put", G_MAXINT64, &reply);
  world_wait (&reply);
  g_assert_cmpint (reply.outcome, ==, SSEM_ETCD_REFUSED);
  g_assert_error (reply.error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_nonnull (strstr (reply.error->message, "ann"));
  g_assert_null (strstr (reply.error->message, "secret"));
}

/* A cluster without authentication needs no token, until it is turned on. */
static void
test_no_authentication (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autofree char *off = fake_refusal (412, 9, "etcdserver: authentication is not enabled");
  g_autofree char *on = fake_refusal (400, 3, "etcdserver: user name is empty");
  g_autofree char *token = fake_answer (200, TOKEN ("t.1"));
  g_auto(World) world = { 0 };

  world_init (&world, fake_server_get_endpoint (server), "ann:secret");
  fake_server_plan (server, FAKE_SEND, off);
  world_expect (&world, "kv/put", G_MAXINT64, SSEM_ETCD_OK, 0);
  assert_request (server, 1, "kv/put - ");
  fake_server_plan (server, FAKE_SEND, on);
  fake_server_plan (server, FAKE_SEND, token);
  world_expect (&world, "kv/put", G_MAXINT64, SSEM_ETCD_OK, 0);
  assert_request (server, 4, "kv/put t.1 ");
}

/* A token that never helps is not asked for forever. */
static void
test_useless_token (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autofree char *token = fake_answer (200, TOKEN ("t.1"));
  g_autofree char *invalid = fake_refusal (401, 16, "etcdserver: invalid auth token");
  g_auto(World) world = { 0 };
  guint i;

  world_init (&world, fake_server_get_endpoint (server), "ann:secret");
  for (i = 0; i < 3; i++)
    {
      fake_server_plan (server, FAKE_SEND, token);
      fake_server_plan (server, FAKE_SEND, invalid);
    }
  world_expect (&world, "kv/put", G_MAXINT64, SSEM_ETCD_REFUSED, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_cmpuint (fake_server_get_n_requests (server), ==, 6);
}

/* --- The end --- */

/* Each request is told the truth when the client is freed. */
static void
test_free (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_auto(World) world = { 0 };
  g_auto(Reply) sent = { 0 };
  g_auto(Reply) queued = { 0 };

  world_init (&world, fake_server_get_endpoint (server), NULL);
  fake_server_plan (server, FAKE_SILENT, NULL);
  world_send (&world, "kv/put", G_MAXINT64, &sent);
  world_send (&world, "kv/put", G_MAXINT64, &queued);
  wait_until (fake_server_get_n_requests (server) == 1);
  world_clear (&world);
  g_assert_true (sent.is_done);
  g_assert_cmpint (sent.outcome, ==, SSEM_ETCD_IN_DOUBT);
  g_assert_error (sent.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_true (queued.is_done);
  g_assert_cmpint (queued.outcome, ==, SSEM_ETCD_UNSENT);
  wait_until (fake_server_get_n_closed (server) == 1);
}

static void
run_cb (GTask        *task,
        gpointer      source,
        gpointer      data,
        GCancellable *cancellable)
{
  g_task_return_boolean (task, TRUE);
}

static void
run_task (void)
{
  g_autoptr(GTask) task = g_task_new (NULL, NULL, NULL, NULL);

  g_task_run_in_thread_sync (task, run_cb);
}

/* In a child of fork (), names are resolved and TLS is set up by threads that it does not have. */
static void
test_fork (void)
{
  g_autoptr(GSocket) socket = NULL;
  g_autofree char *endpoint = fake_refusing_endpoint (&socket);
  pid_t child;
  int status;

  run_task ();
  /* Until the thread waits for more, which is half a second later, the child would start a new
   * one. */
  while (g_thread_pool_get_num_unused_threads () == 0)
    g_usleep (1000);
  child = fork ();
  g_assert_cmpint (child, !=, -1);
  if (child == 0)
    {
      World world;

      /* The watchdog: without a client, the task never runs. */
      alarm (30);
      world_init (&world, endpoint, NULL);
      run_task ();
      _exit (0);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ssem/etcd-client/fail-over", test_fail_over);
  g_test_add_func ("/ssem/etcd-client/unreachable", test_unreachable);
  g_test_add_func ("/ssem/etcd-client/passed-deadline", test_passed_deadline);
  g_test_add_func ("/ssem/etcd-client/doubt", test_doubt);
  g_test_add_func ("/ssem/etcd-client/not-applied", test_not_applied);
  g_test_add_func ("/ssem/etcd-client/refused", test_refused);
  g_test_add_func ("/ssem/etcd-client/idle-close", test_idle_close);
  g_test_add_func ("/ssem/etcd-client/hanging", test_hanging);
  g_test_add_func ("/ssem/etcd-client/keep-alive", test_keep_alive);
  g_test_add_func ("/ssem/etcd-client/token", test_token);
  g_test_add_func ("/ssem/etcd-client/wrong-password", test_wrong_password);
  g_test_add_func ("/ssem/etcd-client/no-authentication", test_no_authentication);
  g_test_add_func ("/ssem/etcd-client/useless-token", test_useless_token);
  g_test_add_func ("/ssem/etcd-client/free", test_free);
  g_test_add_func ("/ssem/etcd-client/fork", test_fork);

  return g_test_run ();
}
