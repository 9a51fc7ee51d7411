/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-native-key-private.h"
#include "ssem-semaphore-info.h"

#include "ssem/backend/ssem-backend-inspect-private.h"

G_BEGIN_DECLS

/* Initialises the class, which binds the domain of the messages and protects the locks. Call this
 * function before those of ssem-backend-inspect.c. */
void     ssem_semaphore_info_ensure_library (void);

/* Parses @native_key into @parsed, which the caller clears, and makes @target of it. */
gboolean ssem_semaphore_info_find_native    (const char         *native_key,
                                             SsemNativeKey      *parsed,
                                             SsemBackendTarget  *target,
                                             GError            **error);

G_END_DECLS
