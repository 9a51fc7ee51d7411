/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <stdio.h>
#include <string.h>

/* --- Together or none --- */

static void
test_acquire_release (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 5);
  g_autoptr(GError) error = NULL;
  gboolean is_ok;

  is_ok = ssem_system_semaphore_acquire (semaphore, 2, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (is_ok);
  assert_value (semaphore, 3);
  is_ok = ssem_system_semaphore_acquire (semaphore, 3, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (is_ok);
  assert_value (semaphore, 0);
  assert_release (semaphore, 1);
  assert_value (semaphore, 1);
  assert_release (semaphore, 4);
  assert_value (semaphore, 5);

  drop_object (&semaphore);
}

/* A waiter for many takes none of the few that come. */
static void
test_together (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Helper *waiter = fixture_user (fixture, 0);
  int i;

  helper_send (waiter, "acquire 0 4");
  for (i = 1; i < 4; i++)
    {
      wait_until_blocked (fixture->backend, waiter->pid, 1);
      assert_release (semaphore, 1);
      assert_value (semaphore, i);
      g_assert_false (helper_has_answered (waiter));
    }
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  assert_release (semaphore, 1);
  helper_expect_ok (waiter);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

/* --- Several units among single ones --- */

#define N_SMALL 3
#define N_LARGE 2

typedef struct
{
  SsemSystemSemaphore *turnstile;
  SsemSystemSemaphore *semaphore;
  gint is_enough;
} InTurn;

static void
acquire_in_turn (InTurn *self,
                 int     n)
{
  g_autoptr(GError) error = NULL;

  if (!ssem_system_semaphore_acquire (self->turnstile, 1, NULL, &error) ||
      !ssem_system_semaphore_acquire (self->semaphore, n, NULL, &error) ||
      !ssem_system_semaphore_release (self->turnstile, 1, &error))
    g_assert_no_error (error);
}

static gpointer
take_one_in_turn (gpointer data)
{
  InTurn *self = data;

  while (!g_atomic_int_get (&self->is_enough))
    {
      acquire_in_turn (self, 1);
      /* So that the others come before it is free again. */
      g_usleep (1000);
      assert_release (self->semaphore, 1);
    }

  return NULL;
}

/* With a turnstile, as the manual has it, a wait for several units is not overtaken without end. */
static void
test_turnstile (Fixture *fixture)
{
  g_autofree char *turnstile_key = g_strconcat (fixture->key, " turnstile", NULL);
  g_autoptr(GError) error = NULL;
  GThread *threads[N_SMALL];
  InTurn in_turn = { 0 };
  guint i;

  in_turn.semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, N_LARGE);
  in_turn.turnstile = fixture_open_full (fixture, turnstile_key, SSEM_ACCESS_MODE_OPEN, 1, TRUE,
                                         &error);
  g_assert_no_error (error);

  for (i = 0; i < N_SMALL; i++)
    threads[i] = g_thread_new ("small", take_one_in_turn, &in_turn);
  for (i = 0; i < 20; i++)
    {
      acquire_in_turn (&in_turn, N_LARGE);
      assert_release (in_turn.semaphore, N_LARGE);
    }
  g_atomic_int_set (&in_turn.is_enough, TRUE);
  for (i = 0; i < N_SMALL; i++)
    g_thread_join (threads[i]);

  assert_value (in_turn.semaphore, N_LARGE);
  drop_object (&in_turn.turnstile);
  drop_object (&in_turn.semaphore);
}

/* Past the initial value, by a process that never acquired. */
static void
test_create_units (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
  Helper *helper = fixture_user (fixture, 0);

  helper_do (helper, "release 0 10");
  assert_value (semaphore, 12);
  assert_acquire (semaphore, 12);
  assert_value (semaphore, 0);
  /* Any attached process may release what another acquired. */
  helper_do (helper, "release 0 2");
  g_assert_cmpint (helper_get_value (helper, 0), ==, 2);

  drop_object (&semaphore);
}

static void
test_one_release_serves_many (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Helper *waiters[3];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (waiters); i++)
    {
      waiters[i] = fixture_user (fixture, 0);
      helper_send (waiters[i], "acquire 0 2");
      wait_until_blocked (fixture->backend, waiters[i]->pid, 1);
    }
  assert_release (semaphore, 6);
  for (i = 0; i < G_N_ELEMENTS (waiters); i++)
    helper_expect_ok (waiters[i]);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

/* --- Arguments --- */

typedef gboolean (* Operation) (SsemSystemSemaphore  *semaphore,
                                int                   n,
                                GError              **error);

static gboolean
acquire (SsemSystemSemaphore  *semaphore,
         int                   n,
         GError              **error)
{
  return ssem_system_semaphore_acquire (semaphore, n, NULL, error);
}

static gboolean
acquire_timeout (SsemSystemSemaphore  *semaphore,
                 int                   n,
                 GError              **error)
{
  return ssem_system_semaphore_acquire_timeout (semaphore, n, 1000, NULL, error);
}

static const Operation operations[] = {
  acquire,
  acquire_timeout,
  ssem_system_semaphore_try_acquire,
  ssem_system_semaphore_release,
};

static void
test_not_positive (Fixture *fixture)
{
  const int numbers[] = { 0, -1, -32768, -65535, G_MININT };
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  guint i, j;

  for (i = 0; i < G_N_ELEMENTS (operations); i++)
    {
      for (j = 0; j < G_N_ELEMENTS (numbers); j++)
        {
          g_autoptr(GError) error = NULL;
          gboolean is_ok = operations[i] (semaphore, numbers[j], &error);

          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
          g_assert_false (is_ok);
          assert_value (semaphore, 3);
        }
    }

  drop_object (&semaphore);
}

static void
test_initial_value (Fixture *fixture)
{
  const int numbers[] = { -1, -32768, G_MININT };
  const SsemAccessMode modes[] = {
    SSEM_ACCESS_MODE_OPEN, SSEM_ACCESS_MODE_CREATE, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE,
  };
  int maximum = fixture_maximum (fixture);
  g_autoptr(SsemSystemSemaphore) live = NULL;
  guint i, j;

  for (i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;

      for (j = 0; j < G_N_ELEMENTS (numbers); j++)
        {
          semaphore = fixture_open_full (fixture, fixture->key, modes[i], numbers[j], TRUE, &error);
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
          g_assert_null (semaphore);
          g_clear_error (&error);
          fixture_assert_empty (fixture);
        }

      if (maximum < G_MAXINT)
        {
          semaphore = fixture_open_full (fixture, fixture->key, modes[i], maximum + 1, TRUE,
                                         &error);
          assert_code (error, OUT_OF_RESOURCES);
          g_assert_null (semaphore);
          g_clear_error (&error);
          fixture_assert_empty (fixture);
        }

      semaphore = fixture_open (fixture, modes[i], maximum);
      assert_value (semaphore, maximum);
      drop_object (&semaphore);

      semaphore = fixture_open (fixture, modes[i], 0);
      assert_value (semaphore, 0);
      drop_object (&semaphore);
    }

  /* A reset that is refused changes nothing. */
  live = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  assert_acquire (live, 1);
  if (maximum < G_MAXINT)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;

      semaphore = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_CREATE, maximum + 1,
                                     TRUE, &error);
      assert_code (error, OUT_OF_RESOURCES);
      g_assert_null (semaphore);
    }
  assert_value (live, 2);
  drop_object (&live);
}

