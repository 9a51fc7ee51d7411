/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "picture.h"
#include "scene.h"

#include "monitor-bar.h"
#include "monitor-row.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

/* The tests use the window as a person does, through the X server. They check its effects from
 * outside: with other processes, and with what the library reports of the semaphore.
 */

#define N_HEARTBEATS 20

/* --- Errors --- */

/* Returns the toast with an error, or NULL if there is none. */
static GtkWidget *
find_toast (Scene *scene)
{
  return user_see (scene->window, g_type_from_name ("AdwToastWidget"), NULL);
}

/* Waits for the message, which names @text, and closes it. */
static void
expect_message (Scene      *scene,
                const char *text)
{
  GtkWidget *label;

  user_wait (find_toast (scene) != NULL);
  user_settle (scene->window);
  label = user_find (find_toast (scene), GTK_TYPE_LABEL, NULL);
  g_assert_nonnull (strstr (gtk_label_get_text (GTK_LABEL (label)), text));
  user_click (user_find (find_toast (scene), GTK_TYPE_BUTTON, NULL));
  user_wait (find_toast (scene) == NULL);
}

/* --- Tests --- */

static void
test_comes_and_goes (Fixture *fixture)
{
  Scene scene = open_window (fixture);
  Helper *helper;

  user_wait_until_seen (scene.window, GTK_TYPE_LABEL, "No Semaphores");
  helper = fixture_open_helper (fixture, 3);
  find_row (&scene);
  user_wait_until_gone (scene.window, GTK_TYPE_LABEL, "No Semaphores");
  user_wait_until_seen (scene.window, GTK_TYPE_LABEL, "3 of 3 free");

  helper_run_expect_ok (helper, "acquire 0 2");
  user_wait_until_seen (scene.window, GTK_TYPE_LABEL, "1 of 3 free");
  if (names_processes (&scene))
    {
      g_autofree char *holder = g_strdup_printf ("test-helper (%d) × 2", (int) helper->pid);

      user_wait_until_seen (scene.window, GTK_TYPE_LABEL, holder);
      user_find (scene.window, GTK_TYPE_LABEL, "Shared memory · 1 process");
    }

  helper_run_expect_ok (helper, "close 0");
  helper_kill (helper);
  user_wait_until_gone (scene.window, MONITOR_TYPE_ROW, NULL);
  user_wait_until_seen (scene.window, GTK_TYPE_LABEL, "No Semaphores");
  close_window (&scene);
}

static void
test_acquire_cancel_release (Fixture *fixture)
{
  Helper *helper = fixture_open_helper (fixture, 3);
  Scene scene = open_window (fixture);
  GtkWidget *row = find_row (&scene);

  helper_run_expect_ok (helper, "acquire 0 3");
  g_assert_false (may_act (row, "release"));

  /* A pending acquire can be cancelled, and then holds nothing. */
  choose_action (row, "Acquire");
  user_wait (may_act (row, "cancel"));
  wait_for_counts (&scene, 0, 1);
  if (names_processes (&scene))
    user_wait_until_seen (row, GTK_TYPE_LABEL, "this window");
  else
    user_wait_until_seen (row, GTK_TYPE_LABEL, "1 process");
  choose_action (row, "Cancel");
  user_wait (may_act (row, "acquire"));
  wait_for_counts (&scene, 0, 0);
  user_wait_until_gone (row, GTK_TYPE_LABEL, "Waiting");
  g_assert_null (find_toast (&scene));

  /* A release by another process serves a pending acquire. */
  type_units (row, "2");
  choose_action (row, "Acquire");
  wait_for_counts (&scene, 0, 1);
  helper_run_expect_ok (helper, "release 0 3");
  user_wait (may_act (row, "acquire"));
  wait_for_counts (&scene, 1, 0);
  user_wait_until_seen (row, GTK_TYPE_LABEL, "1 of 3 free");
  if (names_processes (&scene))
    user_wait_until_seen (row, GTK_TYPE_LABEL, "this window × 2");

  choose_action (row, "Release");
  user_wait_until_seen (row, GTK_TYPE_LABEL, "3 of 3 free");
  wait_for_counts (&scene, 3, 0);
  g_assert_false (may_act (row, "release"));

  /* A look does not keep the semaphore alive. */
  helper_run_expect_ok (helper, "close 0");
  user_wait_until_gone (scene.window, MONITOR_TYPE_ROW, NULL);
  fixture_assert_empty (fixture);
  close_window (&scene);
}

