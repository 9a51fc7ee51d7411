/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-system-semaphore.h"

/* Design note
 *
 * The two calls that nearly every program makes, with nothing but the semaphore as their argument.
 * In C they are no faster than the others, which do the work. In a language that reads the typelib
 * while it runs each argument is looked at and converted anew in each call, the place for an error
 * is one more, and together they take longer than the call itself. They have no state of their own.
 */

/**
 * ssem_system_semaphore_try_acquire_one:
 * @self: a semaphore
 *
 * Takes one unit if it is there, without waiting for it.
 *
 * As [method@Ssem.SystemSemaphore.try_acquire] of one unit, without an error to look at: for
 * languages in which each argument of a call takes time. Where it fails,
 * [method@Ssem.SystemSemaphore.get_error] and [method@Ssem.SystemSemaphore.get_error_string] tell
 * why. The module for Python uses it by itself.
 *
 * Returns: `TRUE` if the process holds the unit, or `FALSE` if there was none, or for any other
 *   reason that [method@Ssem.SystemSemaphore.try_acquire] fails for
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
 * Adds one unit and wakes whoever waits for it.
 *
 * As [method@Ssem.SystemSemaphore.release] of one unit, without an error to look at: for languages
 * in which each argument of a call takes time. Where it fails,
 * [method@Ssem.SystemSemaphore.get_error] and [method@Ssem.SystemSemaphore.get_error_string] tell
 * why. The module for Python uses it by itself.
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
