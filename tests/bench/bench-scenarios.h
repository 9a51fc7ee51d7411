/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "bench-run.h"

G_BEGIN_DECLS

/* Each says in its file what it measures, and which metric is which. */
void bench_measure_pair      (BenchRun *run);
void bench_measure_python    (BenchRun *run);
void bench_measure_calls     (BenchRun *run);
void bench_measure_ping_pong (BenchRun *run);
void bench_measure_hammer    (BenchRun *run);
void bench_measure_kill      (BenchRun *run);
void bench_measure_holders   (BenchRun *run);
void bench_measure_open      (BenchRun *run);
void bench_measure_attach    (BenchRun *run);
void bench_measure_async     (BenchRun *run);

/* The body of bench_measure_calls ()'s traced program: @n pairs on @peer, and nothing else. */
void bench_traced_pairs      (const BenchPeer *peer,
                              int              n);

G_END_DECLS
