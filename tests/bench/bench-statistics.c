/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-statistics.h"

#include <stdlib.h>

/* Four thirds: a bar of 1.15 cannot be told from 1.5 in such a run. */
#define WIDE 1.33

static int
compare_cb (const void *a,
            const void *b)
{
  double left = *(const double *) a;
  double right = *(const double *) b;

  return (left > right) - (left < right);
}

BenchSummary
bench_summarize (double *values,
                 int     n)
{
  BenchSummary summary;

  qsort (values, n, sizeof *values, compare_cb);
  summary.median = (values[(n - 1) / 2] + values[n / 2]) / 2;
  summary.min = values[0];
  summary.max = values[n - 1];

  return summary;
}

gboolean
bench_is_wide (const BenchSummary *summary)
{
  return summary->max > summary->min * WIDE;
}
