/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-semaphore-private.h"

#include "ssem-etcd-dispatcher-private.h"
#include "ssem-etcd-failure-private.h"

/* Waiting for units.
 *
 * While an acquire of the process waits, and a while after that, the process watches all records of
 * the semaphore, so its view is live. Mostly the watch tells that another process, in its release,
 * has put a hold in the place of the waiter. Units that came back in another way, as through a
 * lease that has ended, are free while somebody waits: the first waiter that fits takes them. The
 * next one does if the first has not after TURN_USEC, because it may be stopped. A waiter that
 * wants more than there is holds up nobody.
 *
 * Where many wait, this would cost an event for each of them at each step. So in a long queue the
 * process watches only what it holds itself, and its view is not live. It reads the first ones of
 * the queue when it releases. What has become free in another way is given to the first ones by
 * whoever looks next: one who begins to wait; all, if they are not too many, when another process
 * has left or died; and else many in turn. Where very many wait, one process serves them all: see
 * ssem-etcd-dispatcher.c.
 *
 * A watch may be dead though its connection looks alive. So while it waits the process reads
 * everything once in a lease's time; where very many wait, only its own records, and everything in
 * turn with the others.
 */

#define TURN_USEC (150 * 1000)
#define KEEP_WATCH_USEC (10 * G_USEC_PER_SEC)

/* --- Turns --- */

static void
clear_turn (SsemEtcdWait *wait)
{
  if (wait->turn == NULL)
    return;

  g_source_destroy (wait->turn);
  g_clear_pointer (&wait->turn, g_source_unref);
}

static void
wake (SsemEtcdWait     *wait,
      SsemEtcdWaitNews  news)
{
  clear_turn (wait);
  wait->is_idle = FALSE;
  wait->wake (wait, news);
}

void
ssem_etcd_semaphore_wake_granted (SsemEtcdWait *wait)
{
  if (wait->is_idle)
    wake (wait, SSEM_ETCD_WAIT_GRANTED);
}

static gboolean
turn_cb (gpointer data)
{
  SsemEtcdWait *wait = data;

  clear_turn (wait);
  if (wait->is_idle && wait->units <= ssem_etcd_view_get_free (&wait->semaphore->view))
    wake (wait, SSEM_ETCD_WAIT_FITS);

  return G_SOURCE_REMOVE;
}

static void
set_turn (SsemEtcdWait *wait,
          guint         rank)
{
  if (wait->turn != NULL)
    return;

  wait->turn = g_timeout_source_new (0);
  g_source_set_ready_time (wait->turn, g_get_monotonic_time () + (gint64) rank * TURN_USEC);
  g_source_set_callback (wait->turn, turn_cb, wait, NULL);
  g_source_attach (wait->turn, wait->semaphore->session->loop->context);
}

void
ssem_etcd_semaphore_evaluate (SsemEtcdSemaphore *self)
{
  gint64 n_free = ssem_etcd_view_get_free (&self->view);
  SsemEtcdWait *first = NULL;
  guint rank = 0;
  GList *link;

  if (ssem_etcd_semaphore_is_dispatcher (self))
    {
      ssem_etcd_dispatcher_evaluate (self);
      return;
    }
  if (g_hash_table_size (self->waits) == 0 || n_free <= 0 || self->has_long_queue ||
      self->view.is_partial)
    return;

  for (link = self->view.queue.head; link != NULL && n_free > 0; link = link->next)
    {
      SsemEtcdEntry *entry = link->data;
      SsemEtcdWait *wait;

      if (entry->units > n_free)
        continue;
      n_free -= entry->units;
      wait = g_hash_table_lookup (self->waits, entry->name);
      if (wait == NULL)
        rank++;
      else if (wait->is_idle && rank > 0)
        set_turn (wait, rank);
      else if (wait->is_idle && first == NULL)
        first = wait;
    }

  /* The others are evaluated again when this one has changed the view. */
  if (first != NULL)
    wake (first, SSEM_ETCD_WAIT_FITS);
}

void
ssem_etcd_semaphore_add_wait (SsemEtcdSemaphore *self,
                              SsemEtcdWait      *wait)
{
  g_hash_table_insert (self->waits, wait->name, wait);
}

