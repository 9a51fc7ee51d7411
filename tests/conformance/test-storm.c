/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A storm of kills: processes work on one key, each with two threads, and are killed at random moments,
 * each replaced at once. After each phase the rest ends in good order, and the units are counted. So
 * that they can be counted, each phase keeps to some rules:
 *
 *   kept    the test has the semaphore open all the while. A worker may drop its last object while its
 *           process holds units, and release them later through another.
 *   loose   nobody keeps it: it comes and goes, and is left over by crashes. Units that are held when
 *           the last one leaves would go with it, so a worker that holds units keeps an object.
 *   reset   as kept, with CREATE among the modes. To release what a reset made everybody forget would
 *           create units, so nobody releases: units come back by the deaths, and from the first reset on
 *           value and living holdings add up to the initial value.
 */

typedef enum
{
  KEPT,
  LOOSE,
  RESET,
  N_KINDS,
} Kind;

#define N_WORKERS 8
#define N_THREADS 2
#define N_PHASES 18
#define KILLS_PER_PHASE 120

/* With few units, workers mostly sleep and wake each other; with many, they mostly run. */
static const int initial_values[] = { 3, 40 };

typedef struct
{
  atomic_bool is_over;
  atomic_int n_broken;
  atomic_int n_operations;
  char broken[256]; /* by the one that made n_broken 1 */
} Board;

typedef struct
{
  SsemBackend backend;
  const char *key;
  Kind kind;
  int initial_value;
  guint32 seed;
  Board *board;
} Work;

static void
complain (Work         *work,
          const char   *what,
          const GError *error)
{
  if (atomic_fetch_add (&work->board->n_broken, 1) == 0)
    g_snprintf (work->board->broken, sizeof work->board->broken, "%s: %s", what, error->message);
  _exit (1);
}

static SsemSystemSemaphore *
open_for (Work  *work,
          GRand *random)
{
  SsemAccessMode mode = SSEM_ACCESS_MODE_OPEN;
  SsemSystemSemaphore *semaphore;
  g_autoptr(GError) error = NULL;

  if (work->kind == RESET && g_rand_int_range (random, 0, 3) == 0)
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
take_some (Work                *work,
           SsemSystemSemaphore *semaphore,
           GRand               *random,
           int                  held)
{
  int n = g_rand_int_range (random, 1, 4);
  g_autoptr(GError) error = NULL;
  gboolean is_taken;

  n = MIN (n, work->initial_value);
  if (held > 0 || work->kind == RESET || g_rand_int_range (random, 0, 4) == 0)
    is_taken = ssem_system_semaphore_try_acquire (semaphore, n, &error);
  else if (g_rand_int_range (random, 0, 8) == 0)
    is_taken = ssem_system_semaphore_acquire_timeout (semaphore, n, 200, NULL, &error);
  else
    is_taken = ssem_system_semaphore_acquire (semaphore, n, NULL, &error);

  if (!is_taken && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK) &&
      !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    complain (work, "acquire", error);

  return is_taken ? n : 0;
}

static int
give_some (Work                *work,
           SsemSystemSemaphore *semaphore,
           GRand               *random,
           int                  held)
{
  int n = held == 0 ? 0 : g_rand_int_range (random, 1, held + 1);
  g_autoptr(GError) error = NULL;

  if (n > 0 && !ssem_system_semaphore_release (semaphore, n, &error))
    complain (work, "release", error);

  return n;
}

static void
look (Work                *work,
      SsemSystemSemaphore *semaphore)
{
  g_autoptr(GError) error = NULL;

  if (ssem_system_semaphore_get_value (semaphore, &error) < 0)
    complain (work, "value", error);
}

static gpointer
work_in_thread (gpointer data)
{
  Work *work = data;
  static atomic_uint n_threads;
  g_autoptr(GRand) random = g_rand_new_with_seed (work->seed + atomic_fetch_add (&n_threads, 1));
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
            look (work, semaphore);
          held += take_some (work, semaphore, random, held);
          if (work->kind != RESET)
            held -= give_some (work, semaphore, random, held);
          else if (held > 0)
            break;
        }
      atomic_fetch_add_explicit (&work->board->n_operations, 1, memory_order_relaxed);

      if (work->kind == RESET && held > 0 && g_rand_int_range (random, 0, 10) == 0)
        _exit (0);
      if (work->kind == KEPT || work->kind == RESET || held == 0)
        g_clear_object (&semaphore);
    }

  if (work->kind != RESET && held > 0)
    {
      g_autoptr(GError) error = NULL;

      if (semaphore == NULL)
        semaphore = open_for (work, random);
      if (!ssem_system_semaphore_release (semaphore, held, &error))
        complain (work, "last release", error);
    }

  return NULL;
}

