/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-session-private.h"

#include "ssem-etcd-request-private.h"
#include "ssem-etcd-services-private.h"

#include <time.h>

/* All requests of a process to one cluster go through one thread, the I/O thread of the session.
 * The program cannot block it, so the lease lives as long as the process runs.
 *
 * Lease
 *
 *   none     Nothing in the cluster belongs to the process.
 *   granting The cluster was asked for a lease.
 *   alive    A keep-alive is sent each third of the lease's time. Without members none is sent: the
 *            lease is given back.
 *
 * The lease counts as lost when its time has passed since the last successful request for it was
 * sent, less a margin. So it ends here before it ends in the cluster, whatever the answer took. The
 * clock runs while the system is suspended. After a loss the next operation gets a new lease, and
 * the generation tells requests of the old one from those of the new one.
 *
 * A child of fork () has a list of its own, which is empty. It leaves its parent's sessions as they
 * are: their memory, and their connections, which the lease does not depend on.
 *
 * exit () gives back what the process has, and waits for that at most EXIT_USEC. The thread goes on
 * after that: destructors of the program may use the library.
 */

#define GRANT_USEC (3 * G_USEC_PER_SEC)
#define EXIT_USEC G_USEC_PER_SEC

/* A clock that runs while the system is suspended. */
#ifdef CLOCK_BOOTTIME
#define LEASE_CLOCK CLOCK_BOOTTIME
#else
#define LEASE_CLOCK CLOCK_MONOTONIC
#endif

typedef struct
{
  SsemEtcdLeaseFunc func;
  gpointer data;
} Wanting;

static const SsemEtcdMemberClass *session_member_class;

/* Held for a few instructions, and to start a thread. */
static GMutex sessions_lock;
static _Atomic (SsemEtcdSession *) sessions; /* written under sessions_lock */

static void ask_for_lease (SsemEtcdSession *self);

