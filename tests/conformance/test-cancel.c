/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <stdatomic.h>
#include <unistd.h>

/* --- An acquire in a thread of its own --- */

typedef struct
{
  SsemSystemSemaphore *semaphore;
  GCancellable *cancellable;
  int n;
  gint64 timeout_usec; /* 0 for acquire () */
  gboolean is_acquired;
  GError *error;
} Acquire;

static gpointer
acquire_in_thread (gpointer data)
{
  Acquire *self = data;

  if (self->timeout_usec == 0)
    self->is_acquired = ssem_system_semaphore_acquire (self->semaphore, self->n, self->cancellable,
                                                       &self->error);
  else
    self->is_acquired = ssem_system_semaphore_acquire_timeout (self->semaphore, self->n,
                                                               self->timeout_usec,
                                                               self->cancellable, &self->error);
  return NULL;
}

static void
test_before (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Acquire acquires[] = {
    { semaphore, cancellable, .n = 1 },                              /* there is one */
    { semaphore, cancellable, .n = 4 },                              /* there are not enough */
    { semaphore, cancellable, .n = 1, .timeout_usec = 1000 },
    { semaphore, cancellable, .n = 4, .timeout_usec = G_MAXINT64 },
    { semaphore, cancellable, .n = 1, .timeout_usec = -1 },
  };
  guint i;

  g_cancellable_cancel (cancellable);
  for (i = 0; i < G_N_ELEMENTS (acquires); i++)
    {
      acquire_in_thread (&acquires[i]);
      g_assert_error (acquires[i].error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_false (acquires[i].is_acquired);
      g_clear_error (&acquires[i].error);
      assert_value (semaphore, 3);
    }

  /* It can be used again. */
  g_cancellable_reset (cancellable);
  acquire_in_thread (&acquires[0]);
  g_assert_no_error (acquires[0].error);
  g_assert_true (acquires[0].is_acquired);
  assert_value (semaphore, 2);

  drop_object (&semaphore);
}

typedef struct
{
  gint64 timeout_usec;
  gboolean undo;
} Waiting;

static void
test_while_waiting (Fixture *fixture)
{
  const Waiting *waiting = fixture->data;
  g_autoptr(GError) error = NULL;
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Acquire acquire = { NULL, cancellable, .n = 3, .timeout_usec = waiting->timeout_usec };
  Helper *witness = fixture_open_helper (fixture, 2);
  GThread *thread;

  semaphore = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN, 0, waiting->undo,
                                 &error);
  g_assert_no_error (error);
  acquire.semaphore = semaphore;

  thread = g_thread_new ("acquire", acquire_in_thread, &acquire);
  wait_until_blocked (fixture->backend, getpid (), 1);
  g_cancellable_cancel (cancellable);
  g_thread_join (thread);
  g_assert_error (acquire.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (acquire.is_acquired);
  g_clear_error (&acquire.error);

  /* The process holds nothing, and waits for nothing any more. */
  g_assert_cmpint (helper_get_value (witness, 0), ==, 2);
  helper_run_expect_ok (witness, "release 0 2");
  g_assert_cmpint (helper_get_value (witness, 0), ==, 4);
  assert_value (semaphore, 4);

  drop_object (&semaphore);
}

/* Each waiter has a cancellable of its own, and only it ends. */
static void
test_one_of_many (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Acquire acquires[6] = { 0 };
  GThread *threads[6];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (acquires); i++)
    {
      acquires[i].semaphore = semaphore;
      acquires[i].cancellable = g_cancellable_new ();
      acquires[i].n = 1;
      threads[i] = g_thread_new ("acquire", acquire_in_thread, &acquires[i]);
    }
  wait_until_blocked (fixture->backend, getpid (), G_N_ELEMENTS (acquires));

  for (i = 0; i < G_N_ELEMENTS (acquires); i += 2)
    {
      g_cancellable_cancel (acquires[i].cancellable);
      g_thread_join (threads[i]);
      g_assert_error (acquires[i].error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
  assert_release (semaphore, G_N_ELEMENTS (acquires) / 2);
  for (i = 1; i < G_N_ELEMENTS (acquires); i += 2)
    {
      g_thread_join (threads[i]);
      g_assert_no_error (acquires[i].error);
      g_assert_true (acquires[i].is_acquired);
    }
  assert_value (semaphore, 0);

  for (i = 0; i < G_N_ELEMENTS (acquires); i++)
    {
      g_clear_error (&acquires[i].error);
      g_object_unref (acquires[i].cancellable);
    }
  drop_object (&semaphore);
}

/* A cancel after the success changes nothing. */
static void
test_after (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Acquire acquire = { semaphore, cancellable, .n = 2 };
  GThread *thread = g_thread_new ("acquire", acquire_in_thread, &acquire);

  wait_until_blocked (fixture->backend, getpid (), 1);
  assert_release (semaphore, 2);
  g_thread_join (thread);
  g_cancellable_cancel (cancellable);
  g_assert_no_error (acquire.error);
  g_assert_true (acquire.is_acquired);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

/* --- Races --- */

typedef struct
{
  SsemSystemSemaphore *semaphore;
  GCancellable *cancellable;
  atomic_int n_ready;
  int n_spins;
} Race;

static void
meet (Race *race)
{
  atomic_fetch_add (&race->n_ready, 1);
  while (atomic_load (&race->n_ready) < 2)
    g_thread_yield ();
}

static void
spin (int n)
{
  volatile int i;

  for (i = 0; i < n; i++)
    ;
}

static gpointer
cancel_in_thread (gpointer data)
{
  Race *race = data;

  meet (race);
  spin (race->n_spins);
  g_cancellable_cancel (race->cancellable);

  return NULL;
}

/* A release and a cancel race: either the process holds the units, or they are there. */
static void
test_race_with_release (Fixture *fixture)
{
  const int n_rounds = 1000;
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  int n_acquired = 0, n_cancelled = 0;
  int i;

  for (i = 0; i < n_rounds && fixture_has_time (fixture); i++)
    {
      g_autoptr(GCancellable) cancellable = g_cancellable_new ();
      Acquire acquire = { semaphore, cancellable, .n = 2 };
      Race race = { semaphore, cancellable, 0, g_test_rand_int_range (0, 4000) };
      GThread *waiter = g_thread_new ("acquire", acquire_in_thread, &acquire);
      GThread *canceller = g_thread_new ("cancel", cancel_in_thread, &race);

      meet (&race);
      spin (g_test_rand_int_range (0, 4000));
      assert_release (semaphore, 2);
      g_thread_join (waiter);
      g_thread_join (canceller);

      if (acquire.is_acquired)
        {
          g_assert_no_error (acquire.error);
          assert_value (semaphore, 0);
          n_acquired++;
        }
      else
        {
          g_assert_error (acquire.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
          g_clear_error (&acquire.error);
          assert_value (semaphore, 2);
          assert_acquire (semaphore, 2);
          n_cancelled++;
        }
    }

  g_test_message ("%d acquired, %d cancelled", n_acquired, n_cancelled);
  drop_object (&semaphore);
}

/* The same with the time running out. */
static void
test_race_with_timeout (Fixture *fixture)
{
  const int n_rounds = 300;
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  int i;

  for (i = 0; i < n_rounds && fixture_has_time (fixture); i++)
    {
      Acquire acquire = { semaphore, NULL, .n = 1, .timeout_usec = g_test_rand_int_range (1, 400) };
      GThread *waiter = g_thread_new ("acquire", acquire_in_thread, &acquire);

      spin (g_test_rand_int_range (0, 100000));
      assert_release (semaphore, 1);
      g_thread_join (waiter);

      if (acquire.is_acquired)
        {
          g_assert_no_error (acquire.error);
          assert_value (semaphore, 0);
        }
      else
        {
          g_assert_error (acquire.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
          g_clear_error (&acquire.error);
          assert_value (semaphore, 1);
          assert_acquire (semaphore, 1);
        }
    }

  drop_object (&semaphore);
}

/* Whatever the races gave, the process holds what it counts as held: its death shows that. */
static void
test_race_and_death (Fixture *fixture)
{
  const int n_rounds = 60;
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  int i;

  for (i = 0; i < n_rounds && fixture_has_time (fixture); i++)
    {
      Helper *helper = fixture_open_helper (fixture, 0);
      int n_turns = g_test_rand_int_range (0, 5);
      int j;

      helper_run_expect_ok (helper, "acquire 0 3");
      for (j = 0; j < n_turns; j++)
        {
          g_autofree char *answer = NULL;

          helper_send (helper, "timeout 0 3 %d", g_test_rand_int_range (1, 200));
          spin (g_test_rand_int_range (0, 40000));
          assert_release (semaphore, 1);
          answer = helper_receive (helper);
          if (g_str_equal (answer, "ok"))
            helper_run_expect_ok (helper, "release 0 3");
          assert_acquire (semaphore, 1);
        }
      helper_send (helper, "timeout 0 3 %d", 100);
      spin (g_test_rand_int_range (0, 40000));
      helper_kill (helper);
      assert_value (semaphore, 5);
    }

  drop_object (&semaphore);
}

const char conformance_topic[] = "cancel";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "before", 0, test_before },
  { "while-waiting", 0, test_while_waiting, &(const Waiting) { 0, TRUE } },
  { "while-waiting-with-timeout", 0, test_while_waiting,
    &(const Waiting) { 2 * WATCHDOG_USEC, TRUE } },
  { "while-waiting-without-undo", 0, test_while_waiting, &(const Waiting) { 0, FALSE } },
  { "one-of-many", 0, test_one_of_many },
  { "after", 0, test_after },
  { "race-with-release", 0, test_race_with_release },
  { "race-with-timeout", 0, test_race_with_timeout },
  { "race-and-death", NEEDS_UNDO, test_race_and_death },
  { NULL },
};