/* --- The main loop --- */

static gboolean
beat_cb (gpointer data)
{
  int *n_beats = data;

  (*n_beats)++;

  return G_SOURCE_CONTINUE;
}

/* Checks that the main loop runs, and takes and shows typed text. */
static void
check_heart (Scene *scene)
{
  int n_beats = 0;
  guint source;

  type_units (find_row (scene), "7");
  source = g_timeout_add (1, beat_cb, &n_beats);
  user_wait (n_beats >= N_HEARTBEATS);
  g_source_remove (source);
}

static void
test_never_blocks (Fixture *fixture)
{
  Helper *helper = fixture_open_helper (fixture, 1);
  Scene scene = open_window (fixture);
  GtkWidget *row = find_row (&scene);

  /* Only the release below lets the acquire return. */
  helper_run_expect_ok (helper, "acquire 0 1");
  choose_action (row, "Acquire");
  wait_for_counts (&scene, 0, 1);
  check_heart (&scene);
  wait_for_looks ();
  wait_for_counts (&scene, 0, 1);
  helper_run_expect_ok (helper, "release 0 1");
  user_wait (may_act (row, "acquire"));

  /* A slow look does not block the main loop, either. */
  hold_up_looks (TRUE);
  user_wait (is_a_look_held_up ());
  check_heart (&scene);
  choose_action (row, "Release");
  wait_for_counts (&scene, 1, 0);
  check_heart (&scene);
  hold_up_looks (FALSE);
  user_wait_until_seen (row, GTK_TYPE_LABEL, "1 of 1 free");
  close_window (&scene);
}

/* Rows that come and go, and figures that change, keep the focus and the typed text. */
static void
test_in_place (Fixture *fixture)
{
  Helper *helper = fixture_open_helper (fixture, 3);
  Scene scene = open_window (fixture);
  GtkWidget *row = find_row (&scene);
  GtkWidget *units = user_find (row, GTK_TYPE_SPIN_BUTTON, NULL);
  GtkWidget *focus;

  type_units (row, "17");
  user_settle (scene.window);
  focus = gtk_window_get_focus (GTK_WINDOW (scene.window));
  g_assert_true (gtk_widget_is_ancestor (focus, units));

  helper_open (helper, 1, SSEM_ACCESS_MODE_OPEN, 1, TRUE, "a first one");
  user_wait_until_seen (scene.window, MONITOR_TYPE_ROW, "a first one");
  helper_run_expect_ok (helper, "acquire 0 1");
  user_wait_until_seen (row, GTK_TYPE_LABEL, "2 of 3 free");
  helper_run_expect_ok (helper, "close 1");
  user_wait_until_gone (scene.window, MONITOR_TYPE_ROW, "a first one");

  g_assert_true (find_row (&scene) == row);
  g_assert_true (gtk_window_get_focus (GTK_WINDOW (scene.window)) == focus);
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (units)), ==, "17");
  close_window (&scene);
}

static void
test_scroll (Fixture *fixture)
{
  enum { N_ROWS = 8 };
  Helper *helper = fixture_open_helper (fixture, 1);
  Scene scene = open_window (fixture);
  GtkAdjustment *adjustment;
  double position;
  int i;

  /* Their bytes sort before those of the test's key. */
  for (i = 1; i < N_ROWS; i++)
    {
      g_autofree char *key = g_strdup_printf ("key %d", i);

      helper_open (helper, i, SSEM_ACCESS_MODE_OPEN, i, TRUE, key);
    }
  user_wait_until_seen (scene.window, MONITOR_TYPE_ROW, "key 7");
  for (i = 1; i < N_ROWS; i++)
    {
      g_autofree char *key = g_strdup_printf ("key %d", i);
      GtkWidget *row = user_find (scene.window, MONITOR_TYPE_ROW, key);

      adw_expander_row_set_expanded (ADW_EXPANDER_ROW (row), TRUE);
      user_settle (scene.window);
    }

  user_settle (scene.window);
  gtk_widget_grab_focus (user_find (find_row (&scene), GTK_TYPE_SPIN_BUTTON, NULL));
  adjustment = gtk_scrolled_window_get_vadjustment (
    GTK_SCROLLED_WINDOW (user_find (scene.window, GTK_TYPE_SCROLLED_WINDOW, NULL)));
  user_wait (gtk_adjustment_get_value (adjustment) > 50);
  user_settle (scene.window);
  position = gtk_adjustment_get_value (adjustment);

  wait_for_looks ();
  user_settle (scene.window);
  g_assert_cmpfloat (gtk_adjustment_get_value (adjustment), ==, position);

  for (i = 0; i < N_ROWS; i++)
    helper_run_expect_ok (helper, "close %d", i);
  close_window (&scene);
}

