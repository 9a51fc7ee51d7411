/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "storm.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* So long no wait takes whose units are not lost. */
#define LOST_USEC (10 * G_USEC_PER_SEC)

#define N_WORKERS 8
#define N_THREADS 2
#define MAX_PAUSE_USEC 3000

/* What a thread reports of itself, and no other thread writes. */
typedef struct
{
  _Alignas (64) atomic_uint_least64_t n_operations;
  atomic_int held; /* what is its process's for sure: it is dead if that does not come back */
} Cell;

/* Shared by the test and the workers. */
typedef struct
{
  atomic_bool is_over;
  atomic_int n_broken;
  char broken[256]; /* by the one that made n_broken 1 */
  Cell cells[N_WORKERS][N_THREADS];
} Board;

typedef struct
{
  SsemBackend backend;
  const char *key;
  StormKind kind;
  int initial_value;
  Board *board;
  int index; /* of the worker */
  guint32 seed;
} Work;

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

/* --- The test's side --- */

static pid_t
start_worker (Work *work,
              int   index)
{
  pid_t pid;
  int i;

  work->index = index;
  work->seed = g_test_rand_int ();
  for (i = 0; i < N_THREADS; i++)
    atomic_store (&work->board->cells[index][i].held, 0);

  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      WorkThread threads[N_THREADS];
      GThread *others[N_THREADS];

      /* The test goes first: else those who are to die make it wait for a processor. */
      setpriority (PRIO_PROCESS, 0, getpriority (PRIO_PROCESS, 0) + 5);
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      for (i = 0; i < N_THREADS; i++)
        threads[i] = (WorkThread) { .work = work, .index = i };
      for (i = 1; i < N_THREADS; i++)
        others[i] = g_thread_new ("worker", work_in_thread, &threads[i]);
      work_in_thread (&threads[0]);
      for (i = 1; i < N_THREADS; i++)
        g_thread_join (others[i]);
      _exit (0);
    }

  return pid;
}

/* Takes note of a worker that has gone: what it surely held must come back. */
static void
note_death (const Work   *work,
            int           index,
            int           status,
            StormFigures *figures)
{
  int held = 0, i;

  if (WIFSIGNALED (status) && WTERMSIG (status) != SIGKILL)
    g_error ("A worker crashed: %s", g_strsignal (WTERMSIG (status)));

  for (i = 0; i < N_THREADS; i++)
    held += MAX (atomic_load (&work->board->cells[index][i].held), 0);
  if (WIFSIGNALED (status))
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
              pid_t        *workers,
              StormFigures *figures)
{
  int status, i;

  for (i = 0; i < N_WORKERS; i++)
    {
      if (waitpid (workers[i], &status, WNOHANG) != workers[i])
        continue;
      note_death (work, i, status, figures);
      workers[i] = start_worker (work, i);
    }
}

static void
kill_some (Work         *work,
           pid_t        *workers,
           guint         n_kills,
           gint64        deadline_usec,
           StormFigures *figures)
{
  const guint64 n_before = figures->n_kills;

  /* One at least, however late it is: a worker may have ended by itself just before its kill. */
  do
    {
      /* When does not matter; that it is never the same moment does. */
      g_usleep (g_test_rand_int_range (0, MAX_PAUSE_USEC));
      kill (workers[g_test_rand_int_range (0, N_WORKERS)], SIGKILL);
      replace_dead (work, workers, figures);
    }
  while (figures->n_kills == n_before ||
         (figures->n_kills < n_before + n_kills && g_get_monotonic_time () < deadline_usec));
}

typedef struct
{
  pid_t pid;
  int status;
} Leaver;

static gboolean
has_gone (gpointer data)
{
  Leaver *leaver = data;

  return waitpid (leaver->pid, &leaver->status, WNOHANG) == leaver->pid;
}

/* The rest ends in good order: nobody is left waiting, for units that nobody holds any more. */
static void
end_workers (Work         *work,
             const pid_t  *workers,
             StormFigures *figures)
{
  int i, j;

  atomic_store (&work->board->is_over, TRUE);
  for (i = 0; i < N_WORKERS; i++)
    {
      gint64 deadline_usec = g_get_monotonic_time () + WATCHDOG_USEC;
      Leaver leaver = { .pid = workers[i] };
      gboolean is_gone;

      while (!(is_gone = has_gone (&leaver)) && g_get_monotonic_time () < deadline_usec)
        g_usleep (500);
      if (is_gone)
        {
          if (WIFSIGNALED (leaver.status))
            note_death (work, i, leaver.status, figures);
          continue;
        }

      figures->n_stuck++;
      kill (workers[i], SIGKILL);
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
  Board *board = mmap (NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                       -1, 0);
  g_autoptr(SsemSystemSemaphore) keeper = NULL;
  pid_t workers[N_WORKERS];
  Work work = {
    .backend = fixture->backend,
    .key = fixture->key,
    .kind = kind,
    .initial_value = initial_value,
    .board = board,
  };
  int i, value;

  g_assert_true (board != MAP_FAILED);
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
  munmap (board, sizeof *board);
}
