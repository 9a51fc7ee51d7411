/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-system-semaphore-private.h"

#include "ssem/os/ssem-thread-private.h"
#include "ssem-i18n-private.h"

/* Does what g_return_val_if_fail () does where @self of the function @name is no semaphore. It is a
 * function, so that its callers can end with a call of it, for which they save no register. */
G_GNUC_NO_INLINE static gboolean
refuse_self (const char *name)
{
  g_return_if_fail_warning (G_LOG_DOMAIN, name, "SSEM_IS_SYSTEM_SEMAPHORE (self)");

  return FALSE;
}

gboolean
ssem_system_semaphore_check_units (int      n,
                                   GError **error)
{
  if (G_LIKELY (n > 0))
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               _("Invalid number of units %d: use 1 or more"), n);

  return FALSE;
}

/* Enters the instance for @operation, and records a failure. */
static SsemInstance *
enter_instance_for (SsemSystemSemaphore  *self,
                    SsemOperation         operation,
                    guint                *depth,
                    GError              **error)
{
  GError *cause = NULL;
  SsemInstance *instance;
  int failure;

  instance = ssem_system_semaphore_enter (self, NULL, depth, &failure, &cause);
  if (failure != 0)
    ssem_system_semaphore_finish (self, NULL, operation, failure, error);
  else if (instance == NULL)
    ssem_system_semaphore_record_failure (self, error, cause);

  return instance;
}

/* Operates on the fast path in any thread. The backend of an object does not change once there is
 * an instance. */
static gboolean
operate_in_any_thread (SsemSystemSemaphore *self,
                       gboolean             is_release,
                       int                  n)
{
  SsemBackend backend = atomic_load_explicit (&self->backend, memory_order_relaxed);

  return ssem_fast_path_operate_in_any_thread (&self->fast_path, backend, is_release, n);
}

/* --- Acquiring --- */

static gint64
deadline_after (gint64 timeout_usec)
{
  gint64 now;

  if (timeout_usec == 0)
    return SSEM_DEADLINE_NOW;
  if (timeout_usec < 0)
    return SSEM_DEADLINE_NONE;

  now = g_get_monotonic_time ();

  return timeout_usec < SSEM_DEADLINE_NONE - now ? now + timeout_usec : SSEM_DEADLINE_NONE;
}

/* Sets @fencing_token after a success. */
static gboolean
acquire_with_token (SsemSystemSemaphore  *self,
                    int                   n,
                    gint64                timeout_usec,
                    GCancellable         *cancellable,
                    GError              **error,
                    SsemAcquireOperation  operate,
                    guint64              *fencing_token)
{
  SSEM_THREAD_SHIELD;
  gint64 deadline_usec = deadline_after (timeout_usec);
  const SsemBackendTable *table;
  SsemInstance *instance;
  GError *cause = NULL;
  guint depth;
  int failure;

  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!ssem_system_semaphore_check_units (n, &cause) ||
      g_cancellable_set_error_if_cancelled (cancellable, &cause))
    return ssem_system_semaphore_record_failure (self, error, cause);
  instance = enter_instance_for (self, SSEM_OPERATION_ACQUIRE, &depth, error);
  if (instance == NULL)
    return FALSE;

  table = instance->table;
  if (deadline_usec != SSEM_DEADLINE_NOW)
    ssem_hazard_stay (depth);
  if (deadline_usec != SSEM_DEADLINE_NOW && ssem_system_semaphore_is_traced ())
    failure = ssem_system_semaphore_acquire_traced (self, instance, operate, n, deadline_usec,
                                                    cancellable, fencing_token);
  else
    failure = operate (instance, n, deadline_usec, cancellable, fencing_token);

  /* An acquire that does not wait may run in a signal handler, which must not free memory. */
  if (deadline_usec == SSEM_DEADLINE_NOW)
    ssem_hazard_leave (depth);
  else
    ssem_hazard_leave_and_free (depth);
  if (failure == 0 && *fencing_token != 0)
    ssem_system_semaphore_set_fencing_token (self, *fencing_token);

  return ssem_system_semaphore_finish (self, table, SSEM_OPERATION_ACQUIRE, failure, error);
}

