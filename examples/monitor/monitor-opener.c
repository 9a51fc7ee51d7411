/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "monitor-opener.h"

#include <glib/gi18n-lib.h>

/* A dialog that asks which semaphore to open. It emits "open" with the key and the number of units
 * that the semaphore gets if it is new.
 */
struct _MonitorOpener
{
  AdwMessageDialog parent_instance;

  GtkEditable *key;
  GtkSpinButton *initial_value;
};

G_DEFINE_FINAL_TYPE (MonitorOpener, monitor_opener, ADW_TYPE_MESSAGE_DIALOG)

static guint open_signal;

static gboolean
has_key (MonitorOpener *self)
{
  return *gtk_editable_get_text (self->key) != '\0';
}

static void
key_changed_cb (MonitorOpener *self)
{
  adw_message_dialog_set_response_enabled (ADW_MESSAGE_DIALOG (self), "open", has_key (self));
}

static void
key_activated_cb (MonitorOpener *self)
{
  if (!has_key (self))
    return;

  adw_message_dialog_response (ADW_MESSAGE_DIALOG (self), "open");
  gtk_window_destroy (GTK_WINDOW (self));
}

static void
monitor_opener_response (AdwMessageDialog *dialog,
                         const char       *response)
{
  MonitorOpener *self = MONITOR_OPENER (dialog);

  if (!g_str_equal (response, "open"))
    return;

  gtk_spin_button_update (self->initial_value);
  g_signal_emit (self, open_signal, 0, gtk_editable_get_text (self->key),
                 gtk_spin_button_get_value_as_int (self->initial_value));
}

static void
monitor_opener_class_init (MonitorOpenerClass *klass)
{
  ADW_MESSAGE_DIALOG_CLASS (klass)->response = monitor_opener_response;

  open_signal = g_signal_new ("open", MONITOR_TYPE_OPENER, G_SIGNAL_RUN_LAST,
                              0, NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_INT);
}

static void
monitor_opener_init (MonitorOpener *self)
{
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (self);
  GtkWidget *group = adw_preferences_group_new ();
  GtkWidget *key = adw_entry_row_new ();
  GtkWidget *units = adw_action_row_new ();

  self->key = GTK_EDITABLE (key);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (key), _("Key"));
  g_signal_connect_swapped (key, "changed", G_CALLBACK (key_changed_cb), self);
  g_signal_connect_swapped (key, "entry-activated", G_CALLBACK (key_activated_cb), self);
  adw_preferences_group_add (ADW_PREFERENCES_GROUP (group), key);

  self->initial_value = GTK_SPIN_BUTTON (gtk_spin_button_new_with_range (0, G_MAXINT, 1));
  gtk_spin_button_set_value (self->initial_value, 1);
  gtk_editable_set_width_chars (GTK_EDITABLE (self->initial_value), 3);
  gtk_editable_set_max_width_chars (GTK_EDITABLE (self->initial_value), 3);
  gtk_widget_set_valign (GTK_WIDGET (self->initial_value), GTK_ALIGN_CENTER);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (units), _("Units, if it is new"));
  adw_action_row_add_suffix (ADW_ACTION_ROW (units), GTK_WIDGET (self->initial_value));
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (units),
                                         GTK_WIDGET (self->initial_value));
  adw_preferences_group_add (ADW_PREFERENCES_GROUP (group), units);

  adw_message_dialog_set_heading (dialog, _("Open a Semaphore"));
  adw_message_dialog_set_body (dialog, _("Use the semaphore of this key, or create it."));
  adw_message_dialog_set_extra_child (dialog, group);
  adw_message_dialog_add_response (dialog, "cancel", _("Cancel"));
  adw_message_dialog_add_response (dialog, "open", _("Open"));
  adw_message_dialog_set_response_appearance (dialog, "open", ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_close_response (dialog, "cancel");
  gtk_window_set_focus (GTK_WINDOW (self), key);
  key_changed_cb (self);
}

GtkWidget *
monitor_opener_new (GtkWindow *parent)
{
  return g_object_new (MONITOR_TYPE_OPENER, "modal", TRUE, "transient-for", parent, NULL);
}
