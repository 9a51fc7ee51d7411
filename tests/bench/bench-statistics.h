/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a noisy machine leaves of several measurements: the middle, and how far apart they are. */
typedef struct
{
  double median;
  double min;
  double max;
} BenchSummary;

/* @n >= 1; sorts @values. */
BenchSummary bench_summarize  (double             *values,
                               int                 n);

/* So far apart that the median alone says little. */
gboolean     bench_is_wide    (const BenchSummary *summary);

G_END_DECLS