G_GNUC_NO_INLINE static gboolean
acquire_slow (SsemSystemSemaphore  *self,
              int                   n,
              gint64                timeout_usec,
              GCancellable         *cancellable,
              GError              **error,
              SsemAcquireOperation  operate)
{
  guint64 fencing_token;

  return acquire_with_token (self, n, timeout_usec, cancellable, error, operate, &fencing_token);
}

G_GNUC_NO_INLINE static gboolean
acquire_in_any_thread (SsemSystemSemaphore  *self,
                       int                   n,
                       gint64                timeout_usec,
                       GError              **error)
{
  return operate_in_any_thread (self, FALSE, n) ||
         acquire_slow (self, n, timeout_usec, NULL, error, ssem_backend_acquire);
}

/* Acquires where the shortest fast path, which the public functions contain, is not that of the
 * object or fails. The functions leave their arguments where they are for this call. */
G_GNUC_NO_INLINE static gboolean
acquire_otherwise (SsemSystemSemaphore  *self,
                   int                   n,
                   gint64                timeout_usec,
                   GError              **error)
{
  SsemHazard *hazard = ssem_fast_path_get_hazard (&self->fast_path);

  if (n != 1 || !ssem_hazard_is_own (hazard))
    return acquire_in_any_thread (self, n, timeout_usec, error);

  if (G_LIKELY (ssem_fast_path_operate_by_call (&self->fast_path, hazard, FALSE)))
    return TRUE;

  return acquire_slow (self, 1, timeout_usec, NULL, error, ssem_backend_acquire);
}

/* Does what the public functions have in common. */
static G_ALWAYS_INLINE inline gboolean
acquire (SsemSystemSemaphore  *self,
         int                   n,
         gint64                timeout_usec,
         GCancellable         *cancellable,
         GError              **error)
{
  if (cancellable != NULL || n <= 0)
    return acquire_slow (self, n, timeout_usec, cancellable, error, ssem_backend_acquire);

  if (ssem_fast_path_operate (&self->fast_path, FALSE, n))
    return TRUE;

  return acquire_otherwise (self, n, timeout_usec, error);
}

gboolean
ssem_system_semaphore_acquire_fenced (SsemSystemSemaphore  *self,
                                      int                   n,
                                      GCancellable         *cancellable,
                                      guint64              *fencing_token,
                                      GError              **error)
{
  *fencing_token = 0;

  /* A backend with a fast path has no tokens. */
  if (cancellable == NULL && n > 0 &&
      (ssem_fast_path_operate (&self->fast_path, FALSE, n) ||
       operate_in_any_thread (self, FALSE, n)))
    return TRUE;

  return acquire_with_token (self, n, -1, cancellable, error, ssem_backend_acquire, fencing_token);
}

/**
 * ssem_system_semaphore_acquire:
 * @self: a semaphore
 * @n: how many units: 1 or more
 * @cancellable: (nullable): a cancellable that ends the wait, or `NULL`
 * @error: return location for an error
 *
 * Acquires @n units together, and blocks until that many are available.
 *
 * It takes all of them or none. A failed or cancelled acquire holds nothing. An acquire that got
 * its units is never reported as cancelled. A cancelled wait ends immediately, with System V within
 * 50 milliseconds. Where the system has only single units, as in its own semaphores on Windows,
 * several are collected when that many are available; see the page
 * [Platforms](platforms.html#several-units).
 *
 * Acquires of fewer units may overtake a wait for several, repeatedly, and with System V without
 * limit. The page [Platforms](platforms.html#fairness) shows how to avoid that.
 *
 * In a program with a main loop, use [method@Ssem.SystemSemaphore.acquire_async]. Do not call this
 * in a signal handler. It is no cancellation point of `pthread_cancel()`.
 *
 * Returns: `TRUE` if the process holds the units, or `FALSE` with @error set:
 *
 * - `G_IO_ERROR_INVALID_ARGUMENT` if @n is not positive;
 * - `G_IO_ERROR_CANCELLED` if @cancellable was cancelled;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES` if @n is more than the backend's maximum (32767
 *   with System V), or the system has no memory for the wait; with shared memory also at the first
 *   use by this thread, if 4095 threads of all processes use the semaphore or the disk is full;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND` if something removed the semaphore from the system
 *   (with shared memory a wait notices after about a second, an operation that need not wait does
 *   not),
 *   or another thread gave the object another key;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED` if the system no longer lets the process use
 *   the semaphore;
 * - an error of [ctor@Ssem.SystemSemaphore.new] if the object was not open yet, or not yet in this
 *   child of `fork()`;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR` for anything else.
 *
 * Since: 1.0
 */
