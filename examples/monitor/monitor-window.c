/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "monitor-window.h"

#include "monitor-bar.h"
#include "monitor-opener.h"
#include "monitor-row.h"

#include <glib/gi18n-lib.h>

#define WIDTH  640
#define HEIGHT 680
/* The width of a phone. */
#define MIN_WIDTH    360
#define SWATCH_WIDTH 12

/* The rows are those of the semaphores of this machine, and then those of the cluster that the
 * environment names, if it names one. Each has a list that keeps itself up to date.
 */
struct _MonitorWindow
{
  AdwApplicationWindow parent_instance;

  GListStore *lists; /* of SsemSemaphoreList */
  GPtrArray *opened; /* by the user, and not in a list yet */

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
  g_autoptr(AdwToast) toast = NULL;

  /* Nobody sees it any more. */
  if (self->rows == NULL)
    return;

  toast = show_error (self, error);
}

/* --- Opening --- */

static void
opened_cb (GObject      *object,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr(MonitorWindow) self = user_data;
  g_autoptr(GObject) opened = NULL;
  g_autoptr(GError) error = NULL;
  guint i;

  opened = g_async_initable_new_finish (G_ASYNC_INITABLE (object), result, &error);
  /* The window was closed in the meantime. */
  if (self->rows == NULL)
    return;

  if (opened == NULL)
    {
      failed_cb (self, error);
      return;
    }

  g_ptr_array_add (self->opened, g_steal_pointer (&opened));
  for (i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->lists)); i++)
    {
      g_autoptr(SsemSemaphoreList) list = g_list_model_get_item (G_LIST_MODEL (self->lists), i);

      ssem_semaphore_list_refresh (list);
    }
}

/* Opens or creates the semaphore @key for the user, and keeps it open until the user closes it. */
static void
open_cb (MonitorWindow *self,
         const char    *key,
         int            initial_value)
{
  g_async_initable_new_async (SSEM_TYPE_SYSTEM_SEMAPHORE, G_PRIORITY_DEFAULT, NULL,
                              opened_cb, g_object_ref (self),
                              "key", key,
                              "initial-value", initial_value,
                              NULL);
}

static void
add_cb (MonitorWindow *self)
{
  GtkWidget *opener = monitor_opener_new (GTK_WINDOW (self));

  g_signal_connect_object (opener, "open", G_CALLBACK (open_cb), self, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (opener));
}

/* Returns the semaphore of row @i; NULL if there is no such row. */
static MonitorSemaphore *
get_semaphore (MonitorWindow *self,
               int            i)
{
  GtkListBoxRow *row = gtk_list_box_get_row_at_index (self->rows, i);

  return row != NULL ? monitor_row_get_semaphore (MONITOR_ROW (row)) : NULL;
}

/* Passes what the user has opened to row @i, if it is the row's, and moves the focus there. That
 * also scrolls to the row. */
static void
hand_over (MonitorWindow *self,
           int            i)
{
  MonitorSemaphore *semaphore = get_semaphore (self, i);
  SsemSemaphoreInfo *info = monitor_semaphore_get_info (semaphore);
  guint j;

  for (j = self->opened->len; j > 0; j--)
    {
      SsemSystemSemaphore *opened = self->opened->pdata[j - 1];
      g_autofree char *key = ssem_system_semaphore_get_key (opened);

      if (g_strcmp0 (key, ssem_semaphore_info_get_key (info)) != 0 ||
          ssem_system_semaphore_get_backend (opened) != ssem_semaphore_info_get_backend (info))
        continue;

      monitor_semaphore_keep (semaphore, opened);
      g_ptr_array_remove_index (self->opened, j - 1);
      gtk_widget_child_focus (GTK_WIDGET (gtk_list_box_get_row_at_index (self->rows, i)),
                              GTK_DIR_TAB_FORWARD);
    }
}

/* --- Lists --- */

