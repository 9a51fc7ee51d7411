/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-view-private.h"

/* How many WAITERS_FEW are: more than a short queue has. */
#define FEW 8

static void
entry_free (gpointer data)
{
  SsemEtcdEntry *entry = data;

  g_free (entry->name);
  g_free (entry);
}

static GHashTable *
new_entries (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, NULL, entry_free);
}

void
ssem_etcd_view_init (SsemEtcdView        *self,
                     const SsemEtcdNames *names)
{
  self->names = names;
  self->holds = new_entries ();
  self->waiters = new_entries ();
  g_queue_init (&self->queue);
}

void
ssem_etcd_view_clear (SsemEtcdView *self)
{
  /* The links of the queue are parts of the entries. */
  g_queue_init (&self->queue);
  g_clear_pointer (&self->holds, g_hash_table_unref);
  g_clear_pointer (&self->waiters, g_hash_table_unref);
}

static void
remove_all (SsemEtcdView *self)
{
  g_queue_init (&self->queue);
  g_hash_table_remove_all (self->holds);
  g_hash_table_remove_all (self->waiters);
  self->n_held = 0;
  self->state_create_revision = 0;
  self->state_mod_revision = 0;
  self->total = 0;
  self->epoch = 0;
  self->initial = 0;
  self->dispatcher = 0;
  self->dispatcher_revision = 0;
}

/* --- Holds and waiters --- */

void
ssem_etcd_view_remove_hold (SsemEtcdView *self,
                            const char   *name)
{
  SsemEtcdEntry *entry = g_hash_table_lookup (self->holds, name);

  if (entry == NULL)
    return;

  self->n_held -= entry->units;
  g_hash_table_remove (self->holds, name);
}

void
ssem_etcd_view_remove_waiter (SsemEtcdView *self,
                              const char   *name)
{
  SsemEtcdEntry *entry = g_hash_table_lookup (self->waiters, name);

  if (entry == NULL)
    return;

  g_queue_unlink (&self->queue, &entry->link);
  g_hash_table_remove (self->waiters, name);
}

/* Puts @entry into the queue: nearly always at the end. */
static void
enqueue (SsemEtcdView  *self,
         SsemEtcdEntry *entry)
{
  GList *before = self->queue.tail;

  while (before != NULL &&
         ((SsemEtcdEntry *) before->data)->create_revision > entry->create_revision)
    before = before->prev;

  entry->link.data = entry;
  if (before == NULL)
    g_queue_push_head_link (&self->queue, &entry->link);
  else
    g_queue_insert_after_link (&self->queue, before, &entry->link);
}

static void
put_entry (SsemEtcdView  *self,
           gboolean       is_hold,
           SsemEtcdEntry *entry)
{
  if (is_hold)
    {
      ssem_etcd_view_remove_hold (self, entry->name);
      self->n_held += entry->units;
      g_hash_table_insert (self->holds, entry->name, entry);
    }
  else
    {
      ssem_etcd_view_remove_waiter (self, entry->name);
      enqueue (self, entry);
      g_hash_table_insert (self->waiters, entry->name, entry);
    }
}

static SsemEtcdEntry *
new_entry (const char *name,
           gint64      units,
           gint64      revision)
{
  SsemEtcdEntry *entry = g_new0 (SsemEtcdEntry, 1);

  entry->name = g_strdup (name);
  entry->units = units;
  entry->create_revision = revision;
  entry->mod_revision = revision;

  return entry;
}

void
ssem_etcd_view_put_hold (SsemEtcdView *self,
                         const char   *name,
                         gint64        units,
                         gint64        revision)
{
  put_entry (self, TRUE, new_entry (name, units, revision));
}

void
ssem_etcd_view_put_waiter (SsemEtcdView *self,
                           const char   *name,
                           gint64        units,
                           gint64        revision)
{
  put_entry (self, FALSE, new_entry (name, units, revision));
}

void
ssem_etcd_view_put_total (SsemEtcdView *self,
                          gint64        total,
                          gint64        revision)
{
  if (self->state_mod_revision >= revision)
    return;

  self->total = total;
  self->state_mod_revision = revision;
}

/* --- Records --- */

