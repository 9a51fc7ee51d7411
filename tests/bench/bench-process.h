/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

gint64   bench_now_ns        (void);

/* Memory, filled with zeros, that the helpers forked from now on share. */
gpointer bench_shared_new    (gsize    size);
void     bench_shared_free   (gpointer memory,
                              gsize    size);

/* How many processors this process may use, as long as it is not pinned. */
int      bench_n_processors  (void);

/* Pins this process, and those that it forks from now on, to the @index-th of these. */
void     bench_pin_to        (int      index);

/* Waits until the main thread of @pid sleeps. */
void     bench_wait_asleep   (pid_t    pid);

/* Helper processes, all doing the same.
 *
 * A helper says that it is ready once, or again and again, and may wait for an order; the measuring
 * process gives each order to one helper, whichever takes it. Helpers end by being killed. */
typedef struct _BenchCrowd BenchCrowd;

typedef void (*BenchHelperFunc) (BenchCrowd *crowd,
                                 int         index,
                                 gpointer    data);

BenchCrowd *bench_crowd_new        (int              n,
                                    BenchHelperFunc  func,
                                    gpointer         data);
void        bench_crowd_wait_ready (BenchCrowd      *self);
void        bench_crowd_order      (BenchCrowd      *self);
pid_t       bench_crowd_pid        (BenchCrowd      *self,
                                    int              index);

/* Kills all helpers at once; and waits until they are gone. */
void        bench_crowd_kill       (BenchCrowd      *self);
void        bench_crowd_free       (BenchCrowd      *self);

/* For the helper. */
void        bench_helper_ready     (BenchCrowd      *self);
void        bench_helper_await     (BenchCrowd      *self);

G_END_DECLS
