/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-hold.h"

#include "ssem/os/ssem-fork-private.h"
#include "ssem-system-semaphore-private.h"

/**
 * SsemHold: (skip)
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
 * A hold keeps its semaphore object alive, and releases through it. Do not give the object another
 * key meanwhile. This type is for C; other languages have `with`, `try … finally` or the like. Any
 * thread may free a hold, once.
 *
 * Since: 1.0
 */
struct _SsemHold
{
  /* Constant after init. */
  SsemSystemSemaphore *semaphore;
  int n;
  guint64 fencing_token; /* 0: the units cannot be lost */
  guint n_losses;        /* of the semaphore, when the hold began */
  unsigned int fork_count;
};

static SsemHold *
hold_new (SsemSystemSemaphore *semaphore,
          int                  n,
          guint64              fencing_token)
{
  SsemHold *self = g_new (SsemHold, 1);

  self->semaphore = g_object_ref (semaphore);
  self->n = n;
  self->fencing_token = fencing_token;
  self->n_losses = fencing_token != 0 ? ssem_system_semaphore_get_n_losses (semaphore) : 0;
  self->fork_count = ssem_fork_count ();

  return self;
}

/**
 * ssem_hold_new: (skip)
 * @semaphore: a semaphore
 * @n: how many units: 1 or more
 * @cancellable: (nullable): a cancellable that ends the wait, or `NULL`
 * @error: return location for an error
 *
 * Acquires @n units together, blocks until that many are available, and holds them until it is
 * freed.
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
 * ssem_hold_adopt: (skip)
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
 * ssem_hold_get_fencing_token: (skip)
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
ssem_hold_get_fencing_token (const SsemHold *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->fencing_token;
}

/* A release of what was lost would create units. */
static gboolean
is_lost (const SsemHold *self)
{
  return self->fencing_token != 0 &&
         ssem_system_semaphore_get_n_losses (self->semaphore) != self->n_losses;
}

/**
 * ssem_hold_free: (skip)
 * @self: (transfer full): a hold
 *
 * Releases the units, and frees the hold.
 *
 * [method@Ssem.SystemSemaphore.get_error] returns whether the release succeeded. In a child of
 * `fork()`, which holds none of its parent's units, freeing a hold of the parent releases nothing.
 * Nor does freeing a hold whose units were lost: see [signal@Ssem.SystemSemaphore::lost].
 *
 * Since: 1.0
 */
void
ssem_hold_free (SsemHold *self)
{
  g_return_if_fail (self != NULL);

  if (self->fork_count == ssem_fork_count () && !is_lost (self))
    ssem_system_semaphore_release (self->semaphore, self->n, NULL);

  g_object_unref (self->semaphore);
  g_free (self);
}