static void
read_state (SsemEtcdView         *self,
            const SsemEtcdRecord *record)
{
  self->state_create_revision = record->create_revision;
  self->state_mod_revision = record->mod_revision;
  self->total = ssem_etcd_names_get_number (record->value, "total");
  self->epoch = ssem_etcd_names_get_number (record->value, "epoch");
  self->initial = ssem_etcd_names_get_number (record->value, "initial");
}

/* Leaves out what is malformed: others may write below the prefix, too. */
static void
read_record (SsemEtcdView         *self,
             SsemEtcdRecordKind    kind,
             const char           *name,
             const SsemEtcdRecord *record)
{
  SsemEtcdEntry *entry;
  gint64 units;

  if (kind == SSEM_ETCD_RECORD_STATE)
    read_state (self, record);
  if (kind == SSEM_ETCD_RECORD_DISPATCHER)
    {
      self->dispatcher = record->lease;
      self->dispatcher_revision = record->mod_revision;
    }
  if (kind != SSEM_ETCD_RECORD_HOLD && kind != SSEM_ETCD_RECORD_WAITER)
    return;

  units = ssem_etcd_names_get_number (record->value, "units");
  if (units <= 0 || units > G_MAXINT)
    return;

  entry = g_new0 (SsemEtcdEntry, 1);
  entry->name = g_strdup (name);
  entry->units = units;
  entry->since_usec = ssem_etcd_names_get_number (record->value, "since");
  entry->lease = record->lease;
  entry->create_revision = record->create_revision;
  entry->mod_revision = record->mod_revision;
  put_entry (self, kind == SSEM_ETCD_RECORD_HOLD, entry);
}

static void
read_records (SsemEtcdView *self,
              JsonArray    *kvs)
{
  guint n = kvs != NULL ? json_array_get_length (kvs) : 0;
  guint i;

  for (i = 0; i < n; i++)
    {
      g_auto(SsemEtcdRecord) record = { NULL };
      const char *name = NULL;
      SsemEtcdRecordKind kind;

      if (!ssem_etcd_record_read (ssem_etcd_array_get (kvs, i), &record))
        continue;
      kind = ssem_etcd_names_classify (self->names, record.key, &name);
      read_record (self, kind, name, &record);
    }
}

void
ssem_etcd_view_add_ranges (const SsemEtcdNames *names,
                           SsemEtcdTxn         *txn,
                           SsemEtcdBranch       branch,
                           guint                n_holds,
                           SsemEtcdWaiters      waiters)
{
  /* A limit of 0 means all. */
  static const guint limits[] = { 1, FEW, SSEM_ETCD_N_FIRST, 0 };

  ssem_etcd_txn_range (txn, branch, names->state, names->state_end);
  ssem_etcd_txn_range_limited (txn, branch, names->holds, names->holds_end, n_holds, FALSE);
  ssem_etcd_txn_range_limited (txn, branch, names->waiters, names->waiters_end, limits[waiters],
                               waiters == SSEM_ETCD_WAITERS_FIRST);
}

/* Whether the range has more records than the answer. */
static gboolean
has_more (JsonObject *response)
{
  JsonArray *kvs = ssem_etcd_get_array (response, "kvs");

  return ssem_etcd_get_int64 (response, "count") >
         (gint64) (kvs != NULL ? json_array_get_length (kvs) : 0);
}

gboolean
ssem_etcd_view_read (SsemEtcdView *self,
                     JsonObject   *reply,
                     guint         index,
                     gint64        revision)
{
  JsonObject *holds = ssem_etcd_txn_get_response (reply, index + 1);
  guint i;

  if (revision < self->revision)
    return FALSE;
  if (holds != NULL && has_more (holds))
    {
      /* A watch tells the rest. */
      if (self->is_live)
        return FALSE;

      self->n_waiters = ssem_etcd_txn_get_count (reply, index + 2);
      self->is_partial = TRUE;
      ssem_etcd_view_read_dispatcher (self, ssem_etcd_txn_get_response (reply, index));
      return FALSE;
    }

  remove_all (self);
  for (i = 0; i < 3; i++)
    {
      JsonObject *response = ssem_etcd_txn_get_response (reply, index + i);

      if (response != NULL)
        read_records (self, ssem_etcd_get_array (response, "kvs"));
      /* The last range. */
      self->n_waiters = response != NULL ? ssem_etcd_get_int64 (response, "count") : 0;
    }
  self->is_partial = self->n_waiters > (gint64) g_queue_get_length (&self->queue);
  self->revision = revision;
  self->read_revision = revision;

  return TRUE;
}

