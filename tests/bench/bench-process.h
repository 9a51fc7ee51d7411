/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "bench-scenario.h"

G_BEGIN_DECLS

gint64        bench_now_ns               (void);

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

/* Kills all helpers, and waits until they are gone. */
void          bench_helpers_free         (BenchHelpers    *self);

/* For the helper. The last one is ready, and does nothing any more. */
void          bench_helper_ready         (BenchHelpers    *self);
void          bench_helper_await_order   (BenchHelpers    *self);
void          bench_helper_idle          (BenchHelpers    *self) G_GNUC_NORETURN;

G_END_DECLS
