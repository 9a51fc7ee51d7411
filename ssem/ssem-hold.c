/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-hold.h"

#include "ssem/os/ssem-fork-private.h"
#include "ssem-system-semaphore-private.h"

/**
 * SsemHold:
 *
 * Holds units until the end of a block, like `GMutexLocker` holds a lock.
 *
 * ```c
 * g_autoptr(GError) error = NULL;
 * g_autoptr(SsemSystemSemaphore) market =
 *   ssem_system_semaphore_new ("market", 3, SSEM_ACCESS_MODE_JOIN, &error);
 *
 * if (market == NULL)
 *   g_error ("%s", error->message);
 *
 * {
 *   g_autoptr(SsemHold) hold = ssem_hold_new (market, 2, NULL, &error);
 *
 *   if (hold == NULL)
 *     g_error ("%s", error->message);
 *   // Two of three: work with them. They are released however this block is left.
 * }
 * ```
 *
 * The units are released when the last reference goes, or earlier by [method@Ssem.Hold.release]. In
 * Vala, a hold ends with its scope. A language with a garbage collector drops the last reference at
 * some time: call [method@Ssem.Hold.release] there, or use the `with` of Python and JavaScript.
 *
 * A hold keeps its semaphore object alive, and releases through it. Do not give the object another
 * key meanwhile. Any thread may use a hold.
 *
 * Since: 1.0
 */
struct _SsemHold
{
  gatomicrefcount references;
  atomic_int n; /* 0 after the release, else constant */

  /* Constant after init. */
  SsemSystemSemaphore *semaphore;
  guint64 fencing_token; /* 0: the units cannot be lost */
  guint n_losses;        /* of the semaphore, when the hold began */
  unsigned int fork_count;
};

G_DEFINE_BOXED_TYPE (SsemHold, ssem_hold, ssem_hold_ref, ssem_hold_unref)

static SsemHold *
hold_new (SsemSystemSemaphore *semaphore,
          int                  n,
          guint64              fencing_token)
{
  SsemHold *self = g_new (SsemHold, 1);

  g_atomic_ref_count_init (&self->references);
  self->semaphore = g_object_ref (semaphore);
  self->n = n;
  self->fencing_token = fencing_token;
  self->n_losses = fencing_token != 0 ? ssem_system_semaphore_get_n_losses (semaphore) : 0;
  self->fork_count = ssem_fork_count ();

  return self;
}

/**
 * ssem_hold_new:
 * @semaphore: a semaphore
 * @n: how many units: 1 or more
 * @cancellable: (nullable): a cancellable that ends the wait, or `NULL`
 * @error: return location for an error
 *
 * Acquires @n units together, and blocks until that many are available.
 *
 * Returns: (transfer full): the hold, or `NULL`, with nothing held and nothing to free, and @error
 *   set as [method@Ssem.SystemSemaphore.acquire] sets it
 *
 * Since: 1.0
 */
SsemHold *
ssem_hold_new (SsemSystemSemaphore  *semaphore,
               int                   n,
               GCancellable         *cancellable,
               GError              **error)
{
  guint64 fencing_token;

  g_return_val_if_fail (SSEM_IS_SYSTEM_SEMAPHORE (semaphore), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!ssem_system_semaphore_acquire_fenced (semaphore, n, cancellable, &fencing_token, error))
    return NULL;

  return hold_new (semaphore, n, fencing_token);
}

/**
 * ssem_hold_adopt: (constructor)
 * @semaphore: a semaphore
 * @n: how many units: 1 or more
 *
 * Makes a hold of @n units that the process holds already. It may have acquired them with
 * [method@Ssem.SystemSemaphore.try_acquire], [method@Ssem.SystemSemaphore.acquire_timeout] or
 * [method@Ssem.SystemSemaphore.acquire_async].
 *
 * Returns: (transfer full): the hold
 *
 * Since: 1.0
 */
SsemHold *
ssem_hold_adopt (SsemSystemSemaphore *semaphore,
                 int                  n)
{
  g_return_val_if_fail (SSEM_IS_SYSTEM_SEMAPHORE (semaphore), NULL);
  g_return_val_if_fail (n > 0, NULL);

  return hold_new (semaphore, n, ssem_system_semaphore_get_fencing_token (semaphore));
}

/**
 * ssem_hold_get_fencing_token:
 * @self: a hold
 *
 * Returns the fencing token of the acquire that the hold stands for.
 *
 * See [method@Ssem.SystemSemaphore.get_fencing_token]. A hold that ssem_hold_adopt() has made has
 * the token that the semaphore object had at that moment.
 *
 * Returns: the token, or 0 if nothing can be lost, as with all backends on this machine
 *
 * Since: 1.0
 */
guint64
ssem_hold_get_fencing_token (SsemHold *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->fencing_token;
}

/* --- The end --- */

/* A release of what was lost would create units. */
static gboolean
is_lost (SsemHold *self)
{
  return self->fencing_token != 0 &&
         ssem_system_semaphore_get_n_losses (self->semaphore) != self->n_losses;
}

/* Returns how many units this call has to release: all, or none if another call has come first, or
 * if the process does not hold them. */
static int
take_units (SsemHold *self)
{
  int n = atomic_exchange_explicit (&self->n, 0, memory_order_relaxed);

  return self->fork_count == ssem_fork_count () ? n : 0;
}

static gboolean
fail_with_loss (SsemHold  *self,
                GError   **error)
{
  g_autofree char *name = ssem_system_semaphore_get_name (self->semaphore);

  ssem_backend_describe (NULL, SSEM_OPERATION_KEEP, name != NULL ? name : "", SSEM_FAILURE_LOST,
                         error);

  return FALSE;
}

/**
 * ssem_hold_release:
 * @self: a hold
 * @error: return location for an error
 *
 * Releases the units.
 *
 * A second call does nothing, and succeeds, whether the first one succeeded or not. So does a call
 * in a child of `fork()`, which holds none of its parent's units.
 *
 * Returns: `TRUE` if the hold has no units any more, or `FALSE` with @error set:
 *
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_LOST` if the units were lost while they were held: see
 *   [signal@Ssem.SystemSemaphore::lost]; then nothing is released;
 * - otherwise as [method@Ssem.SystemSemaphore.release] sets it.
 *
 * Since: 1.0
 */
gboolean
ssem_hold_release (SsemHold  *self,
                   GError   **error)
{
  int n;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  n = take_units (self);
  if (n == 0)
    return TRUE;
  if (is_lost (self))
    return fail_with_loss (self, error);

  return ssem_system_semaphore_release (self->semaphore, n, error);
}

/**
 * ssem_hold_ref:
 * @self: a hold
 *
 * Adds a reference to the hold.
 *
 * Returns: (transfer full): @self
 *
 * Since: 1.0
 */
SsemHold *
ssem_hold_ref (SsemHold *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->references);

  return self;
}

/**
 * ssem_hold_unref:
 * @self: (transfer full): a hold
 *
 * Drops a reference to the hold; the last one releases the units.
 *
 * [method@Ssem.SystemSemaphore.get_error] returns whether the release succeeded. Units that were
 * lost, or belong to the parent process, are not released: see [method@Ssem.Hold.release].
 *
 * Since: 1.0
 */
void
ssem_hold_unref (SsemHold *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->references))
    return;

  ssem_hold_release (self, NULL);
  g_object_unref (self->semaphore);
  g_free (self);
}
