/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-acquire-queue-private.h"

#include "ssem/os/ssem-display-private.h"
#include "ssem/os/ssem-fork-private.h"
#include "ssem/os/ssem-thread-private.h"
#include "ssem/ssem-error.h"
#include "ssem/ssem-i18n-private.h"

/* States of a pending acquire
 *
 *   waiting   in the queue's list
 *   served    out of the list; the thread waits for its units
 *   finished  out of the list; a source in the task's context returns the result
 *
 * A pending acquire goes from waiting to finished when it is cancelled or its queue is closed. All
 * others go through served. The thread that takes a pending acquire out of the list, under
 * queue_lock, finishes it, so exactly one does. An acquire that is cancelled while it is served is
 * finished by the queue's thread, because only the backend knows which came first, the units or the
 * cancellation.
 *
 * The thread starts with the first pending acquire and ends with the last, so a semaphore without
 * pending acquires has none. The thread has a reference on the queue. It uses the semaphore object
 * only while it has a task, whose source object that is, so it never drops the last reference. The
 * source that returns the task owns the task: the task is finalized in its own context, and so is
 * what its caller attached to it.
 *
 * The handler of "cancelled" must not return the task itself, because that could run the caller's
 * callback inside g_cancellable_cancel (). For the same reason the handler is disconnected with
 * g_signal_handler_disconnect (): g_cancellable_disconnect () waits for running handlers, and would
 * deadlock in a callback. A reference of the handler's own keeps what it needs.
 *
 * queue_lock is one lock for all queues, because it must survive a fork. It is held for a few
 * instructions. A child of fork () lacks the thread, and the callers are its parent's, so its first
 * use of the object makes a new queue and leaves the parent's as it is.
 */

struct _SsemAcquireQueue
{
  gatomicrefcount references;
  SsemAcquireFunc acquire;  /* constant after init */
  SsemReportFunc report;    /* constant after init */
  char *key;                /* constant after init; for messages */
  unsigned int fork_count;  /* constant after init */

  /* Under queue_lock. */
  GQueue waiting;
  gboolean has_thread;
  GError *closed;
};

typedef struct
{
  gatomicrefcount references;
  SsemAcquireQueue *queue; /* constant after init, a reference */
  GTask *task;             /* constant after init, owned */
  int n;                   /* constant after init */
  GError *error;           /* written by the thread that finishes it, then read by its source */

  /* Under queue_lock. */
  GList link;              /* its data is the pending acquire as long as it is in the list */
  gulong cancelled_handler;
  gboolean is_finished;
} Pending;

static GMutex queue_lock;

static Pending *
pending_ref (Pending *pending)
{
  g_atomic_ref_count_inc (&pending->references);
  return pending;
}

static void
pending_unref (gpointer data)
{
  Pending *pending = data;

  if (!g_atomic_ref_count_dec (&pending->references))
    return;

  g_clear_object (&pending->task);
  g_clear_error (&pending->error);
  ssem_acquire_queue_unref (pending->queue);
  g_free (pending);
}

static gboolean
return_task_cb (gpointer data)
{
  Pending *pending = data;
  gulong handler;

  g_mutex_lock (&queue_lock);
  handler = pending->cancelled_handler;
  pending->cancelled_handler = 0;
  g_mutex_unlock (&queue_lock);

  if (handler != 0)
    g_signal_handler_disconnect (g_task_get_cancellable (pending->task), handler);

  if (pending->error != NULL)
    g_task_return_error (pending->task, g_steal_pointer (&pending->error));
  else
    g_task_return_boolean (pending->task, TRUE);

  /* The other references on the pending acquire have no use for the task. */
  g_clear_object (&pending->task);

  return G_SOURCE_REMOVE;
}

/* Reports the result and returns the task in its context. Takes over a reference on @pending, and
 * @error. */
