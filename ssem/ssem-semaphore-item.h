/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(SSEM_INSIDE) && !defined(SSEM_COMPILATION)
#error "Only <ssem.h> can be included directly."
#endif

#include <glib-object.h>

#include "ssem-semaphore-info.h"
#include "ssem-types.h"
#include "ssem-version-macros.h"

G_BEGIN_DECLS

#define SSEM_TYPE_SEMAPHORE_ITEM (ssem_semaphore_item_get_type ())

SSEM_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (SsemSemaphoreItem, ssem_semaphore_item, SSEM, SEMAPHORE_ITEM, GObject)

SSEM_AVAILABLE_IN_1_0
SsemSemaphoreInfo *ssem_semaphore_item_get_info      (SsemSemaphoreItem *self);
SSEM_AVAILABLE_IN_1_0
const char        *ssem_semaphore_item_get_key       (SsemSemaphoreItem *self);
SSEM_AVAILABLE_IN_1_0
SsemBackend        ssem_semaphore_item_get_backend   (SsemSemaphoreItem *self);
SSEM_AVAILABLE_IN_1_0
int                ssem_semaphore_item_get_value     (SsemSemaphoreItem *self);
SSEM_AVAILABLE_IN_1_0
int                ssem_semaphore_item_get_n_holders (SsemSemaphoreItem *self);
SSEM_AVAILABLE_IN_1_0
int                ssem_semaphore_item_get_n_waiters (SsemSemaphoreItem *self);

G_END_DECLS
