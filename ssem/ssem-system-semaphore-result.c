/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-system-semaphore-private.h"

#include "ssem/backend/ssem-loss-watch-private.h"

char *
ssem_system_semaphore_dup_name (SsemSystemSemaphore *self)
{
  return g_strdup (self->is_native ? self->native_key : self->key);
}

char *
ssem_system_semaphore_get_name (SsemSystemSemaphore *self)
{
  char *name;

  g_mutex_lock (&ssem_system_semaphore_lock);
  name = ssem_system_semaphore_dup_name (self);
  g_mutex_unlock (&ssem_system_semaphore_lock);

  return name;
}

/* The fast path is paused after a failure, until an operation succeeds on the slow path. If one
 * thread fails while another succeeds, the fast path may stay paused after a success, until the
 * next success resumes it. It never goes on after a failure. */
static void
set_outcome (SsemSystemSemaphore *self,
             int                  outcome)
{
  atomic_store (&self->outcome, outcome);
  ssem_fast_state_set_paused (&self->fast_path.state, outcome != SSEM_OUTCOME_SUCCESS);
  if (outcome == SSEM_OUTCOME_SUCCESS && atomic_load (&self->outcome) != SSEM_OUTCOME_SUCCESS)
    ssem_fast_state_set_paused (&self->fast_path.state, TRUE);
}

void
ssem_system_semaphore_record_success (SsemSystemSemaphore *self)
{
  if (!ssem_system_semaphore_is_without_error (self) ||
      ssem_fast_state_is_paused (&self->fast_path.state))
    set_outcome (self, SSEM_OUTCOME_SUCCESS);
}

void
ssem_system_semaphore_record_error (SsemSystemSemaphore *self,
                                    const GError        *error)
{
  gboolean is_ours = error->domain == SSEM_SYSTEM_SEMAPHORE_ERROR;

  g_mutex_lock (&ssem_system_semaphore_lock);
  g_free (self->error_string);
  self->error_string = g_strdup (error->message);
  self->error_code = is_ours ? error->code : SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR;
  set_outcome (self, SSEM_OUTCOME_RECORDED);
  g_mutex_unlock (&ssem_system_semaphore_lock);
}

gboolean
ssem_system_semaphore_record_failure (SsemSystemSemaphore  *self,
                                      GError              **error,
                                      GError               *failure)
{
  ssem_system_semaphore_record_error (self, failure);
  g_propagate_error (error, failure);

  return FALSE;
}

gboolean
ssem_system_semaphore_finish (SsemSystemSemaphore     *self,
                              const SsemBackendTable  *table,
                              SsemOperation            operation,
                              int                      failure,
                              GError                 **error)
{
  if (failure == 0)
    {
      ssem_system_semaphore_record_success (self);
      return TRUE;
    }

  set_outcome (self, SSEM_OUTCOME_MAKE (operation, failure));
  if (error != NULL)
    {
      g_autofree char *key = ssem_system_semaphore_get_name (self);

      ssem_backend_describe (table, operation, key, failure, error);
    }

  return FALSE;
}

void
ssem_system_semaphore_set_fencing_token (SsemSystemSemaphore *self,
                                         guint64              fencing_token)
{
  /* Without a lock: a try may run in a signal handler. */
  atomic_store (&self->fencing_token, fencing_token);
}

/**
 * ssem_system_semaphore_get_fencing_token:
 * @self: a semaphore
 *
 * Returns the fencing token of the last successful acquire of this object.
 *
 * A fencing token is a number greater than that of every earlier acquire of the key, on whatever
 * machine. With a backend on a network, the process may lose its units and go on working, because
 * it was stopped and has not been told yet. Send the token along with each request to the resource
 * that the units guard, and let the resource refuse a token that is less than the greatest one it
 * has seen. Then the late request of such a process does no harm.
 *
 * An acquire with [method@Ssem.SystemSemaphore.acquire_async] counts from its
 * [method@Ssem.SystemSemaphore.acquire_finish] on: call this function right after that. If several
 * threads acquire through the object, the token may be that of another thread's acquire. A
 * `SsemHold` has the token of its own.
 *
 * Do not call this in a signal handler.
 *
 * Returns: the token; 0 if the object has acquired nothing since it got its key, or nothing can be
 *   lost, as with all backends on this machine
 *
 * Since: 1.0
 */
