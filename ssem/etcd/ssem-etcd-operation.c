/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-etcd-operation-private.h"

#include "ssem-etcd-acquire-private.h"
#include "ssem-etcd-failure-private.h"
#include "ssem-etcd-membership-private.h"
#include "ssem-etcd-release-private.h"
#include "ssem-etcd-serve-private.h"
#include "ssem-etcd-value-private.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

/* From the program's threads to the I/O thread and back.
 *
 * A caller makes an operation, hands it to the I/O thread, and sleeps on the operation's own POSIX
 * semaphore. Three things wake it: the end of the operation; a cancellation; a signal handler. The
 * caller abandons an acquire that is cancelled, interrupted or too late. The I/O thread then takes
 * its records back. It ends the operation when that is done, or after GIVE_UP_MS where the cluster
 * does not answer: the records are taken back all the same, later.
 *
 * The operation has a reference of each thread that may use it. All fields without an atomic type
 * are the I/O thread's, from the hand-over until is_done is set. */

#define GIVE_UP_MS 40
/* A time-out that is shorter than a round trip still asks once. */
#define LATE_MS 250
#define CLOSE_USEC (2 * G_USEC_PER_SEC)
#define LONGEST_SLEEP_USEC (G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC)

typedef struct
{
  gatomicrefcount references;
  SsemEtcdInstance *instance; /* a reference */
  SsemEtcdSession *session;

  int n;
  SsemAccessMode mode;
  SsemEtcdAcquireFlags flags;

  int failure;
  guint64 fencing_token;
  int value;
  GError *error;

  SsemEtcdAcquire *acquire;   /* NULL where none is under way */
  GList link;                 /* in the operations of the instance */
  GSource *giving_up;

  atomic_bool is_done;
  atomic_int abandoned;       /* the failure with which the caller wants it to end; or 0 */
  sem_t wake;

  /* Of an asynchronous acquire. */
  SsemAcquiredFunc acquired;
  gpointer data;
  GCancellable *cancellable;  /* a reference */
  gulong handler;
  gboolean is_pending;
} Operation;

static void start_next (SsemEtcdInstance *instance);

static Operation *
operation_new (SsemEtcdInstance *instance,
               SsemEtcdSession  *session)
{
  Operation *self = g_new0 (Operation, 1);

  g_atomic_ref_count_init (&self->references);
  self->instance = ssem_etcd_instance_ref (instance);
  self->session = session;
  self->link.data = self;
  sem_init (&self->wake, 0, 0);

  return self;
}

static Operation *
operation_ref (Operation *self)
{
  g_atomic_ref_count_inc (&self->references);

  return self;
}

static void
operation_unref (Operation *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;

  sem_destroy (&self->wake);
  g_clear_object (&self->cancellable);
  g_clear_error (&self->error);
  ssem_etcd_instance_unref (self->instance);
  g_free (self);
}

/* --- In the I/O thread --- */

static void
unref_cb (gpointer  data,
          GClosure *closure)
{
  operation_unref (data);
}

/* Outside of the lock of the I/O thread, because the callback is the library's. */
static void
call_back_cb (gpointer data)
{
  Operation *self = data;

  if (self->handler != 0)
    g_signal_handler_disconnect (self->cancellable, self->handler);
  self->acquired (self->data, self->failure, self->fencing_token);
  operation_unref (self);
}

static void
operation_end (Operation *self,
               int        failure)
{
  if (atomic_load (&self->is_done))
    return;

  self->failure = failure;
  if (self->giving_up != NULL)
    g_source_destroy (self->giving_up);
  g_clear_pointer (&self->giving_up, g_source_unref);
  atomic_store (&self->is_done, TRUE);
  if (self->acquired != NULL)
    ssem_etcd_loop_invoke_outside (self->session->loop, call_back_cb, operation_ref (self));
  else
    sem_post (&self->wake);
}

/* An acquire has ended, also one that the operation did not wait for any more. */
static void
acquired_cb (gpointer data,
             int      failure,
             guint64  fencing_token)
{
  Operation *self = data;
  SsemEtcdInstance *instance = self->instance;

  self->acquire = NULL;
  g_queue_unlink (&instance->operations, &self->link);
  if (!atomic_load (&self->is_done))
    self->fencing_token = fencing_token;
  operation_end (self, failure);
  if (self->is_pending)
    {
      g_queue_pop_head (&instance->pending);
      start_next (instance);
    }
  operation_unref (self);
}

