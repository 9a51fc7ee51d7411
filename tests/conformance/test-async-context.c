/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <dlfcn.h>
#include <unistd.h>

/* A source in the main context of its caller returns a request. As soon as it is attached, the
 * caller's thread may get the result and drop the context, and g_source_unref () locks the context
 * that a source was in. So the thread that has attached the source needs the context until it has
 * dropped the source. Here that thread gives the caller's all the time that this one needs. */

typedef struct
{
  SsemSystemSemaphore *semaphore;
  GCancellable *cancellable;
  int has_asked;
  int n_done;
} Caller;

static GThread *caller_thread;
static int is_context_gone;
static int n_dropped;
static _Thread_local gboolean is_patient;

/* In place of GLib's: the library calls it, too. */
void
g_source_unref (GSource *source)
{
  void (* real) (GSource *source);

  *(void **) &real = dlsym (RTLD_NEXT, "g_source_unref");

  if (is_patient)
    {
      is_patient = FALSE;
      g_thread_join (g_steal_pointer (&caller_thread));
      g_assert_false (g_atomic_int_get (&is_context_gone));
      n_dropped++;
    }

  real (source);
}

static void
mark_context_gone (gpointer data)
{
  g_atomic_int_set (&is_context_gone, TRUE);
}

static void
acquired_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      data)
{
  Caller *self = data;

  /* One is cancelled, and the other gets the unit that comes then. */
  self->n_done++;
  if (ssem_system_semaphore_acquire_finish (self->semaphore, result, NULL))
    g_assert_cmpint (self->n_done, ==, 2);
  else
    assert_release (self->semaphore, 1);
}

static gboolean
never_cb (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static gpointer
call (gpointer data)
{
  Caller *self = data;
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GSource) last = g_timeout_source_new_seconds (G_MAXUINT);

  g_main_context_push_thread_default (context);
  /* It is there as long as the context is. */
  g_source_set_callback (last, never_cb, NULL, mark_context_gone);
  g_source_attach (last, context);

  ssem_system_semaphore_acquire_async (self->semaphore, 1, NULL, acquired_cb, self);
  ssem_system_semaphore_acquire_async (self->semaphore, 1, self->cancellable, acquired_cb, self);
  g_atomic_int_set (&self->has_asked, TRUE);
  while (self->n_done < 2)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);

  return NULL;
}

static gboolean
is_set (gpointer data)
{
  int *flag = data;

  return g_atomic_int_get (flag);
}

static void
test_dropped_by_caller (Fixture *fixture)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  Caller self = { semaphore, cancellable, FALSE, 0 };

  g_atomic_int_set (&is_context_gone, FALSE);
  n_dropped = 0;
  caller_thread = g_thread_new ("caller", call, &self);
  wait_for ("both requests", is_set, &self.has_asked);
  fixture_wait_until_pending (fixture, 1);

  /* The second one waits for the first, so it is this thread that finishes it. */
  is_patient = TRUE;
  g_cancellable_cancel (cancellable);
  g_assert_cmpint (n_dropped, ==, 1);
  g_assert_cmpint (self.n_done, ==, 2);
  wait_for ("the context to go", is_set, &is_context_gone);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
}

const char conformance_topic[] = "async-context";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "dropped-by-caller", NEEDS_WAITING_THREAD, test_dropped_by_caller },
  { NULL },
};
