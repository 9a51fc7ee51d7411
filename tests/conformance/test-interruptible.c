/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* acquire_interruptible (), which returns when a signal handler has run in its thread. The handler
 * of the helper has the flag SA_RESTART, so the kernel restarts each system call that it can. */

#define N_ROUNDS 300

/* A helper that has @key open, and a handler. */
static Helper *
open_with_handler (Fixture *fixture)
{
  Helper *helper = fixture_open_helper (fixture, 0);

  helper_run_expect_ok (helper, "note-signals");

  return helper;
}

static void
begin_wait (Fixture    *fixture,
            Helper     *helper,
            const char *command)
{
  helper_send (helper, "%s", command);
  wait_until_blocked (fixture->backend, helper->pid, 1);
}

static void
expect_interrupted (Helper *helper)
{
  helper_expect_error (helper, G_FILE_ERROR, G_FILE_ERROR_INTR);
}

/* Nothing is held afterwards, and no announced wait is left. */
static void
test_interrupted (Fixture *fixture)
{
  const char *const commands[] = { "interruptible 0 2 -1", "interruptible 0 2 120000000" };
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  Helper *helper = open_with_handler (fixture);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      g_autoptr(SsemSemaphoreInfo) info = NULL;
      g_autofree char *last = NULL;

      begin_wait (fixture, helper, commands[i]);
      helper_signal (helper, SIGUSR1);
      expect_interrupted (helper);
      assert_value (semaphore, 1);
      info = ssem_semaphore_info_query (fixture->key, fixture->backend, NULL);
      g_assert_cmpint (ssem_semaphore_info_get_n_waiters (info), ==, 0);

      /* G_FILE_ERROR has no code of its own there; the message names the key. */
      helper_send (helper, "last 0");
      last = helper_receive (helper);
      g_assert_true (g_str_has_prefix (last, "ok 6 "));
      g_assert_nonnull (strstr (last, fixture->key));
      helper_run_expect_ok (helper, "try 0 1");
      helper_send (helper, "last 0");
      g_free (last);
      last = helper_receive (helper);
      g_assert_cmpstr (last, ==, "ok 0 ");
      helper_run_expect_ok (helper, "release 0 1");
    }

  helper_kill (helper);
  assert_value (semaphore, 1);
  drop_object (&semaphore);
}

/* The others wait on: in other processes, and in this one with acquire (). */
static void
test_others (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Helper *helper = open_with_handler (fixture);
  Helper *plain = open_with_handler (fixture);
  Helper *other = open_with_handler (fixture);

  begin_wait (fixture, other, "interruptible 0 1 -1");
  begin_wait (fixture, plain, "acquire 0 1");
  begin_wait (fixture, helper, "interruptible 0 1 -1");
  helper_signal (plain, SIGUSR1);
  helper_signal (helper, SIGUSR1);
  expect_interrupted (helper);
  wait_until_blocked (fixture->backend, plain->pid, 1);
  wait_until_blocked (fixture->backend, other->pid, 1);
  g_assert_false (helper_has_answered (plain));
  g_assert_false (helper_has_answered (other));

  assert_release (semaphore, 2);
  helper_expect_ok (plain);
  helper_expect_ok (other);
  assert_value (semaphore, 0);
  helper_quit (plain);
  helper_quit (other);
  drop_object (&semaphore);
}

/* The signal comes at the moment of the release. Whoever wins, the unit serves one of the two: the
 * interrupted one, or the other, which nobody wakes once more. */
static void
test_race (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Helper *helper = open_with_handler (fixture);
  Helper *other = open_with_handler (fixture);
  int i;

  for (i = 0; i < N_ROUNDS && fixture_has_time (fixture); i++)
    {
      g_autofree char *answer = NULL;

      begin_wait (fixture, helper, "interruptible 0 1 -1");
      begin_wait (fixture, other, "acquire 0 1");
      if (i % 2 == 0)
        helper_signal (helper, SIGUSR1);
      assert_release (semaphore, 1);
      if (i % 2 != 0)
        helper_signal (helper, SIGUSR1);

      /* The other one may have been served while this one waits on, if the signal came too late or
       * not at all. So this one gets another signal. */
      while (!helper_has_answered (helper))
        {
          helper_signal (helper, SIGUSR1);
          g_thread_yield ();
        }
      answer = helper_receive (helper);
      if (g_str_equal (answer, "ok"))
        {
          wait_until_blocked (fixture->backend, other->pid, 1);
          assert_release (semaphore, 1);
        }
      else
        {
          g_assert_true (g_str_has_prefix (answer, "error g-file-error-quark "));
        }
      helper_expect_ok (other);
      assert_value (semaphore, 0);
    }

  g_assert_cmpint (i, >, 5);
  helper_quit (other);
  helper_quit (helper);
  drop_object (&semaphore);
}

