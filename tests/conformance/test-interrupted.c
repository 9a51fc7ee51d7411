/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "cluster.h"
#include "conformance.h"
#include "forking.h"

#include <libintl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What ends in the middle of an operation: a thread that is cancelled, a process whose signal
 * handler calls exit (), and what other threads did at the moment of a fork. None of it leaves a
 * lock for which another thread or process then waits. */

/* --- In a child of fork () --- */

/* A child uses the object, where there is one, and the key. A fork or a child that hangs is ended
 * by the test's own limit. */
static void
use_in_child (Fixture             *fixture,
              SsemSystemSemaphore *semaphore)
{
  pid_t child = fork ();

  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      SsemSystemSemaphore *other;

      prctl (PR_SET_PDEATHSIG, SIGKILL);
      if (semaphore != NULL &&
          (!ssem_system_semaphore_acquire (semaphore, 1, NULL, NULL) ||
           !ssem_system_semaphore_release (semaphore, 1, NULL) ||
           ssem_system_semaphore_get_value (semaphore, NULL) < 0))
        child_end (1);
      other = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN, 1, TRUE, NULL);
      if (other == NULL || !ssem_system_semaphore_acquire (other, 1, NULL, NULL) ||
          !ssem_system_semaphore_release (other, 1, NULL))
        child_end (2);
      g_object_unref (other);
      child_end (0);
    }

  child_expect_well (child);
  cluster_wait_until_gone (child);
}

#define N_FORKS 200

static atomic_bool is_enough;

static gpointer
seed_random_numbers (gpointer data)
{
  while (!atomic_load (&is_enough))
    g_random_set_seed (1);

  return NULL;
}

static gpointer
look_up_quarks (gpointer data)
{
  while (!atomic_load (&is_enough))
    g_quark_try_string ("no quark of that name");

  return NULL;
}

static gpointer
change_environment (gpointer data)
{
  while (!atomic_load (&is_enough))
    {
      setenv ("SSEM_TEST_NOTHING", "1", TRUE);
      unsetenv ("SSEM_TEST_NOTHING");
    }

  return NULL;
}

static gpointer
bind_messages (gpointer data)
{
  const char *directory = data;

  while (!atomic_load (&is_enough))
    {
      bindtextdomain ("ssem-test", directory);
      dgettext ("ssem-test", "no such message");
    }

  return NULL;
}

/* The children find other libraries' locks taken by threads that they don't have. */
static void
test_locks_of_others (Fixture *fixture)
{
  const GThreadFunc busy_ones[] = {
    seed_random_numbers, look_up_quarks, change_environment, bind_messages,
  };
  guint i, j;

  if (fixture->backend == SSEM_BACKEND_ETCD)
    {
      g_test_skip ("the libraries that the backend needs take such locks");
      return;
    }

  for (i = 0; i < G_N_ELEMENTS (busy_ones); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
      GThread *thread;

      atomic_store (&is_enough, FALSE);
      thread = g_thread_new ("busy", busy_ones[i], fixture->directory);
      for (j = 0; j < N_FORKS && fixture_has_time (fixture); j++)
        {
          use_in_child (fixture, semaphore);
          /* And one that makes a semaphore, which nothing is left of afterwards. */
          if (j % 4 == 0)
            {
              drop_object (&semaphore);
              use_in_child (fixture, NULL);
              semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
            }
        }
      atomic_store (&is_enough, TRUE);
      g_thread_join (thread);
      assert_value (semaphore, 2);
      drop_object (&semaphore);
    }
}

/* --- A thread that is cancelled --- */

typedef struct
{
  Fixture *fixture;
  SsemSystemSemaphore *semaphore;
  gboolean (*operate) (SsemSystemSemaphore *semaphore,
                       Fixture             *fixture);
  gboolean is_done;
  gboolean is_ok;
} Cancelled;

/* The cancellation is there before the operation begins, and takes effect at the first chance. */
static gpointer
operate_cancelled (gpointer data)
{
  Cancelled *self = data;
  int state;

  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &state);
  pthread_cancel (pthread_self ());
  pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, &state);
  self->is_ok = self->operate (self->semaphore, self->fixture);
  self->is_done = TRUE;
  pthread_testcancel ();
  g_assert_not_reached ();
}

