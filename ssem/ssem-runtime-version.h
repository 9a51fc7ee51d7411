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

SSEM_AVAILABLE_IN_1_0
void     ssem_get_version   (guint *major,
                             guint *minor,
                             guint *micro);
SSEM_AVAILABLE_IN_1_0
gboolean ssem_check_version (guint  major,
                             guint  minor,
                             guint  micro);

G_END_DECLS