static void
start_acquire (Operation *self)
{
  SsemEtcdInstance *instance = self->instance;
  SsemEtcdAcquire *acquire;

  g_queue_push_tail_link (&instance->operations, &self->link);
  operation_ref (self);
  acquire = ssem_etcd_acquire_start (instance->semaphore, self->n, self->flags, acquired_cb,
                                     operation_ref (self));
  if (!atomic_load (&self->is_done))
    self->acquire = acquire;
  operation_unref (self);
}

/* Returns whether the instance can be used; else the operation has ended. */
static gboolean
operation_attach (Operation *self)
{
  if (atomic_load (&self->instance->is_closed))
    {
      operation_end (self, SSEM_FAILURE_CLOSED);
      return FALSE;
    }
  ssem_etcd_instance_ensure (self->instance);

  return TRUE;
}

static void
acquire_task (gpointer data)
{
  Operation *self = data;

  if (operation_attach (self))
    start_acquire (self);
  operation_unref (self);
}

static void
start_next (SsemEtcdInstance *instance)
{
  Operation *next = g_queue_peek_head (&instance->pending);

  if (next == NULL)
    return;

  if (atomic_load (&instance->is_closed) || atomic_load (&next->abandoned) != 0)
    {
      int failure = atomic_load (&next->abandoned);

      g_queue_pop_head (&instance->pending);
      operation_end (next, failure != 0 ? failure : SSEM_FAILURE_CLOSED);
      operation_unref (next);
      start_next (instance);
      return;
    }
  /* The reference of the queue becomes that of the acquire. */
  start_acquire (next);
  operation_unref (next);
}

static void
acquire_async_task (gpointer data)
{
  Operation *self = data;

  if (!operation_attach (self))
    {
      operation_unref (self);
      return;
    }

  self->is_pending = TRUE;
  g_queue_push_tail (&self->instance->pending, self);
  if (g_queue_get_length (&self->instance->pending) == 1)
    start_next (self->instance);
}

static gboolean
give_up_cb (gpointer data)
{
  Operation *self = data;

  ssem_etcd_acquire_give_up (self->acquire);

  return G_SOURCE_REMOVE;
}

static void
abandon (Operation *self,
         int        failure)
{
  GList *link;

  if (atomic_load (&self->is_done) || self->giving_up != NULL)
    return;

  if (self->acquire != NULL)
    {
      self->giving_up = g_timeout_source_new (failure == SSEM_FAILURE_TIMED_OUT ? LATE_MS
                                                                                : GIVE_UP_MS);
      g_source_set_callback (self->giving_up, give_up_cb, self, NULL);
      g_source_attach (self->giving_up, self->session->loop->context);
      ssem_etcd_acquire_abandon (self->acquire, failure);
      return;
    }

  /* It waits behind another one. */
  link = g_queue_find (&self->instance->pending, self);
  if (link != NULL)
    {
      g_queue_delete_link (&self->instance->pending, link);
      operation_end (self, failure);
      operation_unref (self);
    }
}

static void
abandon_task (gpointer data)
{
  Operation *self = data;

  abandon (self, atomic_load (&self->abandoned));
  operation_unref (self);
}

static void
released_cb (gpointer data,
             int      failure)
{
  operation_end (data, failure);
  operation_unref (data);
}

static void
release_task (gpointer data)
{
  Operation *self = data;

  if (operation_attach (self))
    ssem_etcd_release_start (self->instance->semaphore, self->n, self->instance->undo,
                             released_cb, operation_ref (self));
  operation_unref (self);
}

static void
value_cb (gpointer data,
          int      failure,
          int      value)
{
  Operation *self = data;

  self->value = value;
  operation_end (self, failure);
  operation_unref (self);
}

static void
value_task (gpointer data)
{
  Operation *self = data;

  if (operation_attach (self))
    ssem_etcd_value_start (self->instance->semaphore, value_cb, operation_ref (self));
  operation_unref (self);
}

static void
opened_cb (gpointer           data,
           SsemEtcdSemaphore *semaphore,
           int                failure,
           const GError      *error)
{
  Operation *self = data;

  if (failure == 0 && error == NULL)
    {
      ssem_etcd_instance_attach (self->instance, semaphore);
      /* A reset, or those who have waited for a semaphore that nobody could serve. */
      if (!g_queue_is_empty (&semaphore->view.queue))
        ssem_etcd_serve (semaphore);
    }
  else if (error != NULL)
    {
      self->error = g_error_copy (error);
    }
  operation_end (self, failure);
  operation_unref (self);
}

static void
open_task (gpointer data)
{
  Operation *self = data;

  ssem_etcd_membership_open (self->session, self->instance->key, self->n, self->mode, opened_cb,
                             self);
}

