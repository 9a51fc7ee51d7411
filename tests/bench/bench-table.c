/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-table.h"

#include <math.h>

static const char *const sense_words[] = { "<=", ">=", "=" };
static const char *const unit_words[] = { "ns", "1/s", "%", "" };

/* --- What came out --- */

static double
median_of (const BenchRun *run,
           int             who,
           int             metric)
{
  double values[BENCH_MAX_ROUNDS];
  int round;

  for (round = 0; round < run->rounds; round++)
    values[round] = run->results->values[round][who][metric];

  return bench_summarize (values, run->rounds).median;
}

/* Of the contenders that the row is against, the one that does best; -1 where none was measured. */
static int
best_contender (const BenchRow *row,
                const BenchRun *run)
{
  unsigned int candidates = row->against & run->contenders;
  double best_value = 0;
  int who, best = -1;

  for (who = 0; who < BENCH_N_CONTENDERS; who++)
    {
      double value;

      if ((candidates & BENCH_BIT (who)) == 0)
        continue;

      value = median_of (run, who, row->metric);
      if (best < 0 || (row->unit == BENCH_PER_SECOND ? value > best_value : value < best_value))
        {
          best = who;
          best_value = value;
        }
    }

  return best;
}

static void
work_out (BenchLine      *line,
          const BenchRun *run,
          int             peer)
{
  const BenchRow *row = line->row;
  double figures[BENCH_MAX_ROUNDS];
  int round;

  for (round = 0; round < run->rounds; round++)
    {
      figures[round] = run->results->values[round][BENCH_OURS][row->metric];
      if (row->kind == BENCH_RATIO)
        figures[round] /= run->results->values[round][peer][row->metric];
      if (!isfinite (figures[round]))
        {
          line->status = BENCH_FAILED;
          line->message = "the peer's figure is 0";
          return;
        }
    }

  line->figure = bench_summarize (figures, run->rounds);
  line->ours = median_of (run, BENCH_OURS, row->metric);
  line->peer = median_of (run, peer, row->metric);
  line->is_met = line->bar == NULL || bench_bar_is_met (line->bar, line->figure.median);
}

void
bench_line_init (BenchLine         *line,
                 const BenchGroup  *group,
                 const BenchRow    *row,
                 const BenchRun    *run,
                 SsemBackend        backend,
                 const char *const *peer_names)
{
  int peer = best_contender (row, run);

  *line = (BenchLine) {
    .backend = backend,
    .backend_name = run->backend,
    .name = bench_row_name (group, row),
    .title = bench_row_title (row, run->size),
    .row = row,
    .status = run->results->status,
    .message = run->results->message,
    .peer_name = peer >= 0 ? peer_names[peer] : "",
  };
  line->bar = bench_find_bar (backend, line->name);

  if (peer < 0 && line->status == BENCH_DONE)
    {
      line->status = BENCH_SKIPPED;
      line->message = "built without the peer";
    }
  if (line->status == BENCH_DONE)
    work_out (line, run, peer);
}

void
bench_line_clear (BenchLine *line)
{
  g_clear_pointer (&line->name, g_free);
  g_clear_pointer (&line->title, g_free);
}

/* --- For people --- */

static char *
format_value (BenchUnit unit,
              double    value)
{
  switch (unit)
    {
    case BENCH_NANOSECONDS:
      if (value < 1e4)
        return g_strdup_printf ("%.*f ns", value < 100 ? 1 : 0, value);
      if (value < 1e7)
        return g_strdup_printf ("%.*f us", value < 1e5 ? 1 : 0, value / 1e3);
      return g_strdup_printf ("%.*f ms", value < 1e8 ? 1 : 0, value / 1e6);
    case BENCH_PER_SECOND:
      return value < 1e6 ? g_strdup_printf ("%.0f k/s", value / 1e3)
                         : g_strdup_printf ("%.2f M/s", value / 1e6);
    case BENCH_PERCENT:
      return g_strdup_printf ("%.1f %%", value);
    case BENCH_COUNT:
    default:
      return g_strdup_printf ("%.6g", value);
    }
}

