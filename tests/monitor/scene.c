/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "scene.h"

#include "monitor-row.h"
#include "monitor-window.h"

#include <dlfcn.h>

/* --- The window's looks --- */

/* A look is a listing by a list of the window. The list lies in the library, which finds the
 * functions of GIO through the dynamic linker. So the functions below take the place of those with
 * which a listing begins and ends. */
static GMutex looks_lock;
static GCond looks_cond;
static guint n_looks_begun;
static guint n_looks_done; /* but perhaps held up */
static guint n_looks_over;
static gboolean are_looks_held_up;

static gpointer
find_next (const char *name)
{
  gpointer function = dlsym (RTLD_NEXT, name);

  g_assert_nonnull (function);

  return function;
}

static gboolean
is_look (GTask *task)
{
  return g_task_get_source_tag (task) == ssem_semaphore_list_refresh;
}

void
g_task_run_in_thread (GTask           *task,
                      GTaskThreadFunc  function)
{
  void (* next) (GTask *, GTaskThreadFunc) = find_next ("g_task_run_in_thread");

  if (is_look (task))
    {
      g_mutex_lock (&looks_lock);
      n_looks_begun++;
      g_mutex_unlock (&looks_lock);
    }
  next (task, function);
}

static void
end_look (GTask *task)
{
  if (!is_look (task))
    return;

  g_mutex_lock (&looks_lock);
  n_looks_done++;
  while (are_looks_held_up)
    g_cond_wait (&looks_cond, &looks_lock);
  n_looks_over++;
  g_mutex_unlock (&looks_lock);
}

void
g_task_return_pointer (GTask          *task,
                       gpointer        result,
                       GDestroyNotify  result_destroy)
{
  void (* next) (GTask *, gpointer, GDestroyNotify) = find_next ("g_task_return_pointer");

  end_look (task);
  next (task, result, result_destroy);
}

void
g_task_return_error (GTask  *task,
                     GError *error)
{
  void (* next) (GTask *, GError *) = find_next ("g_task_return_error");

  end_look (task);
  next (task, error);
}

void
hold_up_looks (gboolean are_held_up)
{
  g_mutex_lock (&looks_lock);
  are_looks_held_up = are_held_up;
  g_cond_broadcast (&looks_cond);
  g_mutex_unlock (&looks_lock);
}

static guint
count_looks (guint *count)
{
  guint n;

  g_mutex_lock (&looks_lock);
  n = *count;
  g_mutex_unlock (&looks_lock);

  return n;
}

gboolean
is_a_look_held_up (void)
{
  return count_looks (&n_looks_done) > count_looks (&n_looks_over);
}

void
wait_for_looks (void)
{
  guint wanted = count_looks (&n_looks_begun) + 2;

  user_wait (count_looks (&n_looks_over) >= wanted);
}

/* --- The scene --- */

Scene
open_window (Fixture *fixture)
{
  Scene scene = { fixture, NULL };

  scene.window = monitor_window_new (NULL);
  user_present (scene.window);

  return scene;
}

void
close_window (Scene *scene)
{
  GtkWidget *window = scene->window;

  g_object_add_weak_pointer (G_OBJECT (window), (gpointer *) &scene->window);
  gtk_window_destroy (GTK_WINDOW (window));
  /* A thread that is still looking would read the environment while the next test changes it. */
  user_wait (count_looks (&n_looks_over) == count_looks (&n_looks_begun));
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_null (scene->window);
}

GtkWidget *
find_row (Scene *scene)
{
  GtkWidget *row;

  user_wait_until_seen (scene->window, MONITOR_TYPE_ROW, scene->fixture->key);
  row = user_find (scene->window, MONITOR_TYPE_ROW, scene->fixture->key);
  adw_expander_row_set_expanded (ADW_EXPANDER_ROW (row), TRUE);
  user_settle (scene->window);

  return row;
}

gboolean
may_act (GtkWidget  *row,
         const char *action)
{
  return g_action_group_get_action_enabled (monitor_row_get_actions (MONITOR_ROW (row)), action);
}

void
choose_action (GtkWidget  *row,
               const char *label)
{
  GtkWidget *menu = user_find (row, GTK_TYPE_MENU_BUTTON, NULL);
  GtkWidget *popover = GTK_WIDGET (gtk_menu_button_get_popover (GTK_MENU_BUTTON (menu)));

  user_click (menu);
  user_wait_until_seen (popover, g_type_from_name ("GtkModelButton"), label);
  user_click (user_find (popover, g_type_from_name ("GtkModelButton"), label));
  user_wait (!gtk_widget_get_mapped (popover));
}

void
click_button (GtkWidget  *root,
              const char *label)
{
  user_click (user_find (root, GTK_TYPE_BUTTON, label));
}

void
type_into (GtkWidget  *editable,
           const char *text)
{
  user_click (user_find (editable, GTK_TYPE_TEXT, NULL));
  user_press (GDK_KEY_a, TRUE);
  user_type (text);
  user_wait (g_str_equal (gtk_editable_get_text (GTK_EDITABLE (editable)), text));
}

void
type_units (GtkWidget  *root,
            const char *text)
{
  type_into (user_find (root, GTK_TYPE_SPIN_BUTTON, NULL), text);
}

/* --- What the library reports --- */

static gboolean
has_counts (Fixture *fixture,
            int      value,
            int      n_waiters)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(SsemSemaphoreInfo) info = NULL;

  info = ssem_semaphore_info_query (fixture->key, fixture->backend, &error);
  if (info == NULL)
    {
      assert_code (error, NOT_FOUND);
      return FALSE;
    }

  return ssem_semaphore_info_get_value (info) == value &&
         ssem_semaphore_info_get_n_waiters (info) == n_waiters;
}

void
wait_for_counts (Scene *scene,
                 int    value,
                 int    n_waiters)
{
  user_wait (has_counts (scene->fixture, value, n_waiters));
}

gboolean
names_processes (Scene *scene)
{
  return fixture_supports (scene->fixture, NEEDS_HOLDERS);
}
