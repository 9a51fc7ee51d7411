/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "bench-scenario.h"

#include <sys/resource.h>
#include <sys/types.h>

G_BEGIN_DECLS

gint64        bench_now_ns               (void);

/* Returns the processor time that a process has used, with all its threads. */
gint64        bench_cpu_ns               (pid_t            pid);

/* Returns the user and system time together. */
gint64        bench_rusage_ns            (const struct rusage *used);

/* Pins this process, and those that it forks from now on, to the @index-th of its processors. */
void          bench_pin_to               (int              index);

/* Helper processes, which all run one function until they are killed. bench_helpers_new () returns
 * when each helper has called bench_helper_ready (). A helper may wait for an order: the measuring
 * process gives as many orders as there are helpers, and each helper takes one. */
typedef void (*BenchHelperFunc) (BenchHelpers   *helpers,
                                 int             index,
                                 BenchContender *contender);

BenchHelpers *bench_helpers_new          (int              n,
                                          BenchHelperFunc  func,
                                          BenchContender  *contender);
void          bench_helpers_order        (BenchHelpers    *self);

/* Waits until each helper sleeps in a system call. */
void          bench_helpers_await_sleep  (BenchHelpers    *self);

/* The same, but for at most five seconds: many helpers may keep each other awake all the time. */
void          bench_helpers_await_rest   (BenchHelpers    *self);

/* Returns the processor time that the helpers have used, with all their threads. */
gint64        bench_helpers_cpu_ns       (BenchHelpers    *self);

/* Kills the helper that was started last, and waits until it is gone. Returns all the processor
 * time that it has used. This includes its end, in which the kernel does part of a peer's work. */
gint64        bench_helpers_kill_last    (BenchHelpers    *self);

/* Kills all helpers, and waits until they are gone. */
void          bench_helpers_free         (BenchHelpers    *self);

/* For the helper. The last one is ready, and does nothing any more. */
void          bench_helper_ready         (BenchHelpers    *self);
void          bench_helper_await_order   (BenchHelpers    *self);
void          bench_helper_idle          (BenchHelpers    *self) G_GNUC_NORETURN;

/* For bench_helpers_new (): the helper takes one unit, and keeps it. */
void          bench_helper_hold          (BenchHelpers    *self,
                                          int              index,
                                          BenchContender  *contender);

G_END_DECLS
