/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <ssem.h>

G_BEGIN_DECLS

#define MONITOR_TYPE_SEMAPHORE (monitor_semaphore_get_type ())

G_DECLARE_FINAL_TYPE (MonitorSemaphore, monitor_semaphore, MONITOR, SEMAPHORE, GObject)

MonitorSemaphore  *monitor_semaphore_new         (SsemSemaphoreItem   *item,
                                                  SsemSemaphoreList   *list);
SsemSemaphoreInfo *monitor_semaphore_get_info    (MonitorSemaphore    *self);
gboolean           monitor_semaphore_is_kept     (MonitorSemaphore    *self);
int                monitor_semaphore_get_held    (MonitorSemaphore    *self);
int                monitor_semaphore_get_waiting (MonitorSemaphore    *self);

void               monitor_semaphore_keep        (MonitorSemaphore    *self,
                                                  SsemSystemSemaphore *opened);
void               monitor_semaphore_leave       (MonitorSemaphore    *self);
void               monitor_semaphore_close       (MonitorSemaphore    *self);
void               monitor_semaphore_acquire     (MonitorSemaphore    *self,
                                                  int                  n);
void               monitor_semaphore_cancel      (MonitorSemaphore    *self);
void               monitor_semaphore_release     (MonitorSemaphore    *self);
void               monitor_semaphore_clean       (MonitorSemaphore    *self);

G_END_DECLS
