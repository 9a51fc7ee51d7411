/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <stdatomic.h>
#include <unistd.h>

#define N_THREADS 8
#define N_TURNS 2000

typedef struct
{
  SsemSystemSemaphore *semaphore;
  int n;
  int n_turns;
  int limit;
  atomic_int *n_inside;
  atomic_bool *is_over;
  GError *error;
} Worker;

/* Takes turns, and never meets more than the limit inside. */
static gpointer
take_turns (gpointer data)
{
  Worker *self = data;
  int i;

  for (i = 0; i < self->n_turns; i++)
    {
      g_autoptr(GError) error = NULL;
      int n_inside;

      if (!ssem_system_semaphore_acquire (self->semaphore, self->n, NULL, &error))
        g_error ("acquire: %s", error->message);
      n_inside = atomic_fetch_add (self->n_inside, self->n) + self->n;
      if (n_inside > self->limit)
        g_error ("%d units are held of %d", n_inside, self->limit);
      if (i % 64 == 0)
        g_thread_yield ();
      atomic_fetch_sub (self->n_inside, self->n);
      if (!ssem_system_semaphore_release (self->semaphore, self->n, &error))
        g_error ("release: %s", error->message);
    }

  return NULL;
}

static void
run_turns (Fixture              *fixture,
           SsemSystemSemaphore **semaphores,
           guint                 n_semaphores,
           int                   limit)
{
  GThread *threads[N_THREADS];
  Worker workers[N_THREADS];
  atomic_int n_inside = 0;
  guint i;

  for (i = 0; i < N_THREADS; i++)
    {
      workers[i] = (Worker) {
        .semaphore = semaphores[i % n_semaphores],
        .n = 1 + (int) i % 2,
        .n_turns = fixture_scale (fixture, N_TURNS),
        .limit = limit,
        .n_inside = &n_inside,
      };
      threads[i] = g_thread_new ("turns", take_turns, &workers[i]);
    }
  for (i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
}

static void
test_one_object (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);

  run_turns (fixture, &semaphore, 1, 3);
  assert_value (semaphore, 3);
  drop_object (&semaphore);
}

static void
test_several_objects (Fixture *fixture)
{
  SsemSystemSemaphore *semaphores[3];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (semaphores); i++)
    semaphores[i] = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  run_turns (fixture, semaphores, G_N_ELEMENTS (semaphores), 3);
  for (i = 0; i < G_N_ELEMENTS (semaphores); i++)
    {
      assert_value (semaphores[i], 3);
      drop_object (&semaphores[i]);
    }
}

/* One thread acquires through one object, another thread releases through another object. */
typedef struct
{
  SsemSystemSemaphore *from;
  SsemSystemSemaphore *to;
  int n_items;
} Pipe;

static gpointer
move_units (gpointer data)
{
  Pipe *self = data;
  int i;

  for (i = 0; i < self->n_items; i++)
    {
      g_autoptr(GError) error = NULL;

      if (!ssem_system_semaphore_acquire (self->from, 1, NULL, &error) ||
          !ssem_system_semaphore_release (self->to, 1, &error))
        g_error ("%s", error->message);
    }

  return NULL;
}

static void
test_ring (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;
  SsemSystemSemaphore *ring[3];
  GThread *threads[3];
  Pipe pipes[3];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (ring); i++)
    {
      g_autofree char *key = g_strdup_printf ("%s %u", fixture->key, i);

      ring[i] = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, i == 0 ? 5 : 0, TRUE,
                                   &error);
      g_assert_no_error (error);
    }
  for (i = 0; i < G_N_ELEMENTS (ring); i++)
    {
      pipes[i] = (Pipe) { ring[i], ring[(i + 1) % G_N_ELEMENTS (ring)],
                          fixture_scale (fixture, 3000) };
      threads[i] = g_thread_new ("pipe", move_units, &pipes[i]);
    }
  for (i = 0; i < G_N_ELEMENTS (ring); i++)
    g_thread_join (threads[i]);

  assert_value (ring[0], 5);
  assert_value (ring[1], 0);
  assert_value (ring[2], 0);
  for (i = 0; i < G_N_ELEMENTS (ring); i++)
    drop_object (&ring[i]);
}

