/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(SSEM_INSIDE) && !defined(SSEM_COMPILATION)
#error "Only <ssem.h> can be included directly."
#endif

#include <glib-object.h>

#include "ssem-version-macros.h"

G_BEGIN_DECLS

#define SSEM_TYPE_PROCESS_INFO (ssem_process_info_get_type ())

typedef struct _SsemProcessInfo SsemProcessInfo;

SSEM_AVAILABLE_IN_1_0
GType            ssem_process_info_get_type    (void);
SSEM_AVAILABLE_IN_1_0
SsemProcessInfo *ssem_process_info_ref         (SsemProcessInfo *self);
SSEM_AVAILABLE_IN_1_0
void             ssem_process_info_unref       (SsemProcessInfo *self);
SSEM_AVAILABLE_IN_1_0
const char      *ssem_process_info_get_host    (SsemProcessInfo *self);
SSEM_AVAILABLE_IN_1_0
int              ssem_process_info_get_pid     (SsemProcessInfo *self);
SSEM_AVAILABLE_IN_1_0
const char      *ssem_process_info_get_command (SsemProcessInfo *self);
SSEM_AVAILABLE_IN_1_0
gint64           ssem_process_info_get_units   (SsemProcessInfo *self);
SSEM_AVAILABLE_IN_1_0
GDateTime       *ssem_process_info_get_since   (SsemProcessInfo *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemProcessInfo, ssem_process_info_unref)

G_END_DECLS
