/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-system-semaphore-private.h"

#include "ssem/os/ssem-thread-private.h"

static void
describe_acquire (SsemSystemSemaphore     *self,
                  const SsemBackendTable  *table,
                  int                      failure,
                  GError                 **error)
{
  g_autofree char *key = ssem_system_semaphore_get_name (self);

  ssem_backend_describe (table, SSEM_OPERATION_ACQUIRE, key, failure, error);
}

static gboolean
acquire_queued (gpointer           source,
                SsemAcquireQueue  *queue,
                int                n,
                GCancellable      *cancellable,
                guint64           *fencing_token,
                GError           **error)
{
  SsemSystemSemaphore *self = source;
  const SsemBackendTable *table;
  SsemInstance *instance;
  guint depth;
  int failure;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  instance = ssem_system_semaphore_enter (self, queue, &depth, &failure, error);
  if (instance == NULL)
    {
      if (failure != 0)
        describe_acquire (self, NULL, failure, error);
      return FALSE;
    }

  /* set_key () closes the queue before it takes the instance away: if the queue is open now, then
   * this is still the instance that the task was meant for. */
  if (ssem_acquire_queue_set_error_if_closed (queue, error))
    {
      ssem_hazard_leave_and_free (depth);
      return FALSE;
    }

  table = instance->table;
  ssem_hazard_stay (depth);
  failure = ssem_system_semaphore_is_traced ()
            ? ssem_system_semaphore_acquire_traced (self, instance, ssem_backend_acquire, n,
                                                    SSEM_DEADLINE_NONE, cancellable, fencing_token)
            : ssem_backend_acquire (instance, n, SSEM_DEADLINE_NONE, cancellable, fencing_token);
  ssem_hazard_leave_and_free (depth);
  if (failure != 0)
    describe_acquire (self, table, failure, error);

  return failure == 0;
}

static void
report_queued (gpointer      source,
               const GError *error)
{
  SsemSystemSemaphore *self = source;

  if (error != NULL)
    ssem_system_semaphore_record_error (self, error);
  else
    ssem_system_semaphore_record_success (self);
}

/* Returns a reference on the queue that serves acquires from now on. */
static SsemAcquireQueue *
get_queue (SsemSystemSemaphore *self)
{
  SsemAcquireQueue *queue;

  g_mutex_lock (&ssem_system_semaphore_lock);
  /* In a child of fork () the parent's queue stays as it is: its tasks are the parent's. */
  if (self->queue != NULL && !ssem_acquire_queue_belongs_to_this_process (self->queue))
    self->queue = NULL;
  if (self->queue == NULL)
    {
      g_autofree char *name = ssem_system_semaphore_dup_name (self);

      self->queue = ssem_acquire_queue_new (name, acquire_queued, report_queued);
    }
  queue = ssem_acquire_queue_ref (self->queue);
  g_mutex_unlock (&ssem_system_semaphore_lock);

  return queue;
}

/* What acquired_cb () needs. */
typedef struct
{
  SsemAcquireQueue *queue;
  const SsemBackendTable *table;
  GTask *task;
  int n;
  gint64 begin; /* for the profile */
} Request;

static void
acquired_cb (gpointer data,
             int      failure,
             guint64  fencing_token)
{
  g_autofree Request *request = data;
  SsemSystemSemaphore *self = g_task_get_source_object (request->task);
  GError *error = NULL;

  ssem_system_semaphore_mark_wait (self, request->begin, request->n, failure);
  if (failure != 0)
    describe_acquire (self, request->table, failure, &error);
  ssem_acquire_queue_return_result (request->queue, request->task, fencing_token, error);
  ssem_acquire_queue_unref (request->queue);
}

/* Starts an asynchronous acquire of the backend's own. */
static gboolean
start_request (SsemInstance     *instance,
               SsemAcquireQueue *queue,
               GTask            *task,
               int               n)
{
  Request *request = g_new (Request, 1);

  request->queue = ssem_acquire_queue_ref (queue);
  request->table = instance->table;
  request->task = task;
  request->n = n;
  request->begin = ssem_profile_get_time ();
  if (ssem_backend_acquire_async (instance, n, g_task_get_cancellable (task), acquired_cb, request))
    return TRUE;

  ssem_acquire_queue_unref (queue);
  g_free (request);

  return FALSE;
}

/* Acquires without the queue's thread: through the backend's own asynchronous acquire, or because
 * the units are available. No request may be waiting. Where it returns FALSE, for whatever reason,
 * nothing has happened, and the queue deals with @task. */
