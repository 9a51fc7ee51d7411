/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "monitor-row.h"

#include "monitor-bar.h"

#include <glib/gi18n-lib.h>
#include <unistd.h>

/* Shows one semaphore, and passes the user's actions to it. A semaphore keeps its row, and an
 * update changes only parts of the row. So an update keeps the focus and text that was typed.
 */

/* Aligns the bars of all rows. */
#define FREE_UNITS_CHARS 14

struct _MonitorRow
{
  GtkListBoxRow parent_instance;

  MonitorSemaphore *semaphore;

  GtkLabel *title;
  GtkLabel *subtitle;
  GtkLabel *free_units;
  GtkLabel *holders_title;
  GtkLabel *holders;
  GtkLabel *waiters_title;
  GtkLabel *waiters;
  MonitorBar *bar;
  GtkSpinner *spinner;
  GtkSpinButton *units;
  GtkButton *acquire;
  GtkButton *cancel;
  GtkButton *release;
  GtkButton *close;
};

G_DEFINE_FINAL_TYPE (MonitorRow, monitor_row, GTK_TYPE_LIST_BOX_ROW)

/* --- Texts --- */

static const char *
backend_to_string (SsemBackend backend)
{
  switch (backend)
    {
    case SSEM_BACKEND_SHARED_MEMORY:
      return _("Shared memory");

    case SSEM_BACKEND_SYSV:
      return _("System V");

    case SSEM_BACKEND_WINDOWS:
      return _("Windows");

    case SSEM_BACKEND_POSIX:
      return _("POSIX");

    case SSEM_BACKEND_ETCD:
      return "etcd";

    case SSEM_BACKEND_DEFAULT:
    default:
      g_return_val_if_reached ("");
    }
}

static char *
n_processes_to_string (int n)
{
  return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%d process", "%d processes", n), n);
}

static char *
process_to_string (SsemProcessInfo *process)
{
  const char *command = ssem_process_info_get_command (process);
  const char *host = ssem_process_info_get_host (process);
  int pid = ssem_process_info_get_pid (process);
  gint64 units = ssem_process_info_get_units (process);
  g_autofree char *name = NULL;

  /* The process IDs of another machine may be the same as those of this one. */
  if (host != NULL && pid != 0)
    /* Translators: a program, its process ID, and the name of the machine that it runs on. */
    name = g_strdup_printf (_("%s (%d) on %s"), command != NULL ? command : "?", pid, host);
  else if (host != NULL)
    /* Translators: a program, and the name of the machine that it runs on. */
    name = g_strdup_printf (_("%s on %s"), command != NULL ? command : "?", host);
  else if (pid == getpid ())
    name = g_strdup (_("this window"));
  else if (pid == 0)
    name = g_strdup (_("a process in a container"));
  else
    name = g_strdup_printf ("%s (%d)", command != NULL ? command : "?", pid);

  if (units == 1)
    return g_steal_pointer (&name);

  return g_strdup_printf ("%s × %" G_GINT64_FORMAT, name, units);
}

/* Returns NULL if there are no processes, or if they are unknown. */
static char *
processes_to_string (GPtrArray *processes)
{
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new ();
  g_auto(GStrv) words = NULL;
  guint i;

  if (processes == NULL || processes->len == 0)
    return NULL;

  for (i = 0; i < processes->len; i++)
    {
      g_autofree char *word = process_to_string (processes->pdata[i]);

      g_strv_builder_add (builder, word);
    }
  words = g_strv_builder_end (builder);

  return g_strjoinv (", ", words);
}

static char *
waiters_to_string (SsemSemaphoreInfo *info)
{
  char *text = processes_to_string (ssem_semaphore_info_get_waiters (info));

  /* With System V, the kernel knows how many processes wait, but not which. With POSIX, it knows
   * neither. */
  if (text == NULL && ssem_semaphore_info_get_n_waiters (info) > 0)
    text = n_processes_to_string (ssem_semaphore_info_get_n_waiters (info));

  return text;
}

