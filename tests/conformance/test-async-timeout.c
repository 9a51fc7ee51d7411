/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

/* --- Requests --- */

typedef struct
{
  SsemSystemSemaphore *semaphore;
  gint64 start_usec;
  gint64 end_usec;
  gboolean is_done;
  gboolean is_acquired;
  GError *error;
} Request;

/* Long enough for any machine, so a request with this time ends for another reason. */
#define LONG_USEC (600 * G_USEC_PER_SEC)

#define SHORT_USEC 20000

static void
acquired_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      data)
{
  Request *request = data;

  g_assert_true (source == G_OBJECT (request->semaphore));
  g_assert_false (request->is_done);

  request->is_acquired = ssem_system_semaphore_acquire_timeout_finish (request->semaphore, result,
                                                                       &request->error);
  request->end_usec = g_get_monotonic_time ();
  request->is_done = TRUE;
  g_assert_true (request->is_acquired == (request->error == NULL));
}

static void
request_start (Request             *self,
               SsemSystemSemaphore *semaphore,
               int                  n,
               gint64               timeout_usec,
               GCancellable        *cancellable)
{
  self->semaphore = semaphore;
  self->start_usec = g_get_monotonic_time ();
  ssem_system_semaphore_acquire_timeout_async (semaphore, n, timeout_usec, cancellable, acquired_cb,
                                               self);
  /* Never from within the call. */
  g_assert_false (self->is_done);
}

static gboolean
iterate_until_done (gpointer data)
{
  Request *request = data;

  while (!request->is_done && g_main_context_iteration (NULL, FALSE))
    ;

  return request->is_done;
}

static void
request_expect_done (Request *self)
{
  wait_for ("a request to complete", iterate_until_done, self);
  g_assert_no_error (self->error);
  g_assert_true (self->is_acquired);
}

static void
request_expect_refused (Request *self,
                        int      code)
{
  wait_for ("a request to complete", iterate_until_done, self);
  g_assert_error (self->error, G_IO_ERROR, code);
  g_assert_false (self->is_acquired);
  g_clear_error (&self->error);
}

static void
iterate_all (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/* --- Cases --- */

static void
test_available (Fixture *fixture)
{
  const gint64 timeouts[] = { LONG_USEC, G_MAXINT64, -1, G_MININT64, 1, 0 };
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 20);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (timeouts); i++)
    {
      Request request = { 0 };

      /* One microsecond may be over before the units are there. */
      request_start (&request, semaphore, 2, timeouts[i], NULL);
      if (timeouts[i] != 1)
        {
          request_expect_done (&request);
          continue;
        }
      wait_for ("a request to complete", iterate_until_done, &request);
      if (!request.is_acquired)
        {
          request_expect_refused (&request, G_IO_ERROR_TIMED_OUT);
          assert_acquire (semaphore, 2);
        }
    }
  assert_value (semaphore, 20 - 2 * (int) G_N_ELEMENTS (timeouts));

  drop_object (&semaphore);
}

static void
test_later (Fixture *fixture)
{
  const gint64 timeouts[] = { LONG_USEC, -1 };
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Helper *helper = fixture_open_helper (fixture, 0);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (timeouts); i++)
    {
      Request request = { 0 };

      request_start (&request, semaphore, 1, timeouts[i], NULL);
      fixture_wait_until_pending (fixture, 1);
      iterate_all ();
      g_assert_false (request.is_done);
      helper_run_expect_ok (helper, "release 0 1");
      request_expect_done (&request);
      assert_value (semaphore, 0);
    }

  drop_object (&semaphore);
}