static void
finish (Pending *pending,
        GError  *error)
{
  /* As soon as the source is attached, the caller may get its result and drop the context, which
   * g_source_unref () locks: it must last until the source is dropped, so it comes first. */
  g_autoptr(GMainContext) context = g_main_context_ref (g_task_get_context (pending->task));
  g_autoptr(GSource) source = g_idle_source_new ();

  pending->queue->report (g_task_get_source_object (pending->task), error);
  pending->error = error;

  g_mutex_lock (&queue_lock);
  pending->is_finished = TRUE;
  g_mutex_unlock (&queue_lock);

  g_source_set_priority (source, g_task_get_priority (pending->task));
  g_source_set_static_name (source, "[ssem] acquire");
  g_source_set_callback (source, return_task_cb, pending, pending_unref);
  g_source_attach (source, context);
}

/* Takes @pending out of the list; with queue_lock. */
static void
unlink_pending (Pending *pending)
{
  g_queue_unlink (&pending->queue->waiting, &pending->link);
  pending->link.data = NULL;
}

static void
cancelled_cb (GCancellable *cancellable,
              gpointer      data)
{
  Pending *pending = data;
  gboolean is_ours;

  g_mutex_lock (&queue_lock);
  is_ours = pending->link.data != NULL;
  if (is_ours)
    unlink_pending (pending);
  g_mutex_unlock (&queue_lock);

  if (is_ours)
    {
      GError *error = NULL;

      g_cancellable_set_error_if_cancelled (cancellable, &error);
      finish (pending, error);
    }
}

static void
watch_cancellable (Pending      *pending,
                   GCancellable *cancellable)
{
  gulong handler;

  handler = g_cancellable_connect (cancellable, G_CALLBACK (cancelled_cb),
                                   pending_ref (pending), pending_unref);

  /* It may be finished already. Then the source that returns the task did not see the handler. */
  g_mutex_lock (&queue_lock);
  if (!pending->is_finished)
    {
      pending->cancelled_handler = handler;
      handler = 0;
    }
  g_mutex_unlock (&queue_lock);

  if (handler != 0)
    g_signal_handler_disconnect (cancellable, handler);
}

/* Takes the next pending acquire. Returns NULL when there is none; then the thread must end. */
static Pending *
take_first (SsemAcquireQueue *self)
{
  Pending *pending;

  g_mutex_lock (&queue_lock);
  pending = g_queue_peek_head (&self->waiting);
  if (pending != NULL)
    unlink_pending (pending);
  else
    self->has_thread = FALSE;
  g_mutex_unlock (&queue_lock);

  return pending;
}

static gpointer
serve (gpointer data)
{
  SsemAcquireQueue *self = data;
  Pending *pending;

  while ((pending = take_first (self)) != NULL)
    {
      GError *error = NULL;

      self->acquire (g_task_get_source_object (pending->task), self, pending->n,
                     g_task_get_cancellable (pending->task), &error);
      finish (pending, error);
    }

  ssem_acquire_queue_unref (self);

  return NULL;
}

/* Fails every waiting acquire with a copy of @error. */
static void
fail_waiting (SsemAcquireQueue *self,
              const GError     *error)
{
  Pending *pending;

  do
    {
      g_mutex_lock (&queue_lock);
      pending = g_queue_peek_head (&self->waiting);
      if (pending != NULL)
        unlink_pending (pending);
      g_mutex_unlock (&queue_lock);

      if (pending != NULL)
        finish (pending, g_error_copy (error));
    }
  while (pending != NULL);
}

static void
start_thread (SsemAcquireQueue *self)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) refused = NULL;
  g_autofree char *shown = NULL;

  if (ssem_thread_start ("ssem-acquire", serve, ssem_acquire_queue_ref (self), &error))
    return;

  g_mutex_lock (&queue_lock);
  self->has_thread = FALSE;
  g_mutex_unlock (&queue_lock);

  shown = ssem_display_text (self->key);
  refused = g_error_new (SSEM_SYSTEM_SEMAPHORE_ERROR,
                         SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES,
                         _("Could not start a thread to wait for the semaphore “%s”: %s"),
                         shown, error->message);
  fail_waiting (self, refused);
  ssem_acquire_queue_unref (self);
}

