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
 *   waiting   The acquire is in the queue's list.
 *   current   The acquire is out of the list; the queue's thread waits for its units.
 *   finished  The acquire is out of the list; a source in the task's context returns the result.
 *
 * Most acquires go from waiting to current to finished. A waiting acquire becomes finished directly
 * if it is cancelled, if its queue is closed, or if the thread does not start. An acquire that is
 * pushed to a closed queue, or whose result is known without the queue, is finished from the start.
 *
 * Exactly one thread finishes a pending acquire: the thread that takes it out of the list, under
 * queue_lock. If the current acquire is cancelled, the queue's thread finishes it. Only the backend
 * knows which came first, the units or the cancellation.
 *
 * The thread starts with the first pending acquire and ends after the last. So a semaphore without
 * pending acquires has no thread. The thread has a reference on the queue. A task has a reference
 * on the semaphore object. The thread uses the object only through an unfinished task, so the
 * thread never drops the last reference on the object.
 *
 * A pending acquire owns its task. The source that returns the task also drops the task. So the
 * task and the data that its caller attached to it are finalized in the task's context.
 *
 * The handler of the signal "cancelled" must not return the task itself: this could run the
 * caller's callback inside g_cancellable_cancel (). The code disconnects the handler with
 * g_signal_handler_disconnect (). g_cancellable_disconnect () waits for running handlers, and would
 * deadlock in a callback. The handler has its own reference on the pending acquire.
 *
 * A fork must not leave a lock locked in the child. ssem_fork_protect () prevents that for locks
 * that exist as long as the process, so all queues share queue_lock. The lock is held for a few
 * instructions. A forked child has neither the queue's thread nor the threads of the callers. So
 * the child's first use of the object creates a new queue and leaves the parent's queue unchanged.
 */

/* Fields that are "constant" do not change after construction. */
struct _SsemAcquireQueue
{
  gatomicrefcount references;
  SsemAcquireFunc acquire;  /* constant */
  SsemReportFunc report;    /* constant */
  char *key;                /* constant, for messages */
  unsigned int fork_count;  /* constant */

  /* Under queue_lock. */
  GQueue waiting; /* of Pending */
  gboolean has_thread; /* also read without the lock */
  GError *closed; /* NULL while the queue is open */
};

typedef struct
{
  gatomicrefcount references;
  SsemAcquireQueue *queue; /* constant, a reference */
  GTask *task;             /* owned; NULL once returned */
  int n;                   /* constant */
  guint64 fencing_token;   /* written before finish (), then read by the source */
  GError *error;           /* written in finish (), then read by the source */

  /* Under queue_lock. */
  GList link;              /* its data: NULL when the link is out of the list */
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
    ssem_acquire_queue_return_success (pending->task, pending->fencing_token);

  /* The other holders of a reference on the pending acquire do not use the task. */
  g_clear_object (&pending->task);

  return G_SOURCE_REMOVE;
}

/* Passes the result to the `report` function. Then schedules a source that returns the task in the
 * task's context. Takes over a reference on @pending, and @error. */
