/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(SSEM_INSIDE) && !defined(SSEM_COMPILATION)
#error "Only <ssem.h> can be included directly."
#endif

#include <gio/gio.h>

#include "ssem-system-semaphore.h"
#include "ssem-version-macros.h"

G_BEGIN_DECLS

#define SSEM_TYPE_HOLD (ssem_hold_get_type ())

typedef struct _SsemHold SsemHold;

SSEM_AVAILABLE_IN_1_0
GType     ssem_hold_get_type          (void);
SSEM_AVAILABLE_IN_1_0
SsemHold *ssem_hold_new               (SsemSystemSemaphore  *semaphore,
                                       int                   n,
                                       GCancellable         *cancellable,
                                       GError              **error) G_GNUC_WARN_UNUSED_RESULT;
SSEM_AVAILABLE_IN_1_0
SsemHold *ssem_hold_adopt             (SsemSystemSemaphore  *semaphore,
                                       int                   n) G_GNUC_WARN_UNUSED_RESULT;
SSEM_AVAILABLE_IN_1_0
SsemHold *ssem_hold_ref               (SsemHold             *self);
SSEM_AVAILABLE_IN_1_0
void      ssem_hold_unref             (SsemHold             *self);
SSEM_AVAILABLE_IN_1_0
gboolean  ssem_hold_release           (SsemHold             *self,
                                       GError              **error);
SSEM_AVAILABLE_IN_1_0
guint64   ssem_hold_get_fencing_token (SsemHold             *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SsemHold, ssem_hold_unref)

G_END_DECLS
