/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "monitor-bar.h"

/* Shows a box for each unit: first the units that this window holds, then the units of others, then
 * the free units. If there are too many units, it shows one box with three parts.
 */

#define HEIGHT        12
#define RADIUS        3
#define GAP           3
#define MIN_BOX_WIDTH 6

struct _MonitorBar
{
  GtkWidget parent_instance;

  int width; /* natural */
  gint64 total;
  gint64 taken;
  gint64 own;
};

G_DEFINE_FINAL_TYPE (MonitorBar, monitor_bar, GTK_TYPE_WIDGET)

/* Looks up a colour of the theme; the default is the colour of text. */
static GdkRGBA
look_up_color (MonitorBar *self,
               const char *name,
               float       alpha)
{
  GtkStyleContext *context = gtk_widget_get_style_context (GTK_WIDGET (self));
  GdkRGBA color;

  if (name == NULL || !gtk_style_context_lookup_color (context, name, &color))
    gtk_style_context_get_color (context, &color);
  color.alpha *= alpha;

  return color;
}

static void
draw_box (GtkSnapshot   *snapshot,
          const GdkRGBA *color,
          float          x,
          float          width)
{
  graphene_rect_t bounds = GRAPHENE_RECT_INIT (x, 0, width, HEIGHT);
  GskRoundedRect outline;

  gsk_rounded_rect_init_from_rect (&outline, &bounds, RADIUS);
  gtk_snapshot_push_rounded_clip (snapshot, &outline);
  gtk_snapshot_append_color (snapshot, color, &bounds);
  gtk_snapshot_pop (snapshot);
}

static void
monitor_bar_snapshot (GtkWidget   *widget,
                      GtkSnapshot *snapshot)
{
  MonitorBar *self = MONITOR_BAR (widget);
  const gint64 ends[] = { self->own, self->taken, self->total };
  const GdkRGBA colors[] = {
    look_up_color (self, "success_color", 1),
    look_up_color (self, "accent_bg_color", 1),
    look_up_color (self, NULL, 0.15f),
  };
  gboolean is_mirrored = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL;
  float width = gtk_widget_get_width (widget);
  float unit_width;
  gboolean has_boxes;
  gint64 begin = 0;
  guint i;

  if (self->total == 0)
    {
      draw_box (snapshot, &colors[2], 0, width);
      return;
    }

  gtk_snapshot_save (snapshot);
  if (is_mirrored)
    {
      gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (width, 0));
      gtk_snapshot_scale (snapshot, -1, 1);
    }

  unit_width = (width + GAP) / self->total;
  has_boxes = unit_width >= MIN_BOX_WIDTH + GAP;
  for (i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      gint64 unit;

      for (unit = begin; has_boxes && unit < ends[i]; unit++)
        draw_box (snapshot, &colors[i], unit * unit_width, unit_width - GAP);
      if (!has_boxes && begin < ends[i])
        draw_box (snapshot, &colors[i], begin * unit_width,
                  MAX ((ends[i] - begin) * unit_width - GAP, 1));
      begin = MAX (begin, ends[i]);
    }
  gtk_snapshot_restore (snapshot);
}

static void
monitor_bar_measure (GtkWidget      *widget,
                     GtkOrientation  orientation,
                     int             for_size,
                     int            *minimum,
                     int            *natural,
                     int            *minimum_baseline,
                     int            *natural_baseline)
{
  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    {
      *minimum = HEIGHT;
      *natural = MONITOR_BAR (widget)->width;
    }
  else
    {
      *minimum = *natural = HEIGHT;
    }
}

static void
monitor_bar_class_init (MonitorBarClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  widget_class->snapshot = monitor_bar_snapshot;
  widget_class->measure = monitor_bar_measure;

  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_METER);
}

static void
monitor_bar_init (MonitorBar *self)
{
  gtk_widget_set_valign (GTK_WIDGET (self), GTK_ALIGN_CENTER);
}

GtkWidget *
monitor_bar_new (int width)
{
  MonitorBar *self = g_object_new (MONITOR_TYPE_BAR, NULL);

  self->width = width;

  return GTK_WIDGET (self);
}

/* Sets the units to show: @total in all, @taken of them taken, @own of these by this window. */
void
monitor_bar_set_units (MonitorBar *self,
                       gint64      total,
                       gint64      taken,
                       gint64      own)
{
  g_return_if_fail (0 <= own && own <= taken && taken <= total);

  if (self->total == total && self->taken == taken && self->own == own)
    return;

  self->total = total;
  self->taken = taken;
  self->own = own;

  gtk_accessible_update_property (GTK_ACCESSIBLE (self),
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_MIN, 0.0,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_MAX, (double) total,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_NOW, (double) taken,
                                  -1);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}
