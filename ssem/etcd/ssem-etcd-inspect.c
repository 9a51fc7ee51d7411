/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-inspect-private.h"

#include "ssem-etcd-failure-private.h"
#include "ssem-etcd-services-private.h"
#include "ssem-etcd-view-private.h"
#include "ssem/ssem-i18n-private.h"

#include <string.h>

/* Looking reads all records of a semaphore at once, without a lease. */

/* --- One request --- */

typedef struct
{
  SsemEtcdSession *session;
  const char *path;
  char *body;
  JsonObject *reply;
  GError *error;

  GMutex lock;
  GCond ended;
  gboolean is_ended; /* under lock */
} Request;

static void
request_end (Request      *request,
             JsonObject   *reply,
             const GError *error)
{
  g_mutex_lock (&request->lock);
  request->reply = reply != NULL ? json_object_ref (reply) : NULL;
  request->error = error != NULL ? g_error_copy (error) : NULL;
  request->is_ended = TRUE;
  g_cond_signal (&request->ended);
  g_mutex_unlock (&request->lock);
}

static void
replied_cb (gpointer         data,
            SsemEtcdOutcome  outcome,
            JsonObject      *reply,
            const GError    *error)
{
  request_end (data, outcome == SSEM_ETCD_OK ? reply : NULL, error);
}

static void
send_task (gpointer data)
{
  Request *request = data;
  g_autoptr(GError) error = NULL;

  if (ssem_etcd_session_connect (request->session, &error))
    {
      ssem_etcd_session_send (request->session, request->path, g_steal_pointer (&request->body),
                              replied_cb, request);
      return;
    }

  g_free (request->body);
  request_end (request, NULL, error);
}

/* Sends @body, which it takes, and waits for the answer. */
static JsonObject *
send_request (SsemEtcdSession  *session,
              const char       *path,
              char             *body,
              GError          **error)
{
  Request request = { .session = session, .path = path, .body = body };

  g_mutex_init (&request.lock);
  g_cond_init (&request.ended);
  ssem_etcd_loop_invoke (session->loop, send_task, &request);
  g_mutex_lock (&request.lock);
  while (!request.is_ended)
    g_cond_wait (&request.ended, &request.lock);
  g_mutex_unlock (&request.lock);
  g_cond_clear (&request.ended);
  g_mutex_clear (&request.lock);
  if (request.error != NULL)
    g_propagate_error (error, request.error);

  return request.reply;
}

/* --- What a semaphore is like --- */

typedef struct
{
  char *host;  /* NULL: this machine */
  int pid;
  char *command;
} Member;

static void
member_free (gpointer data)
{
  Member *member = data;

  g_free (member->host);
  g_free (member->command);
  g_free (member);
}

/* What a semaphore's records have said so far. */
typedef struct
{
  SsemEtcdNames names;
  JsonArray *kvs;      /* of the names */
  GHashTable *members; /* of Member, by the name of the lease; those too that have left */
  guint n_attached;
} Seen;

static void
seen_clear (Seen *seen)
{
  ssem_etcd_names_clear (&seen->names);
  g_clear_pointer (&seen->kvs, json_array_unref);
  g_clear_pointer (&seen->members, g_hash_table_unref);
}

static Member *
read_member (const char *value)
{
  g_autoptr(JsonNode) root = json_from_string (value, NULL);
  Member *member = g_new0 (Member, 1);
  const char *host, *command;
  JsonObject *object;
  gint64 pid;

  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    return member;

  object = json_node_get_object (root);
  host = ssem_etcd_get_text (object, "host");
  command = ssem_etcd_get_text (object, "command");
  pid = ssem_etcd_get_int64 (object, "pid");
  if (host != NULL && !g_str_equal (host, g_get_host_name ()))
    member->host = ssem_etcd_services->display_text (host);
  /* The number may be that of another process here. */
  else if ((guint64) ssem_etcd_get_int64 (object, "pid-space") != ssem_etcd_get_pid_space ())
    return member;
  if (command != NULL && command[0] != '\0')
    member->command = ssem_etcd_services->display_text (command);
  member->pid = pid > 0 && pid <= G_MAXINT ? (int) pid : 0;

  return member;
}

