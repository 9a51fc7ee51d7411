/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <unistd.h>

/* --- Requests --- */

typedef struct
{
  SsemSystemSemaphore *semaphore;
  GCancellable *cancellable;
  GMainContext *context;  /* where the callback shall run */
  GPtrArray *completed;   /* in order, shared by the requests of a test */
  gboolean is_done;
  gboolean is_acquired;
  GError *error;
} Request;

static void
acquired_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      data)
{
  Request *request = data;

  g_assert_true (source == G_OBJECT (request->semaphore));
  g_assert_true (g_main_context_is_owner (request->context));
  g_assert_false (request->is_done);

  request->is_acquired = ssem_system_semaphore_acquire_finish (request->semaphore, result,
                                                               &request->error);
  request->is_done = TRUE;
  g_assert_true (request->is_acquired == (request->error == NULL));
  if (request->completed != NULL)
    g_ptr_array_add (request->completed, request);
}

static void
request_start (Request             *self,
               SsemSystemSemaphore *semaphore,
               int                  n,
               GPtrArray           *completed)
{
  self->semaphore = semaphore;
  self->context = g_main_context_ref_thread_default ();
  self->completed = completed;
  ssem_system_semaphore_acquire_async (semaphore, n, self->cancellable, acquired_cb, self);
  /* Never from within the call. */
  g_assert_false (self->is_done);
}

static void
request_clear (Request *self)
{
  g_assert_true (self->is_done);
  g_clear_error (&self->error);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->context, g_main_context_unref);
}

static gboolean
iterate_until_done (gpointer data)
{
  Request *request = data;

  while (!request->is_done && g_main_context_iteration (request->context, FALSE))
    ;

  return request->is_done;
}

static void
request_wait (Request *self)
{
  wait_for ("a request to complete", iterate_until_done, self);
}

/* Both wait for the request, whose result must be that, and clear it. */
static void
request_expect_done (Request *self)
{
  request_wait (self);
  g_assert_no_error (self->error);
  g_assert_true (self->is_acquired);
  request_clear (self);
}

static void
request_expect_refused (Request *self,
                        GQuark   domain,
                        int      code)
{
  request_wait (self);
  g_assert_error (self->error, domain, code);
  g_assert_false (self->is_acquired);
  request_clear (self);
}

