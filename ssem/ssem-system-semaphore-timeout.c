/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-system-semaphore-private.h"

#include "ssem/os/ssem-thread-private.h"

/* An asynchronous acquire with a time-out is one without, which a timer cancels.
 *
 *   inner request   acquire_async () with the cancellable `interruption`
 *   outer task      what the caller gets; returned in the callback of the inner request
 *
 * The timer is a source in the context of the caller, so it never runs at the same time as that
 * callback, and no lock is needed. Two can cancel the inner request: the timer, and the caller's
 * cancellable from any thread. The timer claims a time-out only if it comes first. If the units come
 * before either, the inner request succeeds, and so does the task.
 *
 * The inner request has a reference on the task. The timer has another one, which goes when the
 * callback destroys the timer. The handler of the caller's cancellable has a reference on
 * `interruption` alone. It is disconnected without waiting for it, because it may be the handler
 * that runs.
 */
typedef struct
{
  /* Constant after construction. */
  int n;
  GCancellable *interruption; /* NULL: does not wait */
  GSource *timer;  /* NULL: does not wait, or waits forever */
  gulong handler;  /* of the task's cancellable; 0 for none */

  /* In the task's context. */
  gboolean has_timed_out;
  guint64 fencing_token; /* of a success; 0: none */
} TimedAcquire;

static void
timed_acquire_free (gpointer data)
{
  TimedAcquire *self = data;

  g_clear_pointer (&self->timer, g_source_unref);
  g_clear_object (&self->interruption);
  g_free (self);
}

static gboolean
time_out_cb (gpointer data)
{
  TimedAcquire *timed = g_task_get_task_data (data);

  if (!g_cancellable_is_cancelled (timed->interruption))
    {
      timed->has_timed_out = TRUE;
      g_cancellable_cancel (timed->interruption);
    }

  return G_SOURCE_REMOVE;
}

static gboolean
dispatch_timer (GSource     *source,
                GSourceFunc  callback,
                gpointer     data)
{
  return callback (data);
}

/* The timers of GLib have milliseconds. */
static GSource *
start_timer (GTask  *task,
             gint64  timeout_usec)
{
  static GSourceFuncs funcs = { .dispatch = dispatch_timer };
  GSource *source = g_source_new (&funcs, sizeof (GSource));
  gint64 now_usec = g_get_monotonic_time ();

  g_source_set_ready_time (source, now_usec + MIN (timeout_usec, G_MAXINT64 - now_usec));
  g_source_set_static_name (source, "[ssem] time-out");
  g_source_set_callback (source, time_out_cb, g_object_ref (task), g_object_unref);
  g_source_attach (source, g_task_get_context (task));

  return source;
}

static void
cancelled_cb (GCancellable *cancellable,
              gpointer      interruption)
{
  g_cancellable_cancel (interruption);
}

/* Returns the error of a time-out, which the object has as its last error from now on. */
static GError *
make_time_out (SsemSystemSemaphore *self)
{
  g_autofree char *key = ssem_system_semaphore_get_name (self);
  GError *error = NULL;

  ssem_backend_describe (NULL, SSEM_OPERATION_ACQUIRE, key != NULL ? key : "",
                         SSEM_FAILURE_TIMED_OUT, &error);
  ssem_system_semaphore_record_error (self, error);

  return error;
}

static void
acquired_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      data)
{
  SSEM_THREAD_SHIELD;
  g_autoptr(GTask) task = data;
  TimedAcquire *timed = g_task_get_task_data (task);
  GError *error = NULL;

  if (timed->timer != NULL)
    g_source_destroy (timed->timer);
  if (timed->handler != 0)
    g_signal_handler_disconnect (g_task_get_cancellable (task), timed->handler);

  if (g_task_propagate_boolean (G_TASK (result), &error))
    {
      timed->fencing_token = ssem_acquire_queue_get_fencing_token (G_TASK (result));
      g_task_return_boolean (task, TRUE);
      return;
    }

  if (timed->has_timed_out && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_error_free (error);
      error = make_time_out (SSEM_SYSTEM_SEMAPHORE (source));
    }
  g_task_return_error (task, error);
}

/* --- Without waiting --- */

/* Returns whether an acquire that does not wait for units may wait for something else: for a server,
 * or for processes that open the key. */
