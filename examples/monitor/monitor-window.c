/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "monitor-window.h"

#include "monitor-bar.h"
#include "monitor-list.h"
#include "monitor-opener.h"
#include "monitor-row.h"

#include <glib/gi18n-lib.h>

#define WIDTH  640
#define HEIGHT 680
/* The width of a phone. */
#define MIN_WIDTH    360
#define SWATCH_WIDTH 12

struct _MonitorWindow
{
  AdwApplicationWindow parent_instance;

  MonitorList *list;
  AdwToast *trouble; /* why the last listing failed; NULL if it succeeded */

  AdwToastOverlay *toasts;
  GtkStack *stack;
  GtkListBox *rows;
};

G_DEFINE_FINAL_TYPE (MonitorWindow, monitor_window, ADW_TYPE_APPLICATION_WINDOW)

/* --- Errors --- */

/* Shows a message of the library. It is a sentence with the key and the reason, so it may need
 * several lines, which the title of a toast has not. */
static AdwToast *
show_error (MonitorWindow *self,
            const GError  *error)
{
  AdwToast *toast = adw_toast_new ("");
  GtkWidget *label = gtk_label_new (error->message);

  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_max_width_chars (GTK_LABEL (label), 50);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  adw_toast_set_custom_title (toast, label);
  adw_toast_set_timeout (toast, 0);
  adw_toast_set_priority (toast, ADW_TOAST_PRIORITY_HIGH);
  adw_toast_overlay_add_toast (self->toasts, g_object_ref (toast));

  return toast;
}

static void
failed_cb (MonitorWindow *self,
           const GError  *error)
{
  g_autoptr(AdwToast) toast = show_error (self, error);
}

/* Shows an error of the listing only once, until a listing succeeds. */
static void
looked_cb (MonitorWindow *self,
           const GError  *error)
{
  if (error == NULL && self->trouble != NULL)
    adw_toast_dismiss (self->trouble);
  if (error == NULL)
    g_clear_object (&self->trouble);
  else if (self->trouble == NULL)
    self->trouble = show_error (self, error);
}

/* --- Opening --- */

static void
open_cb (MonitorWindow *self,
         const char    *key,
         int            initial_value)
{
  monitor_list_open (self->list, key, initial_value);
}

static void
add_cb (MonitorWindow *self)
{
  GtkWidget *opener = monitor_opener_new (GTK_WINDOW (self));

  g_signal_connect_object (opener, "open", G_CALLBACK (open_cb), self, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (opener));
}

/* Also scrolls to the new row. */
static void
opened_cb (MonitorWindow *self,
           guint          position)
{
  GtkListBoxRow *row = gtk_list_box_get_row_at_index (self->rows, (int) position);

  gtk_widget_child_focus (GTK_WIDGET (row), GTK_DIR_TAB_FORWARD);
}

/* --- Parts --- */

static GtkWidget *
make_row_cb (gpointer item,
             gpointer user_data)
{
  return monitor_row_new (item);
}

static void
items_changed_cb (MonitorWindow *self)
{
  gboolean is_empty = g_list_model_get_n_items (monitor_list_get_model (self->list)) == 0;

  gtk_stack_set_visible_child_name (self->stack, is_empty ? "empty" : "list");
}

static GtkWidget *
make_header_bar (MonitorWindow *self)
{
  GtkWidget *bar = adw_header_bar_new ();
  GtkWidget *add = gtk_button_new_from_icon_name ("list-add-symbolic");

  gtk_widget_set_tooltip_text (add, _("Open a semaphore"));
  g_signal_connect_swapped (add, "clicked", G_CALLBACK (add_cb), self);
  adw_header_bar_pack_start (ADW_HEADER_BAR (bar), add);

  return bar;
}

static GtkWidget *
make_status_page (void)
{
  return g_object_new (ADW_TYPE_STATUS_PAGE,
                       "icon-name", "view-list-symbolic",
                       "title", _("No Semaphores"),
                       "description", _("Those that your programs use appear here. "
                                        "To use one in this window, open it by its key."),
                       NULL);
}

/* Adds a colour of the bars and its meaning. */
static void
add_to_legend (GtkWidget  *legend,
               const char *text,
               int         taken,
               int         own)
{
  GtkWidget *swatch = monitor_bar_new (SWATCH_WIDTH);
  GtkWidget *label = gtk_label_new (text);

  monitor_bar_set_units (MONITOR_BAR (swatch), 1, taken, own);
  gtk_accessible_update_state (GTK_ACCESSIBLE (swatch), GTK_ACCESSIBLE_STATE_HIDDEN, TRUE, -1);
  gtk_widget_add_css_class (label, "caption");
  gtk_widget_set_margin_end (label, 12);
  gtk_box_append (GTK_BOX (legend), swatch);
  gtk_box_append (GTK_BOX (legend), label);
}

