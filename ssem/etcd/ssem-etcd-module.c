/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-acquire-private.h"
#include "ssem-etcd-failure-private.h"
#include "ssem-etcd-inspect-private.h"
#include "ssem-etcd-instance-private.h"
#include "ssem-etcd-membership-private.h"
#include "ssem-etcd-operation-private.h"
#include "ssem-etcd-services-private.h"
#include "ssem/ssem-i18n-private.h"

/* The backend "etcd": a semaphore for the processes of many machines, on a cluster of etcd.
 *
 *   module      the table
 *   operation   hands calls to the I/O thread, and waits for them
 *   acquire, release, consume, value, membership   what the I/O thread does for them
 *   semaphore, fence, waits, grants, view   what it knows of a semaphore
 *   session     the I/O thread and its lease
 *   client      requests to the cluster
 *
 * Each calls only those below it; what goes up is a callback. */

SsemBackendServicesPointer ssem_etcd_services;

static const SsemBackendTable table;

/* --- What the session tells --- */

typedef struct
{
  SsemEtcdInstance *instance; /* a reference */
} Loss;

static void
report_loss_cb (gpointer data)
{
  Loss *loss = data;
  GError *error = NULL;

  ssem_etcd_services->fail_because (&error, SSEM_SYSTEM_SEMAPHORE_ERROR_LOST,
                                    SSEM_OPERATION_KEEP, loss->instance->key,
                                    _("the cluster was out of reach for longer than the lease"));
  ssem_etcd_services->report_lost (&loss->instance->parent, error);
  ssem_etcd_instance_unref (loss->instance);
  g_free (loss);
}

static void
report_losses (SsemEtcdSemaphore *semaphore)
{
  guint i;

  for (i = 0; i < semaphore->instances->len; i++)
    {
      Loss *loss = g_new (Loss, 1);

      loss->instance = ssem_etcd_instance_ref (semaphore->instances->pdata[i]);
      ssem_etcd_loop_invoke_outside (semaphore->session->loop, report_loss_cb, loss);
    }
}

static void
lose_cb (gpointer data)
{
  SsemEtcdSemaphore *semaphore = ssem_etcd_semaphore_ref (data);
  g_autoptr(GPtrArray) activities = g_ptr_array_new ();
  GList *link;
  guint i;

  if (semaphore->n_held > 0)
    report_losses (semaphore);
  semaphore->n_lost += semaphore->n_held;
  semaphore->n_credit = 0;
  semaphore->generation = 0;
  ssem_etcd_semaphore_drop_holds (semaphore);

  /* Each may end, and begin others; but none ends another. */
  for (link = semaphore->activities.head; link != NULL; link = link->next)
    {
      if (((SsemEtcdActivity *) link->data)->lose != NULL)
        g_ptr_array_add (activities, link->data);
    }
  for (i = 0; i < activities->len; i++)
    ((SsemEtcdActivity *) activities->pdata[i])->lose (activities->pdata[i]);

  if (semaphore->instances->len == 0)
    ssem_etcd_semaphore_unkeep (semaphore);
  ssem_etcd_semaphore_unref (semaphore);
}

static void
leave_cb (gpointer data)
{
  ssem_etcd_membership_leave_at_exit (data);
}

static const SsemEtcdMemberClass member_class = {
  .lose = lose_cb,
  .leave = leave_cb,
};

/* --- The table --- */

static void
etcd_init (void)
{
  static gboolean is_initialised;

  /* Forks are blocked, so there is one caller at a time. */
  if (is_initialised)
    return;
  ssem_etcd_instance_init ();
  ssem_etcd_session_init (&member_class);
  is_initialised = TRUE;
}

/* Looking needs no init (), so it may come first. */
static void
etcd_init_to_look (void)
{
  ssem_etcd_services->block_forks ();
  etcd_init ();
  ssem_etcd_services->unblock_forks ();
}

static SsemEtcdSession *
get_session (const SsemBackendConfiguration  *configuration,
             GError                         **error)
{
  g_autoptr(SsemEtcdConfig) config = NULL;

  config = ssem_etcd_config_new (configuration->address, ssem_etcd_services->get_environment,
                                 error);

  return config != NULL ? ssem_etcd_session_get (config, error) : NULL;
}