/* --- Opening --- */

/* Opens the dialog, and types a key. Returns the dialog. */
static GtkWidget *
type_key (Scene *scene)
{
  GListModel *windows = gtk_window_get_toplevels ();
  GtkWidget *dialog = NULL;
  guint i;

  user_click (user_find (user_find (scene->window, ADW_TYPE_HEADER_BAR, NULL), GTK_TYPE_BUTTON,
                         NULL));
  user_wait (g_list_model_get_n_items (windows) == 2);
  for (i = 0; i < 2; i++)
    {
      g_autoptr(GtkWidget) window = g_list_model_get_item (windows, i);

      if (window != scene->window)
        dialog = window;
    }
  user_present (dialog);

  /* The keyboard has a key for each of these characters. */
  g_free (scene->fixture->key);
  scene->fixture->key = g_strdup_printf ("the key %u", g_random_int ());
  type_into (user_find (dialog, ADW_TYPE_ENTRY_ROW, NULL), scene->fixture->key);

  return dialog;
}

static void
wait_for_end_of_dialog (Scene *scene)
{
  user_wait (g_list_model_get_n_items (gtk_window_get_toplevels ()) == 1);
  user_present (scene->window);
}

static void
choose_backend (Fixture *fixture)
{
  g_setenv ("SSEM_BACKEND", fixture->backend_name, TRUE);
}

static void
test_open (Fixture *fixture)
{
  Scene scene;
  GtkWidget *row, *dialog;

  choose_backend (fixture);
  scene = open_window (fixture);
  dialog = type_key (&scene);
  type_units (dialog, "5");
  click_button (dialog, "Open");
  wait_for_end_of_dialog (&scene);

  row = find_row (&scene);
  wait_for_counts (&scene, 5, 0);
  user_wait (may_act (row, "close"));
  g_assert_true (gtk_widget_is_ancestor (gtk_window_get_focus (GTK_WINDOW (scene.window)), row));

  type_units (row, "4");
  user_press (GDK_KEY_Return, FALSE);
  wait_for_counts (&scene, 1, 0);
  user_wait_until_seen (row, GTK_TYPE_LABEL, "1 of 5 free");
  user_wait (may_act (row, "release"));

  choose_action (row, "Close");
  user_wait_until_gone (scene.window, MONITOR_TYPE_ROW, NULL);
  fixture_assert_empty (fixture);
  close_window (&scene);
}

/* --- What fails --- */

static void
test_open_fails (Fixture *fixture)
{
  Scene scene;

  choose_backend (fixture);
  scene = open_window (fixture);
  type_key (&scene);
  /* What is there now cannot be a semaphore. */
  fixture_plant_misfit (fixture);
  user_press (GDK_KEY_Return, FALSE);
  wait_for_end_of_dialog (&scene);
  expect_message (&scene, fixture->key);
  g_assert_null (user_see (scene.window, MONITOR_TYPE_ROW, NULL));
  fixture_unplant (fixture);
  close_window (&scene);
}

/* An error of each look is shown once, and hidden when a look succeeds. */
static void
test_look_fails (Fixture *fixture)
{
  g_autofree char *aside = g_build_filename (fixture->directory, "aside", NULL);
  Scene scene = open_window (fixture);

  user_wait_until_seen (scene.window, GTK_TYPE_LABEL, "No Semaphores");
  g_assert_cmpint (g_rename (fixture->keys_directory, aside), ==, 0);
  expect_message (&scene, fixture->keys_directory);
  wait_for_looks ();
  g_assert_null (find_toast (&scene));

  g_assert_cmpint (g_rename (aside, fixture->keys_directory), ==, 0);
  wait_for_looks ();
  g_assert_cmpint (g_rename (fixture->keys_directory, aside), ==, 0);
  user_wait (find_toast (&scene) != NULL);
  g_assert_cmpint (g_rename (aside, fixture->keys_directory), ==, 0);
  user_wait (find_toast (&scene) == NULL);
  close_window (&scene);
}

