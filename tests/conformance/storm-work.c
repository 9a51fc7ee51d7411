/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "storm-work.h"

#include <unistd.h>

typedef struct
{
  const Work *work;
  int index; /* of the thread */
} WorkThread;

static void
complain (const Work   *work,
          const char   *what,
          const GError *error)
{
  if (atomic_fetch_add (&work->board->n_broken, 1) == 0)
    g_snprintf (work->board->broken, sizeof work->board->broken, "%s: %s", what, error->message);
  _exit (1);
}

static SsemSystemSemaphore *
open_for (const Work *work,
          GRand      *random)
{
  SsemAccessMode mode = SSEM_ACCESS_MODE_OPEN;
  SsemSystemSemaphore *semaphore;
  g_autoptr(GError) error = NULL;

  if (work->kind == STORM_RESET && g_rand_int_range (random, 0, 3) == 0)
    mode = SSEM_ACCESS_MODE_CREATE;
  semaphore = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, &error,
                              "key", work->key,
                              "initial-value", work->initial_value,
                              "mode", mode,
                              "backend", work->backend,
                              NULL);
  if (semaphore == NULL)
    complain (work, "open", error);

  return semaphore;
}

/* Takes some, if it can at once where it holds some already: else two could wait for each other. */
static int
take_some (const Work          *work,
           SsemSystemSemaphore *semaphore,
           GRand               *random,
           Cell                *cell,
           int                  held)
{
  int n = g_rand_int_range (random, 1, 4);
  g_autoptr(GError) error = NULL;
  gboolean is_taken;

  n = MIN (n, work->initial_value);
  if (held > 0 || work->kind == STORM_RESET || g_rand_int_range (random, 0, 4) == 0)
    is_taken = ssem_system_semaphore_try_acquire (semaphore, n, &error);
  else if (g_rand_int_range (random, 0, 8) == 0)
    is_taken = ssem_system_semaphore_acquire_timeout (semaphore, n, 200, NULL, &error);
  else
    is_taken = ssem_system_semaphore_acquire (semaphore, n, NULL, &error);

  if (!is_taken && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK) &&
      !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    complain (work, "acquire", error);

  atomic_fetch_add_explicit (&cell->n_operations, 1, memory_order_relaxed);
  if (is_taken)
    atomic_fetch_add_explicit (&cell->held, n, memory_order_relaxed);

  return is_taken ? n : 0;
}

static int
give_some (const Work          *work,
           SsemSystemSemaphore *semaphore,
           GRand               *random,
           Cell                *cell,
           int                  held)
{
  int n = held == 0 ? 0 : g_rand_int_range (random, 1, held + 1);
  g_autoptr(GError) error = NULL;

  /* From here on it may be given back already. */
  atomic_fetch_sub_explicit (&cell->held, n, memory_order_relaxed);
  if (n > 0 && !ssem_system_semaphore_release (semaphore, n, &error))
    complain (work, "release", error);
  atomic_fetch_add_explicit (&cell->n_operations, n > 0, memory_order_relaxed);

  return n;
}

static void
look (const Work          *work,
      SsemSystemSemaphore *semaphore,
      Cell                *cell)
{
  g_autoptr(GError) error = NULL;

  if (ssem_system_semaphore_get_value (semaphore, &error) < 0)
    complain (work, "value", error);
  atomic_fetch_add_explicit (&cell->n_operations, 1, memory_order_relaxed);
}

static gpointer
work_in_thread (gpointer data)
{
  const WorkThread *self = data;
  const Work *work = self->work;
  Cell *cell = &work->board->cells[work->index][self->index];
  g_autoptr(GRand) random = g_rand_new_with_seed (work->seed + (guint32) self->index);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  int held = 0;

  while (!atomic_load (&work->board->is_over))
    {
      int n_rounds = g_rand_int_range (random, 1, 200);

      if (semaphore == NULL)
        semaphore = open_for (work, random);

      for (; n_rounds > 0 && !atomic_load (&work->board->is_over); n_rounds--)
        {
          /* Who asks for the value gives back what the dead held: many at the same time, some of
           * whom are killed in the middle of it. */
          if (g_rand_int_range (random, 0, 4) == 0)
            look (work, semaphore, cell);
          held += take_some (work, semaphore, random, cell, held);
          if (work->kind != STORM_RESET)
            held -= give_some (work, semaphore, random, cell, held);
          else if (held > 0)
            break;
        }

      if (work->kind == STORM_RESET && held > 0 && g_rand_int_range (random, 0, 10) == 0)
        _exit (0);
      if (work->kind != STORM_LOOSE || held == 0)
        g_clear_object (&semaphore);
    }

  if (work->kind != STORM_RESET && held > 0)
    {
      g_autoptr(GError) error = NULL;

      if (semaphore == NULL)
        semaphore = open_for (work, random);
      if (!ssem_system_semaphore_release (semaphore, held, &error))
        complain (work, "last release", error);
    }

  return NULL;
}

void
storm_work (const Work *work)
{
  WorkThread threads[N_THREADS];
  GThread *others[N_THREADS];
  int i;

  for (i = 0; i < N_THREADS; i++)
    threads[i] = (WorkThread) { .work = work, .index = i };
  for (i = 1; i < N_THREADS; i++)
    others[i] = g_thread_new ("worker", work_in_thread, &threads[i]);
  work_in_thread (&threads[0]);
  for (i = 1; i < N_THREADS; i++)
    g_thread_join (others[i]);
}
