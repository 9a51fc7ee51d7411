/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-membership-private.h"

#include "ssem-etcd-dispatcher-private.h"
#include "ssem-etcd-failure-private.h"
#include "ssem-etcd-services-private.h"

#include <json-glib/json-glib.h>

#include <unistd.h>

/* A process is a member of each semaphore that it has an instance of. Units that it holds stay with
 * its lease when it leaves; if it opens the same semaphore again, they count again.
 *
 * Opening reads first, decides, and writes if nothing that the decision rests on has changed; else
 * it begins again. A semaphore without a member is a leftover. The write has the guard, so one
 * whose reply was lost is sent again, and applied once. All of it happens under the lock of the
 * member record. */

typedef struct
{
  SsemEtcdActivity activity;
  SsemEtcdSession *session;
  gboolean is_open;         /* else it joins again */
  SsemAccessMode mode;
  int initial_value;
  SsemEtcdOpenedFunc func;
  gpointer data;

  gboolean is_in_doubt;     /* the write may have been applied */
  gint64 sent_revision;     /* the guard's, at the write */
  guint range_index;        /* of the first range in the answer of the write */
} Join;

static void join_start (Join              *join,
                        SsemEtcdSemaphore *semaphore);
static void join_read  (Join              *join);

static char *
describe_process (void)
{
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  g_autoptr(JsonNode) root = NULL;
  g_autofree char *command = ssem_etcd_services->get_command (getpid ());

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "host");
  json_builder_add_string_value (builder, g_get_host_name ());
  json_builder_set_member_name (builder, "pid");
  json_builder_add_int_value (builder, getpid ());
  json_builder_set_member_name (builder, "pid-space");
  json_builder_add_int_value (builder, (gint64) ssem_etcd_get_pid_space ());
  json_builder_set_member_name (builder, "command");
  json_builder_add_string_value (builder, command != NULL ? command : "");
  json_builder_set_member_name (builder, "since");
  json_builder_add_int_value (builder, g_get_real_time ());
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);

  return json_to_string (root, FALSE);
}

/* --- Joining --- */

static void
join_free (Join         *join,
           int           failure,
           const GError *error)
{
  SsemEtcdSemaphore *semaphore = ssem_etcd_semaphore_ref (join->activity.semaphore);

  ssem_etcd_activity_end (&join->activity);
  join->func (join->data, semaphore, failure, error);
  g_free (join);
  ssem_etcd_semaphore_unref (semaphore);
}

/* Ends with the lock. The callback comes first: once it has attached an instance, the process does
 * not leave. */
static void
join_end (Join         *join,
          int           failure,
          const GError *error)
{
  SsemEtcdSemaphore *semaphore = ssem_etcd_semaphore_ref (join->activity.semaphore);

  join_free (join, failure, error);
  ssem_etcd_semaphore_unlock (semaphore);
  ssem_etcd_semaphore_unref (semaphore);
}

/* Begins again on another object, since the one that the process knew is not the key's any more. */
static void
join_start_anew (Join *join)
{
  SsemEtcdSemaphore *old = ssem_etcd_semaphore_ref (join->activity.semaphore);
  SsemEtcdSemaphore *fresh;

  ssem_etcd_semaphore_unlock (old);
  ssem_etcd_activity_end (&join->activity);
  ssem_etcd_semaphore_forget (old);
  fresh = ssem_etcd_semaphore_get (join->session, old->key);
  join->is_in_doubt = FALSE;
  join_start (join, fresh);
  ssem_etcd_semaphore_unref (fresh);
  ssem_etcd_semaphore_unref (old);
}

