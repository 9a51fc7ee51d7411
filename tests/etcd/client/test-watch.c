/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fake-server.h"
#include "test-world.h"

#include <string.h>

/* A watch gives each event once and in order, whatever happens to its connection. */

typedef struct
{
  SsemEtcdWatch *watch;
  GString *news;      /* "e5 " events up to revision 5, "p7 " progress, "r9 " reset */
  gboolean is_freeing; /* the callback frees the watch */
} Watcher;

static void
watch_cb (gpointer           data,
          SsemEtcdWatchNews  news,
          gint64             revision,
          JsonArray         *events)
{
  Watcher *self = data;

  g_string_append_printf (self->news, "%c%" G_GINT64_FORMAT " ", "epr"[news], revision);
  g_assert_true ((events != NULL) == (news == SSEM_ETCD_WATCH_EVENTS));
  if (self->is_freeing)
    g_clear_pointer (&self->watch, ssem_etcd_watch_free);
}

static void
watcher_init (Watcher *self,
              World   *world,
              gint64   start_revision)
{
  self->news = g_string_new (NULL);
  self->is_freeing = FALSE;
  self->watch = ssem_etcd_watch_new (world->client, "a", "b", start_revision, watch_cb, self);
}

static void
watcher_clear (Watcher *self)
{
  g_clear_pointer (&self->watch, ssem_etcd_watch_free);
  g_string_free (self->news, TRUE);
}

static void
wait_for_news (Watcher    *self,
               const char *news)
{
  while (strlen (self->news->str) < strlen (news))
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (self->news->str, ==, news);
}

static void
assert_start_revision (FakeServer *server,
                       guint       index,
                       const char *revision)
{
  g_autofree char *request = NULL;
  g_autofree char *wanted = g_strdup_printf ("\"start_revision\":\"%s\"", revision);

  wait_until (fake_server_get_n_requests (server) > index);
  request = fake_server_get_request (server, index);
  g_assert_true (g_str_has_prefix (request, "watch "));
  g_assert_nonnull (strstr (request, wanted));
}

/* --- Messages --- */

#define HEAD "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CREATED "{\"result\":{\"header\":{\"revision\":\"100\"},\"created\":true}}\n"
#define EVENT(revision) "{\"result\":{\"header\":{\"revision\":\"100\"},\"events\":[{\"kv\":" \
  "{\"key\":\"YQ==\",\"mod_revision\":\"" revision "\"}}]}}\n"

/* Returns the text in one chunk. */
static char *
chunk (const char *text)
{
  return g_strdup_printf ("%zx\r\n%s\r\n", strlen (text), text);
}

static void
plan_stream (FakeServer *server,
             FakeKind    kind,
             const char *text)
{
  g_autofree char *content = chunk (text);
  g_autofree char *answer = g_strconcat (HEAD, content, NULL);

  fake_server_plan (server, kind, answer);
}

/* Lines come in pieces, and several in one piece. */
static void
test_pieces (void)
{
  const FakeKind kinds[] = { FAKE_SEND, FAKE_SEND_BYTEWISE };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr(FakeServer) server = fake_server_new ();
      g_auto(World) world = { 0 };
      Watcher watcher;

      world_init (&world, fake_server_get_endpoint (server), NULL);
      plan_stream (server, kinds[i], CREATED EVENT ("5") EVENT ("7") EVENT ("8"));
      watcher_init (&watcher, &world, 5);
      wait_for_news (&watcher, "e5 e7 e8 ");
      assert_start_revision (server, 0, "5");
      watcher_clear (&watcher);
      /* A watch that is given up is closed. */
      wait_until (fake_server_get_n_closed (server) == 1);
    }
}

/* An event may be longer than what is read at once. */
static void
test_large (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autofree char *value = g_strnfill (500000, 'A');
  g_autofree char *text = g_strconcat (CREATED "{\"result\":{\"header\":{},\"events\":[{\"kv\":"
                                       "{\"key\":\"YQ==\",\"value\":\"", value,
                                       "\",\"mod_revision\":\"5\"}}]}}\n" EVENT ("6"), NULL);
  g_auto(World) world = { 0 };
  Watcher watcher;

  world_init (&world, fake_server_get_endpoint (server), NULL);
  plan_stream (server, FAKE_SEND, text);
  watcher_init (&watcher, &world, 5);
  wait_for_news (&watcher, "e5 e6 ");
  watcher_clear (&watcher);
}