static char *
describe (SsemSemaphoreInfo *info)
{
  const char *backend = backend_to_string (ssem_semaphore_info_get_backend (info));
  int n_attached = ssem_semaphore_info_get_n_attached (info);
  g_autofree char *users = NULL;

  if (ssem_semaphore_info_is_leftover (info))
    users = g_strdup (_("left over"));
  else if (n_attached >= 0)
    users = n_processes_to_string (n_attached);
  else
    return g_strdup (backend);

  return g_strdup_printf ("%s · %s", backend, users);
}

/* --- Display --- */

static void
set_line (GtkLabel   *title,
          GtkLabel   *label,
          const char *text)
{
  gtk_label_set_text (label, text != NULL ? text : "");
  gtk_widget_set_visible (GTK_WIDGET (title), text != NULL);
  gtk_widget_set_visible (GTK_WIDGET (label), text != NULL);
}

static void
update_units (MonitorRow        *self,
              SsemSemaphoreInfo *info)
{
  int value = ssem_semaphore_info_get_value (info);
  gint64 held = MAX (ssem_semaphore_info_get_units_held (info), 0);
  /* Units acquired without undo are taken too. The initial value of a Qt semaphore is unknown. */
  gint64 total = MAX ((gint64) value + held, ssem_semaphore_info_get_initial_value (info));
  gint64 own = MIN (monitor_semaphore_get_held (self->semaphore), total - value);
  g_autofree char *all = g_strdup_printf ("%" G_GINT64_FORMAT, total);
  g_autofree char *text = NULL;

  /* Translators: how many units are free, and how many there are */
  text = g_strdup_printf (_("%d of %s free"), value, all);
  gtk_label_set_text (self->free_units, text);
  monitor_bar_set_units (self->bar, total, total - value, own);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->bar),
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, text,
                                  -1);
}

static void
update_buttons (MonitorRow *self)
{
  SsemSemaphoreInfo *info = monitor_semaphore_get_info (self->semaphore);
  gboolean is_waiting = monitor_semaphore_get_waiting (self->semaphore) > 0;
  gboolean has_key = ssem_semaphore_info_get_key (info) != NULL;
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));
  GtkWidget *focus = root != NULL ? gtk_root_get_focus (root) : NULL;
  GtkWidget *acquire = GTK_WIDGET (self->acquire);
  GtkWidget *cancel = GTK_WIDGET (self->cancel);
  GtkWidget *units = GTK_WIDGET (self->units);

  gtk_spinner_set_spinning (self->spinner, is_waiting);
  gtk_widget_set_sensitive (acquire, has_key);
  gtk_widget_set_sensitive (GTK_WIDGET (self->release),
                            monitor_semaphore_get_held (self->semaphore) > 0);
  gtk_widget_set_visible (GTK_WIDGET (self->close), monitor_semaphore_is_kept (self->semaphore));

  /* One button replaces the other. Move the focus to the new button before the old button
   * disappears, for keyboard users. */
  gtk_widget_set_visible (is_waiting ? cancel : acquire, TRUE);
  if (focus != NULL && is_waiting && (focus == acquire || gtk_widget_is_ancestor (focus, units)))
    gtk_widget_grab_focus (cancel);
  if (focus == cancel && !is_waiting)
    gtk_widget_grab_focus (acquire);
  gtk_widget_set_visible (is_waiting ? acquire : cancel, FALSE);
  gtk_widget_set_sensitive (units, has_key && !is_waiting);
}

static void
update (MonitorRow *self)
{
  SsemSemaphoreInfo *info = monitor_semaphore_get_info (self->semaphore);
  g_autofree char *subtitle = describe (info);
  g_autofree char *holders = processes_to_string (ssem_semaphore_info_get_holders (info));
  g_autofree char *waiters = waiters_to_string (info);

  gtk_label_set_text (self->subtitle, subtitle);
  update_units (self, info);
  set_line (self->holders_title, self->holders, holders);
  set_line (self->waiters_title, self->waiters, waiters);
  update_buttons (self);
}

