/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "ssem-python-request-private.h"

#include <unistd.h>

/* The interpreter's lock
 *
 *   An operation that needs no wait takes less time than giving up the lock. So a call first tries
 *   with the lock held, and gives it up only to wait. Where a backend may ask a server, or adds
 *   many units one by one, the operation gives it up.
 *
 * Signals
 *
 *   Python's handlers run in the main thread, where PyErr_CheckSignals () is called. The signal
 *   handler in C interrupts a wait there. The wait then calls PyErr_CheckSignals (), as the locks
 *   of CPython do. If a handler raises an exception, the process holds nothing.
 *
 *   A signal that comes just before the thread sleeps does not interrupt it. So the main thread
 *   waits in parts, and calls PyErr_CheckSignals () after each part, too. The end of a part wakes
 *   the other waiters, so each part is longer than the one before.
 *
 *   On a network, each part would be a new request to a server, behind those of all others. So
 *   there the wait is one asynchronous request, and the parts are those of a main context.
 */

#define FIRST_PART_USEC   G_GINT64_CONSTANT (100000)
#define LONGEST_PART_USEC G_GINT64_CONSTANT (5000000)

static PyObject *main_thread; /* threading.main_thread () */

gboolean
ssem_python_release_slowly (SsemSystemSemaphore  *semaphore,
                            int                   n,
                            GError              **error)
{
  gboolean is_released;

  Py_BEGIN_ALLOW_THREADS
  is_released = ssem_system_semaphore_release (semaphore, n, error);
  Py_END_ALLOW_THREADS

  return is_released;
}

/* Returns 1 or 0, or -1 with an exception. */
static int
is_main_thread (void)
{
  PyObject *thread = PyObject_CallFunctionObjArgs (main_thread, NULL);
  PyObject *ident = thread != NULL ? PyObject_GetAttrString (thread, "ident") : NULL;
  unsigned long number = ident != NULL ? PyLong_AsUnsignedLong (ident) : 0;

  Py_XDECREF (thread);
  Py_XDECREF (ident);
  if (PyErr_Occurred () != NULL)
    return -1;

  return number == PyThread_get_thread_ident ();
}

