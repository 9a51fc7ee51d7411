/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "monitor-window.h"

#include "monitor-list.h"
#include "monitor-row.h"

#include <glib/gi18n-lib.h>

#define WIDTH  760
#define HEIGHT 630

struct _MonitorWindow
{
  GtkApplicationWindow parent_instance;

  MonitorList *list;
  char *trouble; /* why the last listing failed; NULL if it succeeded */

  GtkInfoBar *banner;
  GtkLabel *message;
  GtkListBox *rows;
  GtkEntry *key;
  GtkSpinButton *initial_value;
  GtkWidget *open;
};

G_DEFINE_FINAL_TYPE (MonitorWindow, monitor_window, GTK_TYPE_APPLICATION_WINDOW)

/* --- Errors --- */

/* Shows a message of the library. It is a sentence with the key. */
static void
show_error (MonitorWindow *self,
            const GError  *error)
{
  gtk_label_set_text (self->message, error->message);
  gtk_info_bar_set_revealed (self->banner, TRUE);
}

static void
failed_cb (MonitorWindow *self,
           const GError  *error)
{
  show_error (self, error);
}

static void
hide_banner (MonitorWindow *self)
{
  gtk_info_bar_set_revealed (self->banner, FALSE);
}

/* Shows an error of the listing only once. */
static void
looked_cb (MonitorWindow *self,
           const GError  *error)
{
  if (g_strcmp0 (self->trouble, error != NULL ? error->message : NULL) == 0)
    return;

  g_free (self->trouble);
  self->trouble = error != NULL ? g_strdup (error->message) : NULL;
  if (error != NULL)
    show_error (self, error);
  else
    hide_banner (self);
}

/* --- Opening --- */

static void
key_changed_cb (MonitorWindow *self)
{
  gtk_widget_set_sensitive (self->open,
                            gtk_entry_get_text_length (self->key) > 0);
}

static void
open_cb (MonitorWindow *self)
{
  if (gtk_entry_get_text_length (self->key) == 0)
    return;

  hide_banner (self);
  gtk_spin_button_update (self->initial_value);
  monitor_list_open (self->list,
                     gtk_editable_get_text (GTK_EDITABLE (self->key)),
                     gtk_spin_button_get_value_as_int (self->initial_value));
}

/* Also scrolls to the new row. */
static void
opened_cb (MonitorWindow *self,
           guint          position)
{
  gtk_editable_set_text (GTK_EDITABLE (self->key), "");
  gtk_widget_grab_focus (GTK_WIDGET (gtk_list_box_get_row_at_index (self->rows, (int) position)));
}

/* --- Parts --- */

static GtkWidget *
make_row_cb (gpointer item,
             gpointer user_data)
{
  return monitor_row_new (item);
}

static GtkWidget *
make_banner (MonitorWindow *self)
{
  self->banner = g_object_new (GTK_TYPE_INFO_BAR,
                               "message-type", GTK_MESSAGE_ERROR,
                               "show-close-button", TRUE,
                               "revealed", FALSE,
                               "accessible-role", GTK_ACCESSIBLE_ROLE_ALERT,
                               NULL);
  self->message = GTK_LABEL (gtk_label_new (NULL));
  gtk_label_set_wrap (self->message, TRUE);
  gtk_label_set_xalign (self->message, 0);
  gtk_info_bar_add_child (self->banner, GTK_WIDGET (self->message));
  g_signal_connect_swapped (self->banner, "response", G_CALLBACK (hide_banner), self);

  return GTK_WIDGET (self->banner);
}

static GtkWidget *
make_placeholder (void)
{
  GtkBox *box = GTK_BOX (gtk_box_new (GTK_ORIENTATION_VERTICAL, 12));
  GtkWidget *title = gtk_label_new (_("No Semaphores"));
  GtkWidget *text = gtk_label_new (_("Those that your programs use appear here. "
                                     "To use one in this window, open it by its key."));

  gtk_widget_add_css_class (title, "title-1");
  gtk_box_append (box, title);
  gtk_widget_add_css_class (text, "dim-label");
  gtk_label_set_wrap (GTK_LABEL (text), TRUE);
  gtk_label_set_justify (GTK_LABEL (text), GTK_JUSTIFY_CENTER);
  gtk_box_append (box, text);
  gtk_widget_set_valign (GTK_WIDGET (box), GTK_ALIGN_CENTER);
  gtk_widget_set_vexpand (GTK_WIDGET (box), TRUE);
  gtk_widget_set_margin_start (GTK_WIDGET (box), 24);
  gtk_widget_set_margin_end (GTK_WIDGET (box), 24);

  return GTK_WIDGET (box);
}

