/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(SSEM_INSIDE) && !defined(SSEM_COMPILATION)
#error "Only <ssem.h> can be included directly."
#endif

#include <gio/gio.h>

#include "ssem-semaphore-item.h"
#include "ssem-types.h"
#include "ssem-version-macros.h"

G_BEGIN_DECLS

#define SSEM_TYPE_SEMAPHORE_LIST (ssem_semaphore_list_get_type ())

SSEM_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (SsemSemaphoreList, ssem_semaphore_list, SSEM, SEMAPHORE_LIST, GObject)

SSEM_AVAILABLE_IN_1_0
SsemSemaphoreList *ssem_semaphore_list_new               (SsemBackend        backend) G_GNUC_WARN_UNUSED_RESULT;
SSEM_AVAILABLE_IN_1_0
SsemBackend        ssem_semaphore_list_get_backend       (SsemSemaphoreList *self);
SSEM_AVAILABLE_IN_1_0
const char        *ssem_semaphore_list_get_address       (SsemSemaphoreList *self);
SSEM_AVAILABLE_IN_1_0
gint64             ssem_semaphore_list_get_interval_usec (SsemSemaphoreList *self);
SSEM_AVAILABLE_IN_1_0
void               ssem_semaphore_list_set_interval_usec (SsemSemaphoreList *self,
                                                          gint64             interval_usec);
SSEM_AVAILABLE_IN_1_0
void               ssem_semaphore_list_refresh           (SsemSemaphoreList *self);

G_END_DECLS