static gboolean
acquire_without_thread (SsemSystemSemaphore *self,
                        SsemAcquireQueue    *queue,
                        GTask               *task,
                        int                  n)
{
  SSEM_THREAD_SHIELD;
  SsemInstance *instance;
  guint64 fencing_token;
  gboolean is_done = FALSE;
  guint depth;

  instance = ssem_hazard_enter (&self->instance, &depth);
  if (instance != NULL && !ssem_acquire_queue_set_error_if_closed (queue, NULL))
    {
      is_done = start_request (instance, queue, task, n);
      if (!is_done &&
          ssem_backend_acquire (instance, n, SSEM_DEADLINE_NOW, NULL, &fencing_token) == 0)
        {
          ssem_system_semaphore_record_success (self);
          ssem_acquire_queue_return_success (task, fencing_token);
          g_object_unref (task);
          is_done = TRUE;
        }
    }
  ssem_hazard_leave_and_free (depth);

  return is_done;
}

/* Fails a request that must not begin: it is cancelled, or @n is not a number of units. */
static void
refuse (SsemSystemSemaphore *self,
        GTask               *task,
        int                  n)
{
  SSEM_THREAD_SHIELD;
  GError *failure = NULL;

  /* The cancellable is not asked again: the program may have reset it meanwhile. */
  if (ssem_system_semaphore_check_units (n, &failure))
    ssem_backend_describe (NULL, SSEM_OPERATION_ACQUIRE, "", SSEM_FAILURE_CANCELLED, &failure);
  ssem_system_semaphore_record_error (self, failure);
  g_task_return_error (task, failure);
  g_object_unref (task);
}

/**
 * ssem_system_semaphore_acquire_async:
 * @self: a semaphore
 * @n: how many units: 1 or more
 * @cancellable: (nullable): a cancellable that cancels the request, or `NULL`
 * @callback: (scope async) (closure user_data) (nullable): called when the request has succeeded or
 *   failed
 * @user_data: data for @callback
 *
 * Acquires @n units together when that many are available, without blocking the caller.
 *
 * Requests on one object are served in the order in which they were made: a later request for few
 * units does not overtake an earlier one for many. Blocking acquires, other objects and other
 * processes may be served in between. A pending request keeps the object alive. The requests of an
 * object wait in one thread, which exists only while a request waits. @callback is called in the
 * thread-default main context of the caller; call [method@Ssem.SystemSemaphore.acquire_finish]
 * there to get the result.
 *
 * If the acquire succeeds, the process holds the units, even if the result is never read. Do not
 * call this in a signal handler.
 *
 * Since: 1.0
 */
void
ssem_system_semaphore_acquire_async (SsemSystemSemaphore *self,
                                     int                  n,
                                     GCancellable        *cancellable,
                                     GAsyncReadyCallback  callback,
                                     gpointer             user_data)
{
  SsemAcquireQueue *queue;
  GTask *task;

  g_return_if_fail (ssem_system_semaphore_is_valid (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  /* A request behind other requests reaches no cancellation point of pthread_cancel (), so it needs
   * no SSEM_THREAD_SHIELD. The functions for the other cases have their own. */
  task = g_task_new (self, cancellable, callback, user_data);
  /* The function, not the macro: the macro also gives the task a name, which GLib copies. */
  (g_task_set_source_tag) (task, ssem_system_semaphore_acquire_async);
  /* A success that came first stays one, or its units would be lost. */
  if (cancellable != NULL)
    g_task_set_check_cancellable (task, FALSE);

  if (n < 1 || g_cancellable_is_cancelled (cancellable))
    {
      refuse (self, task, n);
      return;
    }

  queue = get_queue (self);
  if (ssem_acquire_queue_is_idle (queue) && acquire_without_thread (self, queue, task, n))
    ssem_acquire_queue_unref (queue);
  else
    ssem_acquire_queue_push (queue, task, n);
}

/**
 * ssem_system_semaphore_acquire_finish:
 * @self: a semaphore
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Returns the result of a request made with [method@Ssem.SystemSemaphore.acquire_async].
 *
 * Returns: `TRUE` if the process holds the units, or `FALSE` with @error set as
 *   [method@Ssem.SystemSemaphore.acquire] sets it, or to
 *   `SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES` if the system has no more threads
 *
 * Since: 1.0
 */
gboolean
ssem_system_semaphore_acquire_finish (SsemSystemSemaphore  *self,
                                      GAsyncResult         *result,
                                      GError              **error)
{
  guint64 fencing_token;

  g_return_val_if_fail (ssem_system_semaphore_is_valid (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_task_get_source_tag (G_TASK (result)) ==
                        ssem_system_semaphore_acquire_async, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;

  /* Not earlier: a program that reads the token now gets that of this request, even if another
   * request has its units already. */
  fencing_token = ssem_acquire_queue_get_fencing_token (G_TASK (result));
  if (fencing_token != 0)
    ssem_system_semaphore_set_fencing_token (self, fencing_token);

  return TRUE;
}