static gint64
get_lease_time (void)
{
  struct timespec now;

  clock_gettime (LEASE_CLOCK, &now);

  return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

/* --- The lease --- */

static void
set_timer (SsemEtcdSession *self,
           gint64           in_usec,
           GSourceFunc      func)
{
  if (self->timer != NULL)
    {
      g_source_destroy (self->timer);
      g_clear_pointer (&self->timer, g_source_unref);
    }
  if (func == NULL)
    return;

  self->timer = g_timeout_source_new (0);
  g_source_set_ready_time (self->timer, g_get_monotonic_time () + MAX (in_usec, 0));
  g_source_set_callback (self->timer, func, self, NULL);
  g_source_attach (self->timer, self->loop->context);
}

/* How long before its end the lease counts as ended. */
static gint64
get_margin (SsemEtcdSession *self)
{
  return self->config->ttl * G_USEC_PER_SEC / 8;
}

static void
ignore_reply_cb (gpointer         data,
                 SsemEtcdOutcome  outcome,
                 JsonObject      *reply,
                 const GError    *error)
{
}

static void
send_revoke (SsemEtcdSession   *self,
             gint64             lease,
             SsemEtcdReplyFunc  func)
{
  ssem_etcd_client_send (self->client, "lease/revoke", ssem_etcd_lease_body (lease),
                         g_get_monotonic_time () + EXIT_USEC, func, self);
}

void
ssem_etcd_session_lose (SsemEtcdSession *self)
{
  g_autoptr(GPtrArray) members = NULL;
  gint64 lease = self->lease;
  GHashTableIter iter;
  gpointer member;
  guint i;

  if (lease == 0)
    return;

  self->lease = 0;
  self->generation++;
  set_timer (self, 0, NULL);

  /* A member may end, and others begin, while they are told. */
  members = g_ptr_array_new ();
  g_hash_table_iter_init (&iter, self->members);
  while (g_hash_table_iter_next (&iter, NULL, &member))
    g_ptr_array_add (members, member);
  for (i = 0; i < members->len; i++)
    self->member_class->lose (members->pdata[i]);

  /* If the cluster can be reached again, others need not wait for its own clock. */
  send_revoke (self, lease, ignore_reply_cb);
}

gboolean
ssem_etcd_session_check (SsemEtcdSession *self)
{
  if (self->lease != 0 && get_lease_time () >= self->lease_end_usec)
    ssem_etcd_session_lose (self);

  return self->lease != 0;
}

static void
extend_lease (SsemEtcdSession *self,
              gint64           ttl)
{
  self->lease_end_usec = self->sent_usec + ttl * G_USEC_PER_SEC - get_margin (self);
}

static void
answer_wanting (SsemEtcdSession *self,
                const GError    *error)
{
  GQueue wanting = self->wanting;
  Wanting *next;

  g_queue_init (&self->wanting);
  while ((next = g_queue_pop_head (&wanting)) != NULL)
    {
      next->func (next->data, error);
      g_free (next);
    }
}

static gboolean keep_alive_cb (gpointer data);

/* Sends the next keep-alive in time, and looks at the clock when the lease may have ended. */
static void
schedule (SsemEtcdSession *self)
{
  set_timer (self, self->sent_usec + self->config->ttl * G_USEC_PER_SEC / 3 - get_lease_time (),
             keep_alive_cb);
}

static gboolean
end_lease_cb (gpointer data)
{
  SsemEtcdSession *self = data;

  if (ssem_etcd_session_check (self))
    set_timer (self, self->lease_end_usec - get_lease_time () + 1000, end_lease_cb);

  return G_SOURCE_REMOVE;
}

typedef struct
{
  SsemEtcdSession *session;
  guint generation;
  gint64 sent_usec;
} LeaseRequest;

static LeaseRequest *
new_lease_request (SsemEtcdSession *self)
{
  LeaseRequest *request = g_new (LeaseRequest, 1);

  request->session = self;
  request->generation = self->generation;
  request->sent_usec = get_lease_time ();

  return request;
}

static void
kept_alive_cb (gpointer         data,
               SsemEtcdOutcome  outcome,
               JsonObject      *reply,
               const GError    *error)
{
  g_autofree LeaseRequest *request = data;
  SsemEtcdSession *self = request->session;
  gint64 ttl = outcome == SSEM_ETCD_OK ? ssem_etcd_get_int64 (reply, "TTL") : -1;

  if (request->generation != self->generation || !ssem_etcd_session_check (self))
    return;

  if (ttl > 0)
    {
      self->sent_usec = request->sent_usec;
      extend_lease (self, ttl);
      schedule (self);
    }
  else if (ttl == 0 || ssem_etcd_reply_get_code (reply) == SSEM_ETCD_CODE_NOT_FOUND)
    {
      ssem_etcd_session_lose (self);
    }
  else
    {
      /* Refused, for example for want of rights. It may be better next time. */
      set_timer (self, self->config->ttl * G_USEC_PER_SEC / 6, keep_alive_cb);
    }
}

static gboolean
keep_alive_cb (gpointer data)
{
  SsemEtcdSession *self = data;
  gint64 left_usec;

  if (!ssem_etcd_session_check (self))
    return G_SOURCE_REMOVE;

  if (g_hash_table_size (self->members) == 0)
    {
      ssem_etcd_session_lose (self);
      return G_SOURCE_REMOVE;
    }

  left_usec = self->lease_end_usec - get_lease_time ();
  ssem_etcd_client_send (self->client, "lease/keepalive", ssem_etcd_lease_body (self->lease),
                         g_get_monotonic_time () + left_usec, kept_alive_cb,
                         new_lease_request (self));
  set_timer (self, left_usec + 1000, end_lease_cb);

  return G_SOURCE_REMOVE;
}

static void
granted_cb (gpointer         data,
            SsemEtcdOutcome  outcome,
            JsonObject      *reply,
            const GError    *error)
{
  g_autofree LeaseRequest *request = data;
  SsemEtcdSession *self = request->session;

  self->is_granting = FALSE;
  if (outcome != SSEM_ETCD_OK)
    {
      /* If the cluster has given one all the same, it ends by itself, with nothing bound to it. */
      answer_wanting (self, error);
      return;
    }

  self->lease = ssem_etcd_get_int64 (reply, "ID");
  g_snprintf (self->lease_name, sizeof self->lease_name, "%016" G_GINT64_MODIFIER "x",
              (guint64) self->lease);
  self->sent_usec = request->sent_usec;
  extend_lease (self, ssem_etcd_get_int64 (reply, "TTL"));
  if (ssem_etcd_session_check (self))
    {
      schedule (self);
      answer_wanting (self, NULL);
    }
  else if (!g_queue_is_empty (&self->wanting))
    {
      ask_for_lease (self);
    }
}

static void
ask_for_lease (SsemEtcdSession *self)
{
  if (self->is_granting)
    return;

  self->is_granting = TRUE;
  self->generation++;
  ssem_etcd_client_send (self->client, "lease/grant",
                         ssem_etcd_grant_body (0, self->config->ttl),
                         g_get_monotonic_time () + GRANT_USEC, granted_cb,
                         new_lease_request (self));
}

gboolean
ssem_etcd_session_connect (SsemEtcdSession  *self,
                           GError          **error)
{
  if (self->client == NULL)
    self->client = ssem_etcd_client_new (self->config, self->loop->context, error);

  return self->client != NULL;
}

void
ssem_etcd_session_want_lease (SsemEtcdSession   *self,
                              SsemEtcdLeaseFunc  func,
                              gpointer           data)
{
  g_autoptr(GError) error = NULL;
  Wanting *wanting;

  if (!ssem_etcd_session_connect (self, &error) || ssem_etcd_session_check (self))
    {
      func (data, error);
      return;
    }

  wanting = g_new (Wanting, 1);
  wanting->func = func;
  wanting->data = data;
  g_queue_push_tail (&self->wanting, wanting);
  ask_for_lease (self);
}

void
ssem_etcd_session_send (SsemEtcdSession   *self,
                        const char        *path,
                        char              *body,
                        SsemEtcdReplyFunc  func,
                        gpointer           data)
{
  /* A keep-alive may extend the lease meanwhile: UNSENT does not say that it has ended. */
  gint64 left_usec = self->lease != 0 ? self->lease_end_usec - get_lease_time () : GRANT_USEC;

  ssem_etcd_client_send (self->client, path, body,
                         g_get_monotonic_time () + MAX (left_usec, 1000), func, data);
}

char *
ssem_etcd_session_new_name (SsemEtcdSession *self)
{
  return g_strdup_printf ("%s-%" G_GUINT64_FORMAT, self->lease_name, ++self->last_number);
}

/* --- The end of the process --- */

static void
finish_exit (SsemEtcdSession *self)
{
  atomic_store (&self->is_exiting, FALSE);
}

static void
revoked_cb (gpointer         data,
            SsemEtcdOutcome  outcome,
            JsonObject      *reply,
            const GError    *error)
{
  finish_exit (data);
}

void
ssem_etcd_session_begin_leaving (SsemEtcdSession *self)
{
  self->n_leaving++;
}

void
ssem_etcd_session_end_leaving (SsemEtcdSession *self)
{
  gint64 lease = self->lease;

  if (--self->n_leaving > 0)
    return;

  if (lease == 0)
    {
      finish_exit (self);
      return;
    }
  self->lease = 0;
  self->generation++;
  set_timer (self, 0, NULL);
  send_revoke (self, lease, revoked_cb);
}

static void
begin_exit (gpointer data)
{
  SsemEtcdSession *self = data;
  g_autoptr(GPtrArray) members = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer member;
  guint i;

  ssem_etcd_session_begin_leaving (self);
  g_hash_table_iter_init (&iter, self->members);
  while (g_hash_table_iter_next (&iter, NULL, &member))
    g_ptr_array_add (members, member);
  for (i = 0; i < members->len; i++)
    self->member_class->leave (members->pdata[i]);
  ssem_etcd_session_end_leaving (self);
}

/* Allocates nothing, and takes no lock: a signal handler may have called exit (). */
static void
exit_hook (void)
{
  gint64 end_usec = g_get_monotonic_time () + EXIT_USEC;
  SsemEtcdSession *self;

  for (self = atomic_load (&sessions); self != NULL; self = self->next)
    {
      atomic_store (&self->is_exiting, TRUE);
      ssem_etcd_loop_signal (self->loop);
    }
  for (self = atomic_load (&sessions); self != NULL; self = self->next)
    {
      while (atomic_load (&self->is_exiting) && g_get_monotonic_time () < end_usec)
        g_usleep (500);
    }
}

/* --- The list of sessions --- */

static SsemEtcdConfig *
copy_config (const SsemEtcdConfig *config)
{
  SsemEtcdConfig *copy = g_new0 (SsemEtcdConfig, 1);

  copy->endpoints = g_strdupv (config->endpoints);
  copy->prefix = g_strdup (config->prefix);
  copy->ttl = config->ttl;
  copy->ca_file = g_strdup (config->ca_file);
  copy->certificate_file = g_strdup (config->certificate_file);
  copy->key_file = g_strdup (config->key_file);
  copy->user = g_strdup (config->user);
  copy->password = g_strdup (config->password);

  return copy;
}

static SsemEtcdSession *
session_new (const SsemEtcdConfig *config)
{
  SsemEtcdSession *self = g_new0 (SsemEtcdSession, 1);

  self->config = copy_config (config);
  self->loop = ssem_etcd_loop_new (begin_exit, self);
  self->member_class = session_member_class;
  self->members = g_hash_table_new (g_str_hash, g_str_equal);
  self->generation = 1;

  return self;
}

SsemEtcdSession *
ssem_etcd_session_get (const SsemEtcdConfig  *config,
                       GError               **error)
{
  SsemEtcdSession *self;

  ssem_etcd_services->lock (&sessions_lock);
  self = atomic_load (&sessions);
  while (self != NULL && !ssem_etcd_config_equal (self->config, config))
    self = self->next;
  if (self == NULL)
    {
      self = session_new (config);
      self->next = atomic_load (&sessions);
      if (ssem_etcd_loop_start (self->loop, error))
        {
          atomic_store (&sessions, self);
        }
      else
        {
          ssem_etcd_loop_free (self->loop);
          g_hash_table_unref (self->members);
          ssem_etcd_config_free (self->config);
          g_clear_pointer (&self, g_free);
        }
    }
  ssem_etcd_services->unlock (&sessions_lock);

  return self;
}

static void
forget_in_child (void)
{
  atomic_store (&sessions, NULL);
}

void
ssem_etcd_session_init (const SsemEtcdMemberClass *member_class)
{
  session_member_class = member_class;
  ssem_etcd_loop_init ();
  ssem_etcd_services->protect_at_fork (&sessions_lock, forget_in_child);
  ssem_etcd_services->add_exit_hook (exit_hook);
}