/* --- Actions --- */

static void
acquire_cb (MonitorRow *self)
{
  gtk_spin_button_update (self->units);
  monitor_semaphore_acquire (self->semaphore, gtk_spin_button_get_value_as_int (self->units));
}

static void
cancel_cb (MonitorRow *self)
{
  monitor_semaphore_cancel (self->semaphore);
}

static void
release_cb (MonitorRow *self)
{
  monitor_semaphore_release (self->semaphore);
}

static void
close_cb (MonitorRow *self)
{
  monitor_semaphore_close (self->semaphore);
}

/* --- Parts --- */

static GtkLabel *
add_label (GtkGrid    *grid,
           int         column,
           int         row,
           const char *css_class,
           const char *text)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_widget_set_valign (label, GTK_ALIGN_BASELINE);
  if (css_class != NULL)
    gtk_widget_add_css_class (label, css_class);
  gtk_grid_attach (grid, label, column, row, 1, 1);

  return GTK_LABEL (label);
}

/* Adds a line of the details: a title and process names. */
static void
add_processes (GtkGrid     *grid,
               int          row,
               const char  *text,
               GtkLabel   **title,
               GtkLabel   **label)
{
  *title = add_label (grid, 0, row, "dim-label", text);
  *label = add_label (grid, 1, row, NULL, NULL);
  gtk_label_set_wrap (*label, TRUE);
  gtk_widget_set_hexpand (GTK_WIDGET (*label), TRUE);
}

/* Adds the key to the name for screen readers, because the label alone is ambiguous. */
static void
set_name (gpointer    widget,
          const char *format,
          ...) G_GNUC_PRINTF (2, 3);

static void
set_name (gpointer    widget,
          const char *format,
          ...)
{
  g_autofree char *name = NULL;
  va_list args;

  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);
  gtk_accessible_update_property (GTK_ACCESSIBLE (widget),
                                  GTK_ACCESSIBLE_PROPERTY_LABEL, name,
                                  -1);
}

static GtkButton *
add_button (MonitorRow *self,
            GtkBox     *box,
            const char *label,
            const char *tooltip,
            GCallback   clicked)
{
  GtkWidget *button = gtk_button_new_with_label (label);

  gtk_widget_set_tooltip_text (button, tooltip);
  g_signal_connect_object (button, "clicked", clicked, self, G_CONNECT_SWAPPED);
  gtk_box_append (box, button);

  return GTK_BUTTON (button);
}

static GtkWidget *
make_header (MonitorRow *self)
{
  GtkBox *box = GTK_BOX (gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6));
  GtkGrid *titles = GTK_GRID (gtk_grid_new ());

  self->title = add_label (titles, 0, 0, "heading", NULL);
  gtk_label_set_ellipsize (self->title, PANGO_ELLIPSIZE_END);
  gtk_widget_set_hexpand (GTK_WIDGET (self->title), TRUE);
  self->subtitle = add_label (titles, 0, 1, "caption", NULL);
  gtk_widget_add_css_class (GTK_WIDGET (self->subtitle), "dim-label");
  gtk_box_append (box, GTK_WIDGET (titles));

  self->spinner = GTK_SPINNER (gtk_spinner_new ());
  gtk_box_append (box, GTK_WIDGET (self->spinner));
  self->units = GTK_SPIN_BUTTON (gtk_spin_button_new_with_range (1, G_MAXINT, 1));
  gtk_editable_set_width_chars (GTK_EDITABLE (self->units), 3);
  gtk_editable_set_max_width_chars (GTK_EDITABLE (self->units), 3);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->units), _("How many units to acquire"));
  /* Enter acquires. The signal comes from the text inside the spin button. */
  g_signal_connect_object (gtk_editable_get_delegate (GTK_EDITABLE (self->units)), "activate",
                           G_CALLBACK (acquire_cb), self, G_CONNECT_SWAPPED);
  gtk_box_append (box, GTK_WIDGET (self->units));

  self->acquire = add_button (self, box, _("Acquire"),
                              _("Take units, or wait until there are enough"),
                              G_CALLBACK (acquire_cb));
  self->cancel = add_button (self, box, _("Cancel"), _("Do not wait any longer"),
                             G_CALLBACK (cancel_cb));
  self->release = add_button (self, box, _("Release"),
                              _("Give back the units that this window holds"),
                              G_CALLBACK (release_cb));
  self->close = add_button (self, box, _("Close"),
                            _("Do not use the semaphore any longer; its last user removes it"),
                            G_CALLBACK (close_cb));
  gtk_widget_set_valign (GTK_WIDGET (box), GTK_ALIGN_START);

  return GTK_WIDGET (box);
}

