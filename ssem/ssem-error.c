/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-error.h"

/**
 * ssem_system_semaphore_error_quark:
 *
 * The domain of the errors in [error@Ssem.SystemSemaphoreError].
 *
 * Returns: a quark
 *
 * Since: 1.0
 */
G_DEFINE_QUARK (ssem-system-semaphore-error-quark, ssem_system_semaphore_error)
