/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(SSEM_INSIDE) && !defined(SSEM_COMPILATION)
#error "Only <ssem.h> can be included directly."
#endif

#include <glib.h>

#include "ssem-types.h"
#include "ssem-version-macros.h"

G_BEGIN_DECLS

SSEM_AVAILABLE_IN_1_0
char *ssem_native_key_for_qt (const char    *key,
                              SsemBackend    type,
                              SsemQtNaming   naming,
                              GError       **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