#define TROUBLE "monitor-trouble"

/* Shows an error of a list only once, until the list succeeds. */
static void
refreshed_cb (SsemSemaphoreList *list,
              const GError      *error,
              MonitorWindow     *self)
{
  AdwToast *trouble = g_object_get_data (G_OBJECT (list), TROUBLE);
  int i;

  for (i = 0; get_semaphore (self, i) != NULL; i++)
    hand_over (self, i);

  if (error != NULL && trouble == NULL)
    g_object_set_data_full (G_OBJECT (list), TROUBLE, show_error (self, error), g_object_unref);
  if (error == NULL && trouble != NULL)
    {
      adw_toast_dismiss (trouble);
      g_object_set_data (G_OBJECT (list), TROUBLE, NULL);
    }
}

static void
add_list (MonitorWindow *self,
          SsemBackend    backend)
{
  g_autoptr(SsemSemaphoreList) list = ssem_semaphore_list_new (backend);

  g_signal_connect_object (list, "refreshed", G_CALLBACK (refreshed_cb), self, 0);
  g_list_store_append (self->lists, list);
}

static void
add_lists (MonitorWindow *self)
{
  self->lists = g_list_store_new (SSEM_TYPE_SEMAPHORE_LIST);
  add_list (self, SSEM_BACKEND_DEFAULT);
  if (g_getenv ("SSEM_ETCD_ENDPOINTS") != NULL && ssem_backend_is_supported (SSEM_BACKEND_ETCD))
    add_list (self, SSEM_BACKEND_ETCD);
}

/* --- Parts --- */

static GtkWidget *
make_row_cb (gpointer item,
             gpointer user_data)
{
  MonitorWindow *self = user_data;
  gboolean is_of_cluster = ssem_semaphore_item_get_backend (item) == SSEM_BACKEND_ETCD;
  g_autoptr(SsemSemaphoreList) list =
    g_list_model_get_item (G_LIST_MODEL (self->lists), is_of_cluster ? 1 : 0);
  g_autoptr(MonitorSemaphore) semaphore = monitor_semaphore_new (item, list);

  g_signal_connect_object (semaphore, "failed", G_CALLBACK (failed_cb), self, G_CONNECT_SWAPPED);

  return monitor_row_new (semaphore);
}

static void
items_changed_cb (MonitorWindow *self,
                  guint          position,
                  guint          n_removed,
                  guint          n_added,
                  GListModel    *model)
{
  gboolean is_empty = g_list_model_get_n_items (model) == 0;

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
  g_autoptr(GtkFlattenListModel) model =
    gtk_flatten_list_model_new (G_LIST_MODEL (g_object_ref (self->lists)));
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
  gtk_list_box_bind_model (self->rows, G_LIST_MODEL (model), make_row_cb, self, NULL);
  g_signal_connect_object (model, "items-changed", G_CALLBACK (items_changed_cb), self,
                           G_CONNECT_SWAPPED);

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
  int i;

  for (i = 0; self->rows != NULL && get_semaphore (self, i) != NULL; i++)
    monitor_semaphore_close (get_semaphore (self, i));
  self->rows = NULL;
  g_ptr_array_set_size (self->opened, 0);
  g_clear_object (&self->lists);

  G_OBJECT_CLASS (monitor_window_parent_class)->dispose (object);
}

static void
monitor_window_finalize (GObject *object)
{
  MonitorWindow *self = MONITOR_WINDOW (object);

  g_ptr_array_unref (self->opened);

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

  self->opened = g_ptr_array_new_with_free_func (g_object_unref);
  add_lists (self);
  self->stack = GTK_STACK (gtk_stack_new ());
  gtk_stack_add_named (self->stack, make_status_page (), "empty");
  gtk_stack_add_named (self->stack, make_list (self), "list");
  gtk_widget_set_vexpand (GTK_WIDGET (self->stack), TRUE);
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