/* The error is that of the request and that of the object, and nothing is held. */
static void
test_times_out (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  g_autofree char *error_string = NULL;
  Request request = { 0 };

  request_start (&request, semaphore, 2, SHORT_USEC, NULL);
  wait_for ("a request to complete", iterate_until_done, &request);
  g_assert_error (request.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (request.end_usec - request.start_usec, >=, SHORT_USEC);
  error_string = ssem_system_semaphore_get_error_string (semaphore);
  g_assert_cmpstr (error_string, ==, request.error->message);
  g_clear_error (&request.error);

  assert_release (semaphore, 1);
  iterate_all ();
  assert_value (semaphore, 2);

  drop_object (&semaphore);
}

/* A request times out behind one that waits on, and lets those behind it pass. */
static void
test_behind_another (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Request first = { 0 }, second = { 0 }, third = { 0 };

  request_start (&first, semaphore, 1, LONG_USEC, NULL);
  request_start (&second, semaphore, 5, SHORT_USEC, NULL);
  request_start (&third, semaphore, 1, LONG_USEC, NULL);
  fixture_wait_until_pending (fixture, 1);
  request_expect_refused (&second, G_IO_ERROR_TIMED_OUT);
  g_assert_false (first.is_done);
  g_assert_false (third.is_done);

  assert_release (semaphore, 2);
  request_expect_done (&first);
  request_expect_done (&third);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

static void
test_zero (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  Request waiting = { 0 }, taken = { 0 }, refused = { 0 };

  request_start (&waiting, semaphore, 2, LONG_USEC, NULL);
  request_start (&taken, semaphore, 1, 0, NULL);
  request_expect_done (&taken);
  request_start (&refused, semaphore, 1, 0, NULL);
  request_expect_refused (&refused, G_IO_ERROR_WOULD_BLOCK);
  g_assert_false (waiting.is_done);
  assert_release (semaphore, 2);
  request_expect_done (&waiting);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

/* An object that was built from its properties alone opens itself here, too. */
static void
test_first_use (Fixture *fixture)
{
  const gint64 timeouts[] = { 0, LONG_USEC };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (timeouts); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      Request request = { 0 };

      semaphore = g_object_new (SSEM_TYPE_SYSTEM_SEMAPHORE, "key", fixture->key, "initial-value", 2,
                                "backend", fixture->backend, NULL);
      request_start (&request, semaphore, 1, timeouts[i], NULL);
      request_expect_done (&request);
      assert_value (semaphore, 1);
      assert_release (semaphore, 1);
      g_clear_object (&semaphore);
    }
}

static void
test_not_positive (Fixture *fixture)
{
  const gint64 timeouts[] = { 0, LONG_USEC, -1 };
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (timeouts); i++)
    {
      Request request = { 0 };

      request_start (&request, semaphore, 0, timeouts[i], NULL);
      request_expect_refused (&request, G_IO_ERROR_INVALID_ARGUMENT);
    }
  assert_value (semaphore, 3);

  drop_object (&semaphore);
}

/* Cancelled before the call, and while it waits. */
static void
test_cancelled (Fixture *fixture)
{
  const gint64 timeouts[] = { 0, LONG_USEC, -1 };
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (timeouts); i++)
    {
      g_autoptr(GCancellable) before = g_cancellable_new ();
      g_autoptr(GCancellable) later = g_cancellable_new ();
      Request request = { 0 }, waiting = { 0 };

      g_cancellable_cancel (before);
      request_start (&request, semaphore, 1, timeouts[i], before);
      request_expect_refused (&request, G_IO_ERROR_CANCELLED);

      if (timeouts[i] == 0)
        continue;
      request_start (&waiting, semaphore, 2, timeouts[i], later);
      fixture_wait_until_pending (fixture, 1);
      g_cancellable_cancel (later);
      g_assert_false (waiting.is_done);
      request_expect_refused (&waiting, G_IO_ERROR_CANCELLED);
    }
  assert_value (semaphore, 1);

  drop_object (&semaphore);
}

/* The units come at about the moment at which the time is over: they are held, or they are not. */
static void
test_race (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Helper *helper = fixture_open_helper (fixture, 0);
  int i;

  for (i = 0; i < fixture_scale (fixture, 100); i++)
    {
      Request request = { 0 };

      request_start (&request, semaphore, 1, 1 + i * 10, NULL);
      helper_run_expect_ok (helper, "release 0 1");
      wait_for ("a request to complete", iterate_until_done, &request);
      if (request.is_acquired)
        {
          assert_value (semaphore, 0);
          continue;
        }
      g_assert_error (request.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      g_clear_error (&request.error);
      assert_value (semaphore, 1);
      assert_acquire (semaphore, 1);
    }

  drop_object (&semaphore);
}

const char conformance_topic[] = "async-timeout";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "available", 0, test_available },
  { "later", 0, test_later },
  { "times-out", 0, test_times_out },
  { "behind-another", 0, test_behind_another },
  { "zero", 0, test_zero },
  { "first-use", 0, test_first_use },
  { "not-positive", 0, test_not_positive },
  { "cancelled", 0, test_cancelled },
  { "race", 0, test_race },
  { NULL },
};
