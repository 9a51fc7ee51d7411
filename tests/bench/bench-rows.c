/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-rows.h"

#include "bench-scenarios.h"

#define SEMOP BENCH_BIT (BENCH_SEMOP)
#define SEM_T BENCH_BIT (BENCH_SEM_T)
#define QT BENCH_BIT (BENCH_QT)
#define PYQT BENCH_BIT (BENCH_PYQT)
#define FEW BENCH_BIT (BENCH_OURS_FEW)

static const BenchRow pair_rows[] = {
  { "semop", "acquire + release, uncontended", BENCH_RATIO, 0, BENCH_NANOSECONDS, SEMOP },
  { "sem_t", "acquire + release, uncontended", BENCH_RATIO, 0, BENCH_NANOSECONDS, SEM_T },
  { "qt", "acquire + release, uncontended", BENCH_RATIO, 0, BENCH_NANOSECONDS, QT },
  { NULL },
};

static const BenchRow calls_rows[] = {
  { "pair", "system calls in acquire + release", BENCH_VALUE, 0, BENCH_COUNT, SEMOP },
  { NULL },
};

static const BenchRow python_rows[] = {
  { "pyqt", "acquire + release from Python", BENCH_RATIO, 0, BENCH_NANOSECONDS, PYQT },
  { NULL },
};

static const BenchRow ping_pong_rows[] = {
  { "semop", "round trip of two processes", BENCH_RATIO, 0, BENCH_NANOSECONDS, SEMOP },
  { "sem_t", "round trip of two processes", BENCH_RATIO, 0, BENCH_NANOSECONDS, SEM_T },
  { "qt", "round trip of two processes", BENCH_RATIO, 0, BENCH_NANOSECONDS, QT },
  { "best", "the same against the better one", BENCH_RATIO, 0, BENCH_NANOSECONDS, SEMOP | SEM_T },
  { NULL },
};

static const BenchRow hammer_rows[] = {
  { "semop", "{n} processes, one unit", BENCH_RATIO, 0, BENCH_PER_SECOND, SEMOP },
  { "sem_t", "{n} processes, one unit", BENCH_RATIO, 0, BENCH_PER_SECOND, SEM_T },
  { "qt", "{n} processes, one unit", BENCH_RATIO, 0, BENCH_PER_SECOND, QT },
  { "share", "{n} processes, share of the last", BENCH_VALUE, 1, BENCH_PERCENT, SEM_T },
  { NULL },
};

static const BenchRow kill_rows[] = {
  { "semop", "SIGKILL to wake-up, {n} waiting", BENCH_RATIO, 0, BENCH_NANOSECONDS, SEMOP },
  { "qt", "SIGKILL to wake-up, {n} waiting", BENCH_RATIO, 0, BENCH_NANOSECONDS, QT },
  { NULL },
};

static const BenchRow open_rows[] = {
  { "qt", "open + close, nobody else", BENCH_RATIO, 0, BENCH_NANOSECONDS, QT },
  { NULL },
};

static const BenchRow attach_rows[] = {
  { "one", "open + close, {n} attached or 1", BENCH_RATIO, 0, BENCH_NANOSECONDS, FEW },
  { NULL },
};

static const BenchRow holders_rows[] = {
  { "units", "{n} holders killed, units back", BENCH_VALUE, 1, BENCH_PERCENT, SEMOP },
  { "semop", "{n} holders killed, all back", BENCH_RATIO, 0, BENCH_NANOSECONDS, SEMOP },
  { NULL },
};

static const BenchRow async_rows[] = {
  { "serve", "{n} pending, to serve one", BENCH_RATIO, 0, BENCH_NANOSECONDS, SEMOP },
  { "request", "{n} pending, to ask for one", BENCH_RATIO, 1, BENCH_NANOSECONDS, SEMOP },
  { "threads", "{n} pending, threads for them", BENCH_VALUE, 2, BENCH_COUNT, SEMOP },
  { NULL },
};

