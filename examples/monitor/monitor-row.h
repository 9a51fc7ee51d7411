/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "monitor-semaphore.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define MONITOR_TYPE_ROW (monitor_row_get_type ())

G_DECLARE_FINAL_TYPE (MonitorRow, monitor_row, MONITOR, ROW, AdwExpanderRow)

GtkWidget        *monitor_row_new           (MonitorSemaphore *semaphore);
MonitorSemaphore *monitor_row_get_semaphore (MonitorRow       *self);
GActionGroup     *monitor_row_get_actions   (MonitorRow       *self);

G_END_DECLS
