/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "bench-peer.h"

G_BEGIN_DECLS

#define BENCH_MAX_ROUNDS 99
#define BENCH_MAX_METRICS 3

/* Who is measured. In every ratio, BENCH_OURS stands above and one of the others below. */
typedef enum
{
  BENCH_OURS,
  BENCH_OURS_FEW, /* ours again, in the lighter case that the heavy one is compared to */
  BENCH_SEMOP,
  BENCH_SEM_T,
  BENCH_QT,
  BENCH_PYQT,
  BENCH_N_CONTENDERS,
} BenchContender;

#define BENCH_BIT(contender) (1u << (contender))

typedef enum
{
  BENCH_FAILED,
  BENCH_SKIPPED,
  BENCH_DONE,
} BenchStatus;

/* What the measuring process tells, in memory that it shares with the one that prints. */
typedef struct
{
  BenchStatus status;
  char message[512]; /* why it was skipped, or failed */
  double values[BENCH_MAX_ROUNDS][BENCH_N_CONTENDERS][BENCH_MAX_METRICS];
} BenchResults;

typedef struct
{
  unsigned int contenders;                     /* those to measure, as bits */
  const BenchPeer *peers[BENCH_N_CONTENDERS];  /* NULL: not to be measured, or no C interface */
  const char *backend;                         /* nick of ours */
  gboolean in_memory;                          /* ours keeps its files there */
  int size;                                    /* how many: waiters, processes, requests */
  int rounds;
  gboolean is_quick;                           /* only see that it works */
  BenchResults *results;
} BenchRun;

/* A scenario: fills the results in, in a process of its own, and returns. */
typedef void (*BenchMeasureFunc) (BenchRun *run);

/* Runs @measure in a process, in a group of its own, under a watchdog. When it returns, the group
 * is gone, whatever happened in there. */
void          bench_run_in_child (BenchRun         *run,
                                  BenchMeasureFunc  measure);

/* --- For the main process --- */

/* Signals that end the program are left to bench_run_in_child (). */
void          bench_run_block_signals (void);

/* The signal that came in, or 0. */
int           bench_run_interrupted   (void);

BenchResults *bench_results_new       (void);
void          bench_results_free      (BenchResults *results);

/* --- For the measuring process and its helpers --- */

/* The usual way to fill the results in. In every round each contender gets @blocks turns, in
 * alternating order; its result of the round is the median of its turns. */
typedef struct
{
  gpointer (*set_up)    (BenchRun       *run,
                         BenchContender  who);
  void     (*measure)   (BenchRun       *run,
                         gpointer        fixture,
                         double         *values);
  void     (*tear_down) (gpointer        fixture);
  int blocks;
} BenchScenario;

void     bench_run_rounds (BenchRun            *run,
                           const BenchScenario *scenario);

/* One of two sizes. */
int      bench_run_pick   (BenchRun            *run,
                           int                  full,
                           int                  quick);

/* Ends the whole measurement; any of its processes may call these. */
void     bench_fail       (const char          *format,
                           ...) G_GNUC_NORETURN G_GNUC_PRINTF (1, 2);
void     bench_skip       (const char          *format,
                           ...) G_GNUC_NORETURN G_GNUC_PRINTF (1, 2);

/* A key that nobody else uses; free it. */
char    *bench_new_key    (void);

G_END_DECLS