/* Waits in the main thread. Returns FALSE with @error set, or with an exception. */
static gboolean
wait_in_parts (const SsemPythonRequest  *request,
               GError                  **error)
{
  gint64 now_usec = g_get_monotonic_time ();
  gint64 end_usec = now_usec + MIN (request->timeout_usec, G_MAXINT64 - now_usec);
  gint64 part_usec = FIRST_PART_USEC;

  for (;;)
    {
      g_autoptr(GError) part_error = NULL;
      gint64 left_usec = G_MAXINT64;
      gboolean is_last, is_held;

      now_usec = g_get_monotonic_time ();
      if (request->timeout_usec >= 0)
        left_usec = MAX (1, end_usec - now_usec);
      is_last = left_usec <= part_usec;

      Py_BEGIN_ALLOW_THREADS
      is_held = ssem_system_semaphore_acquire_interruptible (request->semaphore, request->n,
                                                             MIN (left_usec, part_usec),
                                                             request->cancellable, &part_error);
      Py_END_ALLOW_THREADS

      /* If the handler raises an exception, the caller does not learn that it holds units. */
      if (PyErr_CheckSignals () != 0)
        {
          if (is_held)
            ssem_python_release (request->semaphore, request->n, NULL);
          return FALSE;
        }
      if (is_held)
        return TRUE;

      if (g_error_matches (part_error, G_FILE_ERROR, G_FILE_ERROR_INTR))
        continue;
      if (is_last || !g_error_matches (part_error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
        {
          g_propagate_error (error, g_steal_pointer (&part_error));
          return FALSE;
        }
      part_usec = MIN (4 * part_usec, LONGEST_PART_USEC);
    }
}

static void
answered_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      data)
{
  GAsyncResult **answer = data;

  *answer = g_object_ref (result);
}

static void
cancelled_cb (GCancellable *cancellable,
              gpointer      interruption)
{
  g_cancellable_cancel (interruption);
}

static gboolean
end_part_cb (gpointer data)
{
  return G_SOURCE_REMOVE;
}

/* Runs @context until something has happened, a signal handler has run, or @part_usec are over. */
static void
run_part (GMainContext *context,
          gint64        part_usec)
{
  g_autoptr(GSource) timer = g_timeout_source_new ((guint) (part_usec / 1000 + 1));

  g_source_set_callback (timer, end_part_cb, NULL, NULL);
  g_source_attach (timer, context);
  Py_BEGIN_ALLOW_THREADS
  g_main_context_iteration (context, TRUE);
  Py_END_ALLOW_THREADS
  g_source_destroy (timer);
}

/* Returns the answer. Sets @has_timed_out, or raises the exception of a signal handler. Returns
 * NULL in a child that the handler has forked: the answer is its parent's, and so are @context and
 * the locks in it. */
static GAsyncResult *
await_answer (const SsemPythonRequest *request,
              GMainContext            *context,
              GCancellable            *interruption,
              gboolean                *has_timed_out)
{
  gint64 now_usec = g_get_monotonic_time ();
  gint64 end_usec = request->timeout_usec < 0
                    ? G_MAXINT64
                    : now_usec + MIN (request->timeout_usec, G_MAXINT64 - now_usec);
  GAsyncResult *answer = NULL;
  pid_t process = getpid ();
  gboolean is_over = FALSE;

  g_main_context_push_thread_default (context);
  ssem_system_semaphore_acquire_async (request->semaphore, request->n, interruption, answered_cb,
                                       &answer);
  g_main_context_pop_thread_default (context);

  while (answer == NULL)
    {
      run_part (context, CLAMP (end_usec - g_get_monotonic_time (), 0, FIRST_PART_USEC));
      if (is_over)
        continue;

      if (PyErr_CheckSignals () != 0)
        is_over = TRUE;
      else if (answer == NULL && g_get_monotonic_time () >= end_usec)
        is_over = *has_timed_out = TRUE;
      if (getpid () != process)
        return NULL;
      if (is_over)
        g_cancellable_cancel (interruption);
    }

  return answer;
}

/* Waits in the main thread for a semaphore on a network. Returns FALSE with @error set, or with an
 * exception. */
static gboolean
wait_for_answer (const SsemPythonRequest  *request,
                 GError                  **error)
{
  GMainContext *context = g_main_context_new ();
  GCancellable *interruption = g_cancellable_new ();
  g_autoptr(GAsyncResult) answer = NULL;
  g_autoptr(GError) reason = NULL;
  gboolean has_timed_out = FALSE;
  g_autofree char *name = ssem_system_semaphore_get_key (request->semaphore);
  gulong handler = 0;
  gboolean is_held;

  if (request->cancellable != NULL)
    handler = g_cancellable_connect (request->cancellable, G_CALLBACK (cancelled_cb),
                                     interruption, NULL);
  answer = await_answer (request, context, interruption, &has_timed_out);
  /* A child keeps its copies: the locks in them may be taken. */
  if (answer == NULL)
    return PyErr_Occurred () == NULL && ssem_python_acquire (request, error);

  /* Without the interpreter's lock, for which a handler of the program may wait in another thread,
   * with the cancellable locked. */
  Py_BEGIN_ALLOW_THREADS
  if (handler != 0)
    g_cancellable_disconnect (request->cancellable, handler);
  Py_END_ALLOW_THREADS
  g_object_unref (interruption);
  g_main_context_unref (context);

  is_held = ssem_system_semaphore_acquire_finish (request->semaphore, answer, &reason);
  if (PyErr_Occurred () != NULL)
    {
      /* The caller does not learn that it holds units. */
      if (is_held)
        ssem_python_release (request->semaphore, request->n, NULL);
      return FALSE;
    }
  if (!is_held && has_timed_out && g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                 g_dgettext ("ssem-1", "Timed out while waiting for units of the semaphore “%s”"),
                 name);
  else if (!is_held)
    g_propagate_error (error, g_steal_pointer (&reason));

  return is_held;
}

gboolean
ssem_python_acquire (const SsemPythonRequest  *request,
                     GError                  **error)
{
  gboolean is_immediate = request->timeout_usec == 0;
  gboolean is_held;
  int is_main;

  if (G_LIKELY (ssem_python_is_short (request->semaphore, request->n)))
    {
      if (is_immediate)
        return ssem_system_semaphore_acquire_timeout (request->semaphore, request->n, 0,
                                                      request->cancellable, error);

      /* A cancelled call fails, even if there are units. */
      if (request->cancellable == NULL &&
          ssem_system_semaphore_try_acquire (request->semaphore, request->n, NULL))
        return TRUE;
    }

  is_main = is_immediate ? 0 : is_main_thread ();
  if (is_main < 0)
    return FALSE;
  if (is_main)
    return ssem_python_is_on_network (request->semaphore) ? wait_for_answer (request, error)
                                                          : wait_in_parts (request, error);

  Py_BEGIN_ALLOW_THREADS
  is_held = ssem_system_semaphore_acquire_timeout (request->semaphore, request->n,
                                                   request->timeout_usec, request->cancellable,
                                                   error);
  Py_END_ALLOW_THREADS

  return is_held;
}

static gboolean
is_too_late (const GError *error)
{
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ||
         g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
}

int
ssem_python_acquire_in_time (const SsemPythonRequest *request)
{
  GError *error = NULL;

  if (ssem_python_acquire (request, &error))
    return 1;
  if (PyErr_Occurred () != NULL)
    return -1;
  if (request->timeout_usec >= 0 && is_too_late (error))
    {
      g_error_free (error);
      return 0;
    }
  ssem_python_raise (error);

  return -1;
}

gboolean
ssem_python_request_import (void)
{
  main_thread = ssem_python_import ("threading", "main_thread");

  return main_thread != NULL;
}