void
ssem_etcd_semaphore_note_waiter (SsemEtcdSemaphore  *self,
                                 const SsemEtcdWait *wait,
                                 gint64              revision)
{
  const SsemEtcdView *view = &self->view;
  gboolean is_seen = revision <= MAX (view->read_revision, view->event_revision);

  /* What the view has seen and has not is gone, unless it does not have all. */
  if (wait->granted_revision == 0 && (!is_seen || view->is_partial || self->has_long_queue) &&
      !g_hash_table_contains (view->waiters, wait->name) &&
      !g_hash_table_contains (view->holds, wait->name))
    ssem_etcd_view_put_waiter (&self->view, wait->name, wait->units, revision);
}

void
ssem_etcd_semaphore_remove_wait (SsemEtcdSemaphore *self,
                                 SsemEtcdWait      *wait)
{
  clear_turn (wait);
  if (wait->name != NULL && g_hash_table_lookup (self->waits, wait->name) == wait)
    g_hash_table_remove (self->waits, wait->name);
  self->used_usec = g_get_monotonic_time ();
}

/* --- Looking --- */

#define LOOK_MS 100
/* Where very many wait: of all of them together; and the least share of its turns in which each of
 * them reads everything. */
#define LOOKS_PER_SECOND 8
#define LEAST_SHARE 0.06

typedef struct
{
  SsemEtcdActivity activity;
} Look;

/* Returns the waits whose record exists, as a list that wakes do not change. */
static GPtrArray *
list_idle_waits (SsemEtcdSemaphore *self)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer wait;

  g_hash_table_iter_init (&iter, self->waits);
  while (g_hash_table_iter_next (&iter, NULL, &wait))
    {
      if (((SsemEtcdWait *) wait)->is_idle)
        g_ptr_array_add (names, g_strdup (((SsemEtcdWait *) wait)->name));
    }

  return names;
}

/* Wakes the waits whose record is gone. Returns whether a watch has missed something. */
static gboolean
wake_gone (SsemEtcdSemaphore *self)
{
  g_autoptr(GPtrArray) names = list_idle_waits (self);
  gboolean is_any = FALSE;
  guint i;

  for (i = 0; i < names->len; i++)
    {
      SsemEtcdWait *wait = g_hash_table_lookup (self->waits, names->pdata[i]);
      SsemEtcdEntry *hold;

      if (wait == NULL || !wait->is_idle ||
          g_hash_table_contains (self->view.waiters, names->pdata[i]))
        continue;

      hold = g_hash_table_lookup (self->view.holds, names->pdata[i]);
      if (hold == NULL && self->view.is_partial && !self->is_removed)
        continue;

      is_any = TRUE;
      if (hold != NULL)
        wait->granted_revision = hold->create_revision;
      wake (wait, hold != NULL ? SSEM_ETCD_WAIT_GRANTED : SSEM_ETCD_WAIT_GONE);
    }

  return is_any;
}

static void
end_look (Look *look)
{
  ssem_etcd_activity_end (&look->activity);
  g_free (look);
}

static void
looked_cb (gpointer         data,
           SsemEtcdOutcome  outcome,
           JsonObject      *reply,
           const GError    *error)
{
  Look *look = data;
  SsemEtcdSemaphore *self = ssem_etcd_semaphore_ref (look->activity.semaphore);

  self->is_looking = FALSE;
  if (ssem_etcd_activity_is_current (&look->activity) && outcome == SSEM_ETCD_OK)
    {
      gint64 revision = ssem_etcd_reply_get_revision (reply);
      gboolean is_newer = revision >= self->view.revision;

      ssem_etcd_semaphore_read (self, reply, 0, revision);
      if (self->watch != NULL && !self->view.is_live && !self->is_watching_own)
        {
          /* What the watch has missed may be newer than an answer that came late. */
          if (!is_newer)
            ssem_etcd_semaphore_look (self);
          else
            {
              ssem_etcd_watch_restart (self->watch, revision + 1);
              self->view.is_live = TRUE;
            }
        }
      if (is_newer && wake_gone (self) && self->watch != NULL &&
          self->view.event_revision + 1 < revision)
        ssem_etcd_watch_reconnect (self->watch);
      if (g_hash_table_size (self->waits) > 0 || ssem_etcd_semaphore_is_dispatcher (self))
        ssem_etcd_semaphore_watch (self);
      if (is_newer && self->has_long_queue)
        ssem_etcd_dispatcher_check (self);
      ssem_etcd_semaphore_evaluate (self);
    }
  end_look (look);
  ssem_etcd_semaphore_unref (self);
}