gboolean
ssem_system_semaphore_acquire (SsemSystemSemaphore  *self,
                               int                   n,
                               GCancellable         *cancellable,
                               GError              **error)
{
  if (G_UNLIKELY (!ssem_system_semaphore_is_valid (self)))
    return refuse_self (G_STRFUNC);

  return acquire (self, n, -1, cancellable, error);
}

/**
 * ssem_system_semaphore_try_acquire:
 * @self: a semaphore
 * @n: how many units: 1 or more
 * @error: return location for an error
 *
 * Acquires @n units together if they are available, without waiting for them.
 *
 * With shared memory, if many processes hold units, this may miss the units of a process that died
 * less than 10 milliseconds ago.
 *
 * With shared memory and System V this may be called in a signal handler, with `NULL` for @error,
 * if the thread has used the semaphore before; see [class@Ssem.SystemSemaphore].
 *
 * Returns: `TRUE` if the process holds the units, or `FALSE` with @error set:
 *
 * - `G_IO_ERROR_WOULD_BLOCK` if there are fewer than @n units;
 * - otherwise as [method@Ssem.SystemSemaphore.acquire] sets it, except that nothing is cancelled.
 *
 * Since: 1.0
 */
gboolean
ssem_system_semaphore_try_acquire (SsemSystemSemaphore  *self,
                                   int                   n,
                                   GError              **error)
{
  if (G_UNLIKELY (!ssem_system_semaphore_is_valid (self)))
    return refuse_self (G_STRFUNC);

  return acquire (self, n, 0, NULL, error);
}

/**
 * ssem_system_semaphore_acquire_timeout:
 * @self: a semaphore
 * @n: how many units: 1 or more
 * @timeout_usec: how long to wait, in microseconds; 0 does not wait, as
 *   [method@Ssem.SystemSemaphore.try_acquire], a negative number waits forever
 * @cancellable: (nullable): a cancellable that ends the wait, or `NULL`
 * @error: return location for an error
 *
 * Acquires @n units together, and blocks until that many are available or the time is over.
 *
 * The time is measured by the monotonic clock: changes of the wall clock have no effect, and time
 * during which the system is suspended does not count. Do not call this in a signal handler. It is
 * no cancellation point of `pthread_cancel()`.
 *
 * Returns: `TRUE` if the process holds the units, or `FALSE` with @error set:
 *
 * - `G_IO_ERROR_TIMED_OUT` if the time is over;
 * - `G_IO_ERROR_WOULD_BLOCK` if @timeout_usec is 0 and there are fewer than @n units;
 * - otherwise as [method@Ssem.SystemSemaphore.acquire] sets it.
 *
 * Since: 1.0
 */
gboolean
ssem_system_semaphore_acquire_timeout (SsemSystemSemaphore  *self,
                                       int                   n,
                                       gint64                timeout_usec,
                                       GCancellable         *cancellable,
                                       GError              **error)
{
  if (G_UNLIKELY (!ssem_system_semaphore_is_valid (self)))
    return refuse_self (G_STRFUNC);

  return acquire (self, n, timeout_usec, cancellable, error);
}

