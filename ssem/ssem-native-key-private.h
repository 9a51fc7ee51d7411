/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/backend/ssem-backend-private.h"
#include "ssem/os/ssem-native-key-text-private.h"

G_BEGIN_DECLS

/* Parses @text into @key, which the caller clears after a success. Fails with KEY_ERROR where @text
 * is not a native key, and with G_IO_ERROR_INVALID_ARGUMENT where @backend is neither DEFAULT nor
 * the backend of the native key. */
gboolean                 ssem_native_key_check     (const char           *text,
                                                    SsemBackend           backend,
                                                    SsemNativeKey        *key,
                                                    GError              **error);

/* Returns the configuration with which a backend opens @key. The result points into @key. */
SsemBackendConfiguration ssem_native_key_configure (const SsemNativeKey  *key);

G_END_DECLS
