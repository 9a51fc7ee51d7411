/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define MONITOR_TYPE_OPENER (monitor_opener_get_type ())

G_DECLARE_FINAL_TYPE (MonitorOpener, monitor_opener, MONITOR, OPENER, AdwMessageDialog)

GtkWidget *monitor_opener_new (GtkWindow *parent);

G_END_DECLS