static void
left_cb (gpointer data)
{
  operation_end (data, 0);
  operation_unref (data);
}

static void
close_task (gpointer data)
{
  Operation *self = data;
  SsemEtcdInstance *instance = self->instance;
  SsemEtcdSemaphore *semaphore;
  GList *link, *next;

  for (link = instance->operations.head; link != NULL; link = next)
    {
      next = link->next;
      atomic_store (&((Operation *) link->data)->abandoned, SSEM_FAILURE_CLOSED);
      abandon (link->data, SSEM_FAILURE_CLOSED);
    }
  for (link = instance->pending.head; link != NULL; link = next)
    {
      next = link->next;
      abandon (link->data, SSEM_FAILURE_CLOSED);
    }
  if (instance->semaphore == NULL)
    {
      left_cb (self);
      return;
    }

  semaphore = ssem_etcd_semaphore_ref (instance->semaphore);
  ssem_etcd_instance_detach (instance);
  ssem_etcd_membership_leave (semaphore, left_cb, self);
  ssem_etcd_semaphore_unref (semaphore);
}

/* --- In the caller's thread --- */

/* Sleeps until the operation is woken, a signal handler has run, or @until_usec. Returns FALSE
 * after a signal handler. Always with a time-out: without one, the system does not tell of a
 * handler that was installed with SA_RESTART. */
static gboolean
sleep_until (Operation *self,
             gint64     until_usec)
{
  gint64 until = MIN (until_usec, g_get_monotonic_time () + LONGEST_SLEEP_USEC);
  struct timespec time = {
    .tv_sec = until / G_USEC_PER_SEC,
    .tv_nsec = until % G_USEC_PER_SEC * 1000,
  };

  return sem_clockwait (&self->wake, CLOCK_MONOTONIC, &time) == 0 || errno != EINTR;
}

static void
cancelled_cb (GCancellable *cancellable,
              gpointer      data)
{
  Operation *self = data;
  int none = 0;

  if (self->acquired == NULL)
    sem_post (&self->wake);
  else if (atomic_compare_exchange_strong (&self->abandoned, &none, SSEM_FAILURE_CANCELLED))
    ssem_etcd_loop_invoke (self->session->loop, abandon_task, operation_ref (self));
}

static gulong
connect (Operation    *self,
         GCancellable *cancellable)
{
  return g_signal_connect_data (cancellable, "cancelled", G_CALLBACK (cancelled_cb),
                                operation_ref (self), unref_cb, 0);
}

/* Waits for the end of an acquire, and abandons it if need be. */
static void
wait_for_acquire (Operation    *self,
                  gint64        deadline_usec,
                  GCancellable *cancellable,
                  gboolean      is_interruptible)
{
  int failure = 0;

  while (!atomic_load (&self->is_done))
    {
      gboolean is_interrupted = !sleep_until (self, failure == 0 ? deadline_usec : G_MAXINT64);

      if (failure != 0 || atomic_load (&self->is_done))
        continue;
      if (g_cancellable_is_cancelled (cancellable))
        failure = SSEM_FAILURE_CANCELLED;
      else if (is_interrupted && is_interruptible)
        failure = SSEM_FAILURE_INTERRUPTED;
      else if (g_get_monotonic_time () >= deadline_usec)
        failure = SSEM_FAILURE_TIMED_OUT;
      if (failure != 0)
        {
          int none = 0;

          atomic_compare_exchange_strong (&self->abandoned, &none, failure);
          ssem_etcd_loop_invoke (self->session->loop, abandon_task, operation_ref (self));
        }
    }
}

/* Waits for the end of another operation. */
static void
wait_until (Operation *self,
            gint64     until_usec)
{
  while (!atomic_load (&self->is_done) && g_get_monotonic_time () < until_usec)
    sleep_until (self, until_usec);
}

/* No pthread_cancel () ends the thread while it sleeps. */
static int
shield (void)
{
  int state;

  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &state);

  return state;
}

static void
unshield (int state)
{
  pthread_setcancelstate (state, NULL);
}

/* Returns a new operation of @instance, or NULL with the failure. */
static Operation *
begin (SsemEtcdInstance *instance,
       int              *failure)
{
  SsemEtcdSession *session;

  if (atomic_load (&instance->is_closed))
    {
      *failure = SSEM_FAILURE_CLOSED;
      return NULL;
    }

  session = ssem_etcd_instance_get_session (instance);
  if (session == NULL)
    {
      *failure = SSEM_ETCD_FAILURE_NO_THREAD;
      return NULL;
    }

  return operation_new (instance, session);
}