/* Returns NULL if the process looks already, or cannot. */
static Look *
begin_look (SsemEtcdSemaphore *self)
{
  Look *look;

  if (self->is_looking || !ssem_etcd_semaphore_is_joined (self))
    return NULL;

  self->is_looking = TRUE;
  look = g_new0 (Look, 1);
  ssem_etcd_activity_begin (&look->activity, self, NULL);
  look->activity.generation = self->session->generation;

  return look;
}

void
ssem_etcd_semaphore_look (SsemEtcdSemaphore *self)
{
  Look *look = begin_look (self);
  SsemEtcdTxn *txn;

  if (look == NULL)
    return;

  txn = ssem_etcd_txn_new ();
  ssem_etcd_semaphore_add_ranges_with_queue (self, txn, SSEM_ETCD_THEN);
  ssem_etcd_activity_send (&look->activity, txn, looked_cb, look);
}

/* --- The watch --- */

static gboolean
look_cb (gpointer data)
{
  SsemEtcdSemaphore *self = data;

  g_clear_pointer (&self->look_timer, g_source_unref);
  ssem_etcd_semaphore_look (self);

  return G_SOURCE_REMOVE;
}

void
ssem_etcd_semaphore_look_later (SsemEtcdSemaphore *self,
                                guint              msec)
{
  if (self->look_timer != NULL)
    return;

  self->look_timer = g_timeout_source_new (msec + (guint) g_random_int_range (1, LOOK_MS));
  g_source_set_callback (self->look_timer, look_cb, self, NULL);
  g_source_attach (self->look_timer, self->session->loop->context);
}

/* A process has come or gone. */
static void
members_cb (gpointer           data,
            SsemEtcdWatchNews  news,
            gint64             revision,
            JsonArray         *events)
{
  SsemEtcdSemaphore *self = data;
  gboolean is_any_gone = news == SSEM_ETCD_WATCH_RESET;
  guint i;

  for (i = 0; events != NULL && i < json_array_get_length (events); i++)
    {
      JsonObject *event = ssem_etcd_array_get (events, i);

      if (event != NULL && g_strcmp0 (ssem_etcd_get_text (event, "type"), "DELETE") == 0)
        is_any_gone = TRUE;
    }
  if (news == SSEM_ETCD_WATCH_RESET)
    ssem_etcd_watch_restart (self->members_watch, MAX (revision, self->view.read_revision) + 1);
  if (is_any_gone && g_hash_table_size (self->waits) > 0)
    ssem_etcd_semaphore_look_later (self, 0);
}

/* Whether the event says that @wait has its units: not of an earlier use of the name, nor what has
 * gone since. */
static gboolean
is_grant (SsemEtcdSemaphore    *self,
          const SsemEtcdWait   *wait,
          const SsemEtcdRecord *record)
{
  const SsemEtcdEntry *hold = g_hash_table_lookup (self->view.holds, wait->name);

  if (record->mod_revision == wait->over_revision ||
      record->mod_revision <= wait->since_revision)
    return FALSE;

  return record->mod_revision > self->view.read_revision ||
         (hold != NULL && hold->create_revision == record->mod_revision);
}

/* Takes over one event. Returns the name of the process's own wait that it is about, if any. */
static char *
apply_event (SsemEtcdSemaphore *self,
             JsonObject        *event)
{
  g_auto(SsemEtcdRecord) record = { NULL };
  gboolean is_deleted = g_strcmp0 (ssem_etcd_get_text (event, "type"), "DELETE") == 0;
  const char *name = NULL;
  SsemEtcdRecordKind kind;
  SsemEtcdWait *wait;

  if (!ssem_etcd_record_read (ssem_etcd_get_object (event, "kv"), &record))
    return NULL;

  kind = ssem_etcd_names_classify (&self->names, record.key, &name);
  wait = name != NULL ? g_hash_table_lookup (self->waits, name) : NULL;
  if (wait != NULL && kind == SSEM_ETCD_RECORD_HOLD && !is_deleted &&
      is_grant (self, wait, &record))
    wait->granted_revision = record.mod_revision;
  if (self->is_watching_own)
    return wait != NULL && wait->granted_revision != 0 ? g_strdup (name) : NULL;

  /* Also what the process has put itself: whoever compares the view's revision takes its holds for
   * all that there are. */
  ssem_etcd_view_apply (&self->view, kind, name, &record, is_deleted);

  return wait != NULL ? g_strdup (name) : NULL;
}

