/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-config-private.h"
#include "ssem-etcd-endpoints-private.h"
#include "ssem-etcd-request-private.h"
#include "ssem-etcd-transport-private.h"

#include <string.h>

/* What the client reads and writes, and how it chooses, without a server. */

/* --- The configuration --- */

static GHashTable *environment;

static const char *
get_environment (const char *name)
{
  return g_hash_table_lookup (environment, name);
}

static SsemEtcdConfig *
read_config (const char  *address,
             const char  *name,
             const char  *value,
             GError     **error)
{
  SsemEtcdConfig *config;

  environment = g_hash_table_new (g_str_hash, g_str_equal);
  if (name != NULL)
    g_hash_table_insert (environment, (char *) name, (char *) value);
  config = ssem_etcd_config_new (address, get_environment, error);
  g_clear_pointer (&environment, g_hash_table_unref);

  return config;
}

static void
test_defaults (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(SsemEtcdConfig) config = NULL;
  g_autoptr(SsemEtcdConfig) same = NULL;
  g_autoptr(SsemEtcdConfig) other = NULL;

  config = read_config ("http://a, https://[::1]:1234/ ,http://10.0.0.1:80", NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (config->endpoints), ==, 3);
  g_assert_cmpstr (config->endpoints[0], ==, "http://a:2379");
  g_assert_cmpstr (config->endpoints[1], ==, "https://[::1]:1234");
  g_assert_cmpstr (config->endpoints[2], ==, "http://10.0.0.1:80");
  g_assert_cmpstr (config->prefix, ==, "/ssem/1/");
  g_assert_cmpint (config->ttl, ==, 10);
  g_assert_null (config->user);

  same = read_config ("http://a:2379,https://[::1]:1234,http://10.0.0.1:80", "SSEM_ETCD_TTL", "10",
                      &error);
  g_assert_no_error (error);
  g_assert_true (ssem_etcd_config_equal (config, same));
  other = read_config ("http://a:2379,https://[::1]:1234,http://10.0.0.1:80", "SSEM_ETCD_USER",
                       "a:b:c", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (other->user, ==, "a");
  g_assert_cmpstr (other->password, ==, "b:c");
  g_assert_false (ssem_etcd_config_equal (config, other));
}

static void
test_prefix (void)
{
  g_autoptr(SsemEtcdConfig) config = read_config ("http://a", "SSEM_ETCD_PREFIX", "lab", NULL);
  g_autoptr(SsemEtcdConfig) same = read_config ("http://a", "SSEM_ETCD_PREFIX", "lab/", NULL);

  g_assert_cmpstr (config->prefix, ==, "lab/");
  g_assert_true (ssem_etcd_config_equal (config, same));
}

/* Each message names what is malformed; none has the password. */
static void
test_malformed (void)
{
  const struct
  {
    const char *address, *name, *value;
  } cases[] = {
    { NULL, NULL, NULL },
    { NULL, "SSEM_ETCD_ENDPOINTS", "localhost:2379" },
    { NULL, "SSEM_ETCD_ENDPOINTS", "http://" },
    { NULL, "SSEM_ETCD_ENDPOINTS", "ftp://a" },
    { NULL, "SSEM_ETCD_ENDPOINTS", "http://a,,http://b" },
    { NULL, "SSEM_ETCD_ENDPOINTS", "http://a/path" },
    { NULL, "SSEM_ETCD_ENDPOINTS", "http://u:p@a" },
    { NULL, "SSEM_ETCD_ENDPOINTS", "http://a:99999" },
    { NULL, "SSEM_ETCD_ENDPOINTS", "http://a:0" },
    { NULL, "SSEM_ETCD_ENDPOINTS", "http://a?q" },
    { NULL, "SSEM_ETCD_ENDPOINTS", "http://a%20b" },
    { "nonsense", "address", "" },
    { "", "address", "" },
    { "http://a", "SSEM_ETCD_PREFIX", "a\nb" },
    { "http://a", "SSEM_ETCD_PREFIX", "\xff" },
    { "http://a", "SSEM_ETCD_TTL", "1" },
    { "http://a", "SSEM_ETCD_TTL", "-5" },
    { "http://a", "SSEM_ETCD_TTL", "10s" },
    { "http://a", "SSEM_ETCD_TTL", "86401" },
    { "http://a", "SSEM_ETCD_USER", "secret" },
    { "http://a", "SSEM_ETCD_USER", ":secret" },
    { "http://a", "SSEM_ETCD_KEY", "/key" },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;
      const char *name = cases[i].name != NULL ? cases[i].name : "SSEM_ETCD_ENDPOINTS";

      g_assert_null (read_config (cases[i].address, name, cases[i].value, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_assert_nonnull (strstr (error->message, name));
      g_assert_null (strstr (error->message, "secret"));
    }
}

/* --- Endpoints --- */

static void
failed_cb (gpointer data,
           guint    endpoint)
{
  *(guint *) data += 1u << endpoint;
}

/* What works is kept; what has failed is tried last. */
static void
test_endpoints (void)
{
  g_autoptr(SsemEtcdEndpoints) endpoints = ssem_etcd_endpoints_new (3);
  const guint first = (guint) ssem_etcd_endpoints_choose (endpoints, 0);
  guint failed = 0, second, third;

  ssem_etcd_endpoints_listen (endpoints, failed_cb, &failed);
  g_assert_cmpint (ssem_etcd_endpoints_choose (endpoints, 0), ==, first);
  second = (guint) ssem_etcd_endpoints_choose (endpoints, 1u << first);
  third = 3 - first - second;
  ssem_etcd_endpoints_fail (endpoints, first);
  g_assert_cmpuint (failed, ==, 1u << first);
  g_assert_cmpint (ssem_etcd_endpoints_choose (endpoints, 0), ==, second);
  ssem_etcd_endpoints_fail (endpoints, second);
  g_assert_cmpint (ssem_etcd_endpoints_choose (endpoints, 0), ==, third);
  g_assert_cmpint (ssem_etcd_endpoints_choose (endpoints, 1u << third), ==, first);
  g_assert_cmpint (ssem_etcd_endpoints_choose (endpoints, 7), ==, -1);
  ssem_etcd_endpoints_unlisten (endpoints, &failed);
  ssem_etcd_endpoints_fail (endpoints, third);
  g_assert_cmpuint (failed, ==, (1u << first) + (1u << second));
}

/* Pauses grow to a limit, and differ between clients. */
static void
test_pauses (void)
{
  guint i, n_different = 0;

  for (i = 0; i < 100; i++)
    {
      const guint longest = MIN (50u << MIN (i, 10), 1000);
      const guint pause = ssem_etcd_endpoints_get_pause (i);

      g_assert_cmpuint (pause, >=, longest / 2);
      g_assert_cmpuint (pause, <=, longest);
      n_different += pause != ssem_etcd_endpoints_get_pause (i);
    }
  g_assert_cmpuint (n_different, >, 50);
}

/* --- Bodies --- */

static void
test_keys (void)
{
  const char *const texts[] = { "a", "a b", "a/b", "ä%", "~-._", "\x01\x7f", "" };
  g_autofree char *end = ssem_etcd_range_end ("/ssem/1/");
  g_autofree char *carried = ssem_etcd_range_end ("a\xff");
  g_autofree char *part = ssem_etcd_unescape ("a%20b/state", 5);
  guint i;

  g_assert_cmpstr (end, ==, "/ssem/10");
  g_assert_cmpstr (carried, ==, "b");
  g_assert_cmpstr (part, ==, "a b");
  for (i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *escaped = ssem_etcd_escape (texts[i]);
      g_autofree char *text = ssem_etcd_unescape (escaped, -1);

      g_assert_null (strchr (escaped, '/'));
      g_assert_cmpstr (text, ==, texts[i]);
    }

  /* What nobody has escaped so. */
  g_assert_null (ssem_etcd_unescape ("a%2", -1));
  g_assert_null (ssem_etcd_unescape ("%61", -1));
  g_assert_null (ssem_etcd_unescape ("%c3%a4", -1));
  g_assert_null (ssem_etcd_unescape ("a/b", -1));
}

static void
test_bodies (void)
{
  SsemEtcdTxn *txn = ssem_etcd_txn_new ();
  SsemEtcdTxn *nested = ssem_etcd_txn_new ();
  g_autofree char *body = NULL;
  g_autofree char *range = NULL;
  g_autofree char *grant = NULL;
  g_autofree char *watch = NULL;

  ssem_etcd_txn_compare (txn, "a", "b", SSEM_ETCD_CREATE, SSEM_ETCD_EQUAL, 0);
  ssem_etcd_txn_compare (txn, "a", NULL, SSEM_ETCD_MOD, SSEM_ETCD_LESS, 5);
  ssem_etcd_txn_put (txn, SSEM_ETCD_THEN, "a", "xyz", 9);
  ssem_etcd_txn_delete (txn, SSEM_ETCD_THEN, "b", NULL);
  ssem_etcd_txn_range (nested, SSEM_ETCD_ELSE, "a", "b");
  ssem_etcd_txn_nest (txn, SSEM_ETCD_ELSE, nested);
  g_assert_cmpuint (ssem_etcd_txn_get_n (txn, SSEM_ETCD_THEN), ==, 2);
  g_assert_cmpuint (ssem_etcd_txn_get_n (txn, SSEM_ETCD_ELSE), ==, 1);
  body = ssem_etcd_txn_end (txn);
  g_assert_cmpstr (body, ==,
    "{\"compare\":["
    "{\"key\":\"YQ==\",\"range_end\":\"Yg==\",\"target\":\"CREATE\",\"result\":\"EQUAL\","
    "\"create_revision\":\"0\"},"
    "{\"key\":\"YQ==\",\"target\":\"MOD\",\"result\":\"LESS\",\"mod_revision\":\"5\"}],"
    "\"success\":["
    "{\"request_put\":{\"key\":\"YQ==\",\"value\":\"eHl6\",\"lease\":\"9\"}},"
    "{\"request_delete_range\":{\"key\":\"Yg==\"}}],"
    "\"failure\":["
    "{\"request_txn\":{\"compare\":[],\"success\":[],\"failure\":["
    "{\"request_range\":{\"key\":\"YQ==\",\"range_end\":\"Yg==\"}}]}}]}");

  range = ssem_etcd_range_body ("a", NULL, 7, 3, SSEM_ETCD_RANGE_KEYS_ONLY);
  g_assert_cmpstr (range, ==,
    "{\"key\":\"YQ==\",\"revision\":\"7\",\"limit\":\"3\",\"keys_only\":true}");
  grant = ssem_etcd_grant_body (5, 10);
  g_assert_cmpstr (grant, ==, "{\"TTL\":\"10\",\"ID\":\"5\"}");
  watch = ssem_etcd_watch_body ("a", "b", 12);
  g_assert_cmpstr (watch, ==,
    "{\"create_request\":{\"key\":\"YQ==\",\"range_end\":\"Yg==\",\"start_revision\":\"12\","
    "\"progress_notify\":true}}");
}

/* --- Replies --- */

static JsonObject *
parse (const char *text)
{
  return ssem_etcd_parse (text, strlen (text));
}

/* Numbers come as strings or as numbers; what is missing is zero; nothing of a wrong type
 * counts. */
static void
test_replies (void)
{
  g_autoptr(JsonObject) reply = parse (
    "{\"header\":{\"revision\":\"9223372036854775807\"},\"a\":5,\"b\":\"-6\",\"c\":[1,{}],"
    "\"succeeded\":true,\"responses\":[{\"response_put\":{\"n\":1}},"
    "{\"response_txn\":{\"responses\":[{\"response_range\":{\"count\":\"2\"}}]}}]}");
  JsonObject *nested;

  g_assert_cmpint (ssem_etcd_reply_get_revision (reply), ==, G_MAXINT64);
  g_assert_cmpint (ssem_etcd_get_int64 (reply, "a"), ==, 5);
  g_assert_cmpint (ssem_etcd_get_int64 (reply, "b"), ==, -6);
  g_assert_cmpint (ssem_etcd_get_int64 (reply, "c"), ==, 0);
  g_assert_cmpint (ssem_etcd_get_int64 (reply, "d"), ==, 0);
  g_assert_null (ssem_etcd_get_object (reply, "c"));
  g_assert_null (ssem_etcd_get_array (reply, "a"));
  g_assert_null (ssem_etcd_get_text (reply, "a"));
  g_assert_false (ssem_etcd_get_boolean (reply, "b"));
  g_assert_null (ssem_etcd_array_get (ssem_etcd_get_array (reply, "c"), 0));
  g_assert_nonnull (ssem_etcd_array_get (ssem_etcd_get_array (reply, "c"), 1));
  g_assert_null (ssem_etcd_array_get (ssem_etcd_get_array (reply, "c"), 2));
  g_assert_true (ssem_etcd_txn_succeeded (reply));
  g_assert_cmpint (ssem_etcd_get_int64 (ssem_etcd_txn_get_response (reply, 0), "n"), ==, 1);
  nested = ssem_etcd_txn_get_response (reply, 1);
  g_assert_cmpint (ssem_etcd_get_int64 (ssem_etcd_txn_get_response (nested, 0), "count"), ==, 2);
  g_assert_null (ssem_etcd_txn_get_response (reply, 2));
  g_assert_null (ssem_etcd_txn_get_response (NULL, 0));
  g_assert_cmpint (ssem_etcd_reply_get_code (NULL), ==, SSEM_ETCD_CODE_NONE);
}

static void
test_records (void)
{
  g_autoptr(JsonObject) good = parse ("{\"key\":\"YS9i\",\"value\":\"AAE=\",\"mod_revision\":\"3\","
                                      "\"create_revision\":2,\"lease\":\"8\"}");
  g_autoptr(JsonObject) deleted = parse ("{\"key\":\"YS9i\",\"mod_revision\":\"3\"}");
  const char *const malformed[] = { "{}", "{\"key\":5}", "{\"key\":\"YQBi\"}",
                                    "{\"key\":\"YQ==\",\"value\":[]}" };
  g_auto(SsemEtcdRecord) record = { 0 };
  g_auto(SsemEtcdRecord) second = { 0 };
  guint i;

  g_assert_true (ssem_etcd_record_read (good, &record));
  g_assert_cmpstr (record.key, ==, "a/b");
  g_assert_cmpmem (record.value, record.length, "\0\1", 2);
  g_assert_cmpint (record.mod_revision, ==, 3);
  g_assert_cmpint (record.create_revision, ==, 2);
  g_assert_cmpint (record.lease, ==, 8);
  g_assert_true (ssem_etcd_record_read (deleted, &second));
  g_assert_cmpuint (second.length, ==, 0);
  for (i = 0; i < G_N_ELEMENTS (malformed); i++)
    {
      g_autoptr(JsonObject) kv = parse (malformed[i]);
      g_auto(SsemEtcdRecord) none = { 0 };

      g_assert_nonnull (kv);
      g_assert_false (ssem_etcd_record_read (kv, &none));
    }
}

/* Garbage is no object, and harms nobody: JSON-GLib alone would run out of stack. */
static void
test_garbage (void)
{
  const char *const texts[] = { "", "nonsense", "[]", "5", "{\"a\":", "\xff\xfe", "{}}", "null" };
  g_autofree char *deep = g_strnfill (1000000, '[');
  guint i;

  for (i = 0; i < G_N_ELEMENTS (texts); i++)
    g_assert_null (parse (texts[i]));
  g_assert_null (parse (deep));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ssem/etcd-format/defaults", test_defaults);
  g_test_add_func ("/ssem/etcd-format/prefix", test_prefix);
  g_test_add_func ("/ssem/etcd-format/malformed", test_malformed);
  g_test_add_func ("/ssem/etcd-format/endpoints", test_endpoints);
  g_test_add_func ("/ssem/etcd-format/pauses", test_pauses);
  g_test_add_func ("/ssem/etcd-format/keys", test_keys);
  g_test_add_func ("/ssem/etcd-format/bodies", test_bodies);
  g_test_add_func ("/ssem/etcd-format/replies", test_replies);
  g_test_add_func ("/ssem/etcd-format/records", test_records);
  g_test_add_func ("/ssem/etcd-format/garbage", test_garbage);

  return g_test_run ();
}