static GtkWidget *
make_list (MonitorWindow *self)
{
  GtkWidget *scrolled = gtk_scrolled_window_new ();

  self->rows = GTK_LIST_BOX (gtk_list_box_new ());
  gtk_list_box_set_selection_mode (self->rows, GTK_SELECTION_NONE);
  gtk_list_box_set_show_separators (self->rows, TRUE);
  gtk_widget_add_css_class (GTK_WIDGET (self->rows), "rich-list");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->rows),
                                  GTK_ACCESSIBLE_PROPERTY_LABEL, _("Semaphores"),
                                  -1);
  gtk_list_box_set_placeholder (self->rows, make_placeholder ());
  gtk_list_box_bind_model (self->rows, monitor_list_get_model (self->list), make_row_cb,
                           NULL, NULL);

  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), GTK_WIDGET (self->rows));
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled),
                                  GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_widget_set_vexpand (scrolled, TRUE);

  return scrolled;
}

static GtkWidget *
make_opener (MonitorWindow *self)
{
  GtkBox *box = GTK_BOX (gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6));
  GtkWidget *key_label = gtk_label_new_with_mnemonic (_("_Key"));
  GtkWidget *units_label = gtk_label_new_with_mnemonic (_("_Units, if it is new"));

  self->key = GTK_ENTRY (gtk_entry_new ());
  gtk_widget_set_hexpand (GTK_WIDGET (self->key), TRUE);
  gtk_label_set_mnemonic_widget (GTK_LABEL (key_label), GTK_WIDGET (self->key));
  self->initial_value = GTK_SPIN_BUTTON (gtk_spin_button_new_with_range (0, G_MAXINT, 1));
  gtk_spin_button_set_value (self->initial_value, 1);
  gtk_editable_set_width_chars (GTK_EDITABLE (self->initial_value), 3);
  gtk_editable_set_max_width_chars (GTK_EDITABLE (self->initial_value), 3);
  gtk_label_set_mnemonic_widget (GTK_LABEL (units_label), GTK_WIDGET (self->initial_value));
  self->open = gtk_button_new_with_mnemonic (_("_Open"));
  gtk_widget_add_css_class (self->open, "suggested-action");
  gtk_widget_set_tooltip_text (self->open, _("Use the semaphore of this key, or create it"));

  gtk_box_append (box, key_label);
  gtk_box_append (box, GTK_WIDGET (self->key));
  gtk_box_append (box, units_label);
  gtk_box_append (box, GTK_WIDGET (self->initial_value));
  gtk_box_append (box, self->open);
  gtk_widget_set_margin_top (GTK_WIDGET (box), 6);
  gtk_widget_set_margin_bottom (GTK_WIDGET (box), 6);
  gtk_widget_set_margin_start (GTK_WIDGET (box), 12);
  gtk_widget_set_margin_end (GTK_WIDGET (box), 12);

  g_signal_connect_swapped (self->key, "changed", G_CALLBACK (key_changed_cb), self);
  g_signal_connect_swapped (self->key, "activate", G_CALLBACK (open_cb), self);
  g_signal_connect_swapped (self->open, "clicked", G_CALLBACK (open_cb), self);
  key_changed_cb (self);

  return GTK_WIDGET (box);
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

  g_free (self->trouble);

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
  GtkBox *box = GTK_BOX (gtk_box_new (GTK_ORIENTATION_VERTICAL, 0));

  self->list = monitor_list_new ();
  g_signal_connect_swapped (self->list, "looked", G_CALLBACK (looked_cb), self);
  g_signal_connect_swapped (self->list, "failed", G_CALLBACK (failed_cb), self);
  g_signal_connect_swapped (self->list, "opened", G_CALLBACK (opened_cb), self);

  gtk_box_append (box, make_banner (self));
  gtk_box_append (box, make_list (self));
  gtk_box_append (box, gtk_separator_new (GTK_ORIENTATION_HORIZONTAL));
  gtk_box_append (box, make_opener (self));

  gtk_window_set_title (GTK_WINDOW (self), _("Semaphores"));
  gtk_window_set_titlebar (GTK_WINDOW (self), gtk_header_bar_new ());
  gtk_window_set_default_size (GTK_WINDOW (self), WIDTH, HEIGHT);
  gtk_window_set_child (GTK_WINDOW (self), GTK_WIDGET (box));
}

GtkWidget *
monitor_window_new (GtkApplication *application)
{
  return g_object_new (MONITOR_TYPE_WINDOW, "application", application, NULL);
}