static void
read_members (Seen *seen)
{
  guint i;

  for (i = 0; i < json_array_get_length (seen->kvs); i++)
    {
      g_auto(SsemEtcdRecord) record = { NULL };
      const char *name = NULL;
      SsemEtcdRecordKind kind;

      if (!ssem_etcd_record_read (ssem_etcd_array_get (seen->kvs, i), &record))
        continue;
      kind = ssem_etcd_names_classify (&seen->names, record.key, &name);
      if (kind != SSEM_ETCD_RECORD_MEMBER && kind != SSEM_ETCD_RECORD_LINGERER)
        continue;
      g_hash_table_replace (seen->members, g_strdup (name), read_member (record.value));
      if (kind == SSEM_ETCD_RECORD_MEMBER)
        seen->n_attached++;
    }
}

/* Adds up what each process has in @entries. */
static GArray *
add_up (Seen       *seen,
        GHashTable *entries)
{
  GArray *processes = ssem_etcd_services->new_processes ();
  g_autoptr(GHashTable) indices = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, entries);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SsemEtcdEntry *entry = value;
      g_autofree char *lease = g_strndup (entry->name, strcspn (entry->name, "-"));
      Member *member = g_hash_table_lookup (seen->members, lease);
      SsemSnapshotProcess *process;
      gpointer index;

      if (!g_hash_table_lookup_extended (indices, lease, NULL, &index))
        {
          SsemSnapshotProcess fresh = { .since_usec = entry->since_usec };

          if (member != NULL)
            {
              fresh.host = g_strdup (member->host);
              fresh.pid = member->pid;
              fresh.command = g_strdup (member->command);
            }
          index = GUINT_TO_POINTER (processes->len);
          g_array_append_val (processes, fresh);
          g_hash_table_insert (indices, g_steal_pointer (&lease), index);
        }
      process = &g_array_index (processes, SsemSnapshotProcess, GPOINTER_TO_UINT (index));
      process->units += entry->units;
      process->since_usec = MIN (process->since_usec, entry->since_usec);
    }

  return processes;
}

/* Returns NULL where there is no state, or it is malformed. */
static SsemSnapshot *
make_snapshot (Seen       *seen,
               const char *key)
{
  SsemEtcdView view = { NULL };
  SsemSnapshot *snapshot = NULL;

  ssem_etcd_view_init (&view, &seen->names);
  ssem_etcd_view_read_all (&view, seen->kvs, 1);
  if (view.state_create_revision != 0 && view.total >= 0)
    {
      read_members (seen);
      snapshot = ssem_etcd_services->new_snapshot ();
      snapshot->key = g_strdup (key);
      snapshot->value = (int) CLAMP (ssem_etcd_view_get_free (&view), 0, G_MAXINT);
      snapshot->initial_value = (int) CLAMP (view.initial, -1, G_MAXINT);
      snapshot->n_attached = (int) seen->n_attached;
      snapshot->n_waiters = (int) g_hash_table_size (view.waiters);
      snapshot->is_leftover = snapshot->n_attached == 0;
      snapshot->holders = add_up (seen, view.holds);
      snapshot->waiters = add_up (seen, view.waiters);
    }
  ssem_etcd_view_clear (&view);

  return snapshot;
}

static void
seen_init (Seen       *seen,
           const char *prefix,
           const char *key)
{
  ssem_etcd_names_init (&seen->names, prefix, key);
  seen->kvs = json_array_new ();
  seen->n_attached = 0;
  seen->members = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, member_free);
}

static gboolean
fail_not_found (GError        **error,
                SsemOperation   operation,
                const char     *key)
{
  ssem_etcd_failure_describe (operation, key, SSEM_ETCD_FAILURE_NOT_FOUND, error);

  return FALSE;
}

SsemSnapshot *
ssem_etcd_inspect (SsemEtcdSession  *session,
                   const char       *key,
                   GError          **error)
{
  Seen seen = { { NULL } };
  SsemSnapshot *snapshot = NULL;
  JsonObject *reply;
  JsonArray *kvs;

  seen_init (&seen, session->config->prefix, key);
  reply = send_request (session, "kv/range",
                        ssem_etcd_range_body (seen.names.base, seen.names.end, 0, 0,
                                              SSEM_ETCD_RANGE_DEFAULT), error);
  if (reply != NULL)
    {
      kvs = ssem_etcd_get_array (reply, "kvs");
      if (kvs != NULL)
        {
          json_array_unref (seen.kvs);
          seen.kvs = json_array_ref (kvs);
        }
      snapshot = make_snapshot (&seen, key);
      if (snapshot == NULL)
        fail_not_found (error, SSEM_OPERATION_INSPECT, key);
      json_object_unref (reply);
    }
  seen_clear (&seen);

  return snapshot;
}