int
ssem_etcd_operation_open (SsemEtcdInstance  *instance,
                          int                initial_value,
                          SsemAccessMode     mode,
                          GError           **error)
{
  Operation *self = operation_new (instance, instance->session);
  int state = shield ();
  int failure;

  self->n = initial_value;
  self->mode = mode;
  ssem_etcd_loop_invoke (self->session->loop, open_task, operation_ref (self));
  wait_until (self, G_MAXINT64);
  failure = self->failure;
  if (self->error != NULL)
    g_propagate_error (error, g_steal_pointer (&self->error));
  operation_unref (self);
  unshield (state);

  return failure;
}

int
ssem_etcd_operation_acquire (SsemEtcdInstance *instance,
                             int               n,
                             gint64            deadline_usec,
                             GCancellable     *cancellable,
                             gboolean          is_interruptible,
                             guint64          *fencing_token)
{
  int failure;
  int state = shield ();
  Operation *self = begin (instance, &failure);
  gulong handler = 0;

  if (self == NULL)
    {
      unshield (state);
      return failure;
    }

  self->n = n;
  self->flags = (deadline_usec == SSEM_DEADLINE_NOW ? SSEM_ETCD_ACQUIRE_TRY : 0) |
                (instance->undo ? 0 : SSEM_ETCD_ACQUIRE_NO_UNDO);
  if (cancellable != NULL && deadline_usec != SSEM_DEADLINE_NOW)
    handler = connect (self, cancellable);
  ssem_etcd_loop_invoke (self->session->loop, acquire_task, operation_ref (self));
  if (deadline_usec == SSEM_DEADLINE_NOW)
    wait_until (self, G_MAXINT64);
  else
    wait_for_acquire (self, deadline_usec, cancellable, is_interruptible);
  if (handler != 0)
    g_signal_handler_disconnect (cancellable, handler);

  failure = self->failure;
  if (failure == 0)
    *fencing_token = self->fencing_token;
  operation_unref (self);
  unshield (state);

  return failure;
}

void
ssem_etcd_operation_acquire_async (SsemEtcdInstance *instance,
                                   int               n,
                                   GCancellable     *cancellable,
                                   SsemAcquiredFunc  acquired,
                                   gpointer          data)
{
  int failure;
  Operation *self = begin (instance, &failure);

  if (self == NULL)
    {
      acquired (data, failure, 0);
      return;
    }

  self->n = n;
  self->flags = instance->undo ? 0 : SSEM_ETCD_ACQUIRE_NO_UNDO;
  self->acquired = acquired;
  self->data = data;
  if (cancellable != NULL)
    {
      self->cancellable = g_object_ref (cancellable);
      self->handler = connect (self, cancellable);
    }
  ssem_etcd_loop_invoke (self->session->loop, acquire_async_task, operation_ref (self));
  /* It may have been cancelled before the handler was connected. */
  if (g_cancellable_is_cancelled (cancellable))
    cancelled_cb (cancellable, self);
  operation_unref (self);
}

/* A call with nothing to cancel. Returns its failure, and its value. */
static int
call (SsemEtcdInstance *instance,
      int               n,
      SsemEtcdTaskFunc  task,
      int              *value)
{
  int failure;
  int state = shield ();
  Operation *self = begin (instance, &failure);

  if (self == NULL)
    {
      unshield (state);
      return failure;
    }

  self->n = n;
  ssem_etcd_loop_invoke (self->session->loop, task, operation_ref (self));
  wait_until (self, G_MAXINT64);
  failure = self->failure;
  if (failure == 0)
    *value = self->value;
  operation_unref (self);
  unshield (state);

  return failure;
}

int
ssem_etcd_operation_release (SsemEtcdInstance *instance,
                             int               n)
{
  int none;

  return call (instance, n, release_task, &none);
}

int
ssem_etcd_operation_get_value (SsemEtcdInstance *instance,
                               int              *value)
{
  return call (instance, 0, value_task, value);
}

void
ssem_etcd_operation_close (SsemEtcdInstance *instance)
{
  Operation *self;
  int state = shield ();

  atomic_store (&instance->is_closed, TRUE);
  /* In a child of fork () that has not used it, it is the parent's. */
  if (ssem_etcd_instance_is_own (instance))
    {
      self = operation_new (instance, instance->session);
      ssem_etcd_loop_invoke (self->session->loop, close_task, operation_ref (self));
      wait_until (self, g_get_monotonic_time () + CLOSE_USEC);
      operation_unref (self);
    }
  unshield (state);
}
