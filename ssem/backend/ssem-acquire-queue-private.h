/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The pending asynchronous acquires of one semaphore object, for a backend whose acquires block.
 * One thread runs them in the order in which they were pushed. ssem-acquire-queue.c explains the
 * design.
 */
typedef struct _SsemAcquireQueue SsemAcquireQueue;

/* Acquires @n units for @source, the source object of the tasks, and blocks until it has them. The
 * queue's thread calls this function. The function must check whether @queue was closed. After a
 * success, it has set @fencing_token, which was 0, if the backend has tokens. */
typedef gboolean (* SsemAcquireFunc) (gpointer           source,
                                      SsemAcquireQueue  *queue,
                                      int                n,
                                      GCancellable      *cancellable,
                                      guint64           *fencing_token,
                                      GError           **error);

/* Receives the result of each task before the task returns; @error is NULL for a success. */
typedef void     (* SsemReportFunc)  (gpointer           source,
                                      const GError      *error);

/* Initialises the queues of the process. Call this function before the others. */
void              ssem_acquire_queue_init      (void);

/* Returns a new queue. @key is for error messages. */
SsemAcquireQueue *ssem_acquire_queue_new       (const char       *key,
                                                SsemAcquireFunc   acquire,
                                                SsemReportFunc    report);
SsemAcquireQueue *ssem_acquire_queue_ref       (SsemAcquireQueue *self);
void              ssem_acquire_queue_unref     (SsemAcquireQueue *self);

/* Returns FALSE in a forked child for a queue that its parent created. */
gboolean          ssem_acquire_queue_belongs_to_this_process
                                               (SsemAcquireQueue *self);

/* Returns whether the queue has no thread. The answer includes every push that happened before this
 * call. */
gboolean          ssem_acquire_queue_is_idle   (SsemAcquireQueue *self);

/* Returns whether the queue was closed. If it was, sets @error to a copy of the error that it was
 * closed with. */
gboolean          ssem_acquire_queue_set_error_if_closed
                                               (SsemAcquireQueue *self,
                                                GError          **error);

/* Takes over @task, which waits for @n units and returns in the task's context, and the caller's
 * reference on the queue. Is no cancellation point of pthread_cancel (). */
void              ssem_acquire_queue_push      (SsemAcquireQueue *self,
                                                GTask            *task,
                                                int               n);

/* Returns @task, which was not pushed, in the task's context: with @error, or with a success if
 * @error is NULL. Takes over both. */
void              ssem_acquire_queue_return_result
                                               (SsemAcquireQueue *self,
                                                GTask            *task,
                                                guint64           fencing_token,
                                                GError           *error);

/* Returns @task with a success. */
void              ssem_acquire_queue_return_success
                                               (GTask            *task,
                                                guint64           fencing_token);

/* Returns the fencing token of a task that has returned with a success; 0 for none. */
guint64           ssem_acquire_queue_get_fencing_token
                                               (GTask            *task);

/* Fails every waiting task, and every task that is pushed later, with a copy of @error. Leaves the
 * current task to its SsemAcquireFunc. */
void              ssem_acquire_queue_close     (SsemAcquireQueue *self,
                                                const GError     *error);

G_END_DECLS