static gboolean
open_another (SsemSystemSemaphore *semaphore,
              Fixture             *fixture)
{
  SsemSystemSemaphore *other =
    g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, NULL, "key", fixture->key,
                    "initial-value", 2, "backend", fixture->backend, NULL);

  g_clear_object (&other);

  return TRUE;
}

static gboolean
reset (SsemSystemSemaphore *semaphore,
       Fixture             *fixture)
{
  return ssem_system_semaphore_set_key (semaphore, fixture->key, 2, SSEM_ACCESS_MODE_CREATE, NULL);
}

static gboolean
acquire_and_release (SsemSystemSemaphore *semaphore,
                     Fixture             *fixture)
{
  return ssem_system_semaphore_acquire (semaphore, 1, NULL, NULL) &&
         ssem_system_semaphore_release (semaphore, 1, NULL);
}

static gboolean
wait_in_vain (SsemSystemSemaphore *semaphore,
              Fixture             *fixture)
{
  return !ssem_system_semaphore_try_acquire (semaphore, 3, NULL) &&
         !ssem_system_semaphore_acquire_timeout (semaphore, 3, 1000, NULL, NULL);
}

static gboolean
get_value (SsemSystemSemaphore *semaphore,
           Fixture             *fixture)
{
  return ssem_system_semaphore_get_value (semaphore, NULL) == 2;
}

static gboolean
remove_leftover (SsemSystemSemaphore *semaphore,
                 Fixture             *fixture)
{
  ssem_semaphore_remove_leftover (fixture->key, fixture->backend, NULL);

  return TRUE;
}

static void
run_cancelled (Cancelled *cancelled)
{
  pthread_t thread;
  void *result;

  g_assert_cmpint (pthread_create (&thread, NULL, operate_cancelled, cancelled), ==, 0);
  g_assert_cmpint (pthread_join (thread, &result), ==, 0);
  g_assert_true (result == PTHREAD_CANCELED);
  if (cancelled->is_done)
    g_assert_true (cancelled->is_ok);
}

/* Nobody waits for a lock that the thread had. */
static void
assert_unharmed (Fixture             *fixture,
                 SsemSystemSemaphore *semaphore)
{
  Helper *other = fixture_open_helper (fixture, 2);
  g_autoptr(SsemSystemSemaphore) second = NULL;

  g_assert_cmpint (helper_get_value (other, 0), ==, 2);
  use_in_child (fixture, semaphore);
  second = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
  assert_value (second, 2);
  drop_object (&second);
  helper_quit (other);
}

static void
test_cancelled (Fixture *fixture)
{
  gboolean (*const operations[]) (SsemSystemSemaphore *semaphore,
                                  Fixture             *fixture) = {
    open_another, reset, acquire_and_release, wait_in_vain, get_value, remove_leftover,
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (operations); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
      Cancelled cancelled = { fixture, semaphore, operations[i] };

      run_cancelled (&cancelled);
      assert_unharmed (fixture, semaphore);
      drop_object (&semaphore);
      fixture_assert_empty (fixture);
    }
}

/* With nobody else there the thread makes the semaphore and removes it. */
static void
test_cancelled_alone (Fixture *fixture)
{
  Cancelled cancelled = { fixture, NULL, open_another };
  Helper *killed = fixture_open_helper (fixture, 5);

  run_cancelled (&cancelled);
  helper_kill (killed);
  cancelled.operate = remove_leftover;
  run_cancelled (&cancelled);
  cancelled.operate = open_another;
  run_cancelled (&cancelled);
  assert_unharmed (fixture, NULL);
  fixture_assert_empty (fixture);
}

static gboolean
acquire_three (SsemSystemSemaphore *semaphore,
               Fixture             *fixture)
{
  return ssem_system_semaphore_acquire (semaphore, 3, NULL, NULL);
}