static gboolean
may_block (SsemSystemSemaphore *self)
{
  SsemInstance *instance;
  guint depth;
  gboolean result;

  instance = ssem_hazard_enter (&self->instance, &depth);
  result = instance == NULL || ssem_backend_can (instance->table, SSEM_CAPABILITY_ASYNC);
  ssem_hazard_leave_and_free (depth);

  return result;
}

static void
try_now (GTask        *task,
         gpointer      source,
         gpointer      data,
         GCancellable *cancellable)
{
  TimedAcquire *timed = data;
  GError *error = NULL;

  if (ssem_system_semaphore_acquire_timeout (source, timed->n, 0, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* --- Public calls --- */

/**
 * ssem_system_semaphore_acquire_timeout_async:
 * @self: a semaphore
 * @n: how many units: 1 or more
 * @timeout_usec: how long to wait, in microseconds; 0 does not wait, as
 *   [method@Ssem.SystemSemaphore.try_acquire], a negative number waits forever
 * @cancellable: (nullable): a cancellable that cancels the request, or `NULL`
 * @callback: (scope async) (closure user_data) (nullable): called when the request has succeeded or
 *   failed
 * @user_data: data for @callback
 *
 * Acquires @n units together when that many are available, or fails when the time is over, without
 * blocking the caller.
 *
 * Except for the time, this is [method@Ssem.SystemSemaphore.acquire_async], and the requests of both
 * functions are served in one order. A request that does not wait is tried before those that do.
 *
 * The time begins with the call, and is measured by the monotonic clock. The main context of the
 * caller must run for the request to time out. With System V the request ends up to 50 milliseconds
 * later. If the units come before the end, the request succeeds. If it times out, the process holds
 * none of them. Do not call this in a signal handler.
 *
 * Since: 1.0
 */
void
ssem_system_semaphore_acquire_timeout_async (SsemSystemSemaphore *self,
                                             int                  n,
                                             gint64               timeout_usec,
                                             GCancellable        *cancellable,
                                             GAsyncReadyCallback  callback,
                                             gpointer             user_data)
{
  SSEM_THREAD_SHIELD;
  g_autoptr(GTask) task = NULL;
  TimedAcquire *timed;

  g_return_if_fail (ssem_system_semaphore_is_valid (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  (g_task_set_source_tag) (task, ssem_system_semaphore_acquire_timeout_async);
  /* A success that came first stays one, or its units would be lost. */
  g_task_set_check_cancellable (task, FALSE);
  timed = g_new0 (TimedAcquire, 1);
  timed->n = n;
  g_task_set_task_data (task, timed, timed_acquire_free);

  if (timeout_usec == 0)
    {
      if (may_block (self))
        g_task_run_in_thread (task, try_now);
      else
        try_now (task, self, timed, cancellable);
      return;
    }

  timed->interruption = g_cancellable_new ();
  if (timeout_usec > 0)
    timed->timer = start_timer (task, timeout_usec);
  if (cancellable != NULL)
    timed->handler = g_cancellable_connect (cancellable, G_CALLBACK (cancelled_cb),
                                            g_object_ref (timed->interruption), g_object_unref);

  ssem_system_semaphore_acquire_async (self, n, timed->interruption, acquired_cb,
                                       g_object_ref (task));
}

/**
 * ssem_system_semaphore_acquire_timeout_finish:
 * @self: a semaphore
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Returns the result of a request made with
 * [method@Ssem.SystemSemaphore.acquire_timeout_async].
 *
 * Returns: `TRUE` if the process holds the units, or `FALSE` with @error set:
 *
 * - `G_IO_ERROR_TIMED_OUT` if the time is over;
 * - `G_IO_ERROR_WOULD_BLOCK` if the time was 0 and there are fewer units;
 * - otherwise as [method@Ssem.SystemSemaphore.acquire_finish] sets it.
 *
 * Since: 1.0
 */
gboolean
ssem_system_semaphore_acquire_timeout_finish (SsemSystemSemaphore  *self,
                                              GAsyncResult         *result,
                                              GError              **error)
{
  TimedAcquire *timed;

  g_return_val_if_fail (ssem_system_semaphore_is_valid (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_task_get_source_tag (G_TASK (result)) ==
                        ssem_system_semaphore_acquire_timeout_async, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;

  timed = g_task_get_task_data (G_TASK (result));
  if (timed->fencing_token != 0)
    ssem_system_semaphore_set_fencing_token (self, timed->fencing_token);

  return TRUE;
}
