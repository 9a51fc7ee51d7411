/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "monitor-row.h"

#include "monitor-bar.h"

#include <glib/gi18n-lib.h>
#include <unistd.h>

/* Shows one semaphore, and passes the user's actions to it. A semaphore keeps its row, and an
 * update changes only parts of the row. So an update keeps the focus and text that was typed.
 *
 * The row's menu has the actions. They belong to the group "row", and are enabled while they are
 * possible. The row expands to the processes, and to the number of units to acquire.
 */

#define BAR_WIDTH 160

struct _MonitorRow
{
  AdwExpanderRow parent_instance;

  MonitorSemaphore *semaphore;

  GSimpleActionGroup *actions;

  GtkLabel *free_units;
  MonitorBar *bar;
  GtkSpinner *spinner;
  GtkWidget *clean; /* shown for a leftover */
  GtkWidget *menu;
  AdwActionRow *holders;
  AdwActionRow *waiters;
  AdwActionRow *acquiring;
  GtkSpinButton *units;
};

G_DEFINE_FINAL_TYPE (MonitorRow, monitor_row, ADW_TYPE_EXPANDER_ROW)

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
set_line (AdwActionRow *row,
          const char   *text)
{
  adw_action_row_set_subtitle (row, text != NULL ? text : "");
  gtk_widget_set_visible (GTK_WIDGET (row), text != NULL);
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
set_enabled (MonitorRow *self,
             const char *name,
             gboolean    is_enabled)
{
  GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self->actions), name);

  g_simple_action_set_enabled (G_SIMPLE_ACTION (action), is_enabled);
}

static void
update_actions (MonitorRow *self)
{
  SsemSemaphoreInfo *info = monitor_semaphore_get_info (self->semaphore);
  gboolean is_waiting = monitor_semaphore_get_waiting (self->semaphore) > 0;
  gboolean has_key = ssem_semaphore_info_get_key (info) != NULL;
  gboolean is_leftover = ssem_semaphore_info_is_leftover (info);

  gtk_spinner_set_spinning (self->spinner, is_waiting);
  gtk_widget_set_visible (GTK_WIDGET (self->spinner), is_waiting);
  gtk_widget_set_visible (self->clean, has_key && is_leftover);
  gtk_widget_set_visible (GTK_WIDGET (self->acquiring), has_key);
  set_enabled (self, "acquire", has_key && !is_waiting);
  set_enabled (self, "cancel", is_waiting);
  set_enabled (self, "release", monitor_semaphore_get_held (self->semaphore) > 0);
  set_enabled (self, "close", monitor_semaphore_is_kept (self->semaphore));
  set_enabled (self, "clean", has_key && is_leftover);
}

static void
update (MonitorRow *self)
{
  SsemSemaphoreInfo *info = monitor_semaphore_get_info (self->semaphore);
  g_autofree char *subtitle = describe (info);
  g_autofree char *holders = processes_to_string (ssem_semaphore_info_get_holders (info));
  g_autofree char *waiters = waiters_to_string (info);

  adw_expander_row_set_subtitle (ADW_EXPANDER_ROW (self), subtitle);
  update_units (self, info);
  set_line (self->holders, holders);
  set_line (self->waiters, waiters);
  update_actions (self);
}

/* --- Actions --- */

static void
act_cb (GSimpleAction *action,
        GVariant      *parameter,
        gpointer       user_data)
{
  MonitorRow *self = user_data;
  const char *name = g_action_get_name (G_ACTION (action));

  gtk_spin_button_update (self->units);
  if (g_str_equal (name, "acquire"))
    monitor_semaphore_acquire (self->semaphore, gtk_spin_button_get_value_as_int (self->units));
  else if (g_str_equal (name, "cancel"))
    monitor_semaphore_cancel (self->semaphore);
  else if (g_str_equal (name, "release"))
    monitor_semaphore_release (self->semaphore);
  else if (g_str_equal (name, "close"))
    monitor_semaphore_close (self->semaphore);
  else
    monitor_semaphore_clean (self->semaphore);
}

static const GActionEntry entries[] = {
  { .name = "acquire", .activate = act_cb },
  { .name = "cancel", .activate = act_cb },
  { .name = "release", .activate = act_cb },
  { .name = "close", .activate = act_cb },
  { .name = "clean", .activate = act_cb },
};

static void
units_activated_cb (MonitorRow *self)
{
  gtk_widget_activate_action (GTK_WIDGET (self), "row.acquire", NULL);
}

/* --- Parts --- */

/* Sets the name for screen readers. It has the key, because the label alone is ambiguous. */
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

static GtkWidget *
make_menu (void)
{
  g_autoptr(GMenu) menu = g_menu_new ();
  GtkWidget *button = gtk_menu_button_new ();

  g_menu_append (menu, _("Acquire"), "row.acquire");
  g_menu_append (menu, _("Cancel"), "row.cancel");
  g_menu_append (menu, _("Release"), "row.release");
  g_menu_append (menu, _("Close"), "row.close");
  g_menu_append (menu, _("Clean"), "row.clean");
  gtk_menu_button_set_icon_name (GTK_MENU_BUTTON (button), "view-more-symbolic");
  gtk_menu_button_set_menu_model (GTK_MENU_BUTTON (button), G_MENU_MODEL (menu));
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (button, "flat");

  return button;
}