static void
check_maximum (Fixture  *fixture,
               gboolean  undo)
{
  int maximum = fixture_maximum (fixture);
  int many = fixture_many (fixture);
  const int excesses[] = { 1, 2, maximum / 2, maximum - 1, maximum, G_MAXINT - 1, G_MAXINT };
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  Helper *holder;
  guint i;

  semaphore = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN, maximum, undo,
                                 &error);
  g_assert_no_error (error);
  for (i = 0; i < G_N_ELEMENTS (excesses); i++)
    {
      gboolean is_ok = ssem_system_semaphore_release (semaphore, excesses[i], &error);

      assert_code (error, OUT_OF_RESOURCES);
      g_assert_false (is_ok);
      g_clear_error (&error);
      assert_value (semaphore, maximum);
    }

  /* All at once, and back. */
  assert_acquire (semaphore, many);
  assert_value (semaphore, maximum - many);
  assert_release (semaphore, many);
  assert_value (semaphore, maximum);

  /* A release that is refused in the middle of a holding leaves the holding as it was. */
  holder = fixture_helper (fixture);
  helper_open (holder, 0, SSEM_ACCESS_MODE_OPEN, 0, undo, fixture->key);
  helper_do (holder, "acquire 0 5");
  helper_send (holder, "release 0 6");
  helper_expect_error (holder, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);
  g_assert_cmpint (helper_get_value (holder, 0), ==, maximum - 5);
  helper_do (holder, "release 0 2");
  helper_kill (holder);
  assert_value (semaphore, undo ? maximum : maximum - 3);

  drop_object (&semaphore);
}