/* Returns whether the outcome of a request is an answer; else it has been dealt with. */
static gboolean
join_check (Join            *join,
            SsemEtcdOutcome  outcome,
            JsonObject      *reply,
            const GError    *error)
{
  SsemEtcdSession *session = join->session;

  if (outcome == SSEM_ETCD_REFUSED &&
      ssem_etcd_reply_get_code (reply) == SSEM_ETCD_CODE_NOT_FOUND)
    ssem_etcd_session_lose (session);
  if (!ssem_etcd_activity_is_current (&join->activity))
    join_end (join, SSEM_FAILURE_LOST, error);
  else if (outcome == SSEM_ETCD_REFUSED)
    join_end (join, ssem_etcd_failure_of_refusal (reply, error), error);
  else if (outcome == SSEM_ETCD_UNSENT)
    join_end (join, SSEM_FAILURE_LOST, error);
  else
    return TRUE;

  return FALSE;
}

/* The member record is written. */
static void
join_succeed (Join *join,
              int   failure)
{
  SsemEtcdSemaphore *self = join->activity.semaphore;

  ssem_etcd_semaphore_keep (self);
  if (join->is_open && join->mode == SSEM_ACCESS_MODE_CREATE)
    {
      /* What was held is forgotten. */
      ssem_etcd_semaphore_drop_holds (self);
      self->n_lost = 0;
      self->n_credit = 0;
    }
  if (failure == 0)
    self->incarnation = self->view.state_create_revision;
  join_end (join, failure, NULL);
}

static void
written_cb (gpointer         data,
            SsemEtcdOutcome  outcome,
            JsonObject      *reply,
            const GError    *error)
{
  Join *join = data;
  SsemEtcdSemaphore *self = join->activity.semaphore;
  int failure;

  if (!join_check (join, outcome, reply, error))
    return;
  if (outcome == SSEM_ETCD_IN_DOUBT)
    {
      join->is_in_doubt = TRUE;
      join_read (join);
      return;
    }
  if (!ssem_etcd_txn_succeeded (reply))
    {
      join_read (join);
      return;
    }

  self->member_revision = ssem_etcd_reply_get_revision (reply);
  self->generation = self->session->generation;
  failure = ssem_etcd_semaphore_read (self, reply, join->range_index, self->member_revision);
  join_succeed (join, failure);
}

static void
join_write (Join     *join,
            gboolean  is_leftover)
{
  SsemEtcdSemaphore *self = join->activity.semaphore;
  const SsemEtcdView *view = &self->view;
  gboolean is_reset = join->is_open &&
                      (join->mode == SSEM_ACCESS_MODE_CREATE ||
                       (is_leftover && (join->mode == SSEM_ACCESS_MODE_JOIN ||
                                        join->mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE)));
  g_autofree char *lingerer = g_strconcat (self->names.lingerers, self->session->lease_name, NULL);
  SsemEtcdTxn *txn = ssem_etcd_txn_new ();

  join->sent_revision = self->member_revision;
  ssem_etcd_semaphore_guard (self, txn);
  ssem_etcd_txn_compare (txn, self->names.state, NULL, SSEM_ETCD_CREATE, SSEM_ETCD_EQUAL,
                         view->state_create_revision);
  if (view->state_create_revision == 0)
    {
      ssem_etcd_semaphore_put_state (self, txn, join->initial_value, 0, join->initial_value);
    }
  else if (is_reset)
    {
      ssem_etcd_txn_compare (txn, self->names.state, NULL, SSEM_ETCD_MOD, SSEM_ETCD_EQUAL,
                             view->state_mod_revision);
      ssem_etcd_semaphore_put_state (self, txn, join->initial_value, view->epoch + 1,
                                     join->initial_value);
      ssem_etcd_txn_delete (txn, SSEM_ETCD_THEN, self->names.holds, self->names.holds_end);
    }
  if (is_reset && join->mode != SSEM_ACCESS_MODE_CREATE)
    ssem_etcd_txn_compare (txn, self->names.members, self->names.members_end, SSEM_ETCD_CREATE,
                           SSEM_ETCD_EQUAL, 0);
  else if (join->is_open && join->mode == SSEM_ACCESS_MODE_JOIN &&
           view->state_create_revision != 0)
    ssem_etcd_txn_compare (txn, self->names.members, self->names.members_end, SSEM_ETCD_CREATE,
                           SSEM_ETCD_GREATER, 0);
  ssem_etcd_semaphore_put_member (self, txn);
  if (self->n_held > 0)
    ssem_etcd_txn_delete (txn, SSEM_ETCD_THEN, lingerer, NULL);
  join->range_index = ssem_etcd_txn_get_n (txn, SSEM_ETCD_THEN);
  ssem_etcd_semaphore_add_ranges (self, txn, SSEM_ETCD_THEN);
  ssem_etcd_activity_send (&join->activity, txn, written_cb, join);
}

