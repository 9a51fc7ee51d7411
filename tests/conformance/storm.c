/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "storm-work.h"

/* So long no wait takes whose units are not lost. */
#define LOST_USEC (10 * G_USEC_PER_SEC)

/* --- The test's side --- */

static StormProcess
start_worker (Work *work,
              int   index)
{
  int i;

  work->index = index;
  work->seed = g_test_rand_int ();
  for (i = 0; i < N_THREADS; i++)
    atomic_store (&work->board->cells[index][i].held, 0);

  return storm_process_start (work);
}

/* Takes note of a worker that has gone: what it surely held must come back. */
static void
note_death (const Work        *work,
            int                index,
            StormProcessState  state,
            StormFigures      *figures)
{
  int held = 0, i;

  for (i = 0; i < N_THREADS; i++)
    held += MAX (atomic_load (&work->board->cells[index][i].held), 0);
  if (state == STORM_PROCESS_WAS_KILLED)
    figures->n_kills++;
  if (held > 0 && work->kind != STORM_RESET)
    {
      figures->n_recoveries++;
      figures->n_units_back += (guint64) held;
    }
}

/* Replaces each dead worker at most once. Starting a worker may take long, as with a sanitizer. Then
 * the next worker would be dead by that time, and this function would never return. */
static void
replace_dead (Work         *work,
              StormProcess *workers,
              StormFigures *figures)
{
  int i;

  for (i = 0; i < N_WORKERS; i++)
    {
      StormProcessState state = storm_process_look (workers[i]);

      if (state == STORM_PROCESS_RUNS)
        continue;
      note_death (work, i, state, figures);
      workers[i] = start_worker (work, i);
    }
}

static void
kill_some (Work         *work,
           StormProcess *workers,
           guint         n_kills,
           gint64        deadline_usec,
           StormFigures *figures)
{
  const guint64 n_before = figures->n_kills;

  /* One at least, however late it is: a worker may have ended by itself just before its kill. */
  do
    {
      /* When does not matter; that it is never the same moment does. */
      g_usleep (g_test_rand_int_range (0, storm_max_pause_usec));
      storm_process_kill (workers[g_test_rand_int_range (0, N_WORKERS)]);
      replace_dead (work, workers, figures);
    }
  while (figures->n_kills == n_before ||
         (figures->n_kills < n_before + n_kills && g_get_monotonic_time () < deadline_usec));
}

typedef struct
{
  StormProcess process;
  StormProcessState state;
} Leaver;

static gboolean
has_gone (gpointer data)
{
  Leaver *leaver = data;

  leaver->state = storm_process_look (leaver->process);

  return leaver->state != STORM_PROCESS_RUNS;
}

/* The rest ends in good order: nobody is left waiting, for units that nobody holds any more. */
static void
end_workers (Work               *work,
             const StormProcess *workers,
             StormFigures       *figures)
{
  int i, j;

  atomic_store (&work->board->is_over, TRUE);
  for (i = 0; i < N_WORKERS; i++)
    {
      gint64 deadline_usec = g_get_monotonic_time () + WATCHDOG_USEC;
      Leaver leaver = { .process = workers[i] };
      gboolean is_gone;

      while (!(is_gone = has_gone (&leaver)) && g_get_monotonic_time () < deadline_usec)
        g_usleep (500);
      if (is_gone)
        {
          if (leaver.state == STORM_PROCESS_WAS_KILLED)
            note_death (work, i, leaver.state, figures);
          continue;
        }

      figures->n_stuck++;
      storm_process_kill (workers[i]);
      wait_for ("a worker to die", has_gone, &leaver);
    }

  for (i = 0; i < N_WORKERS; i++)
    {
      for (j = 0; j < N_THREADS; j++)
        figures->n_operations += atomic_exchange (&work->board->cells[i][j].n_operations, 0);
    }
  if (atomic_load (&work->board->n_broken) > 0)
    g_error ("A worker broke: %s", work->board->broken);
}

/* How many units there are when all is quiet. */
static int
count_units (Fixture *fixture,
             int      initial_value)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN,
                                                           initial_value);
  g_autoptr(GError) error = NULL;
  int value;

  /* All looks may have been just before the last death: a wait makes sure of another one. What is
   * lost ends it. */
  if (ssem_system_semaphore_acquire_timeout (semaphore, initial_value, LOST_USEC, NULL, NULL))
    g_assert_true (ssem_system_semaphore_release (semaphore, initial_value, &error));

  value = ssem_system_semaphore_get_value (semaphore, &error);
  g_assert_no_error (error);
  drop_object (&semaphore);

  return value;
}

void
storm_run (Fixture      *fixture,
           StormKind     kind,
           int           initial_value,
           guint         n_kills,
           gint64        deadline_usec,
           StormFigures *figures)
{
  Board *board = storm_board_new ();
  g_autoptr(SsemSystemSemaphore) keeper = NULL;
  StormProcess workers[N_WORKERS];
  Work work = {
    .backend = fixture->backend,
    .key = fixture->key,
    .kind = kind,
    .initial_value = initial_value,
    .board = board,
  };
  int i, value;

  if (kind != STORM_LOOSE)
    keeper = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, initial_value);

  for (i = 0; i < N_WORKERS; i++)
    workers[i] = start_worker (&work, i);
  kill_some (&work, workers, n_kills, deadline_usec, figures);
  end_workers (&work, workers, figures);

  value = count_units (fixture, initial_value);
  figures->n_lost += MAX (initial_value - value, 0);
  figures->n_doubled += MAX (value - initial_value, 0);
  figures->n_phases++;
  if (keeper != NULL)
    drop_object (&keeper);
  fixture_assert_empty (fixture);
  storm_board_free (board);
}
