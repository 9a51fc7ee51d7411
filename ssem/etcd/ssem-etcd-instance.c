/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-instance-private.h"

#include "ssem-etcd-services-private.h"

/* An instance belongs to the session of one process. A child of fork () has copies of its parent's
 * instances: each gets the child's own session when the child first uses it. What the I/O thread
 * of the parent knew of it is dropped then, without being freed. The child holds nothing that its
 * parent holds, and attaches to the semaphore that its parent had opened or to none. */

static GMutex binding_lock;

void
ssem_etcd_instance_init (void)
{
  ssem_etcd_services->protect_at_fork (&binding_lock, NULL);
}

SsemEtcdInstance *
ssem_etcd_instance_new (const SsemBackendTable *table,
                        SsemEtcdSession        *session,
                        const char             *key,
                        gboolean                undo)
{
  SsemEtcdInstance *self = g_new0 (SsemEtcdInstance, 1);

  g_atomic_ref_count_init (&self->references);
  self->parent.table = table;
  self->key = g_strdup (key);
  self->undo = undo;
  self->session = session;
  self->fork_count = ssem_etcd_services->get_fork_count ();

  return self;
}

SsemEtcdInstance *
ssem_etcd_instance_ref (SsemEtcdInstance *self)
{
  g_atomic_ref_count_inc (&self->references);

  return self;
}

void
ssem_etcd_instance_unref (SsemEtcdInstance *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;

  g_free (self->key);
  g_free (self);
}

gboolean
ssem_etcd_instance_is_own (SsemEtcdInstance *self)
{
  gboolean is_own;

  ssem_etcd_services->lock (&binding_lock);
  is_own = self->fork_count == ssem_etcd_services->get_fork_count ();
  ssem_etcd_services->unlock (&binding_lock);

  return is_own;
}

SsemEtcdSession *
ssem_etcd_instance_get_session (SsemEtcdInstance *self)
{
  unsigned int fork_count = ssem_etcd_services->get_fork_count ();
  SsemEtcdSession *session;

  ssem_etcd_services->lock (&binding_lock);
  if (self->fork_count != fork_count)
    {
      session = ssem_etcd_session_get (self->session->config, NULL);
      if (session != NULL)
        {
          self->session = session;
          self->fork_count = fork_count;
          self->semaphore = NULL;
          g_queue_init (&self->operations);
          g_queue_init (&self->pending);
        }
    }
  else
    {
      session = self->session;
    }
  ssem_etcd_services->unlock (&binding_lock);

  return session;
}

/* --- In the I/O thread --- */

void
ssem_etcd_instance_attach (SsemEtcdInstance  *self,
                           SsemEtcdSemaphore *semaphore)
{
  if (self->semaphore != NULL)
    return;

  self->semaphore = ssem_etcd_semaphore_ref (semaphore);
  self->incarnation = semaphore->incarnation;
  g_ptr_array_add (semaphore->instances, self);
}

void
ssem_etcd_instance_ensure (SsemEtcdInstance *self)
{
  SsemEtcdSemaphore *semaphore;

  if (self->semaphore != NULL)
    return;

  semaphore = ssem_etcd_semaphore_get (self->session, self->key);
  if (semaphore->incarnation != 0 && semaphore->incarnation != self->incarnation)
    {
      /* The child has opened another one of that key since. */
      ssem_etcd_semaphore_unref (semaphore);
      semaphore = ssem_etcd_semaphore_new (self->session, self->key);
      semaphore->is_removed = TRUE;
    }
  semaphore->incarnation = self->incarnation;
  ssem_etcd_instance_attach (self, semaphore);
  ssem_etcd_semaphore_unref (semaphore);
}

void
ssem_etcd_instance_detach (SsemEtcdInstance *self)
{
  if (self->semaphore == NULL)
    return;

  g_ptr_array_remove (self->semaphore->instances, self);
  g_clear_pointer (&self->semaphore, ssem_etcd_semaphore_unref);
}