/**
 * ssem_system_semaphore_acquire_interruptible:
 * @self: a semaphore
 * @n: how many units: 1 or more
 * @timeout_usec: how long to wait, in microseconds; 0 does not wait, as
 *   [method@Ssem.SystemSemaphore.try_acquire], a negative number waits forever
 * @cancellable: (nullable): a cancellable that ends the wait, or `NULL`
 * @error: return location for an error
 *
 * Acquires @n units together, as [method@Ssem.SystemSemaphore.acquire_timeout], but returns when a
 * signal handler has run.
 *
 * This function is for run-times of languages that have signal handlers of their own. Such a
 * run-time notes the signal in its handler in C, and runs the program's handler later, between two
 * instructions of the program. It must not run it in the handler in C. All other functions wait on
 * after a signal, so the program's handler would not run before the end of the wait.
 *
 * If a signal handler runs in the calling thread while it sleeps, the function returns `FALSE` with
 * the error `G_FILE_ERROR_INTR`, even if the handler has the flag `SA_RESTART`. The caller then holds
 * none of the units, and calls the function again when it has done its work. If the units are
 * available at that moment, the function takes them and returns `TRUE`. With System V, a process that
 * was stopped and continues may get the error, too, although no handler ran.
 *
 * A handler that runs in another thread, or before this thread sleeps, does not end the wait. A
 * run-time that must notice such a signal waits several times for a shorter time.
 *
 * Windows has no signals, so the function is [method@Ssem.SystemSemaphore.acquire_timeout] there. So
 * it is for a backend in a module that cannot be interrupted.
 *
 * Returns: `TRUE` if the process holds the units, or `FALSE` with @error set:
 *
 * - `G_FILE_ERROR_INTR` if a signal handler ran;
 * - otherwise as [method@Ssem.SystemSemaphore.acquire_timeout] sets it.
 *
 * Since: 1.0
 */
