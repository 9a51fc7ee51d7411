/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Fails with KEY_ERROR where @key is not a valid key. */
gboolean ssem_key_check (const char  *key,
                         GError     **error);

/* Fails with G_IO_ERROR_INVALID_ARGUMENT where @value cannot be the value of a semaphore. */
gboolean ssem_value_check (int           value,
                           GError      **error);

G_END_DECLS