/* Adds the parts that are always visible, from the end of the row. */
static void
add_header (MonitorRow *self)
{
  AdwExpanderRow *row = ADW_EXPANDER_ROW (self);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 3);

  self->spinner = GTK_SPINNER (gtk_spinner_new ());
  self->free_units = GTK_LABEL (gtk_label_new (NULL));
  gtk_widget_add_css_class (GTK_WIDGET (self->free_units), "caption");
  gtk_widget_add_css_class (GTK_WIDGET (self->free_units), "numeric");
  gtk_label_set_xalign (self->free_units, 1);
  self->bar = MONITOR_BAR (monitor_bar_new (BAR_WIDTH));
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->free_units));
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->bar));
  gtk_widget_set_valign (box, GTK_ALIGN_CENTER);
  self->clean = gtk_button_new_with_label (_("Clean"));
  gtk_widget_set_valign (self->clean, GTK_ALIGN_CENTER);
  gtk_widget_set_tooltip_text (self->clean, _("Remove what the last process has left over"));
  gtk_actionable_set_action_name (GTK_ACTIONABLE (self->clean), "row.clean");
  self->menu = make_menu ();

  adw_expander_row_add_action (row, self->menu);
  adw_expander_row_add_action (row, self->clean);
  adw_expander_row_add_action (row, box);
  adw_expander_row_add_action (row, GTK_WIDGET (self->spinner));
}

static AdwActionRow *
add_row (MonitorRow *self,
         const char *title)
{
  GtkWidget *row = adw_action_row_new ();

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  /* Names of programs are no markup. */
  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_expander_row_add_row (ADW_EXPANDER_ROW (self), row);

  return ADW_ACTION_ROW (row);
}

static void
add_details (MonitorRow *self)
{
  self->holders = add_row (self, _("Held by"));
  self->waiters = add_row (self, _("Waiting"));
  self->acquiring = add_row (self, _("Units to acquire"));
  self->units = GTK_SPIN_BUTTON (gtk_spin_button_new_with_range (1, G_MAXINT, 1));
  gtk_editable_set_width_chars (GTK_EDITABLE (self->units), 3);
  gtk_editable_set_max_width_chars (GTK_EDITABLE (self->units), 3);
  gtk_widget_set_valign (GTK_WIDGET (self->units), GTK_ALIGN_CENTER);
  /* Enter acquires. The signal comes from the text inside the spin button. */
  g_signal_connect_object (gtk_editable_get_delegate (GTK_EDITABLE (self->units)), "activate",
                           G_CALLBACK (units_activated_cb), self, G_CONNECT_SWAPPED);
  adw_action_row_add_suffix (self->acquiring, GTK_WIDGET (self->units));
}

static void
name_parts (MonitorRow *self)
{
  const char *key = ssem_semaphore_info_get_key (monitor_semaphore_get_info (self->semaphore));

  /* Qt does not store the key. */
  if (key == NULL)
    key = _("Semaphore of a Qt program");

  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (self), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self), key);
  set_name (self, "%s", key);
  set_name (self->bar, _("Taken units of “%s”"), key);
  set_name (self->units, _("Units to acquire from “%s”"), key);
  set_name (self->menu, _("Actions for “%s”"), key);
}

/* --- Life cycle --- */

/* The semaphore is no longer listed, because something outside has removed it, or the window closes.
 * In the first case, a pending wait fails by itself, and the window shows why. */
static void
monitor_row_dispose (GObject *object)
{
  MonitorRow *self = MONITOR_ROW (object);

  if (self->semaphore != NULL)
    monitor_semaphore_leave (self->semaphore);
  g_clear_object (&self->semaphore);

  G_OBJECT_CLASS (monitor_row_parent_class)->dispose (object);
}

static void
monitor_row_finalize (GObject *object)
{
  MonitorRow *self = MONITOR_ROW (object);

  g_clear_object (&self->actions);

  G_OBJECT_CLASS (monitor_row_parent_class)->finalize (object);
}

static void
monitor_row_class_init (MonitorRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = monitor_row_dispose;
  object_class->finalize = monitor_row_finalize;
}

static void
monitor_row_init (MonitorRow *self)
{
  self->actions = g_simple_action_group_new ();
  g_action_map_add_action_entries (G_ACTION_MAP (self->actions), entries, G_N_ELEMENTS (entries),
                                   self);
  gtk_widget_insert_action_group (GTK_WIDGET (self), "row", G_ACTION_GROUP (self->actions));
  add_header (self);
  add_details (self);
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

/* Returns the actions of the row's menu. */
GActionGroup *
monitor_row_get_actions (MonitorRow *self)
{
  return G_ACTION_GROUP (self->actions);
}
