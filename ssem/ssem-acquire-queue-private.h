/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The pending asynchronous acquires of one semaphore object, served in order by one thread.
 *
 * The design note is in ssem-acquire-queue.c.
 */
typedef struct _SsemAcquireQueue SsemAcquireQueue;

/* Acquires @n units for @source, the tasks' source object, and blocks until it has them. Called
 * from the queue's thread. It has to look whether @queue was closed. */
typedef gboolean (* SsemAcquireFunc) (gpointer           source,
                                      SsemAcquireQueue  *queue,
                                      int                n,
                                      GCancellable      *cancellable,
                                      GError           **error);

/* Hears of each task's result before the task's caller does; @error is NULL for a success. */
typedef void     (* SsemReportFunc)  (gpointer           source,
                                      const GError      *error);

/* To be called before the others. */
void              ssem_acquire_queue_init      (void);

/* @key is what error messages name. */
SsemAcquireQueue *ssem_acquire_queue_new       (const char       *key,
                                                SsemAcquireFunc   acquire,
                                                SsemReportFunc    report);
SsemAcquireQueue *ssem_acquire_queue_ref       (SsemAcquireQueue *self);
void              ssem_acquire_queue_unref     (SsemAcquireQueue *self);

/* FALSE in a forked child for a queue of its parent. */
gboolean          ssem_acquire_queue_is_usable (SsemAcquireQueue *self);

gboolean          ssem_acquire_queue_is_idle   (SsemAcquireQueue *self);

/* Then @error is what it was closed with. */
gboolean          ssem_acquire_queue_is_closed (SsemAcquireQueue *self,
                                                GError          **error);

/* Takes over @task, which waits for @n units; it completes in its own context. */
void              ssem_acquire_queue_push      (SsemAcquireQueue *self,
                                                GTask            *task,
                                                int               n);

/* Fails every task that waits with a copy of @error, and what is pushed later, too. The one that is
 * being served is @acquire's business. */
void              ssem_acquire_queue_close     (SsemAcquireQueue *self,
                                                const GError     *error);

G_END_DECLS