/* A wait is no place in which a thread is cancelled: it goes on until it is served. */
static void
test_cancelled_in_wait (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
  Cancelled cancelled = { fixture, semaphore, acquire_three };
  Helper *other = fixture_open_helper (fixture, 2);
  pthread_t thread;

  g_assert_cmpint (pthread_create (&thread, NULL, operate_cancelled, &cancelled), ==, 0);
  wait_until_blocked (fixture->backend, getpid (), 1);
  use_in_child (fixture, semaphore);
  helper_run_expect_ok (other, "release 0 1");
  g_assert_cmpint (pthread_join (thread, NULL), ==, 0);
  g_assert_true (cancelled.is_done && cancelled.is_ok);
  assert_value (semaphore, 0);
  assert_release (semaphore, 2);
  assert_unharmed (fixture, semaphore);
  drop_object (&semaphore);
}

/* --- A signal handler that calls exit () --- */

#define EXIT_STATUS 7

/* Interrupts the command after that many of its system calls; FALSE when it has fewer. */
static gboolean
exit_after (Fixture    *fixture,
            const char *command,
            gsize       n_calls)
{
  Helper *helper = fixture_open_helper (fixture, 1);
  gboolean has_answered = FALSE;
  Helper *next;
  int status;
  gsize i;

  helper_run_expect_ok (helper, "exit-on-signal %d", EXIT_STATUS);
  if (!helper_trace (helper))
    {
      g_test_skip ("the system forbids to trace another process");
      return FALSE;
    }

  helper_send (helper, "%s", command);
  /* It reads its commands byte by byte. Each call is stopped at twice: as it begins and ends. */
  n_calls += strlen (command) + 1;
  for (i = 0; i < n_calls && !has_answered; i++)
    {
      helper_step (helper);
      helper_step (helper);
      has_answered = helper_has_answered (helper);
    }

  helper_signal (helper, SIGUSR1);
  helper_let_go (helper);
  status = helper_reap (helper);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, EXIT_STATUS);

  /* Nothing that it had is missing. */
  next = fixture_open_helper (fixture, 1);
  g_assert_cmpint (helper_get_value (next, 0), ==, 1);
  helper_quit (next);

  return !has_answered;
}

/* Interrupts it after each of them, in a new process each time. */
static void
exit_after_each (Fixture    *fixture,
                 const char *command)
{
  gsize n_calls = 0;

  while (fixture_has_time (fixture) && exit_after (fixture, command, n_calls))
    n_calls++;
  g_test_message ("%s: %" G_GSIZE_FORMAT " system calls", command, n_calls);
}

static void
test_exit_in_handler (Fixture *fixture)
{
  g_autofree char *open = g_strdup_printf ("open 1 0 1 1 %s", fixture->key);
  g_autofree char *open_other = g_strdup_printf ("open 1 0 1 1 %s other", fixture->key);
  g_autofree char *other_key = g_strdup_printf ("%s other", fixture->key);
  g_autofree char *reset = g_strdup_printf ("set-key 0 1 1 %s", fixture->key);
  const char *commands[] = {
    open, open_other, reset, "close 0", "acquire 0 1", "timeout 0 2 1000", "value 0",
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (commands) && fixture_has_time (fixture); i++)
    exit_after_each (fixture, commands[i]);

  /* What it made of the other key may be left over. */
  ssem_semaphore_remove_leftover (other_key, fixture->backend, NULL);
}

static void
test_exit_in_fork (Fixture *fixture)
{
  if (fixture->backend == SSEM_BACKEND_ETCD)
    {
      /* glibc takes atfork_lock only in a process with several threads, which every process on etcd
       * is. exit () needs it to unregister the handlers of the program. */
      g_test_skip ("the C library holds a lock while a process with threads forks");
      return;
    }

  exit_after_each (fixture, "fork");
}

const char conformance_topic[] = "interrupted";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "locks-of-others", NEEDS_FORK_AMONG_THREADS, test_locks_of_others },
  { "cancelled", 0, test_cancelled },
  { "cancelled-alone", 0, test_cancelled_alone },
  { "cancelled-in-wait", 0, test_cancelled_in_wait },
  { "exit-in-handler", NEEDS_UNDO | NEEDS_ALLOCATOR, test_exit_in_handler },
  { "exit-in-fork", NEEDS_UNDO | NEEDS_ALLOCATOR, test_exit_in_fork },
  { NULL },
};