/* Three digits that count, whether it is 0.0671 or 12.3. */
static char *
format_figure (double value)
{
  int decimals = value == 0 ? 0 : CLAMP (2 - (int) floor (log10 (fabs (value))), 0, 4);

  return g_strdup_printf ("%.*f", decimals, value);
}

static char *
format_bar (const BenchBar *bar)
{
  g_autofree char *number = NULL;

  if (bar == NULL)
    return g_strdup ("-");

  number = format_figure (bar->bar);

  return g_strdup_printf ("%s %s", sense_words[bar->sense], number);
}

static const char *
met_word (const BenchLine *line)
{
  if (line->bar == NULL)
    return "-";

  return line->is_met ? "yes" : "no";
}

void
bench_table_print_head (const char *backend_name)
{
  printf ("\nbackend %s\n", backend_name);
  printf ("%-17s %-34s %10s  %-17s %7s  %-17s %-9s %s\n", "scenario", "", "ours", "peer", "ratio",
          "min .. max", "bar", "met");
}

void
bench_table_print_line (const BenchLine *line)
{
  g_autofree char *bar = format_bar (line->bar);
  g_autofree char *ours = NULL;
  g_autofree char *peer_value = NULL;
  g_autofree char *peer = NULL;
  g_autofree char *figure = NULL;
  g_autofree char *min = NULL;
  g_autofree char *max = NULL;
  g_autofree char *spread = NULL;

  printf ("%-17s %-34s ", line->name, line->title);
  if (line->status != BENCH_DONE)
    {
      printf ("%s: %s\n", line->status == BENCH_SKIPPED ? "skipped" : "FAILED", line->message);
      return;
    }

  ours = format_value (line->row->unit, line->ours);
  peer_value = format_value (line->row->unit, line->peer);
  peer = g_strdup_printf ("%s %s", line->peer_name, peer_value);
  figure = line->row->kind == BENCH_RATIO ? format_figure (line->figure.median) : g_strdup ("");
  min = format_figure (line->figure.min);
  max = format_figure (line->figure.max);
  spread = g_strdup_printf ("%s .. %s", min, max);

  printf ("%10s  %-17s %7s  %-17s %-9s %s%s\n", ours, peer, figure, spread, bar, met_word (line),
          bench_is_wide (&line->figure) ? "  (wide)" : "");
}

/* --- For programs --- */

void
bench_tsv_write_head (FILE *file)
{
  fputs ("backend\tscenario\ttitle\tstatus\tunit\tours\tpeer_name\tpeer\tkind\tmedian\tmin\tmax\t"
         "sense\tbar\taim\tmet\n", file);
}

static void
write_number (FILE   *file,
              double  number)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  fputs (g_ascii_formatd (text, sizeof text, "%.6g", number), file);
  fputc ('\t', file);
}

void
bench_tsv_write_line (FILE            *file,
                      const BenchLine *line)
{
  static const char *const status_words[] = { "failed", "skipped", "done" };

  fprintf (file, "%s\t%s\t%s\t%s\t%s\t", line->backend_name, line->name, line->title,
           status_words[line->status], unit_words[line->row->unit]);
  if (line->status == BENCH_DONE)
    {
      write_number (file, line->ours);
      fprintf (file, "%s\t", line->peer_name);
      write_number (file, line->peer);
      fprintf (file, "%s\t", line->row->kind == BENCH_RATIO ? "ratio" : "value");
      write_number (file, line->figure.median);
      write_number (file, line->figure.min);
      write_number (file, line->figure.max);
    }
  else
    {
      fputs ("\t\t\t\t\t\t\t", file);
    }

  fprintf (file, "%s\t", line->bar != NULL ? sense_words[line->bar->sense] : "");
  if (line->bar != NULL)
    write_number (file, line->bar->bar);
  else
    fputc ('\t', file);
  if (line->bar != NULL && line->bar->aim > 0)
    write_number (file, line->bar->aim);
  else
    fputc ('\t', file);
  fprintf (file, "%s\n", line->status == BENCH_DONE ? met_word (line) : "");
}