void
ssem_etcd_view_read_all (SsemEtcdView *self,
                         JsonArray    *kvs,
                         gint64        revision)
{
  if (revision < self->revision)
    return;

  remove_all (self);
  read_records (self, kvs);
  self->n_waiters = g_queue_get_length (&self->queue);
  self->is_partial = FALSE;
  self->revision = revision;
  self->read_revision = revision;
}

/* Whether the view has something newer of the same name. */
static gboolean
has_newer (SsemEtcdView         *self,
           SsemEtcdRecordKind    kind,
           const char           *name,
           const SsemEtcdRecord *record)
{
  GHashTable *entries = kind == SSEM_ETCD_RECORD_HOLD ? self->holds : self->waiters;
  const SsemEtcdEntry *entry = NULL;

  if (kind == SSEM_ETCD_RECORD_STATE)
    return self->state_mod_revision > record->mod_revision;
  if (kind == SSEM_ETCD_RECORD_DISPATCHER)
    return self->dispatcher_revision > record->mod_revision;
  if (kind == SSEM_ETCD_RECORD_HOLD || kind == SSEM_ETCD_RECORD_WAITER)
    entry = g_hash_table_lookup (entries, name);

  return entry != NULL && entry->mod_revision > record->mod_revision;
}

void
ssem_etcd_view_read_queue (SsemEtcdView *self,
                           JsonObject   *reply)
{
  g_queue_init (&self->queue);
  g_hash_table_remove_all (self->waiters);
  read_records (self, ssem_etcd_get_array (reply, "kvs"));
  self->n_waiters = ssem_etcd_get_int64 (reply, "count");
  self->is_partial = self->n_waiters > (gint64) g_queue_get_length (&self->queue);
}

void
ssem_etcd_view_read_dispatcher (SsemEtcdView *self,
                                JsonObject   *response)
{
  JsonArray *kvs = response != NULL ? ssem_etcd_get_array (response, "kvs") : NULL;
  guint n = kvs != NULL ? json_array_get_length (kvs) : 0;
  guint i;

  self->dispatcher = 0;
  self->dispatcher_revision = 0;
  for (i = 0; i < n; i++)
    {
      g_auto(SsemEtcdRecord) record = { NULL };
      const char *name;

      if (ssem_etcd_record_read (ssem_etcd_array_get (kvs, i), &record) &&
          ssem_etcd_names_classify (self->names, record.key, &name) == SSEM_ETCD_RECORD_DISPATCHER)
        read_record (self, SSEM_ETCD_RECORD_DISPATCHER, NULL, &record);
    }
}

void
ssem_etcd_view_apply (SsemEtcdView         *self,
                      SsemEtcdRecordKind    kind,
                      const char           *name,
                      const SsemEtcdRecord *record,
                      gboolean              is_deleted)
{
  /* An answer that came before the event has it already. */
  if (record->mod_revision <= self->read_revision || has_newer (self, kind, name, record))
    return;

  if (!is_deleted)
    {
      read_record (self, kind, name, record);
    }
  else if (kind == SSEM_ETCD_RECORD_HOLD)
    {
      ssem_etcd_view_remove_hold (self, name);
    }
  else if (kind == SSEM_ETCD_RECORD_WAITER)
    {
      ssem_etcd_view_remove_waiter (self, name);
    }
  else if (kind == SSEM_ETCD_RECORD_STATE)
    {
      self->state_create_revision = 0;
      self->state_mod_revision = 0;
      self->total = 0;
    }
  else if (kind == SSEM_ETCD_RECORD_DISPATCHER)
    {
      self->dispatcher = 0;
      self->dispatcher_revision = 0;
    }
  self->revision = MAX (self->revision, record->mod_revision);
  self->event_revision = MAX (self->event_revision, record->mod_revision);
}