static SsemInstance *
etcd_open (const SsemBackendConfiguration  *configuration,
           const char                      *key,
           int                              initial_value,
           SsemAccessMode                   mode,
           gboolean                         undo,
           GError                         **error)
{
  SsemEtcdSession *session = get_session (configuration, error);
  g_autoptr(GError) cause = NULL;
  SsemEtcdInstance *self;
  int failure;

  if (session == NULL)
    return NULL;

  self = ssem_etcd_instance_new (&table, session, key, undo);
  failure = ssem_etcd_operation_open (self, initial_value, mode, &cause);
  if (failure == 0 && cause == NULL)
    return &self->parent;

  ssem_etcd_failure_explain (SSEM_OPERATION_OPEN, key, failure, cause, error);
  ssem_etcd_instance_unref (self);

  return NULL;
}

static int
etcd_acquire (SsemInstance *instance,
              int           n,
              gint64        deadline_usec,
              GCancellable *cancellable,
              guint64      *fencing_token)
{
  return ssem_etcd_operation_acquire ((SsemEtcdInstance *) instance, n, deadline_usec,
                                      cancellable, FALSE, fencing_token);
}

static int
etcd_acquire_interruptible (SsemInstance *instance,
                            int           n,
                            gint64        deadline_usec,
                            GCancellable *cancellable,
                            guint64      *fencing_token)
{
  return ssem_etcd_operation_acquire ((SsemEtcdInstance *) instance, n, deadline_usec,
                                      cancellable, TRUE, fencing_token);
}

static void
etcd_acquire_async (SsemInstance     *instance,
                    int               n,
                    GCancellable     *cancellable,
                    SsemAcquiredFunc  acquired,
                    gpointer          data)
{
  ssem_etcd_operation_acquire_async ((SsemEtcdInstance *) instance, n, cancellable, acquired,
                                     data);
}

static int
etcd_release (SsemInstance *instance,
              int           n)
{
  return ssem_etcd_operation_release ((SsemEtcdInstance *) instance, n);
}

static int
etcd_get_value (SsemInstance *instance,
                int          *value)
{
  return ssem_etcd_operation_get_value ((SsemEtcdInstance *) instance, value);
}

static void
etcd_close (SsemInstance *instance)
{
  ssem_etcd_operation_close ((SsemEtcdInstance *) instance);
}

static void
etcd_free (SsemInstance *instance)
{
  ssem_etcd_instance_unref ((SsemEtcdInstance *) instance);
}

static SsemSnapshot *
etcd_inspect (const SsemBackendConfiguration  *configuration,
              const char                      *key,
              GError                         **error)
{
  SsemEtcdSession *session;

  etcd_init_to_look ();
  session = get_session (configuration, error);

  return session != NULL ? ssem_etcd_inspect (session, key, error) : NULL;
}

static gboolean
etcd_list (const SsemBackendConfiguration  *configuration,
           GPtrArray                       *snapshots,
           guint                           *n_others,
           GError                         **error)
{
  SsemEtcdSession *session;

  etcd_init_to_look ();
  session = get_session (configuration, error);

  return session != NULL && ssem_etcd_list (session, snapshots, error);
}

static gboolean
etcd_remove_leftover (const SsemBackendConfiguration  *configuration,
                      const char                      *key,
                      GError                         **error)
{
  SsemEtcdSession *session;

  etcd_init_to_look ();
  session = get_session (configuration, error);

  return session != NULL && ssem_etcd_remove (session, key, error);
}

static const SsemBackendTable table = {
  .id = SSEM_BACKEND_ETCD,
  .name = "etcd",
  .capabilities = SSEM_CAPABILITY_UNDO | SSEM_CAPABILITY_RESET | SSEM_CAPABILITY_ATOMIC_N |
                  SSEM_CAPABILITY_ASYNC | SSEM_CAPABILITY_LOSS | SSEM_CAPABILITY_INSPECT |
                  SSEM_CAPABILITY_LIST | SSEM_CAPABILITY_REMOVE | SSEM_CAPABILITY_INTERRUPT |
                  SSEM_CAPABILITY_ADDRESS,
  .maximum = G_MAXINT,
  .describe = ssem_etcd_failure_describe,
  .init = etcd_init,
  .open = etcd_open,
  .acquire = etcd_acquire,
  .acquire_interruptible = etcd_acquire_interruptible,
  .acquire_async = etcd_acquire_async,
  .release = etcd_release,
  .get_value = etcd_get_value,
  .close = etcd_close,
  .free = etcd_free,
  .inspect = etcd_inspect,
  .list = etcd_list,
  .remove_leftover = etcd_remove_leftover,
};

G_MODULE_EXPORT const SsemBackendModule ssem_backend_module = {
  .abi = SSEM_BACKEND_MODULE_ABI,
  .table = &table,
  .services = &ssem_etcd_services,
};