/* With many threads that acquire and release, the holding of a process is counted right. */
static void
test_death_of_threads (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 20);
  int i;

  for (i = 0; i < 20 && fixture_has_time (fixture); i++)
    {
      Helper *helper = fixture_open_helper (fixture, 0);
      int n = g_test_rand_int_range (2, 9);

      helper_run_expect_ok (helper, "hammer 0 8");
      helper_run_expect_ok (helper, "acquire 0 %d", n);
      helper_run_expect_ok (helper, "release 0 %d", n / 2);
      helper_run_expect_ok (helper, "calm");
      assert_value (semaphore, 20 - n + n / 2);
      helper_kill (helper);
      assert_value (semaphore, 20);
    }

  drop_object (&semaphore);
}

/* --- Another key, under the threads that use the object --- */

typedef struct
{
  SsemSystemSemaphore *semaphore;
  GCancellable *cancellable;
  gboolean is_acquired;
  GError *error;
} Waiter;

static gpointer
wait_in_thread (gpointer data)
{
  Waiter *self = data;

  self->is_acquired = ssem_system_semaphore_acquire (self->semaphore, 1, self->cancellable,
                                                     &self->error);

  return NULL;
}

/* Alone on the old key: the semaphore goes, and the waiters notice. */
static void
test_set_key_under_waiters (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Waiter waiters[3] = { { 0 } };
  GThread *threads[3];
  gboolean is_set;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (waiters); i++)
    {
      waiters[i].semaphore = semaphore;
      threads[i] = g_thread_new ("wait", wait_in_thread, &waiters[i]);
    }
  wait_until_blocked (fixture->backend, getpid (), G_N_ELEMENTS (waiters));
  is_set = ssem_system_semaphore_set_key (semaphore, "another", 5, SSEM_ACCESS_MODE_OPEN, NULL);
  g_assert_true (is_set);
  for (i = 0; i < G_N_ELEMENTS (waiters); i++)
    {
      g_thread_join (threads[i]);
      assert_code (waiters[i].error, NOT_FOUND);
      g_assert_false (waiters[i].is_acquired);
      g_clear_error (&waiters[i].error);
    }
  assert_value (semaphore, 5);

  drop_object (&semaphore);
}

/* Another process keeps the old semaphore. A waiter of this process gets nothing of it, whenever
 * the waiter notices. */
static void
test_set_key_among_others (Fixture *fixture)
{
  g_autoptr(GCancellable) cancellable = fixture->data != NULL ? g_cancellable_new () : NULL;
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Helper *other = fixture_open_helper (fixture, 0);
  Waiter waiter = { semaphore, cancellable };
  GThread *thread = g_thread_new ("wait", wait_in_thread, &waiter);
  gboolean is_set;

  wait_until_blocked (fixture->backend, getpid (), 1);
  is_set = ssem_system_semaphore_set_key (semaphore, "another", 5, SSEM_ACCESS_MODE_OPEN, NULL);
  g_assert_true (is_set);
  if (cancellable == NULL)
    helper_run_expect_ok (other, "release 0 1");
  g_thread_join (thread);
  assert_code (waiter.error, NOT_FOUND);
  g_assert_false (waiter.is_acquired);
  g_clear_error (&waiter.error);

  if (cancellable != NULL)
    helper_run_expect_ok (other, "release 0 1");
  g_assert_cmpint (helper_get_value (other, 0), ==, 1);
  assert_value (semaphore, 5);

  drop_object (&semaphore);
}

