/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define MONITOR_TYPE_BAR (monitor_bar_get_type ())

G_DECLARE_FINAL_TYPE (MonitorBar, monitor_bar, MONITOR, BAR, GtkWidget)

GtkWidget *monitor_bar_new       (int         width);
void       monitor_bar_set_units (MonitorBar *self,
                                  gint64      total,
                                  gint64      taken,
                                  gint64      own);

G_END_DECLS
