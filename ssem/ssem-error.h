/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(SSEM_INSIDE) && !defined(SSEM_COMPILATION)
#error "Only <ssem.h> can be included directly."
#endif

#include <glib.h>

#include "ssem-version-macros.h"

G_BEGIN_DECLS

/**
 * SSEM_SYSTEM_SEMAPHORE_ERROR:
 *
 * The domain of the errors in [error@Ssem.SystemSemaphoreError].
 *
 * Since: 1.0
 */
#define SSEM_SYSTEM_SEMAPHORE_ERROR (ssem_system_semaphore_error_quark ())

/**
 * SsemSystemSemaphoreError:
 * @SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR: Nothing failed. Never the code of a `GError`;
 *   [method@Ssem.SystemSemaphore.get_error] returns it after a success.
 * @SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED: The semaphore belongs to another user, or the
 *   system's rules forbid its use.
 * @SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR: The key is empty, longer than 1024 bytes or not UTF-8, or
 *   its file is not a semaphore.
 * @SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS: `SSEM_ACCESS_MODE_CREATE_EXCLUSIVE` found a
 *   semaphore that is in use.
 * @SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND: There is no semaphore of that key; or it was removed from
 *   the system, or the object was given another key, while it was in use.
 * @SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES: The value would pass the backend's maximum, or the
 *   system has no more semaphores, memory, descriptors or disk space.
 * @SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR: Another error, which the message describes.
 *   [method@Ssem.SystemSemaphore.get_error] also returns it after a failure of the `G_IO_ERROR`
 *   domain.
 * @SSEM_SYSTEM_SEMAPHORE_ERROR_LOST: The backend's service could not be reached for so long that
 *   other processes were given the units that this process held. Only a backend on a network sets
 *   it. Qt has no such code.
 *
 * Why an operation on a semaphore failed, with the numbers of
 * `QSystemSemaphore::SystemSemaphoreError`.
 *
 * Other failures have the domain `G_IO_ERROR`: an acquire that was cancelled, timed out or would
 * block, an argument out of range, a backend that is not available, and the removal of a semaphore
 * in use.
 *
 * Since: 1.0
 */
typedef enum
{
  SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR,
  SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED,
  SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR,
  SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS,
  SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND,
  SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES,
  SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR,
  SSEM_SYSTEM_SEMAPHORE_ERROR_LOST,
} SsemSystemSemaphoreError;

SSEM_AVAILABLE_IN_1_0
GQuark ssem_system_semaphore_error_quark (void);

G_END_DECLS