static GtkWidget *
make_details (MonitorRow *self)
{
  GtkGrid *grid = GTK_GRID (gtk_grid_new ());

  gtk_grid_set_column_spacing (grid, 12);
  gtk_grid_set_row_spacing (grid, 3);
  self->free_units = add_label (grid, 0, 0, "numeric", NULL);
  gtk_label_set_width_chars (self->free_units, FREE_UNITS_CHARS);
  self->bar = MONITOR_BAR (monitor_bar_new ());
  gtk_widget_set_hexpand (GTK_WIDGET (self->bar), TRUE);
  gtk_grid_attach (grid, GTK_WIDGET (self->bar), 1, 0, 1, 1);
  add_processes (grid, 1, _("Held by"), &self->holders_title, &self->holders);
  add_processes (grid, 2, _("Waiting"), &self->waiters_title, &self->waiters);

  return GTK_WIDGET (grid);
}

static void
name_parts (MonitorRow *self)
{
  const char *key = ssem_semaphore_info_get_key (monitor_semaphore_get_info (self->semaphore));

  /* Qt does not store the key. */
  if (key == NULL)
    key = _("Semaphore of a Qt program");

  gtk_label_set_text (self->title, key);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->title), key);
  set_name (self, "%s", key);
  set_name (self->bar, _("Taken units of “%s”"), key);
  set_name (self->units, _("Units to acquire from “%s”"), key);
  set_name (self->acquire, _("Acquire from “%s”"), key);
  set_name (self->cancel, _("Cancel waiting for “%s”"), key);
  set_name (self->release, _("Release to “%s”"), key);
  set_name (self->close, _("Close “%s”"), key);
}

/* --- Life cycle --- */

static void
monitor_row_finalize (GObject *object)
{
  MonitorRow *self = MONITOR_ROW (object);

  g_clear_object (&self->semaphore);

  G_OBJECT_CLASS (monitor_row_parent_class)->finalize (object);
}

static void
monitor_row_class_init (MonitorRowClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = monitor_row_finalize;
}

static void
monitor_row_init (MonitorRow *self)
{
  GtkBox *box = GTK_BOX (gtk_box_new (GTK_ORIENTATION_VERTICAL, 6));

  gtk_box_append (box, make_header (self));
  gtk_box_append (box, make_details (self));
  gtk_widget_set_margin_top (GTK_WIDGET (box), 6);
  gtk_widget_set_margin_bottom (GTK_WIDGET (box), 6);
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (self), GTK_WIDGET (box));
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (self), FALSE);
}

GtkWidget *
monitor_row_new (MonitorSemaphore *semaphore)
{
  MonitorRow *self = g_object_new (MONITOR_TYPE_ROW, NULL);

  self->semaphore = g_object_ref (semaphore);
  g_signal_connect_object (semaphore, "changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  name_parts (self);
  update (self);

  return GTK_WIDGET (self);
}

MonitorSemaphore *
monitor_row_get_semaphore (MonitorRow *self)
{
  return self->semaphore;
}