/* Returns the key of the semaphore that @path is a record of, or NULL. */
static char *
get_key (const char *prefix,
         const char *path)
{
  const char *escaped = path + strlen (prefix);
  const char *slash;

  if (!g_str_has_prefix (path, prefix))
    return NULL;

  slash = strchr (escaped, '/');

  return slash != NULL && slash > escaped ? ssem_etcd_unescape (escaped, slash - escaped) : NULL;
}

static void
add_snapshot (GPtrArray  *snapshots,
              Seen       *seen,
              const char *key)
{
  SsemSnapshot *snapshot = key != NULL ? make_snapshot (seen, key) : NULL;

  if (snapshot != NULL)
    g_ptr_array_add (snapshots, snapshot);
  if (key != NULL)
    seen_clear (seen);
}

gboolean
ssem_etcd_list (SsemEtcdSession  *session,
                GPtrArray        *snapshots,
                GError          **error)
{
  const char *prefix = session->config->prefix;
  g_autofree char *end = ssem_etcd_range_end (prefix);
  g_autofree char *current = NULL;
  Seen seen = { { NULL } };
  JsonObject *reply;
  JsonArray *kvs;
  guint i;

  reply = send_request (session, "kv/range",
                        ssem_etcd_range_body (prefix, end, 0, 0, SSEM_ETCD_RANGE_DEFAULT),
                        error);
  if (reply == NULL)
    return FALSE;

  /* The records come in the order of their names, so those of a semaphore come together. */
  kvs = ssem_etcd_get_array (reply, "kvs");
  for (i = 0; kvs != NULL && i < json_array_get_length (kvs); i++)
    {
      g_auto(SsemEtcdRecord) record = { NULL };
      g_autofree char *key = NULL;

      if (ssem_etcd_record_read (ssem_etcd_array_get (kvs, i), &record))
        key = get_key (prefix, record.key);
      if (key == NULL)
        continue;
      if (g_strcmp0 (current, key) != 0)
        {
          add_snapshot (snapshots, &seen, current);
          seen_init (&seen, prefix, key);
          g_free (current);
          current = g_steal_pointer (&key);
        }
      json_array_add_element (seen.kvs, json_array_dup_element (kvs, i));
    }
  add_snapshot (snapshots, &seen, current);
  json_object_unref (reply);

  return TRUE;
}

static void
fail_busy (GError     **error,
           const char  *key)
{
  g_autofree char *shown = ssem_etcd_services->display_text (key);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
               _("The semaphore “%s” is in use, or may be in use"), shown);
}

gboolean
ssem_etcd_remove (SsemEtcdSession  *session,
                  const char       *key,
                  GError          **error)
{
  SsemEtcdTxn *txn = ssem_etcd_txn_new ();
  SsemEtcdNames names;
  JsonObject *reply, *response;
  gboolean is_removed = FALSE;

  ssem_etcd_names_init (&names, session->config->prefix, key);
  ssem_etcd_txn_compare (txn, names.members, names.members_end, SSEM_ETCD_CREATE, SSEM_ETCD_EQUAL,
                         0);
  ssem_etcd_txn_compare (txn, names.state, NULL, SSEM_ETCD_CREATE, SSEM_ETCD_GREATER, 0);
  ssem_etcd_txn_delete (txn, SSEM_ETCD_THEN, names.base, names.end);
  ssem_etcd_txn_range (txn, SSEM_ETCD_ELSE, names.state, NULL);
  reply = send_request (session, "kv/txn", ssem_etcd_txn_end (txn), error);
  if (reply != NULL)
    {
      response = ssem_etcd_txn_get_response (reply, 0);
      if (ssem_etcd_txn_succeeded (reply))
        is_removed = TRUE;
      else if (response != NULL && ssem_etcd_get_array (response, "kvs") != NULL)
        fail_busy (error, key);
      else
        fail_not_found (error, SSEM_OPERATION_REMOVE, key);
      json_object_unref (reply);
    }
  ssem_etcd_names_clear (&names);

  return is_removed;
}
