/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"
#include "stacks.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process that finds a dead process reclaims its units, and several processes may do so
 * concurrently. They begin together, at a starting signal. To make the reclaim longer, the dead
 * process's slots lie behind many others that each process has to search. */

#define N_SETTLERS 3
#define N_SLOTS_BEFORE 1000
#define N_DEATHS 400
#define N_HELD 3

typedef struct
{
  atomic_int round;
  atomic_int n_ready;
  atomic_int n_through;
  atomic_bool is_victim_ready;
  atomic_bool is_over;
} Start;

typedef struct
{
  SsemSystemSemaphore *semaphore;
  GMutex lock;
  GCond changed;
  int n_in;
} Fillers;

static gpointer
take_a_slot (gpointer data)
{
  Fillers *fillers = data;

  assert_acquire (fillers->semaphore, 1);
  assert_release (fillers->semaphore, 1);

  /* All at the same time, or the next one would get the same slot. */
  g_mutex_lock (&fillers->lock);
  fillers->n_in++;
  g_cond_broadcast (&fillers->changed);
  while (fillers->n_in < N_SLOTS_BEFORE)
    g_cond_wait (&fillers->changed, &fillers->lock);
  g_mutex_unlock (&fillers->lock);

  return NULL;
}

static void
fill_slots (SsemSystemSemaphore *semaphore)
{
  Fillers fillers = { .semaphore = semaphore };
  GThread *threads[N_SLOTS_BEFORE];
  int i;

  use_small_stacks ();
  for (i = 0; i < N_SLOTS_BEFORE; i++)
    threads[i] = g_thread_new ("filler", take_a_slot, &fillers);
  for (i = 0; i < N_SLOTS_BEFORE; i++)
    g_thread_join (threads[i]);
}

static void
settle_in_rounds (SsemSystemSemaphore *semaphore,
                  Start               *start)
{
  int round;

  for (round = 1; !atomic_load (&start->is_over); round++)
    {
      int n_looks = 0;

      atomic_fetch_add (&start->n_ready, 1);
      while (atomic_load (&start->round) < round && !atomic_load (&start->is_over))
        {
          /* The others need a processor, too. */
          if (++n_looks % 1000 == 0)
            sched_yield ();
        }
      if (ssem_system_semaphore_get_value (semaphore, NULL) < 0)
        _exit (1);
      atomic_fetch_add (&start->n_through, 1);
    }
}

static void
die_with_units (SsemSystemSemaphore *semaphore,
                Start               *start)
{
  if (!ssem_system_semaphore_acquire (semaphore, N_HELD, NULL, NULL))
    _exit (1);
  atomic_store (&start->is_victim_ready, TRUE);
  for (;;)
    pause ();
}

static pid_t
start_process (SsemSystemSemaphore *semaphore,
               Start               *start,
               void              (* run) (SsemSystemSemaphore *semaphore,
                                          Start               *start))
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      run (semaphore, start);
      _exit (0);
    }

  return pid;
}

static gboolean
is_true (gpointer data)
{
  return atomic_load ((atomic_bool *) data);
}

static gboolean
are_all (gpointer data)
{
  return atomic_load ((atomic_int *) data) == N_SETTLERS;
}

static void
test_one_death (Fixture *fixture)
{
  const int initial_value = N_SLOTS_BEFORE;
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN,
                                                           initial_value);
  Start *start = mmap (NULL, sizeof *start, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                       -1, 0);
  pid_t settlers[N_SETTLERS];
  int status, i, round;

  g_assert_true (start != MAP_FAILED);
  fill_slots (semaphore);
  for (i = 0; i < N_SETTLERS; i++)
    settlers[i] = start_process (semaphore, start, settle_in_rounds);

  for (round = 1; round <= N_DEATHS && fixture_has_time (fixture); round++)
    {
      pid_t victim = start_process (semaphore, start, die_with_units);

      wait_for ("a process to hold units", is_true, &start->is_victim_ready);
      wait_for ("settlers to be ready", are_all, &start->n_ready);
      atomic_store (&start->is_victim_ready, FALSE);
      atomic_store (&start->n_ready, 0);
      atomic_store (&start->n_through, 0);
      g_assert_cmpint (kill (victim, SIGKILL), ==, 0);
      g_assert_cmpint (waitpid (victim, NULL, 0), ==, victim);

      atomic_store (&start->round, round);
      wait_for ("settlers to settle", are_all, &start->n_through);
      assert_value (semaphore, initial_value);
    }

  wait_for ("settlers to be ready", are_all, &start->n_ready);
  atomic_store (&start->is_over, TRUE);
  for (i = 0; i < N_SETTLERS; i++)
    {
      g_assert_cmpint (waitpid (settlers[i], &status, 0), ==, settlers[i]);
      g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
    }
  drop_object (&semaphore);
  munmap (start, sizeof *start);
}

const char conformance_topic[] = "one-death";
const Needs conformance_needs = NEEDS_UNDO;

const Case conformance_cases[] = {
  { "one-death", 0, test_one_death },
  { NULL },
};