static void
finish (Pending *pending,
        GError  *error)
{
  SSEM_THREAD_SHIELD;
  /* Once the source is attached, the caller may get the result and drop the context. But
   * g_source_unref () locks the context. So this reference on the context comes first: it is
   * dropped after the reference on the source. */
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

/* Takes @pending out of the list. The caller holds queue_lock. */
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
  gboolean was_waiting;

  g_mutex_lock (&queue_lock);
  was_waiting = pending->link.data != NULL;
  if (was_waiting)
    unlink_pending (pending);
  g_mutex_unlock (&queue_lock);

  if (was_waiting)
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

  /* If the acquire is finished already, the source that returns the task may not see the handler,
   * so this function disconnects the handler. */
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

/* Takes the first waiting acquire out of the list. Returns NULL if there is none; then the thread
 * must end. */
static Pending *
take_first_or_end_thread (SsemAcquireQueue *self)
{
  Pending *pending;

  g_mutex_lock (&queue_lock);
  pending = g_queue_peek_head (&self->waiting);
  if (pending != NULL)
    unlink_pending (pending);
  else
    g_atomic_int_set (&self->has_thread, FALSE);
  g_mutex_unlock (&queue_lock);

  return pending;
}

static gpointer
run_thread (gpointer data)
{
  SsemAcquireQueue *self = data;
  Pending *pending;

  while ((pending = take_first_or_end_thread (self)) != NULL)
    {
      GError *error = NULL;

      self->acquire (g_task_get_source_object (pending->task), self, pending->n,
                     g_task_get_cancellable (pending->task), &pending->fencing_token, &error);
      finish (pending, error);
    }

  ssem_acquire_queue_unref (self);

  return NULL;
}

/* Finishes every waiting acquire with a copy of @error as its result. */
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

/* Starts the thread, which takes over a reference on the queue. */
static void
start_thread (SsemAcquireQueue *self)
{
  SSEM_THREAD_SHIELD;
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) refused = NULL;
  g_autofree char *shown = NULL;

  if (ssem_thread_start ("ssem-acquire", run_thread, self, &error))
    return;

  g_mutex_lock (&queue_lock);
  g_atomic_int_set (&self->has_thread, FALSE);
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
ssem_acquire_queue_belongs_to_this_process (SsemAcquireQueue *self)
{
  return self->fork_count == ssem_fork_count ();
}

gboolean
ssem_acquire_queue_is_idle (SsemAcquireQueue *self)
{
  return !g_atomic_int_get (&self->has_thread);
}

gboolean
ssem_acquire_queue_set_error_if_closed (SsemAcquireQueue  *self,
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

/* Returns a pending acquire that takes over @task and a reference on @queue. */
static Pending *
pending_new (SsemAcquireQueue *queue,
             GTask            *task,
             int               n)
{
  Pending *pending = g_new0 (Pending, 1);

  g_atomic_ref_count_init (&pending->references);
  pending->queue = queue;
  pending->task = task;
  pending->n = n;

  return pending;
}

void
ssem_acquire_queue_push (SsemAcquireQueue *self,
                         GTask            *task,
                         int               n)
{
  Pending *pending = pending_new (self, task, n);
  g_autoptr(GCancellable) cancellable = NULL;
  g_autoptr(GError) closed = NULL;
  gboolean needs_thread = FALSE;

  /* For watch_cancellable () below: once the acquire is in the list, another thread can finish the
   * acquire, and drop the task, the list's reference, and the reference on the queue. */
  if (g_set_object (&cancellable, g_task_get_cancellable (task)))
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
      if (needs_thread)
        {
          g_atomic_int_set (&self->has_thread, TRUE);
          ssem_acquire_queue_ref (self);
        }
    }
  g_mutex_unlock (&queue_lock);

  if (closed != NULL)
    finish (pending, g_steal_pointer (&closed));
  else if (cancellable != NULL)
    watch_cancellable (pending, cancellable);
  if (needs_thread)
    start_thread (self);
  if (cancellable != NULL)
    pending_unref (pending);
}

void
ssem_acquire_queue_return_result (SsemAcquireQueue *self,
                                  GTask            *task,
                                  guint64           fencing_token,
                                  GError           *error)
{
  Pending *pending = pending_new (ssem_acquire_queue_ref (self), task, 0);

  pending->fencing_token = fencing_token;
  finish (pending, error);
}

/* The token is the task's data, because a task returns one value. Most tasks have none. */
void
ssem_acquire_queue_return_success (GTask   *task,
                                   guint64  fencing_token)
{
  if (fencing_token != 0)
    g_task_set_task_data (task, g_memdup2 (&fencing_token, sizeof fencing_token), g_free);
  g_task_return_boolean (task, TRUE);
}

guint64
ssem_acquire_queue_get_fencing_token (GTask *task)
{
  const guint64 *fencing_token = g_task_get_task_data (task);

  return fencing_token != NULL ? *fencing_token : 0;
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
