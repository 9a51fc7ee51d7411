/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The commands of test-helper that are about handlers of signals. They are described in
 * test-helper.c. */

#include "test-helper-posix.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

static int exit_status;

static void
exit_in_handler (int number)
{
  exit (exit_status);
}

/* Without SA_RESTART, every system call that can be interrupted is. */
static void
set_handler (void (*handler) (int),
             int    flags)
{
  struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

  sigaction (SIGUSR1, &action, NULL);
}

static void
do_nothing (int number)
{
}

/* Acquires as a run-time does that looks at its signals after each interruption. */
static void
acquire_again (SsemSystemSemaphore *semaphore,
               int                  n)
{
  g_autoptr(GError) error = NULL;
  int count = 0;

  while (!ssem_system_semaphore_acquire_interruptible (semaphore, n, -1, NULL, &error))
    {
      if (!g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_INTR))
        {
          answer_result (FALSE, error);
          return;
        }
      g_clear_error (&error);
      count++;
    }

  answer ("ok %d", count);
}

/* --- A handler that releases and tries --- */

#define MAX_UNITS 3

/* How long it takes from the end of one handler to the next signal: never the same twice in a row,
 * and long enough for the code that is interrupted to come on. */
#define SHORTEST_NSEC 3000
#define STEP_NSEC     977
#define LONGEST_NSEC  60000

/* What a handler and the code that it interrupts have in common: one thread. */
static SsemSystemSemaphore *shared;
static int n_units_of_handler;
static atomic_int balance;  /* acquired less released */
static atomic_int n_broken; /* releases that failed */
static atomic_int n_handled;
static int n_signals;
static timer_t timer;

static void
send_next_signal (void)
{
  int count = atomic_load (&n_handled);
  struct itimerspec when = { 0 };

  if (count >= n_signals)
    return;

  when.it_value.tv_nsec = SHORTEST_NSEC + (long) count * STEP_NSEC % LONGEST_NSEC;
  timer_settime (timer, 0, &when, NULL);
}

static void
release (int n)
{
  if (!ssem_system_semaphore_release (shared, n, NULL))
    atomic_fetch_add (&n_broken, 1);
  atomic_fetch_sub (&balance, n);
}

static void
operate (int step)
{
  int n = 1 + step / 2 % MAX_UNITS;

  if (step % 2 == 1)
    release (n);
  else if (ssem_system_semaphore_try_acquire (shared, n, NULL))
    atomic_fetch_add (&balance, n);
}

static void
operate_in_handler (int number)
{
  int before = errno;

  operate (atomic_fetch_add (&n_handled, 1));
  send_next_signal ();
  errno = before;
}

static void
release_in_handler (int number)
{
  int before = errno;

  release (n_units_of_handler);
  atomic_fetch_add (&n_handled, 1);
  send_next_signal ();
  errno = before;
}

static void
share (SsemSystemSemaphore *semaphore,
       int                  n,
       int                  n_units,
       void                 (*handler) (int))
{
  shared = semaphore;
  n_signals = n;
  n_units_of_handler = n_units;
  atomic_store (&n_handled, 0);
  atomic_store (&n_broken, 0);
  atomic_store (&balance, 0);
  set_handler (handler, 0);
}

static void
begin_signals (void)
{
  struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };

  if (timer_create (CLOCK_MONOTONIC, &event, &timer) != 0)
    g_error ("timer_create: %s", g_strerror (errno));
  send_next_signal ();
}

static void
end_signals (const GError *error)
{
  while (atomic_load (&n_handled) < n_signals)
    g_thread_yield ();
  timer_delete (timer);

  if (error != NULL)
    answer_result (FALSE, error);
  else if (atomic_load (&n_broken) != 0)
    answer ("broken releases: %d", atomic_load (&n_broken));
  else
    answer ("ok %d", atomic_load (&balance));
}

/* The handler interrupts operations of its own kind. */
static void
operate_under_signals (SsemSystemSemaphore *semaphore,
                       int                  n)
{
  int step;

  share (semaphore, n, 0, operate_in_handler);
  begin_signals ();
  for (step = 0; atomic_load (&n_handled) < n; step++)
    operate (step);
  end_signals (NULL);
}

/* Each signal releases what the interrupted acquire waits for, or has come for. */
static void
wait_under_signals (SsemSystemSemaphore *semaphore,
                    int                  n,
                    int                  n_units)
{
  g_autoptr(GError) error = NULL;
  int i;

  share (semaphore, n, n_units, release_in_handler);
  begin_signals ();
  for (i = 0; i < n && error == NULL; i++)
    {
      if (ssem_system_semaphore_acquire (semaphore, n_units, NULL, &error))
        atomic_fetch_add (&balance, n_units);
    }
  end_signals (error);
}

gboolean
obey_for_signals (SsemSystemSemaphore **slots,
                  char                **words,
                  guint                 n_words)
{
  const char *command = words[0];
  int n = n_words > 1 ? atoi (words[1]) : 0;

  if (g_str_equal (command, "exit-on-signal") && n_words == 2)
    {
      exit_status = n;
      set_handler (exit_in_handler, 0);
      answer ("ok");
    }
  else if (g_str_equal (command, "release-on-signal") && n_words == 3)
    {
      share (slots[n], 0, atoi (words[2]), release_in_handler);
      answer ("ok");
    }
  else if (g_str_equal (command, "note-signals") && n_words == 1)
    {
      set_handler (do_nothing, SA_RESTART);
      answer ("ok");
    }
  else if (g_str_equal (command, "resume") && n_words == 3)
    {
      acquire_again (slots[n], atoi (words[2]));
    }
  else if (g_str_equal (command, "signals") && n_words == 3)
    {
      operate_under_signals (slots[n], atoi (words[2]));
    }
  else if (g_str_equal (command, "signals-in-wait") && n_words == 4)
    {
      wait_under_signals (slots[n], atoi (words[2]), atoi (words[3]));
    }
  else
    {
      return FALSE;
    }

  return TRUE;
}
