/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "monitor-semaphore.h"

G_BEGIN_DECLS

#define MONITOR_TYPE_LIST (monitor_list_get_type ())

G_DECLARE_FINAL_TYPE (MonitorList, monitor_list, MONITOR, LIST, GObject)

MonitorList *monitor_list_new       (void);
GListModel  *monitor_list_get_model (MonitorList *self);
void         monitor_list_open      (MonitorList *self,
                                     const char  *key,
                                     int          initial_value);
void         monitor_list_stop      (MonitorList *self);

G_END_DECLS