static void
test_maximum (Fixture *fixture)
{
  check_maximum (fixture, TRUE);
}

static void
test_maximum_without_undo (Fixture *fixture)
{
  check_maximum (fixture, FALSE);
}

/* More than there can ever be is refused at once, rather than waited for. */
static void
test_acquire_past_maximum (Fixture *fixture)
{
  int maximum = fixture_maximum (fixture);
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  const int numbers[] = { 32768, 65535, 65536, 65537, 98304, G_MAXINT };
  guint i, j;

  if (maximum == G_MAXINT)
    {
      g_test_skip ("this backend counts as far as an int does");
      return;
    }

  for (i = 0; i < G_N_ELEMENTS (operations); i++)
    {
      for (j = 0; j < G_N_ELEMENTS (numbers); j++)
        {
          g_autoptr(GError) error = NULL;
          gboolean is_ok = operations[i] (semaphore, numbers[j], &error);

          assert_code (error, OUT_OF_RESOURCES);
          g_assert_false (is_ok);
          assert_value (semaphore, 3);
        }
    }

  drop_object (&semaphore);
}

/* --- Not waiting, and waiting for so long --- */

static void
test_try (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
  g_autoptr(GError) error = NULL;
  gboolean is_ok;

  is_ok = ssem_system_semaphore_try_acquire (semaphore, 3, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_assert_false (is_ok);
  g_clear_error (&error);
  assert_value (semaphore, 2);

  assert_acquire (semaphore, 2);
  is_ok = ssem_system_semaphore_try_acquire (semaphore, 1, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_assert_false (is_ok);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

static void
test_timeout (Fixture *fixture)
{
  const gint64 timeouts_usec[] = { 1, 999, 1000, 25000, 300000 };
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  guint i;

  for (i = 0; i < 2 * G_N_ELEMENTS (timeouts_usec); i++)
    {
      gint64 timeout_usec = timeouts_usec[i / 2];
      gint64 started_usec = g_get_monotonic_time ();
      g_autoptr(GError) error = NULL;
      gboolean is_ok;

      is_ok = ssem_system_semaphore_acquire_timeout (semaphore, 2, timeout_usec,
                                                     i % 2 == 0 ? NULL : cancellable, &error);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      g_assert_false (is_ok);
      g_assert_cmpint (g_get_monotonic_time () - started_usec, >=, timeout_usec);
      assert_value (semaphore, 1);
    }

  drop_object (&semaphore);
}

/* However the last moment of the time and the look at the clock fall, the wait ends. */
static void
test_timeout_short (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  /* Windows waits for a millisecond or more. */
  int n_rounds = fixture->backend == SSEM_BACKEND_WINDOWS ? 300 : 30000;
  int i;

  for (i = 0; i < n_rounds && fixture_has_time (fixture); i++)
    {
      g_autoptr(GError) error = NULL;
      gboolean is_ok;

      is_ok = ssem_system_semaphore_acquire_timeout (semaphore, 2, 1 + i % 3, NULL, &error);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      g_assert_false (is_ok);
    }
  assert_value (semaphore, 1);

  drop_object (&semaphore);
}

static void
test_timeout_zero (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  g_autoptr(GError) error = NULL;
  gboolean is_ok;

  is_ok = ssem_system_semaphore_acquire_timeout (semaphore, 2, 0, NULL, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_assert_false (is_ok);
  g_clear_error (&error);

  is_ok = ssem_system_semaphore_acquire_timeout (semaphore, 1, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (is_ok);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

/* Negative waits for ever; the largest number does not come out as a time in the past. */
static void
test_timeout_extremes (Fixture *fixture)
{
  const gint64 timeouts_usec[] = {
    -1, G_MININT64, G_MAXINT64, G_MAXINT64 - 1, G_MAXINT64 / 2,
    G_GINT64_CONSTANT (1) << 52, (gint64) G_MAXUINT32 * G_USEC_PER_SEC,
  };
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Helper *waiter = fixture_user (fixture, 0);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (timeouts_usec); i++)
    {
      helper_send (waiter, "timeout 0 1 %" G_GINT64_FORMAT, timeouts_usec[i]);
      wait_until_blocked (fixture->backend, waiter->pid, 1);
      g_assert_false (helper_has_answered (waiter));
      assert_release (semaphore, 1);
      helper_expect_ok (waiter);
      assert_value (semaphore, 0);
    }

  drop_object (&semaphore);
}

static void
test_timeout_served (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  Helper *waiter = fixture_user (fixture, 0);

  helper_do (waiter, "timeout 0 1 1");
  helper_send (waiter, "timeout 0 2 %" G_GINT64_FORMAT, (gint64) (2 * WATCHDOG_USEC));
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  assert_release (semaphore, 2);
  helper_expect_ok (waiter);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

/* --- Signals --- */

static int
receive_number (Helper *helper)
{
  g_autofree char *answer = helper_receive (helper);
  int number;

  g_assert_cmpint (sscanf (answer, "ok %d", &number), ==, 1);

  return number;
}

/* A handler that runs every 500 microseconds neither surfaces nor begins the time anew: if it did,
 * the answer would never come. */
static void
test_signals_and_timeout (Fixture *fixture)
{
  const gint64 timeout_usec = 300000;
  Helper *waiter = fixture_user (fixture, 0);
  gint64 started_usec;
  int n_before, n_signals;

  helper_send (waiter, "timer 500");
  n_before = receive_number (waiter);

  /* One that gets no processor for a while has missed many, and is told of one. */
  do
    {
      started_usec = g_get_monotonic_time ();
      helper_send (waiter, "timeout 0 1 %" G_GINT64_FORMAT, timeout_usec);
      helper_expect_error (waiter, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      g_assert_cmpint (g_get_monotonic_time () - started_usec, >=, timeout_usec);

      helper_send (waiter, "timer 500");
      n_signals = receive_number (waiter) - n_before;
    }
  while (n_signals <= 10 && fixture_has_time (fixture));

  helper_send (waiter, "timer 0");
  receive_number (waiter);
  g_assert_cmpint (n_signals, >, 10);
}

static void
test_signals_and_acquire (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Helper *waiter = fixture_user (fixture, 0);
  int round;

  helper_send (waiter, "timer 200");
  g_free (helper_receive (waiter));

  for (round = 0; round < 20; round++)
    {
      helper_send (waiter, "acquire 0 1");
      wait_until_blocked (fixture->backend, waiter->pid, 1);
      g_assert_false (helper_has_answered (waiter));
      assert_release (semaphore, 1);
      helper_expect_ok (waiter);
    }

  /* Nor into what does not wait. */
  for (round = 0; round < 20; round++)
    {
      helper_open (waiter, 1, SSEM_ACCESS_MODE_CREATE, 2, TRUE, fixture->key);
      helper_do (waiter, "try 1 1");
      helper_do (waiter, "release 1 1");
      g_assert_cmpint (helper_get_value (waiter, 1), ==, 2);
      helper_do (waiter, "close 1");
    }

  helper_send (waiter, "timer 0");
  g_free (helper_receive (waiter));
  drop_object (&semaphore);
}

/* --- The last result --- */

static void
assert_last (SsemSystemSemaphore      *semaphore,
             SsemSystemSemaphoreError  code,
             const char               *message)
{
  g_autofree char *found = ssem_system_semaphore_get_error_string (semaphore);

  g_assert_cmpint (ssem_system_semaphore_get_error (semaphore), ==, code);
  g_assert_cmpstr (found, ==, message);
}

/* Each failure is also the object's last one, with the code, or UNKNOWN_ERROR for GIO's. */
static void
test_last_error (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  guint i;

  assert_last (semaphore, SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR, "");
  for (i = 0; i < 7; i++)
    {
      g_autoptr(GCancellable) cancellable = g_cancellable_new ();
      g_autoptr(GError) error = NULL;
      SsemSystemSemaphoreError code = SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR;

      switch (i)
        {
        case 0:
          ssem_system_semaphore_try_acquire (semaphore, 2, &error);
          break;
        case 1:
          ssem_system_semaphore_acquire_timeout (semaphore, 2, 1, NULL, &error);
          break;
        case 2:
          ssem_system_semaphore_acquire (semaphore, 0, NULL, &error);
          break;
        case 3:
          ssem_system_semaphore_release (semaphore, -3, &error);
          break;
        case 4:
          g_cancellable_cancel (cancellable);
          ssem_system_semaphore_acquire (semaphore, 1, cancellable, &error);
          break;
        case 5:
          ssem_system_semaphore_release (semaphore, fixture_maximum (fixture), &error);
          code = SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES;
          break;
        default:
          ssem_system_semaphore_set_key (semaphore, "", 1, SSEM_ACCESS_MODE_OPEN, &error);
          code = SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR;
          break;
        }
      g_assert_nonnull (error);
      assert_last (semaphore, code, error->message);

      /* Every kind of success sets it back. */
      switch (i % 5)
        {
        case 0:
          assert_acquire (semaphore, 1);
          assert_last (semaphore, SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR, "");
          assert_release (semaphore, 1);
          break;
        case 1:
          assert_value (semaphore, 1);
          break;
        case 2:
          assert_release (semaphore, 1);
          assert_last (semaphore, SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR, "");
          assert_acquire (semaphore, 1);
          break;
        case 3:
          g_assert_true (ssem_system_semaphore_set_key (semaphore, fixture->key, 1,
                                                        SSEM_ACCESS_MODE_CREATE, NULL));
          break;
        default:
          g_assert_true (g_initable_init (G_INITABLE (semaphore), NULL, NULL));
          break;
        }
      assert_last (semaphore, SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR, "");
    }

  drop_object (&semaphore);
}

/* Who does not ask for the GError gets the same through the object. */
static void
test_last_error_alone (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  g_autofree char *message = NULL;

  g_assert_false (ssem_system_semaphore_release (semaphore, G_MAXINT, NULL));
  g_assert_cmpint (ssem_system_semaphore_get_error (semaphore), ==,
                   SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);
  message = ssem_system_semaphore_get_error_string (semaphore);
  g_assert_nonnull (strstr (message, fixture->key));

  drop_object (&semaphore);
}

/* --- One unit, without a GError --- */

static void
test_one (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
  g_autoptr(GError) error = NULL;
  Helper *waiter = fixture_user (fixture, 0);

  g_assert_true (ssem_system_semaphore_try_acquire_one (semaphore));
  assert_value (semaphore, 1);
  g_assert_true (ssem_system_semaphore_try_acquire_one (semaphore));
  assert_value (semaphore, 0);

  ssem_system_semaphore_try_acquire (semaphore, 1, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  assert_value (semaphore, 0);
  g_assert_false (ssem_system_semaphore_try_acquire_one (semaphore));
  assert_last (semaphore, SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR, error->message);

  helper_send (waiter, "acquire 0 1");
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  g_assert_true (ssem_system_semaphore_release_one (semaphore));
  assert_last (semaphore, SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR, "");
  helper_expect_ok (waiter);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

static void
test_one_at_the_maximum (Fixture *fixture)
{
  int maximum = fixture_maximum (fixture);
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, maximum);
  g_autoptr(GError) error = NULL;

  ssem_system_semaphore_release (semaphore, 1, &error);
  assert_code (error, OUT_OF_RESOURCES);
  assert_value (semaphore, maximum);
  g_assert_false (ssem_system_semaphore_release_one (semaphore));
  assert_last (semaphore, SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES, error->message);
  assert_value (semaphore, maximum);

  g_assert_true (ssem_system_semaphore_try_acquire_one (semaphore));
  assert_value (semaphore, maximum - 1);
  g_assert_true (ssem_system_semaphore_release_one (semaphore));
  assert_value (semaphore, maximum);

  drop_object (&semaphore);
}

static const Case cases[] = {
  { "acquire-release", 0, test_acquire_release },
  { "together", 0, test_together },
  { "turnstile", 0, test_turnstile },
  { "create-units", 0, test_create_units },
  { "one-release-serves-many", 0, test_one_release_serves_many },
  { "not-positive", 0, test_not_positive },
  { "initial-value", 0, test_initial_value },
  { "maximum", NEEDS_UNDO, test_maximum },
  { "maximum-without-undo", 0, test_maximum_without_undo },
  { "acquire-past-maximum", 0, test_acquire_past_maximum },
  { "try", 0, test_try },
  { "timeout", 0, test_timeout },
  { "timeout-short", 0, test_timeout_short },
  { "timeout-zero", 0, test_timeout_zero },
  { "timeout-extremes", 0, test_timeout_extremes },
  { "timeout-served", 0, test_timeout_served },
  { "signals-and-timeout", NEEDS_SIGNALS, test_signals_and_timeout },
  { "signals-and-acquire", NEEDS_SIGNALS, test_signals_and_acquire },
  { "last-error", 0, test_last_error },
  { "last-error-alone", 0, test_last_error_alone },
  { "one", 0, test_one },
  { "one-at-the-maximum", 0, test_one_at_the_maximum },
  { NULL },
};

int
main (int    argc,
      char **argv)
{
  return conformance_main (argc, argv, "operations", cases);
}
