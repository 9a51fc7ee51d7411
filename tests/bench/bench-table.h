/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "bench-rows.h"
#include "bench-statistics.h"

#include <stdio.h>

G_BEGIN_DECLS

/* One line of the table as it came out. */
typedef struct
{
  SsemBackend backend;
  const char *backend_name;
  char *name;
  char *title;
  const BenchRow *row;
  const BenchBar *bar;      /* NULL: none */
  BenchStatus status;
  const char *message;      /* why there are no figures */
  const char *peer_name;
  double ours;
  double peer;
  BenchSummary figure;      /* of a ratio the ratio, else our value */
  gboolean is_met;
} BenchLine;

/* Works out the line; @peer_names says what the contenders are called. */
void bench_line_init         (BenchLine         *line,
                              const BenchGroup  *group,
                              const BenchRow    *row,
                              const BenchRun    *run,
                              SsemBackend        backend,
                              const char *const *peer_names);
void bench_line_clear        (BenchLine         *line);

void bench_table_print_head  (const char        *backend_name);
void bench_table_print_line  (const BenchLine   *line);

/* The same for programs: columns parted by tabs, the first line names them, numbers are plain. */
void bench_tsv_write_head    (FILE              *file);
void bench_tsv_write_line    (FILE              *file,
                              const BenchLine   *line);

G_END_DECLS
