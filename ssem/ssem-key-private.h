/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* FALSE with KEY_ERROR for what is no key. */
gboolean ssem_key_check (const char  *key,
                         GError     **error);

G_END_DECLS