/* Decides what to do, from what was read. */
static void
join_decide (Join     *join,
             gboolean  is_leftover)
{
  SsemEtcdSemaphore *self = join->activity.semaphore;
  gboolean is_there = self->view.state_create_revision != 0;

  if (self->incarnation != 0 && self->view.state_create_revision != self->incarnation)
    {
      self->is_removed = TRUE;
      if (join->is_open)
        join_start_anew (join);
      else
        join_end (join, SSEM_ETCD_FAILURE_REMOVED, NULL);
    }
  else if (self->view.total < 0)
    {
      join_end (join, SSEM_ETCD_FAILURE_MALFORMED, NULL);
    }
  else if (!is_there && join->mode == SSEM_ACCESS_MODE_OPEN_EXISTING)
    {
      join_end (join, SSEM_ETCD_FAILURE_NOT_FOUND, NULL);
    }
  else if (is_there && !is_leftover && join->mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE)
    {
      join_end (join, SSEM_ETCD_FAILURE_ALREADY_EXISTS, NULL);
    }
  else if (self->generation == self->session->generation &&
           join->mode != SSEM_ACCESS_MODE_CREATE)
    {
      /* Another instance of this process has joined. */
      join_end (join, 0, NULL);
    }
  else
    {
      join_write (join, is_leftover);
    }
}

static void
read_cb (gpointer         data,
         SsemEtcdOutcome  outcome,
         JsonObject      *reply,
         const GError    *error)
{
  Join *join = data;
  SsemEtcdSemaphore *self = join->activity.semaphore;
  JsonObject *response;
  JsonArray *kvs;
  gint64 revision;
  gint64 member_revision = 0;

  if (!join_check (join, outcome, reply, error))
    return;
  if (outcome == SSEM_ETCD_IN_DOUBT)
    {
      join_read (join);
      return;
    }

  response = ssem_etcd_txn_get_response (reply, 0);
  kvs = response != NULL ? ssem_etcd_get_array (response, "kvs") : NULL;
  if (kvs != NULL && json_array_get_length (kvs) == 1)
    member_revision = ssem_etcd_get_int64 (ssem_etcd_array_get (kvs, 0), "mod_revision");
  revision = ssem_etcd_reply_get_revision (reply);
  ssem_etcd_view_read (&self->view, reply, 1, revision);

  if (join->is_in_doubt && member_revision > join->sent_revision)
    {
      /* The write was applied. */
      self->member_revision = member_revision;
      self->generation = self->session->generation;
      join_succeed (join, self->view.state_create_revision != 0 ? 0 : SSEM_ETCD_FAILURE_REMOVED);
      return;
    }

  if (member_revision == 0)
    self->generation = 0;
  self->member_revision = member_revision;
  join_decide (join, ssem_etcd_txn_succeeded (reply));
}

static void
join_read (Join *join)
{
  SsemEtcdSemaphore *self = join->activity.semaphore;
  SsemEtcdTxn *txn = ssem_etcd_txn_new ();

  ssem_etcd_txn_compare (txn, self->names.members, self->names.members_end, SSEM_ETCD_CREATE,
                         SSEM_ETCD_EQUAL, 0);
  ssem_etcd_semaphore_add_ranges (self, txn, SSEM_ETCD_THEN);
  ssem_etcd_semaphore_add_ranges (self, txn, SSEM_ETCD_ELSE);
  ssem_etcd_activity_send (&join->activity, txn, read_cb, join);
}