/* A lost connection is made again, from the next revision; what comes twice is given once. */
static void
test_resume (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_auto(World) world = { 0 };
  Watcher watcher;

  world_init (&world, fake_server_get_endpoint (server), NULL);
  plan_stream (server, FAKE_SEND_CLOSE, CREATED EVENT ("5"));
  fake_server_plan (server, FAKE_RESET, NULL);
  fake_server_plan (server, FAKE_RESET_FIRST, NULL);
  plan_stream (server, FAKE_SEND, CREATED EVENT ("5") EVENT ("6") "nonsense\n" EVENT ("7"));
  plan_stream (server, FAKE_SEND, CREATED "{\"error\":{\"message\":\"x\"}}\n" EVENT ("7"));
  plan_stream (server, FAKE_SEND_CLOSE, CREATED EVENT ("7") "{\"result\":{\"hea");
  plan_stream (server, FAKE_SEND, CREATED EVENT ("8"));
  watcher_init (&watcher, &world, 4);
  wait_for_news (&watcher, "e5 e6 e7 e8 ");
  assert_start_revision (server, 0, "4");
  assert_start_revision (server, 1, "6");
  assert_start_revision (server, 2, "6");
  assert_start_revision (server, 3, "7");
  assert_start_revision (server, 4, "7");
  assert_start_revision (server, 5, "8");
  watcher_clear (&watcher);
}

/* Progress moves the revision to resume from; "created" does not: older events may still come. */
static void
test_progress (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_auto(World) world = { 0 };
  Watcher watcher;

  world_init (&world, fake_server_get_endpoint (server), NULL);
  plan_stream (server, FAKE_SEND_CLOSE, CREATED EVENT ("5")
               "{\"result\":{\"header\":{\"revision\":\"50\"}}}\n");
  plan_stream (server, FAKE_SEND, CREATED EVENT ("51"));
  watcher_init (&watcher, &world, 5);
  wait_for_news (&watcher, "e5 p50 e51 ");
  assert_start_revision (server, 1, "51");
  watcher_clear (&watcher);
}

/* After a compaction the watch does nothing until it is restarted. */
static void
test_compacted (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_auto(World) world = { 0 };
  Watcher watcher;

  world_init (&world, fake_server_get_endpoint (server), NULL);
  plan_stream (server, FAKE_SEND, CREATED "{\"result\":{\"header\":{},\"canceled\":true,"
               "\"compact_revision\":\"90\"}}\n" EVENT ("6"));
  plan_stream (server, FAKE_SEND, CREATED EVENT ("101"));
  watcher_init (&watcher, &world, 5);
  wait_for_news (&watcher, "r90 ");
  wait_until (fake_server_get_n_closed (server) == 1);
  g_assert_cmpuint (fake_server_get_n_requests (server), ==, 1);
  ssem_etcd_watch_restart (watcher.watch, 100);
  wait_for_news (&watcher, "r90 e101 ");
  assert_start_revision (server, 1, "100");
  watcher_clear (&watcher);
}

/* A server that does not answer is left for another one. */
static void
test_silent (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(FakeServer) other = fake_server_new ();
  g_autofree char *endpoints = g_strdup_printf ("%s,%s", fake_server_get_endpoint (server),
                                                fake_server_get_endpoint (other));
  g_auto(World) world = { 0 };
  Watcher watcher;
  guint i;

  for (i = 0; i < 2; i++)
    {
      FakeServer *const servers[] = { server, other };

      fake_server_plan (servers[i], FAKE_SILENT, NULL);
      plan_stream (servers[i], FAKE_SEND, CREATED EVENT ("5"));
    }
  world_init_impatient (&world, endpoints);
  watcher_init (&watcher, &world, 5);
  wait_for_news (&watcher, "e5 ");
  g_assert_cmpuint (fake_server_get_n_requests (server), >=, 1);
  g_assert_cmpuint (fake_server_get_n_requests (other), >=, 1);
  watcher_clear (&watcher);
}

/* A watch of which nothing is heard but that it was created stays: a request that fails at a
 * deadline tells that longer has passed than a server has for its first answer, 2 seconds. */