static void
watch_cb (gpointer           data,
          SsemEtcdWatchNews  news,
          gint64             revision,
          JsonArray         *events)
{
  SsemEtcdSemaphore *self = ssem_etcd_semaphore_ref (data);
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  gboolean is_any_gone = FALSE;
  guint i;

  if (news == SSEM_ETCD_WATCH_RESET && self->is_watching_own)
    {
      ssem_etcd_watch_restart (self->watch, MAX (revision, self->view.read_revision) + 1);
      ssem_etcd_semaphore_look (self);
      ssem_etcd_semaphore_unref (self);
      return;
    }
  if (news == SSEM_ETCD_WATCH_RESET)
    {
      self->view.is_live = FALSE;
      ssem_etcd_semaphore_look (self);
      ssem_etcd_semaphore_unref (self);
      return;
    }

  for (i = 0; events != NULL && i < json_array_get_length (events); i++)
    {
      char *name = apply_event (self, ssem_etcd_array_get (events, i));

      if (name != NULL)
        g_ptr_array_add (names, name);
    }
  if (!self->is_watching_own)
    {
      self->view.revision = MAX (self->view.revision, revision);
      self->view.event_revision = MAX (self->view.event_revision, revision);
    }

  for (i = 0; i < names->len; i++)
    {
      SsemEtcdWait *wait = g_hash_table_lookup (self->waits, names->pdata[i]);

      if (wait == NULL || !wait->is_idle)
        continue;
      if (wait->granted_revision != 0)
        wake (wait, SSEM_ETCD_WAIT_GRANTED);
      else if (!g_hash_table_contains (self->view.waiters, names->pdata[i]))
        is_any_gone = TRUE;
    }
  if (is_any_gone)
    ssem_etcd_semaphore_look (self);
  ssem_etcd_semaphore_evaluate (self);
  ssem_etcd_semaphore_unref (self);
}

void
ssem_etcd_semaphore_stop_watching (SsemEtcdSemaphore *self)
{
  self->view.is_live = FALSE;
  g_clear_pointer (&self->watch, ssem_etcd_watch_free);
  g_clear_pointer (&self->members_watch, ssem_etcd_watch_free);
  if (self->look_timer != NULL)
    g_source_destroy (self->look_timer);
  g_clear_pointer (&self->look_timer, g_source_unref);
  if (self->watch_timer != NULL)
    g_source_destroy (self->watch_timer);
  g_clear_pointer (&self->watch_timer, g_source_unref);
}

/* All those who wait look at everything LOOKS_PER_SECOND times together; each of them now and then,
 * because some processes have many that wait. */
static gboolean
is_turn_to_look (SsemEtcdSemaphore *self)
{
  gint64 n_waiters = self->view.n_waiters;
  double n_looks = LOOKS_PER_SECOND * self->session->config->ttl;

  return !self->has_long_queue || n_waiters <= SSEM_ETCD_MANY_WAITERS ||
         g_random_double () < MAX (n_looks / (double) n_waiters, LEAST_SHARE);
}

static void
looked_for_own_cb (gpointer         data,
                   SsemEtcdOutcome  outcome,
                   JsonObject      *reply,
                   const GError    *error)
{
  Look *look = data;
  SsemEtcdSemaphore *self = ssem_etcd_semaphore_ref (look->activity.semaphore);
  g_autoptr(GPtrArray) names = list_idle_waits (self);
  SsemEtcdView view;
  guint i;

  self->is_looking = FALSE;
  ssem_etcd_view_init (&view, &self->names);
  if (outcome == SSEM_ETCD_OK)
    ssem_etcd_view_read_all (&view, ssem_etcd_get_array (reply, "kvs"), 1);
  for (i = 0; i < names->len && outcome == SSEM_ETCD_OK; i++)
    {
      if (!g_hash_table_contains (view.waiters, names->pdata[i]))
        ssem_etcd_semaphore_look (self);
    }
  ssem_etcd_view_clear (&view);
  end_look (look);
  ssem_etcd_semaphore_unref (self);
}

