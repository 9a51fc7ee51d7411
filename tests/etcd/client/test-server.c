/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-world.h"

#include <string.h>

/* The client against a real etcd, which SSEM_ETCD_ENDPOINTS names: that its answers and refusals
 * are those that the fake server gives. */

#define N_OPERATIONS 128

typedef struct
{
  World world;
  char *prefix; /* of the keys of this test */
  gint64 revision; /* the last one that a watch has given */
  guint n_events;
  gboolean is_reset;
} Fixture;

static void
fixture_set_up (Fixture       *fixture,
                gconstpointer  data)
{
  world_init (&fixture->world, g_getenv ("SSEM_ETCD_ENDPOINTS"), NULL);
  fixture->prefix = g_strdup_printf ("/ssem/test/%u/", g_random_int ());
}

static void
fixture_tear_down (Fixture       *fixture,
                   gconstpointer  data)
{
  world_clear (&fixture->world);
  g_free (fixture->prefix);
}

static char *
key (Fixture    *fixture,
     const char *name)
{
  return g_strconcat (fixture->prefix, name, NULL);
}

static void
ask (Fixture    *fixture,
     const char *path,
     char       *body,
     Reply      *reply)
{
  world_send_body (&fixture->world, path, body, in_msec (30000), reply);
  world_wait (reply);
  if (reply->error != NULL)
    g_test_message ("%s", reply->error->message);
}

/* What the comparisons compare, and what a nested transaction answers. */
static void
test_transactions (Fixture       *fixture,
                   gconstpointer  data)
{
  g_autofree char *hold = key (fixture, "hold/1");
  g_autofree char *state = key (fixture, "state");
  g_autofree char *end = ssem_etcd_range_end (fixture->prefix);
  SsemEtcdTxn *txn = ssem_etcd_txn_new ();
  SsemEtcdTxn *nested = ssem_etcd_txn_new ();
  g_auto(Reply) first = { 0 };
  g_auto(Reply) second = { 0 };
  g_auto(SsemEtcdRecord) record = { 0 };
  JsonObject *inner, *range;
  gint64 revision;

  /* An empty range is as one key with zeros. */
  ssem_etcd_txn_compare (txn, fixture->prefix, end, SSEM_ETCD_CREATE, SSEM_ETCD_EQUAL, 0);
  ssem_etcd_txn_put (txn, SSEM_ETCD_THEN, state, "5", 0);
  ask (fixture, "kv/txn", ssem_etcd_txn_end (txn), &first);
  g_assert_cmpint (first.outcome, ==, SSEM_ETCD_OK);
  g_assert_true (ssem_etcd_txn_succeeded (first.reply));
  revision = ssem_etcd_reply_get_revision (first.reply);

  txn = ssem_etcd_txn_new ();
  ssem_etcd_txn_compare (txn, state, NULL, SSEM_ETCD_MOD, SSEM_ETCD_LESS, revision);
  ssem_etcd_txn_compare (nested, state, NULL, SSEM_ETCD_VERSION, SSEM_ETCD_EQUAL, 1);
  ssem_etcd_txn_put (nested, SSEM_ETCD_THEN, hold, "1", 0);
  ssem_etcd_txn_range (nested, SSEM_ETCD_THEN, fixture->prefix, end);
  ssem_etcd_txn_nest (txn, SSEM_ETCD_ELSE, nested);
  ask (fixture, "kv/txn", ssem_etcd_txn_end (txn), &second);
  g_assert_cmpint (second.outcome, ==, SSEM_ETCD_OK);
  g_assert_false (ssem_etcd_txn_succeeded (second.reply));
  g_assert_cmpint (ssem_etcd_reply_get_revision (second.reply), ==, revision + 1);
  inner = ssem_etcd_txn_get_response (second.reply, 0);
  g_assert_true (ssem_etcd_txn_succeeded (inner));
  range = ssem_etcd_txn_get_response (inner, 1);
  g_assert_cmpint (ssem_etcd_get_int64 (range, "count"), ==, 2);
  g_assert_true (ssem_etcd_record_read (
    ssem_etcd_array_get (ssem_etcd_get_array (range, "kvs"), 0), &record));
  g_assert_cmpstr (record.key, ==, hold);
  g_assert_cmpstr (record.value, ==, "1");
  g_assert_cmpint (record.create_revision, ==, revision + 1);
}

