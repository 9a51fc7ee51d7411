/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "bench-run.h"

#include <ssem.h>

G_BEGIN_DECLS

/* What the program measures, and what is asked of it: all data, no code. */

typedef enum
{
  BENCH_RATIO, /* ours divided by the peer's */
  BENCH_VALUE, /* ours alone; the peer's is there to look at */
} BenchKind;

typedef enum
{
  BENCH_NANOSECONDS,
  BENCH_PER_SECOND,
  BENCH_PERCENT,
  BENCH_COUNT,
} BenchUnit;

/* A line of the table. */
typedef struct
{
  const char *name;     /* after the group's name and a slash */
  const char *title;    /* {n} stands for the group's size */
  BenchKind kind;
  int metric;           /* of the group's scenario */
  BenchUnit unit;
  unsigned int against; /* contenders, as bits; of several the one that does best */
} BenchRow;

/* Lines that come out of one scenario. */
typedef struct
{
  const char *name;
  BenchMeasureFunc measure;
  int size;
  int quick_size;
  const BenchRow *rows; /* ends with a row without a name */
} BenchGroup;

typedef enum
{
  BENCH_AT_MOST,
  BENCH_AT_LEAST,
  BENCH_EXACTLY,
} BenchSense;

typedef struct
{
  SsemBackend backend;
  const char *pattern; /* of full names: group/row */
  BenchSense sense;
  double bar;
  double aim;          /* 0: none */
} BenchBar;

extern const BenchGroup bench_groups[]; /* ends with a group without a name */

/* NULL where nothing is asked of the row. */
const BenchBar *bench_find_bar   (SsemBackend       backend,
                                  const char       *name);

gboolean        bench_bar_is_met (const BenchBar   *bar,
                                  double            value);

/* group/row; free it. */
char           *bench_row_name   (const BenchGroup *group,
                                  const BenchRow   *row);

/* The title with the number in it; free it. */
char           *bench_row_title  (const BenchRow   *row,
                                  int               size);

G_END_DECLS