static void
locked_cb (gpointer data)
{
  Join *join = data;
  SsemEtcdSemaphore *self = join->activity.semaphore;
  SsemEtcdSession *session = self->session;

  if (!ssem_etcd_session_check (session))
    {
      join_end (join, SSEM_FAILURE_LOST, NULL);
      return;
    }
  if (!join->is_open && ssem_etcd_semaphore_is_joined (self))
    {
      join_end (join, 0, NULL);
      return;
    }

  if (self->generation != session->generation)
    {
      g_free (self->member_path);
      self->member_path = g_strconcat (self->names.members, session->lease_name, NULL);
      if (self->member_value == NULL)
        self->member_value = describe_process ();
      self->member_revision = 0;
      self->generation = 0;
    }
  join_read (join);
}

static void
leased_cb (gpointer      data,
           const GError *error)
{
  Join *join = data;

  if (error != NULL)
    join_free (join, SSEM_FAILURE_LOST, error);
  else
    ssem_etcd_semaphore_lock (join->activity.semaphore, locked_cb, join);
}

static void
join_start (Join              *join,
            SsemEtcdSemaphore *semaphore)
{
  ssem_etcd_activity_begin (&join->activity, semaphore, NULL);
  ssem_etcd_session_want_lease (join->session, leased_cb, join);
}

void
ssem_etcd_membership_open (SsemEtcdSession    *session,
                           const char         *key,
                           int                 initial_value,
                           SsemAccessMode      mode,
                           SsemEtcdOpenedFunc  func,
                           gpointer            data)
{
  SsemEtcdSemaphore *semaphore = ssem_etcd_semaphore_get (session, key);
  Join *join = g_new0 (Join, 1);

  join->session = session;
  join->is_open = TRUE;
  join->mode = mode;
  join->initial_value = initial_value;
  join->func = func;
  join->data = data;
  if (semaphore->is_removed)
    {
      ssem_etcd_semaphore_forget (semaphore);
      ssem_etcd_semaphore_unref (semaphore);
      semaphore = ssem_etcd_semaphore_get (session, key);
    }
  join_start (join, semaphore);
  ssem_etcd_semaphore_unref (semaphore);
}

void
ssem_etcd_membership_ensure (SsemEtcdSemaphore  *self,
                             SsemEtcdOpenedFunc  func,
                             gpointer            data)
{
  Join *join;

  if (self->is_removed || ssem_etcd_semaphore_is_joined (self))
    {
      func (data, self, self->is_removed ? SSEM_ETCD_FAILURE_REMOVED : 0, NULL);
      return;
    }

  join = g_new0 (Join, 1);
  join->session = self->session;
  join->mode = SSEM_ACCESS_MODE_OPEN_EXISTING;
  join->func = func;
  join->data = data;
  join_start (join, self);
}

/* --- Leaving --- */

typedef struct
{
  SsemEtcdActivity activity;
  SsemEtcdTaskFunc func;
  gpointer data;
} Leave;

static void leave_send (Leave *leave);

static SsemEtcdTxn *
build_leave (SsemEtcdSemaphore *self)
{
  g_autofree char *after = g_strconcat (self->member_path, "/", NULL);
  g_autofree char *lingerer = g_strconcat (self->names.lingerers, self->session->lease_name, NULL);
  SsemEtcdTxn *others = ssem_etcd_txn_new ();
  SsemEtcdTxn *txn = ssem_etcd_txn_new ();

  ssem_etcd_semaphore_guard (self, txn);
  ssem_etcd_txn_compare (txn, self->names.members, self->member_path, SSEM_ETCD_CREATE,
                         SSEM_ETCD_EQUAL, 0);
  ssem_etcd_txn_compare (txn, after, self->names.members_end, SSEM_ETCD_CREATE, SSEM_ETCD_EQUAL,
                         0);
  ssem_etcd_semaphore_compare_incarnation (self, txn);
  ssem_etcd_txn_delete (txn, SSEM_ETCD_THEN, self->names.base, self->names.end);

  ssem_etcd_semaphore_guard (self, others);
  ssem_etcd_txn_delete (others, SSEM_ETCD_THEN, self->member_path, NULL);
  /* For people, who look for the process that holds. */
  if (self->n_held > 0)
    ssem_etcd_txn_put (others, SSEM_ETCD_THEN, lingerer, self->member_value, self->session->lease);
  ssem_etcd_txn_nest (txn, SSEM_ETCD_ELSE, others);

  return txn;
}