/* The semaphore is removed while the window waits. */
static void
test_removed (Fixture *fixture)
{
  Helper *helper = fixture_open_helper (fixture, 1);
  Scene scene = open_window (fixture);
  GtkWidget *row = find_row (&scene);

  helper_run_expect_ok (helper, "acquire 0 1");
  choose_action (row, "Acquire");
  wait_for_counts (&scene, 0, 1);
  fixture_remove (fixture, REMOVE_BOTH);
  expect_message (&scene, fixture->key);
  user_wait_until_gone (scene.window, MONITOR_TYPE_ROW, NULL);
  close_window (&scene);
}

/* The semaphore is removed and another is made while the window holds units. */
static void
test_replaced (Fixture *fixture)
{
  Helper *first = fixture_open_helper (fixture, 3);
  Scene scene = open_window (fixture);
  GtkWidget *row = find_row (&scene);
  Helper *second;

  choose_action (row, "Acquire");
  user_wait (may_act (row, "release"));
  hold_up_looks (TRUE);
  fixture_remove (fixture, REMOVE_BOTH);
  helper_kill (first);
  second = fixture_open_helper (fixture, 7);
  hold_up_looks (FALSE);
  user_wait_until_seen (scene.window, GTK_TYPE_LABEL, "7 of 7 free");
  row = find_row (&scene);
  g_assert_false (may_act (row, "release"));

  /* The window acquires from the new semaphore. */
  choose_action (row, "Acquire");
  wait_for_counts (&scene, 6, 0);
  user_wait (may_act (row, "release"));
  choose_action (row, "Release");
  wait_for_counts (&scene, 7, 0);
  helper_run_expect_ok (second, "close 0");
  user_wait_until_gone (scene.window, MONITOR_TYPE_ROW, NULL);
  close_window (&scene);
}

/* A look that is older than an action does not count: it would take away the units that were
 * acquired since. */
static void
test_old_look (Fixture *fixture)
{
  Helper *helper = fixture_open_helper (fixture, 3);
  Scene scene = open_window (fixture);
  GtkWidget *row = find_row (&scene);

  hold_up_looks (TRUE);
  user_wait (is_a_look_held_up ());
  choose_action (row, "Acquire");
  user_wait (may_act (row, "release"));
  hold_up_looks (FALSE);
  wait_for_looks ();
  user_wait_until_seen (row, GTK_TYPE_LABEL, "2 of 3 free");
  g_assert_true (may_act (row, "release"));
  choose_action (row, "Release");
  wait_for_counts (&scene, 3, 0);
  helper_run_expect_ok (helper, "close 0");
  close_window (&scene);
}

/* After a reset the window has nothing to give back. */
static void
test_reset (Fixture *fixture)
{
  Helper *helper = fixture_open_helper (fixture, 3);
  Scene scene = open_window (fixture);
  GtkWidget *row = find_row (&scene);

  if (!names_processes (&scene))
    {
      close_window (&scene);
      g_test_skip ("with System V nothing tells the window of a reset");
      return;
    }

  type_units (row, "2");
  choose_action (row, "Acquire");
  user_wait (may_act (row, "release"));
  helper_run_expect_ok (helper, "close 0");
  helper_open (helper, 0, SSEM_ACCESS_MODE_CREATE, 4, TRUE, fixture->key);
  user_wait (!may_act (row, "release"));
  user_wait_until_seen (row, GTK_TYPE_LABEL, "4 of 4 free");
  close_window (&scene);
}

/* A leftover has a button that removes it. */
static void
test_clean (Fixture *fixture)
{
  Helper *helper = fixture_open_helper (fixture, 3);
  Scene scene = open_window (fixture);
  GtkWidget *row = find_row (&scene);

  g_assert_null (user_see (row, GTK_TYPE_BUTTON, "Clean"));
  helper_kill (helper);
  user_wait_until_seen (row, GTK_TYPE_BUTTON, "Clean");
  click_button (row, "Clean");
  user_wait_until_gone (scene.window, MONITOR_TYPE_ROW, NULL);
  fixture_assert_empty (fixture);
  close_window (&scene);
}

/* --- What a screen reader says --- */