static void
test_quiet (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(GSocket) socket = NULL;
  g_autofree char *refusing = fake_refusing_endpoint (&socket);
  g_auto(World) world = { 0 };
  g_auto(World) other = { 0 };
  Watcher watcher;

  world_init_impatient (&world, fake_server_get_endpoint (server));
  world_init (&other, refusing, NULL);
  plan_stream (server, FAKE_SEND, CREATED EVENT ("5"));
  watcher_init (&watcher, &world, 5);
  wait_for_news (&watcher, "e5 ");
  world_expect (&other, "kv/put", in_msec (3000), SSEM_ETCD_UNSENT, 0);
  g_assert_cmpuint (fake_server_get_n_requests (server), ==, 1);
  watcher_clear (&watcher);
}

/* A server that fails a request loses its watches, too: its connections may look alive. So does one
 * that the caller gives up. */
static void
test_moved (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_auto(World) world = { 0 };
  Watcher watcher;

  world_init (&world, fake_server_get_endpoint (server), NULL);
  plan_stream (server, FAKE_SEND, CREATED EVENT ("5"));
  watcher_init (&watcher, &world, 5);
  wait_for_news (&watcher, "e5 ");
  fake_server_plan (server, FAKE_RESET, NULL);
  plan_stream (server, FAKE_SEND, CREATED EVENT ("6"));
  world_expect (&world, "kv/put", SSEM_ETCD_ONE_ROUND, SSEM_ETCD_IN_DOUBT, 0);
  wait_for_news (&watcher, "e5 e6 ");
  assert_start_revision (server, 2, "6");

  plan_stream (server, FAKE_SEND, CREATED EVENT ("7"));
  ssem_etcd_watch_reconnect (watcher.watch);
  wait_for_news (&watcher, "e5 e6 e7 ");
  watcher_clear (&watcher);
  wait_until (fake_server_get_n_closed (server) == 3);
}

/* The watch has the token of the requests, and gets another one when it has run out. */
static void
test_token (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autofree char *token = fake_answer (200, "{\"header\":{},\"token\":\"t.1\"}");
  g_autofree char *new_token = fake_answer (200, "{\"header\":{},\"token\":\"t.2\"}");
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_auto(World) world = { 0 };
  Watcher watcher;

  world_init (&world, fake_server_get_endpoint (server), "ann:secret");
  fake_server_plan (server, FAKE_SEND, token);
  plan_stream (server, FAKE_SEND, "{\"result\":{\"header\":{},\"created\":true,\"canceled\":true,"
               "\"cancel_reason\":\"permission denied\"}}\n");
  fake_server_plan (server, FAKE_SEND, new_token);
  plan_stream (server, FAKE_SEND, CREATED EVENT ("5"));
  watcher_init (&watcher, &world, 5);
  wait_for_news (&watcher, "e5 ");
  first = fake_server_get_request (server, 1);
  second = fake_server_get_request (server, 3);
  g_assert_true (g_str_has_prefix (first, "watch t.1 "));
  g_assert_true (g_str_has_prefix (second, "watch t.2 "));
  watcher_clear (&watcher);
}

/* The callback may free the watch: nothing comes after that. */
static void
test_free_in_callback (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_auto(World) world = { 0 };
  Watcher watcher;

  world_init (&world, fake_server_get_endpoint (server), NULL);
  plan_stream (server, FAKE_SEND, CREATED EVENT ("5") EVENT ("6"));
  watcher_init (&watcher, &world, 5);
  watcher.is_freeing = TRUE;
  wait_until (fake_server_get_n_closed (server) == 1);
  g_assert_null (watcher.watch);
  g_assert_cmpstr (watcher.news->str, ==, "e5 ");
  watcher_clear (&watcher);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ssem/etcd-watch/pieces", test_pieces);
  g_test_add_func ("/ssem/etcd-watch/large", test_large);
  g_test_add_func ("/ssem/etcd-watch/resume", test_resume);
  g_test_add_func ("/ssem/etcd-watch/progress", test_progress);
  g_test_add_func ("/ssem/etcd-watch/compacted", test_compacted);
  g_test_add_func ("/ssem/etcd-watch/silent", test_silent);
  g_test_add_func ("/ssem/etcd-watch/quiet", test_quiet);
  g_test_add_func ("/ssem/etcd-watch/moved", test_moved);
  g_test_add_func ("/ssem/etcd-watch/token", test_token);
  g_test_add_func ("/ssem/etcd-watch/free-in-callback", test_free_in_callback);

  return g_test_run ();
}