static void
leave_end (Leave *leave)
{
  SsemEtcdSemaphore *self = ssem_etcd_semaphore_ref (leave->activity.semaphore);

  ssem_etcd_activity_end (&leave->activity);
  if (leave->func != NULL)
    leave->func (leave->data);
  g_free (leave);
  ssem_etcd_semaphore_unlock (self);
  ssem_etcd_semaphore_unref (self);
}

static void
left_cb (gpointer         data,
         SsemEtcdOutcome  outcome,
         JsonObject      *reply,
         const GError    *error)
{
  Leave *leave = data;
  SsemEtcdSemaphore *self = leave->activity.semaphore;

  if ((outcome == SSEM_ETCD_IN_DOUBT || outcome == SSEM_ETCD_UNSENT) &&
      ssem_etcd_activity_is_current (&leave->activity))
    {
      leave_send (leave);
      return;
    }

  if (ssem_etcd_activity_is_current (&leave->activity))
    {
      self->generation = 0;
      if (self->n_held == 0 && self->n_credit == 0)
        ssem_etcd_semaphore_unkeep (self);
    }
  leave_end (leave);
}

static void
leave_send (Leave *leave)
{
  ssem_etcd_activity_send (&leave->activity, build_leave (leave->activity.semaphore), left_cb,
                           leave);
}

static void leave_cb (gpointer data);

static void
resigned_cb (gpointer data)
{
  Leave *leave = data;

  ssem_etcd_semaphore_call_when_idle (leave->activity.semaphore, leave_cb, leave);
}

static void
leave_locked_cb (gpointer data)
{
  Leave *leave = data;
  SsemEtcdSemaphore *self = leave->activity.semaphore;

  if (self->instances->len > 0 || self->is_removed || !ssem_etcd_semaphore_is_joined (self))
    leave_end (leave);
  else
    leave_send (leave);
}

static void
leave_cb (gpointer data)
{
  Leave *leave = data;
  SsemEtcdSemaphore *self = leave->activity.semaphore;

  /* Resigning serves the waiters once more. */
  if (self->instances->len == 0 && ssem_etcd_semaphore_is_dispatcher (self))
    {
      ssem_etcd_dispatcher_resign (self, resigned_cb, leave);
      return;
    }

  ssem_etcd_semaphore_lock (leave->activity.semaphore, leave_locked_cb, leave);
}

void
ssem_etcd_membership_leave (SsemEtcdSemaphore *self,
                            SsemEtcdTaskFunc   func,
                            gpointer           data)
{
  Leave *leave = g_new0 (Leave, 1);

  ssem_etcd_activity_begin (&leave->activity, self, NULL);
  leave->func = func;
  leave->data = data;
  /* Its requests have the guard, so they must come first. */
  ssem_etcd_semaphore_call_when_idle (self, leave_cb, leave);
}

static void
left_at_exit_cb (gpointer         data,
                 SsemEtcdOutcome  outcome,
                 JsonObject      *reply,
                 const GError    *error)
{
  ssem_etcd_session_end_leaving (data);
}

void
ssem_etcd_membership_leave_at_exit (SsemEtcdSemaphore *self)
{
  /* The session gives the lease back, and all holds with it. */
  ssem_etcd_semaphore_drop_holds (self);
  if (!ssem_etcd_semaphore_is_joined (self))
    return;

  ssem_etcd_session_begin_leaving (self->session);
  ssem_etcd_session_send (self->session, "kv/txn", ssem_etcd_txn_end (build_leave (self)),
                          left_at_exit_cb, self->session);
}
