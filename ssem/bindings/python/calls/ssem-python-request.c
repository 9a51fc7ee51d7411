/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "ssem-python-request-private.h"

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
    return wait_in_parts (request, error);

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