guint64
ssem_system_semaphore_get_fencing_token (SsemSystemSemaphore *self)
{
  g_return_val_if_fail (ssem_system_semaphore_is_valid (self), 0);

  return atomic_load (&self->fencing_token);
}

/**
 * ssem_system_semaphore_get_n_losses:
 * @self: a semaphore
 *
 * Counts how often the process has lost what it held of this semaphore.
 *
 * The count grows at the moment of the loss, before [signal@Ssem.SystemSemaphore::lost] is emitted,
 * and without a main loop. A program that compares the counts before and after its work knows
 * whether it held the units all the time. If it did not, it must not release them: a release of
 * units that the process does not hold creates units. A `SsemHold` does this itself.
 *
 * Do not call this in a signal handler.
 *
 * Returns: the number of losses since the object has opened its key; 0 if nothing can be lost, as
 *   with all backends on this machine
 *
 * Since: 1.0
 */
guint
ssem_system_semaphore_get_n_losses (SsemSystemSemaphore *self)
{
  SsemInstance *instance;
  guint n_losses = 0;
  guint depth;

  g_return_val_if_fail (ssem_system_semaphore_is_valid (self), 0);

  instance = ssem_hazard_enter (&self->instance, &depth);
  if (instance != NULL)
    n_losses = ssem_loss_watch_count (instance);
  ssem_hazard_leave_and_free (depth);

  return n_losses;
}

/* Returns the error of the last operation on @self; NULL after a success. */
static GError *
get_last_error (SsemSystemSemaphore *self)
{
  g_autofree char *key = NULL;
  GError *error = NULL;
  SsemBackend backend;
  int outcome;

  g_mutex_lock (&ssem_system_semaphore_lock);
  outcome = atomic_load_explicit (&self->outcome, memory_order_relaxed);
  backend = self->backend;
  key = ssem_system_semaphore_dup_name (self);
  if (outcome == SSEM_OUTCOME_RECORDED)
    error = g_error_new_literal (SSEM_SYSTEM_SEMAPHORE_ERROR, (int) self->error_code,
                                 self->error_string);
  g_mutex_unlock (&ssem_system_semaphore_lock);

  if (outcome != SSEM_OUTCOME_SUCCESS && outcome != SSEM_OUTCOME_RECORDED)
    ssem_backend_describe (ssem_backend_find (backend), SSEM_OUTCOME_OPERATION (outcome), key,
                           SSEM_OUTCOME_FAILURE (outcome), &error);

  return error;
}

/**
 * ssem_system_semaphore_get_error:
 * @self: a semaphore
 *
 * Returns the error code of the last operation on this object, in any thread.
 *
 * This function is for programs ported from Qt; the `GError` of each call says more. Do not call it
 * in a signal handler.
 *
 * Returns: `SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR` after a success, else the code of the error;
 *   `SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR` stands for all of the `G_IO_ERROR` domain
 *
 * Since: 1.0
 */
SsemSystemSemaphoreError
ssem_system_semaphore_get_error (SsemSystemSemaphore *self)
{
  g_autoptr(GError) error = NULL;

  g_return_val_if_fail (ssem_system_semaphore_is_valid (self),
                        SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR);

  if (ssem_system_semaphore_is_without_error (self))
    return SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR;

  error = get_last_error (self);
  if (error == NULL)
    return SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR;

  return error->domain == SSEM_SYSTEM_SEMAPHORE_ERROR ? (SsemSystemSemaphoreError) error->code
                                                      : SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR;
}

/**
 * ssem_system_semaphore_get_error_string:
 * @self: a semaphore
 *
 * Returns the translated error message of the last operation on this object.
 *
 * Do not call this in a signal handler.
 *
 * Returns: (transfer full): the message, or the empty string after a success
 *
 * Since: 1.0
 */
char *
ssem_system_semaphore_get_error_string (SsemSystemSemaphore *self)
{
  g_autoptr(GError) error = NULL;

  g_return_val_if_fail (ssem_system_semaphore_is_valid (self), NULL);

  error = get_last_error (self);

  return g_strdup (error != NULL ? error->message : "");
}