/* The most operations of a transaction, with an answer in chunks. */
static void
test_large (Fixture       *fixture,
            gconstpointer  data)
{
  g_autofree char *end = ssem_etcd_range_end (fixture->prefix);
  g_autofree char *value = g_strnfill (1000, 'x');
  SsemEtcdTxn *txn = ssem_etcd_txn_new ();
  g_auto(Reply) reply = { 0 };
  g_auto(Reply) range = { 0 };
  g_auto(Reply) refused = { 0 };
  guint i;

  for (i = 0; i < N_OPERATIONS; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s%u", fixture->prefix, i);

      ssem_etcd_txn_put (txn, SSEM_ETCD_THEN, name, value, 0);
    }
  ask (fixture, "kv/txn", ssem_etcd_txn_end (txn), &reply);
  g_assert_cmpint (reply.outcome, ==, SSEM_ETCD_OK);
  ask (fixture, "kv/range", ssem_etcd_range_body (fixture->prefix, end, 0, 0,
                                                  SSEM_ETCD_RANGE_DEFAULT), &range);
  g_assert_cmpint (range.outcome, ==, SSEM_ETCD_OK);
  g_assert_cmpuint (json_array_get_length (ssem_etcd_get_array (range.reply, "kvs")), ==,
                    N_OPERATIONS);

  txn = ssem_etcd_txn_new ();
  for (i = 0; i <= N_OPERATIONS; i++)
    ssem_etcd_txn_range (txn, SSEM_ETCD_THEN, fixture->prefix, NULL);
  ask (fixture, "kv/txn", ssem_etcd_txn_end (txn), &refused);
  g_assert_cmpint (refused.outcome, ==, SSEM_ETCD_REFUSED);
}

static void
test_leases (Fixture       *fixture,
             gconstpointer  data)
{
  const gint64 id = g_random_int () + G_GINT64_CONSTANT (1);
  g_autofree char *name = key (fixture, "a");
  g_auto(Reply) granted = { 0 };
  g_auto(Reply) again = { 0 };
  g_auto(Reply) kept = { 0 };
  g_auto(Reply) put = { 0 };
  g_auto(Reply) revoked = { 0 };
  g_auto(Reply) gone = { 0 };
  g_auto(Reply) late = { 0 };
  g_auto(Reply) read = { 0 };

  ask (fixture, "lease/grant", ssem_etcd_grant_body (id, 60), &granted);
  g_assert_cmpint (granted.outcome, ==, SSEM_ETCD_OK);
  g_assert_cmpint (ssem_etcd_get_int64 (granted.reply, "ID"), ==, id);
  ask (fixture, "lease/grant", ssem_etcd_grant_body (id, 60), &again);
  g_assert_cmpint (again.outcome, ==, SSEM_ETCD_REFUSED);
  g_assert_cmpint (ssem_etcd_reply_get_code (again.reply), ==,
                   SSEM_ETCD_CODE_FAILED_PRECONDITION);
  ask (fixture, "lease/keepalive", ssem_etcd_lease_body (id), &kept);
  g_assert_cmpint (kept.outcome, ==, SSEM_ETCD_OK);
  g_assert_cmpint (ssem_etcd_get_int64 (kept.reply, "TTL"), ==, 60);
  ask (fixture, "kv/put", ssem_etcd_put_body (name, "x", id), &put);
  g_assert_cmpint (put.outcome, ==, SSEM_ETCD_OK);
  ask (fixture, "lease/revoke", ssem_etcd_lease_body (id), &revoked);
  g_assert_cmpint (revoked.outcome, ==, SSEM_ETCD_OK);

  /* A lease that is gone: a keep-alive says so by a TTL of zero. */
  ask (fixture, "lease/keepalive", ssem_etcd_lease_body (id), &gone);
  g_assert_cmpint (gone.outcome, ==, SSEM_ETCD_OK);
  g_assert_cmpint (ssem_etcd_get_int64 (gone.reply, "TTL"), ==, 0);
  ask (fixture, "kv/put", ssem_etcd_put_body (name, "x", id), &late);
  g_assert_cmpint (late.outcome, ==, SSEM_ETCD_REFUSED);
  g_assert_cmpint (ssem_etcd_reply_get_code (late.reply), ==, SSEM_ETCD_CODE_NOT_FOUND);
  ask (fixture, "kv/range", ssem_etcd_range_body (name, NULL, 0, 0, SSEM_ETCD_RANGE_DEFAULT),
       &read);
  g_assert_cmpint (ssem_etcd_get_int64 (read.reply, "count"), ==, 0);
}

