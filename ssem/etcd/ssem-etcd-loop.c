/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-loop-private.h"

#include "ssem-etcd-services-private.h"

/* dispatch_lock is held by a thread of this file whenever it does not sleep in poll (). A fork
 * takes it. So the fork never finds the locks of GLib or of the allocator taken by such a thread,
 * and GLib works in the child. What may take other locks of the library runs outside of it, since a
 * fork may take those before this one.
 */

typedef struct _Task Task;

struct _Task
{
  Task *next;
  SsemEtcdTaskFunc func;
  gpointer data;
};

typedef struct
{
  GSource parent;
  SsemEtcdLoop *loop;
} InboxSource;

static GMutex dispatch_lock;

void
ssem_etcd_loop_init (void)
{
  ssem_etcd_services->protect_at_fork (&dispatch_lock, NULL);
}

SsemEtcdLoop *
ssem_etcd_loop_new (SsemEtcdTaskFunc signalled,
                    gpointer         data)
{
  SsemEtcdLoop *self = g_new0 (SsemEtcdLoop, 1);

  self->context = g_main_context_new ();
  self->signalled = signalled;
  self->data = data;

  return self;
}

void
ssem_etcd_loop_free (SsemEtcdLoop *self)
{
  g_main_context_unref (self->context);
  g_free (self);
}

/* --- Tasks --- */

static Task *
new_task (SsemEtcdTaskFunc func,
          gpointer         data)
{
  Task *task = g_new (Task, 1);

  task->next = NULL;
  task->func = func;
  task->data = data;

  return task;
}

static void
run_task (Task *task)
{
  task->func (task->data);
  g_free (task);
}

void
ssem_etcd_loop_invoke (SsemEtcdLoop     *self,
                       SsemEtcdTaskFunc  func,
                       gpointer          data)
{
  Task *task = new_task (func, data);

  do
    task->next = g_atomic_pointer_get (&self->inbox);
  while (!g_atomic_pointer_compare_and_exchange (&self->inbox, task->next, task));
  g_main_context_wakeup (self->context);
}

void
ssem_etcd_loop_signal (SsemEtcdLoop *self)
{
  atomic_store (&self->is_signalled, TRUE);
  g_main_context_wakeup (self->context);
}

void
ssem_etcd_loop_invoke_outside (SsemEtcdLoop     *self,
                               SsemEtcdTaskFunc  func,
                               gpointer          data)
{
  g_queue_push_tail (&self->outgoing, new_task (func, data));
}

/* Runs the tasks of the inbox in the order in which they came. */
static void
run_inbox (SsemEtcdLoop *self)
{
  Task *newest, *oldest = NULL;

  do
    newest = g_atomic_pointer_get (&self->inbox);
  while (!g_atomic_pointer_compare_and_exchange (&self->inbox, newest, NULL));

  while (newest != NULL)
    {
      Task *next = newest->next;

      newest->next = oldest;
      oldest = newest;
      newest = next;
    }
  while (oldest != NULL)
    {
      Task *next = oldest->next;

      run_task (oldest);
      oldest = next;
    }
}

/* --- The thread --- */

static gboolean
inbox_is_ready (GSource *source)
{
  SsemEtcdLoop *self = ((InboxSource *) source)->loop;

  return g_atomic_pointer_get (&self->inbox) != NULL || atomic_load (&self->is_signalled);
}

static gboolean
inbox_prepare (GSource *source,
               int     *timeout)
{
  *timeout = -1;

  return inbox_is_ready (source);
}

static gboolean
inbox_dispatch (GSource     *source,
                GSourceFunc  callback,
                gpointer     data)
{
  SsemEtcdLoop *self = ((InboxSource *) source)->loop;

  run_inbox (self);
  if (atomic_exchange (&self->is_signalled, FALSE))
    self->signalled (self->data);

  return G_SOURCE_CONTINUE;
}

static GSourceFuncs inbox_funcs = {
  .prepare = inbox_prepare,
  .check = inbox_is_ready,
  .dispatch = inbox_dispatch,
};

/* Sleeps without dispatch_lock. */
static int
poll_unlocked (GPollFD *fds,
               guint    n,
               int      timeout)
{
  int result;

  g_mutex_unlock (&dispatch_lock);
  result = g_poll (fds, n, timeout);
  g_mutex_lock (&dispatch_lock);

  return result;
}

static void
run_outgoing (SsemEtcdLoop *self)
{
  Task *task;

  if (g_queue_is_empty (&self->outgoing))
    return;

  g_mutex_unlock (&dispatch_lock);
  while ((task = g_queue_pop_head (&self->outgoing)) != NULL)
    run_task (task);
  g_mutex_lock (&dispatch_lock);
}

static gpointer
run (gpointer data)
{
  SsemEtcdLoop *self = data;
  GSource *source;

  g_mutex_lock (&dispatch_lock);
  g_main_context_push_thread_default (self->context);
  g_main_context_set_poll_func (self->context, poll_unlocked);
  source = g_source_new (&inbox_funcs, sizeof (InboxSource));
  ((InboxSource *) source)->loop = self;
  g_source_attach (source, self->context);
  g_source_unref (source);

  /* Forever: the thread sleeps where there is nothing to do. */
  for (;;)
    {
      g_main_context_iteration (self->context, TRUE);
      run_outgoing (self);
    }

  return NULL;
}

gboolean
ssem_etcd_loop_start (SsemEtcdLoop  *self,
                      GError       **error)
{
  return ssem_etcd_services->start_thread ("ssem-etcd", run, self, error);
}
