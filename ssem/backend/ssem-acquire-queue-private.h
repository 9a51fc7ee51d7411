/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The pending asynchronous acquires of one semaphore object, on a backend whose acquires block. One
 * thread serves them in order.
 *
 * The design note is in ssem-acquire-queue.c.
 */
typedef struct _SsemAcquireQueue SsemAcquireQueue;

/* Acquires @n units for @source, the source object of the tasks, and blocks until it has them. The
 * queue's thread calls it. It has to check whether @queue was closed. */
typedef gboolean (* SsemAcquireFunc) (gpointer           source,
                                      SsemAcquireQueue  *queue,
                                      int                n,
                                      GCancellable      *cancellable,
                                      GError           **error);

/* Is called with the result of each task before the task returns; @error is NULL for a success. */
typedef void     (* SsemReportFunc)  (gpointer           source,
                                      const GError      *error);

/* To be called before the others. */
void              ssem_acquire_queue_init      (void);

/* @key is for error messages. */
SsemAcquireQueue *ssem_acquire_queue_new       (const char       *key,
                                                SsemAcquireFunc   acquire,
                                                SsemReportFunc    report);
SsemAcquireQueue *ssem_acquire_queue_ref       (SsemAcquireQueue *self);
void              ssem_acquire_queue_unref     (SsemAcquireQueue *self);

/* Returns FALSE in a forked child for a queue of its parent. */
gboolean          ssem_acquire_queue_is_usable (SsemAcquireQueue *self);

gboolean          ssem_acquire_queue_is_idle   (SsemAcquireQueue *self);

/* Sets @error, on a closed queue, to the error that it was closed with. */
gboolean          ssem_acquire_queue_is_closed (SsemAcquireQueue *self,
                                                GError          **error);

/* Takes over @task, which waits for @n units and returns in its own context. */
void              ssem_acquire_queue_push      (SsemAcquireQueue *self,
                                                GTask            *task,
                                                int               n);

/* Returns @task, which was not pushed, in its own context: with @error, or with TRUE if that is
 * NULL. Takes over both. */
void              ssem_acquire_queue_return    (SsemAcquireQueue *self,
                                                GTask            *task,
                                                GError           *error);

/* Fails every waiting task, and every task that is pushed later, with a copy of @error. A task that
 * is being served is left to @acquire. */
void              ssem_acquire_queue_close     (SsemAcquireQueue *self,
                                                const GError     *error);

G_END_DECLS