static void
watch_cb (gpointer           data,
          SsemEtcdWatchNews  news,
          gint64             revision,
          JsonArray         *events)
{
  Fixture *fixture = data;

  if (news == SSEM_ETCD_WATCH_RESET)
    {
      fixture->is_reset = TRUE;
      return;
    }
  g_assert_cmpint (revision, >, fixture->revision);
  fixture->revision = revision;
  if (news == SSEM_ETCD_WATCH_EVENTS)
    fixture->n_events += json_array_get_length (events);
}

/* Each change comes, also those from before the watch; what is compacted away resets it. */
static void
test_watch (Fixture       *fixture,
            gconstpointer  data)
{
  g_autofree char *name = key (fixture, "a");
  g_autofree char *end = ssem_etcd_range_end (fixture->prefix);
  g_autoptr(SsemEtcdWatch) watch = NULL;
  gint64 first = 0, last = 0;
  g_auto(Reply) compacted = { 0 };
  guint i;

  for (i = 0; i < 10; i++)
    {
      g_auto(Reply) reply = { 0 };

      if (i % 2 == 0)
        ask (fixture, "kv/put", ssem_etcd_put_body (name, "x", 0), &reply);
      else
        ask (fixture, "kv/deleterange", ssem_etcd_delete_body (name, NULL), &reply);
      g_assert_cmpint (reply.outcome, ==, SSEM_ETCD_OK);
      last = ssem_etcd_reply_get_revision (reply.reply);
      if (first == 0)
        first = last;
      if (i == 4)
        watch = ssem_etcd_watch_new (fixture->world.client, fixture->prefix, end, first, watch_cb,
                                     fixture);
      if (i == 7)
        ssem_etcd_watch_reconnect (watch);
    }
  wait_until (fixture->revision == last);
  g_assert_cmpuint (fixture->n_events, ==, 10);

  ask (fixture, "kv/compaction", g_strdup_printf ("{\"revision\":\"%" G_GINT64_FORMAT "\"}", last),
       &compacted);
  g_assert_cmpint (compacted.outcome, ==, SSEM_ETCD_OK);
  ssem_etcd_watch_restart (watch, first);
  wait_until (fixture->is_reset);
}

int
main (int    argc,
      char **argv)
{
  const struct
  {
    const char *path;
    void     (* test) (Fixture *fixture, gconstpointer data);
  } cases[] = {
    { "/ssem/etcd-server/transactions", test_transactions },
    { "/ssem/etcd-server/large", test_large },
    { "/ssem/etcd-server/leases", test_leases },
    { "/ssem/etcd-server/watch", test_watch },
  };
  guint i;

  g_test_init (&argc, &argv, NULL);
  for (i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add (cases[i].path, Fixture, NULL, fixture_set_up, cases[i].test, fixture_tear_down);

  return g_test_run ();
}