static GtkWidget *
make_legend (void)
{
  GtkWidget *legend = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);

  add_to_legend (legend, _("This window"), 1, 1);
  add_to_legend (legend, _("Other processes"), 1, 0);
  add_to_legend (legend, _("Free"), 0, 0);
  gtk_widget_set_halign (legend, GTK_ALIGN_CENTER);

  return legend;
}

static GtkWidget *
make_list (MonitorWindow *self)
{
  GtkWidget *scrolled = gtk_scrolled_window_new ();
  GtkWidget *clamp = adw_clamp_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);

  self->rows = GTK_LIST_BOX (gtk_list_box_new ());
  gtk_list_box_set_selection_mode (self->rows, GTK_SELECTION_NONE);
  gtk_widget_add_css_class (GTK_WIDGET (self->rows), "boxed-list");
  gtk_widget_set_valign (GTK_WIDGET (self->rows), GTK_ALIGN_START);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->rows),
                                  GTK_ACCESSIBLE_PROPERTY_LABEL, _("Semaphores"),
                                  -1);
  gtk_list_box_bind_model (self->rows, monitor_list_get_model (self->list), make_row_cb,
                           NULL, NULL);

  gtk_box_append (GTK_BOX (box), make_legend ());
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->rows));
  gtk_widget_set_margin_top (box, 12);
  gtk_widget_set_margin_bottom (box, 24);
  gtk_widget_set_margin_start (box, 12);
  gtk_widget_set_margin_end (box, 12);
  adw_clamp_set_child (ADW_CLAMP (clamp), box);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), clamp);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled),
                                  GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);

  return scrolled;
}

/* --- Life cycle --- */

static void
monitor_window_dispose (GObject *object)
{
  MonitorWindow *self = MONITOR_WINDOW (object);

  /* A running listing keeps the list alive a little longer than the window. */
  if (self->list != NULL)
    {
      monitor_list_stop (self->list);
      g_signal_handlers_disconnect_by_data (self->list, self);
    }
  g_clear_object (&self->list);

  G_OBJECT_CLASS (monitor_window_parent_class)->dispose (object);
}

static void
monitor_window_finalize (GObject *object)
{
  MonitorWindow *self = MONITOR_WINDOW (object);

  g_clear_object (&self->trouble);

  G_OBJECT_CLASS (monitor_window_parent_class)->finalize (object);
}

static void
monitor_window_class_init (MonitorWindowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = monitor_window_dispose;
  object_class->finalize = monitor_window_finalize;
}

static void
monitor_window_init (MonitorWindow *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);

  self->list = monitor_list_new ();
  g_signal_connect_swapped (self->list, "looked", G_CALLBACK (looked_cb), self);
  g_signal_connect_swapped (self->list, "failed", G_CALLBACK (failed_cb), self);
  g_signal_connect_swapped (self->list, "opened", G_CALLBACK (opened_cb), self);

  self->stack = GTK_STACK (gtk_stack_new ());
  gtk_stack_add_named (self->stack, make_status_page (), "empty");
  gtk_stack_add_named (self->stack, make_list (self), "list");
  gtk_widget_set_vexpand (GTK_WIDGET (self->stack), TRUE);
  g_signal_connect_object (monitor_list_get_model (self->list), "items-changed",
                           G_CALLBACK (items_changed_cb), self, G_CONNECT_SWAPPED);
  self->toasts = ADW_TOAST_OVERLAY (adw_toast_overlay_new ());
  adw_toast_overlay_set_child (self->toasts, GTK_WIDGET (self->stack));

  gtk_box_append (GTK_BOX (box), make_header_bar (self));
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->toasts));
  gtk_window_set_title (GTK_WINDOW (self), _("Semaphores"));
  gtk_window_set_default_size (GTK_WINDOW (self), WIDTH, HEIGHT);
  gtk_widget_set_size_request (GTK_WIDGET (self), MIN_WIDTH, -1);
  adw_application_window_set_content (ADW_APPLICATION_WINDOW (self), box);
}

GtkWidget *
monitor_window_new (GtkApplication *application)
{
  return g_object_new (MONITOR_TYPE_WINDOW, "application", application, NULL);
}