/* The handler releases what its thread waits for: then the wait ends with the unit. */
static void
test_release_in_handler (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  Helper *helper;
  int i;

  if (fixture->backend == SSEM_BACKEND_ETCD)
    {
      g_test_skip ("the backend's release is not for signal handlers");
      return;
    }

  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  helper = fixture_open_helper (fixture, 0);
  for (i = 0; i < 10; i++)
    {
      g_autofree char *answer = NULL;

      helper_run_expect_ok (helper, "release-on-signal 0 1");
      begin_wait (fixture, helper, "resume 0 1");
      helper_signal (helper, SIGUSR1);
      answer = helper_receive (helper);
      g_assert_true (g_str_has_prefix (answer, "ok "));
      assert_value (semaphore, 0);
    }

  helper_kill (helper);
  assert_value (semaphore, 0);
  drop_object (&semaphore);
}

/* A run-time calls again as often as it was interrupted. A backend that no handler interrupts waits
 * on. */
static void
test_again (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Helper *helper = open_with_handler (fixture);
  g_autofree char *answer = NULL;
  int i;

  begin_wait (fixture, helper, "resume 0 1");
  for (i = 0; i < 10; i++)
    {
      helper_signal (helper, SIGUSR1);
      wait_until_blocked (fixture->backend, helper->pid, 1);
    }
  assert_release (semaphore, 1);
  answer = helper_receive (helper);
  if (fixture_supports (fixture, NEEDS_INTERRUPT))
    {
      g_assert_true (g_str_has_prefix (answer, "ok "));
      g_assert_cmpstr (answer, !=, "ok 0");
    }
  else
    {
      g_assert_cmpstr (answer, ==, "ok 0");
    }
  assert_value (semaphore, 0);
  helper_kill (helper);
  drop_object (&semaphore);
}

/* --- Threads of this process --- */

static void
do_nothing (int number)
{
}

typedef struct
{
  SsemSystemSemaphore *semaphore;
  GCancellable *cancellable;
  pthread_t thread;
  atomic_bool is_over;
  gboolean is_ok;
  GError *error;
} Wait;

static void *
wait_interruptibly (void *data)
{
  Wait *wait = data;

  wait->is_ok = ssem_system_semaphore_acquire_interruptible (wait->semaphore, 1, -1,
                                                             wait->cancellable, &wait->error);
  atomic_store (&wait->is_over, TRUE);

  return NULL;
}

/* Has signals come until it is over: while it sleeps, or between two sleeps. */
static void
interrupt (Wait *wait)
{
  while (!atomic_load (&wait->is_over))
    {
      pthread_kill (wait->thread, SIGUSR1);
      g_thread_yield ();
    }
  g_assert_cmpint (pthread_join (wait->thread, NULL), ==, 0);
}

/* Only the thread in which the handler runs is interrupted, with a cancellable, too. */
static void
test_threads (Fixture *fixture)
{
  struct sigaction action = { .sa_handler = do_nothing, .sa_flags = SA_RESTART };
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  Wait waits[] = { { semaphore, NULL }, { semaphore, cancellable }, { semaphore, cancellable } };
  guint i;

  sigaction (SIGUSR1, &action, NULL);
  for (i = 0; i < G_N_ELEMENTS (waits); i++)
    g_assert_cmpint (pthread_create (&waits[i].thread, NULL, wait_interruptibly, &waits[i]), ==, 0);
  wait_until_blocked (fixture->backend, getpid (), G_N_ELEMENTS (waits));

  for (i = 0; i < 2; i++)
    {
      interrupt (&waits[i]);
      g_assert_false (waits[i].is_ok);
      g_assert_error (waits[i].error, G_FILE_ERROR, G_FILE_ERROR_INTR);
      g_clear_error (&waits[i].error);
      g_assert_false (g_cancellable_is_cancelled (cancellable));
    }
  wait_until_blocked (fixture->backend, getpid (), 1);
  g_assert_false (atomic_load (&waits[2].is_over));

  g_cancellable_cancel (cancellable);
  g_assert_cmpint (pthread_join (waits[2].thread, NULL), ==, 0);
  g_assert_false (waits[2].is_ok);
  g_assert_error (waits[2].error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&waits[2].error);

  /* A cancelled one does not begin to wait. */
  assert_refused_by_gio (ssem_system_semaphore_acquire_interruptible (semaphore, 1, -1, cancellable,
                                                                      &error), CANCELLED);
  assert_value (semaphore, 0);
  drop_object (&semaphore);
}

const char conformance_topic[] = "interruptible";
const Needs conformance_needs = NEEDS_SIGNALS;

const Case conformance_cases[] = {
  { "interrupted", NEEDS_INTERRUPT | NEEDS_INSPECT | NEEDS_UNDO, test_interrupted },
  { "others", NEEDS_INTERRUPT, test_others },
  { "race", NEEDS_INTERRUPT, test_race },
  { "release-in-handler", 0, test_release_in_handler },
  { "again", 0, test_again },
  { "threads", NEEDS_INTERRUPT, test_threads },
  { NULL },
};