const BenchGroup bench_groups[] = {
  { "pair", bench_measure_pair, 1, 1, pair_rows },
  { "calls", bench_measure_calls, 1, 1, calls_rows },
  { "python", bench_measure_python, 1, 1, python_rows },
  { "ping-pong", bench_measure_ping_pong, 2, 2, ping_pong_rows },
  { "hammer-2", bench_measure_hammer, 2, 2, hammer_rows },
  { "hammer-4", bench_measure_hammer, 4, 4, hammer_rows },
  { "hammer-16", bench_measure_hammer, 16, 16, hammer_rows },
  { "kill-1", bench_measure_kill, 1, 1, kill_rows },
  { "kill-50", bench_measure_kill, 50, 5, kill_rows },
  { "open", bench_measure_open, 1, 1, open_rows },
  { "attach", bench_measure_attach, 1000, 20, attach_rows },
  { "holders", bench_measure_holders, 1000, 20, holders_rows },
  { "async", bench_measure_async, 10000, 100, async_rows },
  { NULL },
};

static const BenchBar bars[] = {
  { SSEM_BACKEND_SYSV, "pair/qt", BENCH_AT_MOST, 1.15 },
  { SSEM_BACKEND_SYSV, "kill-*/semop", BENCH_AT_MOST, 1.5 },
  { SSEM_BACKEND_SYSV, "holders/units", BENCH_EXACTLY, 100 },
  { SSEM_BACKEND_SYSV, "async/threads", BENCH_AT_MOST, 2 },

  { SSEM_BACKEND_SHARED_MEMORY, "pair/sem_t", BENCH_AT_MOST, 1.25, 1.1 },
  { SSEM_BACKEND_SHARED_MEMORY, "pair/qt", BENCH_AT_MOST, 1.0 / 12, 1.0 / 15 },
  { SSEM_BACKEND_SHARED_MEMORY, "calls/pair", BENCH_EXACTLY, 0 },
  { SSEM_BACKEND_SHARED_MEMORY, "python/pyqt", BENCH_AT_MOST, 0.9, 0.7 },
  { SSEM_BACKEND_SHARED_MEMORY, "ping-pong/best", BENCH_AT_MOST, 0.5, 0.15 },
  { SSEM_BACKEND_SHARED_MEMORY, "hammer-*/sem_t", BENCH_AT_LEAST, 0.5, 0.9 },
  { SSEM_BACKEND_SHARED_MEMORY, "hammer-*/semop", BENCH_AT_LEAST, 2, 5 },
  { SSEM_BACKEND_SHARED_MEMORY, "hammer-*/share", BENCH_AT_LEAST, 25, 50 },
  { SSEM_BACKEND_SHARED_MEMORY, "kill-*/semop", BENCH_AT_MOST, 2, 1.2 },
  { SSEM_BACKEND_SHARED_MEMORY, "open/qt", BENCH_AT_MOST, 1.5, 1.0 },
  { SSEM_BACKEND_SHARED_MEMORY, "attach/one", BENCH_AT_MOST, 3, 1.5 },
  { SSEM_BACKEND_SHARED_MEMORY, "holders/units", BENCH_EXACTLY, 100 },
  { SSEM_BACKEND_SHARED_MEMORY, "async/threads", BENCH_AT_MOST, 2 },
};

const BenchBar *
bench_find_bar (SsemBackend  backend,
                const char  *name)
{
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (bars); i++)
    {
      if (bars[i].backend == backend && g_pattern_match_simple (bars[i].pattern, name))
        return &bars[i];
    }

  return NULL;
}

gboolean
bench_bar_is_met (const BenchBar *bar,
                  double          value)
{
  switch (bar->sense)
    {
    case BENCH_AT_MOST:
      return value <= bar->bar;
    case BENCH_AT_LEAST:
      return value >= bar->bar;
    case BENCH_EXACTLY:
    default:
      return ABS (value - bar->bar) < 1e-6;
    }
}

char *
bench_row_name (const BenchGroup *group,
                const BenchRow   *row)
{
  return g_strconcat (group->name, "/", row->name, NULL);
}

char *
bench_row_title (const BenchRow *row,
                 int             size)
{
  g_autoptr(GString) title = g_string_new (row->title);
  g_autofree char *number = g_strdup_printf ("%d", size);

  g_string_replace (title, "{n}", number, 0);

  return g_strdup (title->str);
}
