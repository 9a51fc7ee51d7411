/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem-semaphore-item.h"

G_BEGIN_DECLS

SsemSemaphoreItem *ssem_semaphore_item_new      (SsemSemaphoreInfo *info);

/* Takes a newer snapshot of the same semaphore, and notifies of what has changed. */
void               ssem_semaphore_item_set_info (SsemSemaphoreItem *self,
                                                 SsemSemaphoreInfo *info);

G_END_DECLS
