/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <stdio.h>
#include <string.h>

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

/* --- Not waiting, and waiting for so long --- */

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

      assert_refused_by_gio (ssem_system_semaphore_acquire_timeout (semaphore, 2, timeout_usec,
                                                                    i % 2 == 0 ? NULL : cancellable,
                                                                    &error), TIMED_OUT);
      g_assert_cmpint (g_get_monotonic_time () - started_usec, >=, timeout_usec);
      assert_value (semaphore, 1);
    }

  drop_object (&semaphore);
}

/* Waits of one to three microseconds end, wherever the last look at the clock falls. A system may
 * wait for a millisecond at least: then fewer rounds will do. */
static void
test_timeout_short (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  int n_rounds = MIN (fixture_many (fixture), 30000);
  int i;

  for (i = 0; i < n_rounds && fixture_has_time (fixture); i++)
    {
      g_autoptr(GError) error = NULL;

      assert_refused_by_gio (ssem_system_semaphore_acquire_timeout (semaphore, 2, 1 + i % 3, NULL,
                                                                    &error), TIMED_OUT);
    }
  assert_value (semaphore, 1);

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

/* A handler that runs every 500 microseconds neither surfaces nor starts the timeout again: if it
 * did, the answer would never come. */
static void
test_signals_and_timeout (Fixture *fixture)
{
  const gint64 timeout_usec = 300000;
  Helper *waiter = fixture_open_helper (fixture, 0);
  gint64 started_usec;
  int n_before, n_signals;

  helper_send (waiter, "timer 500");
  n_before = receive_number (waiter);

  /* A process that gets no processor for a while misses many signals: then there is another try. */
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
      int j;

      /* The next operation can take the fast path, which must not leave the error as it is. */
      for (j = 0; j < 3; j++)
        {
          assert_acquire (semaphore, 1);
          assert_release (semaphore, 1);
        }

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

/* A caller that does not ask for the GError gets the same through the object. */
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
  Helper *waiter = fixture_open_helper (fixture, 0);

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

/* Numbers of units | the error. Some of the numbers fit into fewer bits than an int has. */
static const char *const not_positive[] = {
  "0 | INVALID_ARGUMENT",
  "-1 | INVALID_ARGUMENT",
  "-32768 | INVALID_ARGUMENT",
  "-65535 | INVALID_ARGUMENT",
  "-2147483648 | INVALID_ARGUMENT",
  NULL,
};

static const char *const past_maximum[] = {
  "32768 | OUT_OF_RESOURCES",
  "65535 | OUT_OF_RESOURCES",
  "65536 | OUT_OF_RESOURCES",
  "65537 | OUT_OF_RESOURCES",
  "98304 | OUT_OF_RESOURCES",
  "2147483647 | OUT_OF_RESOURCES",
  NULL,
};

/* Every operation refuses the number, and changes nothing. */
static const char refused[] =
  "a open OPEN 3; a acquire $1 = $2; a value = 3; a timeout $1 1000 = $2; a value = 3;"
  "a try $1 = $2; a value = 3; a release $1 = $2; a value = 3";

static const char *const modes[] = { "OPEN", "CREATE", "CREATE_EXCLUSIVE", NULL };

/* Timeouts that must not come out as a time in the past. */
static const char *const long_timeouts[] = {
  "-1",
  "-9223372036854775808",
  "9223372036854775807",
  "9223372036854775806",
  "4611686018427387903",
  "4503599627370496",
  "4294967295000000",
  NULL,
};

/* Whether the objects have undo | what is there after a death with three units. */
static const char *const undos[] = { "| MAX", NULL };
static const char *const no_undos[] = { "no-undo | MAX-3", NULL };

/* A release past the maximum is refused, whatever its size, and changes nothing. So is one in the
 * middle of a holding, which then is what it was. */
static const char maximum[] =
  "w open OPEN MAX $1;"
  "w release 1 = OUT_OF_RESOURCES; w value = MAX; w release 2 = OUT_OF_RESOURCES; w value = MAX;"
  "w release MAX/2 = OUT_OF_RESOURCES; w value = MAX;"
  "w release MAX-1 = OUT_OF_RESOURCES; w value = MAX;"
  "w release MAX = OUT_OF_RESOURCES; w value = MAX;"
  "w release 2147483646 = OUT_OF_RESOURCES; w value = MAX;"
  "w release 2147483647 = OUT_OF_RESOURCES; w value = MAX;"
  "w try MANY; w value = MAX-MANY; w release MANY; w value = MAX;"
  "a open OPEN $1; a acquire 5; a release 6 = OUT_OF_RESOURCES; a value = MAX-5;"
  "a release 2; a kill; w value = $2";

const char conformance_topic[] = "operations";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "acquire-release", .script =
    "a open OPEN 5; a acquire 2; a value = 3; a acquire 3; a value = 0;"
    "a release 1; a value = 1; a release 4; a value = 5" },

  /* A waiter for four units takes none of the three that come. */
  { "together", .script =
    "w open OPEN; a open OPEN; a acquire 4 = blocks;"
    "w release 1; w value = 1; a blocks; w release 1; w value = 2; a blocks;"
    "w release 1; w value = 3; a blocks; w release 1; a wakes; w value = 0" },

  { "turnstile", 0, test_turnstile },

  /* A process that never acquired creates units past the initial value, and releases what another
   * acquired. */
  { "create-units", .script =
    "w open OPEN 2; a open OPEN; a release 10; w value = 12;"
    "w try 12; w value = 0; a release 2; a value = 2" },

  { "one-release-serves-many", .script =
    "w open OPEN; a open OPEN; b open OPEN; c open OPEN;"
    "a acquire 2 = blocks; b acquire 2 = blocks; c acquire 2 = blocks;"
    "w release 6; a wakes; b wakes; c wakes; w value = 0" },

  { "not-positive", .rows = not_positive, .script = refused },

  /* A refused initial value leaves nothing. */
  { "initial-value", .rows = modes, .script =
    "a open $1 -1 = INVALID_ARGUMENT; files 0; a open $1 -32768 = INVALID_ARGUMENT; files 0;"
    "a open $1 -2147483648 = INVALID_ARGUMENT; files 0;"
    "a open $1 MAX; a value = MAX; a close; a open $1 0; a value = 0; a close" },

  /* Nor does a reset to a value past the maximum change anything. */
  { "initial-value-past-maximum", NEEDS_BOUND, .rows = modes, .script =
    "a open $1 MAX+1 = OUT_OF_RESOURCES; files 0;"
    "w open OPEN 3; w try 1; a open CREATE MAX+1 = OUT_OF_RESOURCES; w value = 2" },

  { "maximum", NEEDS_UNDO, .rows = undos, .script = maximum },
  { "maximum-without-undo", .rows = no_undos, .script = maximum },

  /* More units than there can ever be are refused, rather than waited for. */
  { "acquire-past-maximum", NEEDS_BOUND, .rows = past_maximum, .script = refused },

  { "try", .script =
    "a open OPEN 2; a try 3 = WOULD_BLOCK; a value = 2;"
    "a try 2; a try 1 = WOULD_BLOCK; a value = 0" },

  { "timeout", 0, test_timeout },
  { "timeout-short", 0, test_timeout_short },

  /* A timeout of zero is a try. */
  { "timeout-zero", .script =
    "a open OPEN 1; a timeout 2 0 = WOULD_BLOCK; a timeout 1 0; a value = 0" },

  /* A negative timeout waits forever, and the largest number nearly so. */
  { "timeout-extremes", .rows = long_timeouts, .script =
    "w open OPEN; a open OPEN; a timeout 1 $1 = blocks; w release 1; a wakes; w value = 0" },

  { "timeout-served", .script =
    "w open OPEN 1; a open OPEN; a timeout 1 1;"
    "a timeout 2 120000000 = blocks; w release 2; a wakes; w value = 0" },

  /* Without a signal, acquire_interruptible () is acquire_timeout (). */
  { "interruptible", .script =
    "w open OPEN 3; a open OPEN; a interruptible 1 0; a interruptible 1 -1;"
    "a interruptible 0 -1 = INVALID_ARGUMENT; a interruptible -1 0 = INVALID_ARGUMENT;"
    "a interruptible 2 0 = WOULD_BLOCK; a interruptible 2 1 = TIMED_OUT; w value = 1;"
    "a interruptible 2 120000000 = blocks; w release 1; a wakes;"
    "a interruptible 2 -1 = blocks; w release 2; a wakes; w value = 0" },

  { "signals-and-timeout", NEEDS_SIGNALS, test_signals_and_timeout },

  /* A signal every 200 microseconds, whose handler runs without SA_RESTART, surfaces neither from a
   * wait nor from an operation that does not wait. */
  { "signals-and-acquire", NEEDS_SIGNALS, .script =
    "w open OPEN; a open OPEN; a timer 200 = any;"
    "repeat 20; a acquire 1 = blocks; w release 1; a wakes; again;"
    "repeat 20; a.1 open CREATE 2; a.1 try 1; a.1 release 1; a.1 value = 2; a.1 close; again;"
    "a timer 0 = any" },

  { "last-error", 0, test_last_error },
  { "last-error-alone", 0, test_last_error_alone },
  { "one", 0, test_one },
  { "one-at-the-maximum", 0, test_one_at_the_maximum },
  { NULL },
};