#define assert_named(widget, format) \
  G_STMT_START { \
    g_autofree char *name_ = g_strdup_printf (format, fixture->key); \
    g_autofree char *other_ = \
      gtk_test_accessible_check_property (GTK_ACCESSIBLE (widget), \
                                          GTK_ACCESSIBLE_PROPERTY_LABEL, name_); \
    g_assert_cmpstr (other_, ==, NULL); \
  } G_STMT_END

static void
test_accessible (Fixture *fixture)
{
  Helper *helper = fixture_open_helper (fixture, 3);
  Scene scene = open_window (fixture);
  GtkWidget *row = find_row (&scene);
  GtkWidget *bar = user_find (row, MONITOR_TYPE_BAR, NULL);

  helper_run_expect_ok (helper, "acquire 0 2");
  user_wait_until_seen (row, GTK_TYPE_LABEL, "1 of 3 free");
  assert_named (row, "%s");
  assert_named (user_find (row, GTK_TYPE_SPIN_BUTTON, NULL), "Units to acquire from “%s”");
  assert_named (user_find (row, GTK_TYPE_MENU_BUTTON, NULL), "Actions for “%s”");
  assert_named (bar, "Taken units of “%s”");
  gtk_test_accessible_assert_role (GTK_ACCESSIBLE (bar), GTK_ACCESSIBLE_ROLE_METER);
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (bar),
                                       GTK_ACCESSIBLE_PROPERTY_VALUE_NOW, 2.0);
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (bar),
                                       GTK_ACCESSIBLE_PROPERTY_VALUE_MAX, 3.0);
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (bar),
                                       GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, "1 of 3 free");

  choose_action (row, "Acquire");
  wait_for_counts (&scene, 0, 0);
  helper_run_expect_ok (helper, "release 0 1");
  type_units (row, "3");
  choose_action (row, "Acquire");
  wait_for_counts (&scene, 1, 1);
  choose_action (row, "Cancel");
  user_wait (may_act (row, "acquire"));
  choose_action (row, "Release");
  wait_for_counts (&scene, 2, 0);
  close_window (&scene);
}

/* --- The program --- */

static void
test_program (Fixture *fixture)
{
  char *argv[] = { (char *) MONITOR, NULL };
  g_autoptr(GError) error = NULL;
  GPid pid;
  int status;

  g_spawn_async (NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, &error);
  g_assert_no_error (error);
  user_focus_titled ("Semaphores");
  user_press (GDK_KEY_q, TRUE);
  user_wait (waitpid (pid, &status, WNOHANG) == pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

int
main (int    argc,
      char **argv)
{
  conformance_init (&argc, &argv, "monitor");
  adw_init ();
  user_init ();
  g_object_set (gtk_settings_get_default (), "gtk-enable-animations", FALSE, NULL);

  conformance_add ("comes-and-goes", 0, test_comes_and_goes, NULL);
  conformance_add ("acquire-cancel-release", NEEDS_WAITER_COUNT, test_acquire_cancel_release, NULL);
  conformance_add ("never-blocks", NEEDS_WAITER_COUNT, test_never_blocks, NULL);
  conformance_add ("in-place", NEEDS_WAITER_COUNT, test_in_place, NULL);
  conformance_add ("scroll", NEEDS_WAITER_COUNT, test_scroll, NULL);
  conformance_add ("open", NEEDS_WAITER_COUNT, test_open, NULL);
  conformance_add ("open-fails", NEEDS_WAITER_COUNT, test_open_fails, NULL);
  conformance_add ("look-fails", NEEDS_WAITER_COUNT, test_look_fails, NULL);
  conformance_add ("removed", NEEDS_WAITER_COUNT, test_removed, NULL);
  conformance_add ("replaced", NEEDS_WAITER_COUNT, test_replaced, NULL);
  conformance_add ("old-look", NEEDS_WAITER_COUNT, test_old_look, NULL);
  conformance_add ("reset", NEEDS_WAITER_COUNT, test_reset, NULL);
  conformance_add ("clean", NEEDS_WAITER_COUNT, test_clean, NULL);
  conformance_add ("accessible", NEEDS_WAITER_COUNT, test_accessible, NULL);
  conformance_add ("picture", NEEDS_WAITER_COUNT, test_picture, NULL);
  conformance_add ("right-to-left", NEEDS_WAITER_COUNT, test_right_to_left, NULL);
  conformance_add ("program", NEEDS_WAITER_COUNT, test_program, NULL);

  return conformance_run ();
}