gboolean
ssem_system_semaphore_acquire_interruptible (SsemSystemSemaphore  *self,
                                             int                   n,
                                             gint64                timeout_usec,
                                             GCancellable         *cancellable,
                                             GError              **error)
{
  g_return_val_if_fail (ssem_system_semaphore_is_valid (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return acquire_slow (self, n, timeout_usec, cancellable, error,
                       ssem_backend_acquire_interruptible);
}

/* --- Releasing, and the value --- */

G_GNUC_NO_INLINE static gboolean
release_slow (SsemSystemSemaphore  *self,
              int                   n,
              GError              **error)
{
  SSEM_THREAD_SHIELD;
  const SsemBackendTable *table;
  SsemInstance *instance;
  GError *cause = NULL;
  guint depth;
  int failure;

  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!ssem_system_semaphore_check_units (n, &cause))
    return ssem_system_semaphore_record_failure (self, error, cause);
  instance = enter_instance_for (self, SSEM_OPERATION_RELEASE, &depth, error);
  if (instance == NULL)
    return FALSE;

  table = instance->table;
  failure = ssem_backend_release (instance, n);
  ssem_hazard_leave (depth);

  return ssem_system_semaphore_finish (self, table, SSEM_OPERATION_RELEASE, failure, error);
}

G_GNUC_NO_INLINE static gboolean
release_in_any_thread (SsemSystemSemaphore  *self,
                       int                   n,
                       GError              **error)
{
  return operate_in_any_thread (self, TRUE, n) || release_slow (self, n, error);
}

G_GNUC_NO_INLINE static gboolean
release_otherwise (SsemSystemSemaphore  *self,
                   int                   n,
                   GError              **error)
{
  SsemHazard *hazard = ssem_fast_path_get_hazard (&self->fast_path);

  if (n != 1 || !ssem_hazard_is_own (hazard))
    return release_in_any_thread (self, n, error);

  if (G_LIKELY (ssem_fast_path_operate_by_call (&self->fast_path, hazard, TRUE)))
    return TRUE;

  return release_slow (self, 1, error);
}

/**
 * ssem_system_semaphore_release:
 * @self: a semaphore
 * @n: how many units: 1 or more
 * @error: return location for an error
 *
 * Releases @n units and wakes waiters for them.
 *
 * If the process has acquired fewer, this creates units, also past the initial value.
 *
 * With shared memory and System V this may be called in a signal handler, with `NULL` for @error,
 * if the thread has used the semaphore before; see [class@Ssem.SystemSemaphore].
 *
 * Returns: `TRUE` if the units were added, or `FALSE` with @error set and the value as it was:
 *
 * - `G_IO_ERROR_INVALID_ARGUMENT` if @n is not positive;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES` if the value would pass the backend's maximum
 *   (32767 with System V, else `G_MAXINT`); with shared memory also at the first use by this
 *   thread, if 4095 threads of all processes use the semaphore or the disk is full;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND` if something removed the semaphore from the system;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED` if the system no longer lets the process use
 *   the semaphore;
 * - an error of [ctor@Ssem.SystemSemaphore.new] if the object was not open yet, or not yet in this
 *   child of `fork()`;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR` for anything else.
 *
 * Since: 1.0
 */
gboolean
ssem_system_semaphore_release (SsemSystemSemaphore  *self,
                               int                   n,
                               GError              **error)
{
  if (G_UNLIKELY (!ssem_system_semaphore_is_valid (self)))
    return refuse_self (G_STRFUNC);

  if (n <= 0)
    return release_slow (self, n, error);

  if (ssem_fast_path_operate (&self->fast_path, TRUE, n))
    return TRUE;

  return release_otherwise (self, n, error);
}

/**
 * ssem_system_semaphore_get_value:
 * @self: a semaphore
 * @error: return location for an error
 *
 * Returns how many units are available.
 *
 * The value may have changed when this function returns. To find out whether an acquire would wait,
 * use [method@Ssem.SystemSemaphore.try_acquire] instead. With shared memory, if many processes hold
 * units, the value may not yet contain the units of a process that died less than 10 milliseconds
 * ago. Do not call this in a signal handler.
 *
 * Returns: the value, 0 or more, or -1 with @error set:
 *
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND` if something removed the semaphore from the system;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED` if the system no longer lets the process use
 *   the semaphore;
 * - an error of [ctor@Ssem.SystemSemaphore.new] if the object was not open yet, or not yet in this
 *   child of `fork()`;
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR` for anything else.
 *
 * Since: 1.0
 */
int
ssem_system_semaphore_get_value (SsemSystemSemaphore  *self,
                                 GError              **error)
{
  SSEM_THREAD_SHIELD;
  const SsemBackendTable *table;
  SsemInstance *instance;
  int failure, value = -1;
  guint depth;

  g_return_val_if_fail (SSEM_IS_SYSTEM_SEMAPHORE (self), -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  instance = enter_instance_for (self, SSEM_OPERATION_GET_VALUE, &depth, error);
  if (instance == NULL)
    return -1;

  table = instance->table;
  failure = ssem_backend_get_value (instance, &value);
  ssem_hazard_leave_and_free (depth);

  return ssem_system_semaphore_finish (self, table, SSEM_OPERATION_GET_VALUE, failure, error)
         ? value
         : -1;
}

/* --- The calls without arguments ---
 *
 * They are for languages that read the typelib at run time. There, each argument and the error
 * location cost more than the acquire itself. In C they are no faster than the others.
 */

/**
 * ssem_system_semaphore_try_acquire_one:
 * @self: a semaphore
 *
 * Acquires one unit if one is available, without waiting for it.
 *
 * This is [method@Ssem.SystemSemaphore.try_acquire] of one unit without a `GError`, for languages
 * in which each argument of a call takes time. After a failure,
 * [method@Ssem.SystemSemaphore.get_error] and [method@Ssem.SystemSemaphore.get_error_string] return
 * the reason. The Python module uses this function automatically.
 *
 * Returns: `TRUE` if the process holds the unit, or `FALSE` if none was available, or
 *   [method@Ssem.SystemSemaphore.try_acquire] would fail for another reason
 *
 * Since: 1.0
 */
gboolean
ssem_system_semaphore_try_acquire_one (SsemSystemSemaphore *self)
{
  return ssem_system_semaphore_try_acquire (self, 1, NULL);
}

/**
 * ssem_system_semaphore_release_one:
 * @self: a semaphore
 *
 * Releases one unit and wakes a waiter for it.
 *
 * This is [method@Ssem.SystemSemaphore.release] of one unit without a `GError`, for languages in
 * which each argument of a call takes time. After a failure,
 * [method@Ssem.SystemSemaphore.get_error] and [method@Ssem.SystemSemaphore.get_error_string] return
 * the reason. The Python module uses this function automatically.
 *
 * Returns: `TRUE` if the unit was added, or `FALSE`, with the value as it was, for any reason that
 *   [method@Ssem.SystemSemaphore.release] fails for
 *
 * Since: 1.0
 */
gboolean
ssem_system_semaphore_release_one (SsemSystemSemaphore *self)
{
  return ssem_system_semaphore_release (self, 1, NULL);
}
