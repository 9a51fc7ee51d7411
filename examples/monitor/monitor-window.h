/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define MONITOR_TYPE_WINDOW (monitor_window_get_type ())

G_DECLARE_FINAL_TYPE (MonitorWindow, monitor_window, MONITOR, WINDOW, AdwApplicationWindow)

GtkWidget *monitor_window_new (GtkApplication *application);

G_END_DECLS
