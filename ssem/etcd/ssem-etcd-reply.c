/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-request-private.h"

#include <string.h>

/* A reply comes from another program: any member may be missing or of another type. */

/* --- Members --- */

static JsonNode *
get_node (JsonObject   *object,
          const char   *name,
          JsonNodeType  type)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  return node != NULL && JSON_NODE_TYPE (node) == type ? node : NULL;
}

gint64
ssem_etcd_get_int64 (JsonObject *object,
                     const char *name)
{
  JsonNode *node = get_node (object, name, JSON_NODE_VALUE);

  if (node == NULL)
    return 0;
  if (json_node_get_value_type (node) == G_TYPE_STRING)
    return g_ascii_strtoll (json_node_get_string (node), NULL, 10);

  return json_node_get_value_type (node) == G_TYPE_INT64 ? json_node_get_int (node) : 0;
}

JsonObject *
ssem_etcd_get_object (JsonObject *object,
                      const char *name)
{
  JsonNode *node = get_node (object, name, JSON_NODE_OBJECT);

  return node != NULL ? json_node_get_object (node) : NULL;
}

JsonArray *
ssem_etcd_get_array (JsonObject *object,
                     const char *name)
{
  JsonNode *node = get_node (object, name, JSON_NODE_ARRAY);

  return node != NULL ? json_node_get_array (node) : NULL;
}

const char *
ssem_etcd_get_text (JsonObject *object,
                    const char *name)
{
  JsonNode *node = get_node (object, name, JSON_NODE_VALUE);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_STRING ?
         json_node_get_string (node) : NULL;
}

gboolean
ssem_etcd_get_boolean (JsonObject *object,
                       const char *name)
{
  JsonNode *node = get_node (object, name, JSON_NODE_VALUE);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_BOOLEAN &&
         json_node_get_boolean (node);
}

JsonObject *
ssem_etcd_array_get (JsonArray *array,
                     guint      index)
{
  JsonNode *node;

  if (array == NULL || index >= json_array_get_length (array))
    return NULL;
  node = json_array_get_element (array, index);

  return JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

/* --- Replies --- */

JsonObject *
ssem_etcd_reply_unwrap (JsonObject *reply)
{
  JsonObject *result = ssem_etcd_get_object (reply, "result");
  JsonObject *error = ssem_etcd_get_object (reply, "error");

  return result != NULL ? result : error != NULL ? error : reply;
}

gint64
ssem_etcd_reply_get_revision (JsonObject *reply)
{
  return ssem_etcd_get_int64 (ssem_etcd_get_object (reply, "header"), "revision");
}

SsemEtcdCode
ssem_etcd_reply_get_code (JsonObject *reply)
{
  const gint64 code = ssem_etcd_get_int64 (reply, "code");

  /* In a stream the error spells it otherwise. */
  return (SsemEtcdCode) (code != 0 ? code : ssem_etcd_get_int64 (reply, "grpc_code"));
}

gboolean
ssem_etcd_txn_succeeded (JsonObject *reply)
{
  return ssem_etcd_get_boolean (reply, "succeeded");
}

JsonObject *
ssem_etcd_txn_get_response (JsonObject *reply,
                            guint       index)
{
  static const char *const names[] = {
    "response_range",
    "response_put",
    "response_delete_range",
    "response_txn",
  };
  JsonObject *response = ssem_etcd_array_get (ssem_etcd_get_array (reply, "responses"), index);
  JsonObject *content = NULL;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (names) && content == NULL; i++)
    content = ssem_etcd_get_object (response, names[i]);

  return content;
}

/* --- Records --- */

/* Returns the bytes of a member, with a null byte after them, or NULL. A member that is missing is
 * empty. */
static char *
get_bytes (JsonObject *object,
           const char *name,
           gsize      *length)
{
  const char *text = ssem_etcd_get_text (object, name);
  gsize text_length;
  char *bytes;
  int state = 0;
  guint save = 0;

  if (text == NULL && json_object_has_member (object, name))
    return NULL;
  if (text == NULL)
    text = "";
  text_length = strlen (text);
  bytes = g_malloc (text_length / 4 * 3 + 4);
  *length = g_base64_decode_step (text, text_length, (guchar *) bytes, &state, &save);
  bytes[*length] = '\0';

  return bytes;
}

gint64
ssem_etcd_txn_get_count (JsonObject *reply,
                         guint       index)
{
  JsonObject *response = ssem_etcd_txn_get_response (reply, index);

  return response != NULL ? ssem_etcd_get_int64 (response, "count") : 0;
}

gboolean
ssem_etcd_record_read (JsonObject     *kv,
                       SsemEtcdRecord *record)
{
  g_autofree char *key = NULL;
  g_autofree char *value = NULL;
  gsize key_length, length;

  if (kv == NULL)
    return FALSE;
  key = get_bytes (kv, "key", &key_length);
  value = get_bytes (kv, "value", &length);
  if (key == NULL || value == NULL || key_length == 0 || strlen (key) != key_length)
    return FALSE;

  record->key = g_steal_pointer (&key);
  record->value = g_steal_pointer (&value);
  record->length = length;
  record->create_revision = ssem_etcd_get_int64 (kv, "create_revision");
  record->mod_revision = ssem_etcd_get_int64 (kv, "mod_revision");
  record->lease = ssem_etcd_get_int64 (kv, "lease");

  return TRUE;
}

void
ssem_etcd_record_clear (SsemEtcdRecord *record)
{
  g_clear_pointer (&record->key, g_free);
  g_clear_pointer (&record->value, g_free);
}