static void
iterate_all (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static guint
count_threads (void)
{
  return count_threads_named (getpid (), NULL);
}

/* The threads that serve requests have gone. A backend may keep one of its own, as it does for
 * waits of any sort, and that is all. */
static gboolean
has_few_threads (gpointer data)
{
  return count_threads_named (getpid (), "ssem-acquire") == 0 &&
         count_threads () <= *(guint *) data + 1;
}

/* --- One by one --- */

static void
test_at_once (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  Request request = { 0 };

  request_start (&request, semaphore, 2, NULL);
  request_expect_done (&request);
  assert_value (semaphore, 1);

  drop_object (&semaphore);
}

static void
test_later (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  Helper *helper = fixture_open_helper (fixture, 0);
  Request request = { 0 };

  request_start (&request, semaphore, 2, NULL);
  fixture_wait_until_pending (fixture, 1);
  iterate_all ();
  g_assert_false (request.is_done);
  helper_run_expect_ok (helper, "release 0 1");
  request_expect_done (&request);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

static void
test_not_positive (Fixture *fixture)
{
  const int numbers[] = { 0, -1, G_MININT };
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      Request request = { 0 };

      request_start (&request, semaphore, numbers[i], NULL);
      request_expect_refused (&request, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      assert_value (semaphore, 3);
    }

  drop_object (&semaphore);
}

static void
test_past_maximum (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  Request request = { 0 };

  request_start (&request, semaphore, fixture_maximum (fixture) + 1, NULL);
  request_expect_refused (&request, SSEM_SYSTEM_SEMAPHORE_ERROR,
                          SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);
  g_assert_cmpint (ssem_system_semaphore_get_error (semaphore), ==,
                   SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);

  drop_object (&semaphore);
}

/* Nobody asks for the result: the units are held all the same. */
static void
test_without_callback (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  Request request = { 0 };

  ssem_system_semaphore_acquire_async (semaphore, 1, NULL, NULL, NULL);
  ssem_system_semaphore_acquire_async (semaphore, 2, NULL, NULL, NULL);
  fixture_wait_until_pending (fixture, 1);
  request_start (&request, semaphore, 1, NULL);
  assert_release (semaphore, 4);
  request_expect_done (&request);
  assert_value (semaphore, 1);

  iterate_all ();
  drop_object (&semaphore);
}

/* An object that was built from its properties alone opens itself here, too. */
static void
test_first_use (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  Request request = { 0 };
  Request without_key = { 0 };

  semaphore = g_object_new (SSEM_TYPE_SYSTEM_SEMAPHORE, "key", fixture->key, "initial-value", 2,
                            "backend", fixture->backend, NULL);
  request_start (&request, semaphore, 1, NULL);
  request_expect_done (&request);
  assert_value (semaphore, 1);
  drop_object (&semaphore);

  semaphore = g_object_new (SSEM_TYPE_SYSTEM_SEMAPHORE, "backend", fixture->backend, NULL);
  request_start (&without_key, semaphore, 1, NULL);
  request_expect_refused (&without_key, SSEM_SYSTEM_SEMAPHORE_ERROR,
                          SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  drop_object (&semaphore);
}

/* A pending request keeps its object. */
static void
test_keeps_object (Fixture *fixture)
{
  SsemSystemSemaphore *semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Helper *helper = fixture_open_helper (fixture, 0);
  Request request = { 0 };
  gpointer weak = semaphore;

  g_object_add_weak_pointer (G_OBJECT (semaphore), &weak);
  request_start (&request, semaphore, 1, NULL);
  g_object_unref (semaphore);
  fixture_wait_until_pending (fixture, 1);
  g_assert_nonnull (weak);
  helper_run_expect_ok (helper, "release 0 1");
  request_expect_done (&request);
  iterate_all ();
  g_assert_null (weak);

}

/* --- Ten thousand --- */

#define N_MANY 10000

/* All wait in one thread, are served in order as units come, and it goes when they are. */
static void
test_many (Fixture *fixture)
{
  const guint n_many = (guint) fixture_scale (fixture, N_MANY);
  const guint n_step = n_many / 10;
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  g_autoptr(GPtrArray) completed = g_ptr_array_new ();
  g_autofree Request *requests = g_new0 (Request, n_many);
  guint n_before = count_threads ();
  guint i, n_released;

  for (i = 0; i < n_many; i++)
    request_start (&requests[i], semaphore, 1, completed);
  fixture_wait_until_pending (fixture, 1);
  g_assert_cmpuint (count_threads (), <=, n_before + 2);
  iterate_all ();
  g_assert_cmpuint (completed->len, ==, 0);

  for (n_released = 0; n_released < n_many; n_released += n_step)
    {
      assert_release (semaphore, (int) n_step);
      request_wait (&requests[n_released + n_step - 1]);
      g_assert_cmpuint (completed->len, ==, n_released + n_step);
      g_assert_cmpuint (count_threads (), <=, n_before + 2);
    }

  for (i = 0; i < n_many; i++)
    {
      g_assert_true (g_ptr_array_index (completed, i) == &requests[i]);
      g_assert_no_error (requests[i].error);
      request_clear (&requests[i]);
    }
  assert_value (semaphore, 0);
  wait_for ("the thread to go", has_few_threads, &n_before);

  drop_object (&semaphore);
}

/* Each can be cancelled on its own; the others are served in order. */
static void
test_many_cancelled (Fixture *fixture)
{
  /* So that the last but one is not cancelled. */
  const guint n_many = (guint) fixture_scale (fixture, N_MANY) / 3 * 3 + 1;
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  g_autoptr(GPtrArray) completed = g_ptr_array_new ();
  g_autofree Request *requests = g_new0 (Request, n_many);
  guint n_before = count_threads ();
  guint i, n_cancelled = 0;

  for (i = 0; i < n_many; i++)
    {
      requests[i].cancellable = g_cancellable_new ();
      request_start (&requests[i], semaphore, 1, completed);
    }
  g_assert_cmpuint (count_threads (), <=, n_before + 2);

  /* The one that is being served among them. */
  for (i = 0; i < n_many; i += 3)
    {
      g_cancellable_cancel (requests[i].cancellable);
      g_assert_false (requests[i].is_done);
      n_cancelled++;
    }
  for (i = 0; i < n_many; i += 3)
    {
      request_expect_refused (&requests[i], G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
  iterate_all ();
  g_assert_cmpuint (completed->len, ==, n_cancelled);

  assert_release (semaphore, (int) n_many);
  request_wait (&requests[n_many - 2]);
  assert_value (semaphore, (int) n_cancelled);
  /* From here on it counts what has completed. */
  for (i = 0; i < n_many; i++)
    {
      if (i % 3 != 0)
        {
          g_assert_no_error (requests[i].error);
          g_assert_true (g_ptr_array_index (completed, n_cancelled++) == &requests[i]);
        }
      request_clear (&requests[i]);
    }
  wait_for ("the thread to go", has_few_threads, &n_before);

  drop_object (&semaphore);
}

/* One for many units is not overtaken by later ones for few. */
static void
test_order (Fixture *fixture)
{
  const int numbers[] = { 3, 1, 2, 1, 5, 1 };
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
  g_autoptr(GPtrArray) completed = g_ptr_array_new ();
  Request requests[G_N_ELEMENTS (numbers)] = { { 0 } };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (numbers); i++)
    request_start (&requests[i], semaphore, numbers[i], completed);
  fixture_wait_until_pending (fixture, 1);
  iterate_all ();
  g_assert_cmpuint (completed->len, ==, 0);
  assert_value (semaphore, 2);

  for (i = 0; i < 11; i++)
    assert_release (semaphore, 1);
  request_wait (&requests[G_N_ELEMENTS (numbers) - 1]);
  for (i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_assert_true (g_ptr_array_index (completed, i) == &requests[i]);
      g_assert_no_error (requests[i].error);
      request_clear (&requests[i]);
    }
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

/* --- Cancelling --- */

static void
test_cancelled_before (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  Request request = { .cancellable = g_cancellable_new () };

  g_cancellable_cancel (request.cancellable);
  request_start (&request, semaphore, 1, NULL);
  request_expect_refused (&request, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_value (semaphore, 3);

  drop_object (&semaphore);
}

/* Cancelled when it had succeeded already, before anybody asked: it is a success. */
static void
test_cancelled_after (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  Request at_once = { .cancellable = g_cancellable_new () };
  Request later = { .cancellable = g_cancellable_new () };
  guint n_before = count_threads ();

  request_start (&at_once, semaphore, 1, NULL);
  g_cancellable_cancel (at_once.cancellable);
  request_expect_done (&at_once);

  request_start (&later, semaphore, 1, NULL);
  fixture_wait_until_pending (fixture, 1);
  assert_release (semaphore, 1);
  wait_for ("the thread to go", has_few_threads, &n_before);
  assert_value (semaphore, 0);
  g_cancellable_cancel (later.cancellable);
  request_expect_done (&later);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

typedef struct
{
  Request *requests;
  guint n_requests;
} Victims;

static void
cancel_others_cb (GObject      *source,
                  GAsyncResult *result,
                  gpointer      data)
{
  Victims *victims = data;
  g_autoptr(GError) error = NULL;
  guint i;

  g_assert_true (ssem_system_semaphore_acquire_finish (SSEM_SYSTEM_SEMAPHORE (source), result,
                                                       &error));
  g_assert_no_error (error);
  for (i = 0; i < victims->n_requests; i++)
    {
      g_cancellable_cancel (victims->requests[i].cancellable);
      /* Not from within the cancelling. */
      g_assert_false (victims->requests[i].is_done);
    }
}

static void
test_cancelled_in_callback (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Request requests[4] = { { 0 } };
  Victims victims = { requests, G_N_ELEMENTS (requests) };
  guint i;

  ssem_system_semaphore_acquire_async (semaphore, 1, NULL, cancel_others_cb, &victims);
  for (i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      requests[i].cancellable = g_cancellable_new ();
      request_start (&requests[i], semaphore, 2, NULL);
    }
  assert_release (semaphore, 1);
  for (i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      request_expect_refused (&requests[i], G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

static gpointer
cancel_in_thread (gpointer data)
{
  GCancellable *cancellable = data;

  g_cancellable_cancel (cancellable);

  return NULL;
}

/* The units and the cancelling race; what the request says is what the process holds. */
static void
test_race (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  int i;

  for (i = 0; i < 500 && fixture_has_time (fixture); i++)
    {
      Request requests[2] = { { 0 } };
      GThread *thread;
      int n_held = 0;
      guint j;

      for (j = 0; j < G_N_ELEMENTS (requests); j++)
        {
          requests[j].cancellable = g_cancellable_new ();
          request_start (&requests[j], semaphore, 1, NULL);
        }
      thread = g_thread_new ("cancel", cancel_in_thread, requests[i % 2].cancellable);
      assert_release (semaphore, 2);
      for (j = 0; j < G_N_ELEMENTS (requests); j++)
        {
          request_wait (&requests[j]);
          if (requests[j].is_acquired)
            n_held++;
          else
            g_assert_error (requests[j].error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
          g_assert_true (requests[j].is_acquired || (int) j == i % 2);
        }
      g_thread_join (thread);
      assert_value (semaphore, 2 - n_held);
      if (n_held < 2)
        assert_acquire (semaphore, 2 - n_held);
      for (j = 0; j < G_N_ELEMENTS (requests); j++)
        request_clear (&requests[j]);
    }

  drop_object (&semaphore);
}

/* --- Another key, another context, the end of it all --- */

static void
test_set_key (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Request requests[5] = { { 0 } };
  Request afterwards = { 0 };
  gboolean is_set;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (requests); i++)
    request_start (&requests[i], semaphore, 1, NULL);
  fixture_wait_until_pending (fixture, 1);
  is_set = ssem_system_semaphore_set_key (semaphore, "another", 9, SSEM_ACCESS_MODE_OPEN, NULL);
  g_assert_true (is_set);
  request_start (&afterwards, semaphore, 2, NULL);
  for (i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      request_expect_refused (&requests[i], SSEM_SYSTEM_SEMAPHORE_ERROR,
                              SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
    }
  request_expect_done (&afterwards);
  assert_value (semaphore, 7);

  drop_object (&semaphore);
}

/* A disposed object is no user any more, although there is a reference to it: the semaphore
 * goes. */
static void
test_disposed_of (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Request requests[3] = { { 0 } };
  guint n_before = count_threads ();
  guint i;

  for (i = 0; i < G_N_ELEMENTS (requests); i++)
    request_start (&requests[i], semaphore, 1, NULL);
  fixture_wait_until_pending (fixture, 1);
  g_object_run_dispose (G_OBJECT (semaphore));
  for (i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      request_expect_refused (&requests[i], SSEM_SYSTEM_SEMAPHORE_ERROR,
                              SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
    }
  wait_for ("the thread to go", has_few_threads, &n_before);
  fixture_assert_empty (fixture);

  drop_object (&semaphore);
}

static gpointer
request_in_context (gpointer data)
{
  SsemSystemSemaphore *semaphore = data;
  g_autoptr(GMainContext) context = g_main_context_new ();
  Request requests[3] = { { 0 } };
  guint i;

  g_main_context_push_thread_default (context);
  for (i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      request_start (&requests[i], semaphore, 1, NULL);
      g_assert_true (requests[i].context == context);
    }
  for (i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      request_expect_done (&requests[i]);
    }
  while (g_main_context_iteration (context, FALSE))
    ;
  g_main_context_pop_thread_default (context);

  return NULL;
}

static void
test_context (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  GThread *threads[2];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("context", request_in_context, semaphore);
  assert_release (semaphore, 5);
  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  /* None of it came here. */
  g_assert_false (g_main_context_pending (NULL));
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

/* Two objects of one key: each has a thread of its own while it needs one. */
static void
test_two_objects (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) first = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  g_autoptr(SsemSystemSemaphore) second = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  guint n_before = count_threads ();
  Request requests[2] = { { 0 } };

  request_start (&requests[0], first, 1, NULL);
  request_start (&requests[1], second, 2, NULL);
  fixture_wait_until_pending (fixture, 2);
  assert_release (first, 3);
  request_wait (&requests[0]);
  request_wait (&requests[1]);
  g_assert_no_error (requests[0].error);
  g_assert_no_error (requests[1].error);
  assert_value (second, 0);
  wait_for ("the threads to go", has_few_threads, &n_before);

  request_clear (&requests[0]);
  request_clear (&requests[1]);
  drop_object (&first);
  drop_object (&second);
}

const char conformance_topic[] = "async";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "at-once", 0, test_at_once },
  { "later", 0, test_later },
  { "not-positive", 0, test_not_positive },
  { "past-maximum", NEEDS_BOUND, test_past_maximum },
  { "without-callback", 0, test_without_callback },
  { "first-use", 0, test_first_use },
  { "keeps-object", 0, test_keeps_object },
  { "many", NEEDS_OWN_MACHINE, test_many },
  { "many-cancelled", NEEDS_OWN_MACHINE, test_many_cancelled },
  { "order", 0, test_order },
  { "cancelled-before", 0, test_cancelled_before },
  { "cancelled-after", NEEDS_WAITING_THREAD | NEEDS_OWN_MACHINE, test_cancelled_after },
  { "cancelled-in-callback", 0, test_cancelled_in_callback },
  { "race", 0, test_race },
  { "set-key", 0, test_set_key },
  { "disposed-of", 0, test_disposed_of },
  { "context", 0, test_context },
  { "two-objects", NEEDS_OWN_MACHINE, test_two_objects },
  { NULL },
};