void
ssem_acquire_queue_init (void)
{
  ssem_fork_protect (&queue_lock, NULL);
}

SsemAcquireQueue *
ssem_acquire_queue_new (const char      *key,
                        SsemAcquireFunc  acquire,
                        SsemReportFunc   report)
{
  SsemAcquireQueue *self = g_new0 (SsemAcquireQueue, 1);

  g_atomic_ref_count_init (&self->references);
  self->key = g_strdup (key);
  self->acquire = acquire;
  self->report = report;
  self->fork_count = ssem_fork_count ();
  g_queue_init (&self->waiting);

  return self;
}

SsemAcquireQueue *
ssem_acquire_queue_ref (SsemAcquireQueue *self)
{
  g_atomic_ref_count_inc (&self->references);

  return self;
}

void
ssem_acquire_queue_unref (SsemAcquireQueue *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;

  g_clear_error (&self->closed);
  g_free (self->key);
  g_free (self);
}

gboolean
ssem_acquire_queue_is_usable (SsemAcquireQueue *self)
{
  return self->fork_count == ssem_fork_count ();
}

gboolean
ssem_acquire_queue_is_idle (SsemAcquireQueue *self)
{
  gboolean is_idle;

  g_mutex_lock (&queue_lock);
  is_idle = !self->has_thread;
  g_mutex_unlock (&queue_lock);

  return is_idle;
}

gboolean
ssem_acquire_queue_is_closed (SsemAcquireQueue  *self,
                              GError           **error)
{
  GError *closed = NULL;

  g_mutex_lock (&queue_lock);
  if (self->closed != NULL)
    closed = g_error_copy (self->closed);
  g_mutex_unlock (&queue_lock);

  if (closed == NULL)
    return FALSE;

  g_propagate_error (error, closed);

  return TRUE;
}

/* Returns a pending acquire that owns @task. */
static Pending *
pending_new (SsemAcquireQueue *queue,
             GTask            *task,
             int               n)
{
  Pending *pending = g_new0 (Pending, 1);

  g_atomic_ref_count_init (&pending->references);
  pending->queue = ssem_acquire_queue_ref (queue);
  pending->task = task;
  pending->n = n;

  return pending;
}

void
ssem_acquire_queue_push (SsemAcquireQueue *self,
                         GTask            *task,
                         int               n)
{
  g_autoptr(GCancellable) cancellable = NULL;
  g_autoptr(GError) closed = NULL;
  gboolean needs_thread = FALSE;
  Pending *pending;

  g_set_object (&cancellable, g_task_get_cancellable (task));

  pending = pending_new (self, task, n);

  /* For watch_cancellable () below: once the acquire is in the list, the task and the list's
   * reference may go at any time. */
  pending_ref (pending);

  g_mutex_lock (&queue_lock);
  if (self->closed != NULL)
    {
      closed = g_error_copy (self->closed);
    }
  else
    {
      pending->link.data = pending;
      g_queue_push_tail_link (&self->waiting, &pending->link);
      needs_thread = !self->has_thread;
      self->has_thread = TRUE;
    }
  g_mutex_unlock (&queue_lock);

  if (closed != NULL)
    {
      finish (pending, g_steal_pointer (&closed));
    }
  else
    {
      if (cancellable != NULL)
        watch_cancellable (pending, cancellable);
      if (needs_thread)
        start_thread (self);
    }

  pending_unref (pending);
}

void
ssem_acquire_queue_return (SsemAcquireQueue *self,
                           GTask            *task,
                           GError           *error)
{
  finish (pending_new (self, task, 0), error);
}

void
ssem_acquire_queue_close (SsemAcquireQueue *self,
                          const GError     *error)
{
  g_mutex_lock (&queue_lock);
  self->closed = g_error_copy (error);
  g_mutex_unlock (&queue_lock);

  fail_waiting (self, error);
}