static pid_t
start_worker (Work *work)
{
  pid_t pid;

  work->seed = g_test_rand_int ();
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      GThread *threads[N_THREADS];
      int i;

      prctl (PR_SET_PDEATHSIG, SIGKILL);
      for (i = 1; i < N_THREADS; i++)
        threads[i] = g_thread_new ("worker", work_in_thread, work);
      work_in_thread (work);
      for (i = 1; i < N_THREADS; i++)
        g_thread_join (threads[i]);
      _exit (0);
    }

  return pid;
}

static gboolean
has_gone (gpointer data)
{
  return waitpid (*(pid_t *) data, NULL, WNOHANG) == *(pid_t *) data;
}

static void
kill_some (Work  *work,
           pid_t *workers,
           int    n_kills)
{
  while (n_kills-- > 0)
    {
      pid_t *victim = &workers[g_test_rand_int_range (0, N_WORKERS)];

      /* When does not matter; that it is never the same moment does. */
      g_usleep (g_test_rand_int_range (0, 3000));
      kill (*victim, SIGKILL);
      g_assert_cmpint (waitpid (*victim, NULL, 0), ==, *victim);
      *victim = start_worker (work);
    }
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

  value = ssem_system_semaphore_get_value (semaphore, &error);
  g_assert_no_error (error);
  drop_object (&semaphore);

  return value;
}

static void
run_phase (Fixture *fixture,
           Board   *board,
           Kind     kind,
           int      initial_value,
           int      n_kills)
{
  g_autoptr(SsemSystemSemaphore) keeper = NULL;
  Work work = {
    .backend = fixture->backend,
    .key = fixture->key,
    .kind = kind,
    .initial_value = initial_value,
    .board = board,
  };
  pid_t workers[N_WORKERS];
  int i;

  if (kind != LOOSE)
    keeper = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, initial_value);

  atomic_store (&board->is_over, FALSE);
  for (i = 0; i < N_WORKERS; i++)
    workers[i] = start_worker (&work);
  kill_some (&work, workers, n_kills);

  atomic_store (&board->is_over, TRUE);
  for (i = 0; i < N_WORKERS; i++)
    wait_for ("a worker that nobody blocks", has_gone, &workers[i]);
  if (atomic_load (&board->n_broken) > 0)
    g_error ("A worker broke: %s", board->broken);

  g_assert_cmpint (count_units (fixture, initial_value), ==, initial_value);
  if (keeper != NULL)
    drop_object (&keeper);
  fixture_assert_empty (fixture);
}

static void
test_storm (Fixture *fixture)
{
  const int n_rounds = g_test_thorough () ? 20 : 1;
  Board *board = mmap (NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                       -1, 0);
  int n_kills = 0, i;

  g_assert_true (board != MAP_FAILED);
  memset (board, 0, sizeof *board);

  for (i = 0; i < n_rounds * N_PHASES; i++)
    {
      run_phase (fixture, board, i % N_KINDS,
                 initial_values[i / N_KINDS % G_N_ELEMENTS (initial_values)], KILLS_PER_PHASE);
      n_kills += KILLS_PER_PHASE;
      alarm (110);
    }
  g_test_message ("%d kills, %d rounds", n_kills, atomic_load (&board->n_operations));
  g_assert_cmpint (n_kills, >=, 2000);
  munmap (board, sizeof *board);
}

int
main (int    argc,
      char **argv)
{
  conformance_init (&argc, &argv, "storm");
  conformance_add ("kills", test_storm);

  return conformance_run ();
}