static gpointer
use_until_over (gpointer data)
{
  Worker *self = data;

  while (!atomic_load (self->is_over))
    {
      g_autoptr(GError) error = NULL;
      g_autofree char *message = NULL;
      g_autofree char *key = NULL;

      /* Which key the object has is a matter of luck; that each call ends in one of the ways that
       * are promised, and leaves the object whole, is not. */
      if (ssem_system_semaphore_acquire_timeout (self->semaphore, 1, 2000, NULL, &error))
        {
          if (!ssem_system_semaphore_release (self->semaphore, 1, &error) &&
              !g_error_matches (error, SSEM_SYSTEM_SEMAPHORE_ERROR,
                                SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND))
            g_error ("release: %s", error->message);
        }
      else if (!g_error_matches (error, SSEM_SYSTEM_SEMAPHORE_ERROR,
                                 SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND) &&
               !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
        {
          g_error ("acquire: %s", error->message);
        }

      message = ssem_system_semaphore_get_error_string (self->semaphore);
      key = ssem_system_semaphore_get_key (self->semaphore);
      if (message == NULL || key == NULL)
        g_error ("no message, or no key");
    }

  return NULL;
}

static void
test_set_key_under_hammers (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1000);
  atomic_bool is_over = FALSE;
  Worker worker = { .semaphore = semaphore, .is_over = &is_over };
  GThread *threads[4];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("use", use_until_over, &worker);
  for (i = 0; i < 300 && fixture_has_time (fixture); i++)
    {
      g_autofree char *key = g_strdup_printf ("%s %u", fixture->key, i % 3);
      g_autoptr(GError) error = NULL;

      assert_done (ssem_system_semaphore_set_key (semaphore, key, 1000, SSEM_ACCESS_MODE_OPEN,
                                                  &error));
    }
  atomic_store (&is_over, TRUE);
  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);

  drop_object (&semaphore);
}

/* --- The first use --- */

static void
test_first_use (Fixture *fixture)
{
  int round;

  for (round = 0; round < 50 && fixture_has_time (fixture); round++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      GThread *threads[6];
      Waiter waiters[6] = { { 0 } };
      guint i;

      semaphore = g_object_new (SSEM_TYPE_SYSTEM_SEMAPHORE,
                                "key", fixture->key,
                                "initial-value", 6,
                                "mode", SSEM_ACCESS_MODE_CREATE_EXCLUSIVE,
                                "backend", fixture->backend,
                                NULL);
      for (i = 0; i < G_N_ELEMENTS (threads); i++)
        {
          waiters[i].semaphore = semaphore;
          threads[i] = g_thread_new ("first", wait_in_thread, &waiters[i]);
        }
      for (i = 0; i < G_N_ELEMENTS (threads); i++)
        {
          g_thread_join (threads[i]);
          g_assert_no_error (waiters[i].error);
          g_assert_true (waiters[i].is_acquired);
        }
      assert_value (semaphore, 0);
      drop_object (&semaphore);
      fixture_assert_empty (fixture);
    }
}

/* --- Coming and going in many threads of one process --- */

static gpointer
open_and_close (gpointer data)
{
  Fixture *fixture = data;
  int i;

  for (i = 0; i < 150; i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;

      semaphore = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, &error,
                                  "key", fixture->key,
                                  "initial-value", 1,
                                  "backend", fixture->backend,
                                  NULL);
      if (semaphore == NULL)
        g_error ("open: %s", error->message);
      if (!ssem_system_semaphore_acquire (semaphore, 1, NULL, &error) ||
          !ssem_system_semaphore_release (semaphore, 1, &error))
        g_error ("use: %s", error->message);
    }

  return NULL;
}

static void
test_open_and_close (Fixture *fixture)
{
  GThread *threads[N_THREADS];
  guint i;

  for (i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("open", open_and_close, fixture);
  for (i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  fixture_assert_empty (fixture);
}

const char conformance_topic[] = "threads";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "one-object", 0, test_one_object },
  { "several-objects", 0, test_several_objects },
  { "ring", 0, test_ring },
  { "death-of-threads", NEEDS_UNDO, test_death_of_threads },
  { "set-key-under-waiters", 0, test_set_key_under_waiters },
  { "set-key-among-others", 0, test_set_key_among_others },
  { "set-key-among-others-cancellable", 0, test_set_key_among_others, GINT_TO_POINTER (TRUE) },
  { "set-key-under-hammers", 0, test_set_key_under_hammers },
  { "first-use", 0, test_first_use },
  { "open-and-close", 0, test_open_and_close },
  { NULL },
};