/* Reads the waiters of this process alone: if one is gone, the watch has not told everything. */
static void
look_for_own (SsemEtcdSemaphore *self)
{
  g_autofree char *own = g_strconcat (self->names.waiters, self->session->lease_name, "-", NULL);
  g_autofree char *own_end = ssem_etcd_range_end (own);
  Look *look = begin_look (self);

  if (look == NULL)
    return;

  ssem_etcd_session_send (self->session, "kv/range",
                          ssem_etcd_range_body (own, own_end, 0, 0, SSEM_ETCD_RANGE_DEFAULT),
                          looked_for_own_cb, look);
}

static gboolean watch_timer_cb (gpointer data);

/* In a long queue not all look at the same time; in a very long one, as many a second as the server
 * bears. */
static void
set_watch_timer (SsemEtcdSemaphore *self)
{
  guint period = (guint) self->session->config->ttl * 1000;

  if (self->has_long_queue && self->view.n_waiters > SSEM_ETCD_MANY_WAITERS)
    period = (guint) MIN ((gint64) period, self->view.n_waiters * 1000 / LOOKS_PER_SECOND);
  if (self->has_long_queue)
    period -= (guint) g_random_int_range (0, (int) period / 2);
  g_clear_pointer (&self->watch_timer, g_source_unref);
  self->watch_timer = g_timeout_source_new (period);
  g_source_set_callback (self->watch_timer, watch_timer_cb, self, NULL);
  g_source_attach (self->watch_timer, self->session->loop->context);
}

static gboolean
watch_timer_cb (gpointer data)
{
  SsemEtcdSemaphore *self = data;

  if (ssem_etcd_semaphore_is_dispatcher (self) ||
      (g_hash_table_size (self->waits) > 0 && is_turn_to_look (self)))
    {
      ssem_etcd_semaphore_look (self);
    }
  else if (g_hash_table_size (self->waits) > 0)
    {
      look_for_own (self);
    }
  else if (g_get_monotonic_time () - self->used_usec > KEEP_WATCH_USEC)
    {
      ssem_etcd_semaphore_stop_watching (self);
      return G_SOURCE_REMOVE;
    }

  set_watch_timer (self);

  return G_SOURCE_REMOVE;
}

/* In a long queue a process watches only what it holds, unless it serves the queue. */
static gboolean
is_own_enough (SsemEtcdSemaphore *self)
{
  return self->has_long_queue && !ssem_etcd_semaphore_is_dispatcher (self);
}

/* Makes the watch that fits: for everything, or in a long queue for the holds of this process. */
static void
start_watching (SsemEtcdSemaphore *self)
{
  g_autofree char *own = g_strconcat (self->names.holds, self->session->lease_name, "-", NULL);
  g_autofree char *own_end = ssem_etcd_range_end (own);
  gboolean is_own = is_own_enough (self);

  self->is_watching_own = is_own;
  self->view.is_live = !is_own;
  self->watch = ssem_etcd_watch_new (self->session->client,
                                     is_own ? own : self->names.base,
                                     is_own ? own_end : self->names.end,
                                     self->view.read_revision + 1, watch_cb, self);
  self->watch_generation = self->session->generation;
  if (is_own && self->view.n_waiters <= SSEM_ETCD_MANY_WAITERS)
    self->members_watch = ssem_etcd_watch_new (self->session->client, self->names.members,
                                               self->names.members_end,
                                               self->view.read_revision + 1, members_cb, self);
  set_watch_timer (self);
}

void
ssem_etcd_semaphore_watch (SsemEtcdSemaphore *self)
{
  self->used_usec = g_get_monotonic_time ();
  if (self->view.read_revision == 0)
    return;

  if (self->watch != NULL &&
      (self->is_watching_own != is_own_enough (self) ||
       (self->is_watching_own && self->watch_generation != self->session->generation)))
    ssem_etcd_semaphore_stop_watching (self);
  if (self->watch != NULL)
    return;

  /* A live view begins with a complete one. */
  if (!is_own_enough (self) && self->view.is_partial)
    ssem_etcd_semaphore_look (self);
  else
    start_watching (self);
}
