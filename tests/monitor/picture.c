/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "picture.h"

#include "monitor-bar.h"
#include "monitor-row.h"
#include "scene.h"

#include <adwaita.h>
#include <string.h>

/* Returns the colour in the middle of one of the @total boxes of the bar. */
static guint32
get_box_color (GtkWidget  *bar,
               GdkTexture *texture,
               int         box,
               int         total)
{
  gsize stride = 4 * (gsize) gdk_texture_get_width (texture);
  g_autofree guchar *pixels = g_malloc (stride * (gsize) gdk_texture_get_height (texture));
  graphene_point_t point = user_locate (bar, (box + 0.45f) / total);
  guint32 color;

  gdk_texture_download (texture, pixels, stride);
  memcpy (&color, pixels + (gsize) point.y * stride + 4 * (gsize) point.x, 4);

  return color;
}

/* Returns a process of that name, with the key open in slot 0. */
static Helper *
employ (Fixture    *fixture,
        const char *name,
        const char *key,
        int         initial_value)
{
  Helper *helper = fixture_helper (fixture);

  helper_run_expect_ok (helper, "name %s", name);
  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, initial_value, TRUE, key);

  return helper;
}

void
test_picture (Fixture *fixture)
{
  g_autofree char *committed =
    g_test_build_filename (G_TEST_DIST, "..", "docs", "monitor.png", NULL);
  g_autofree char *waiter = NULL;
  g_autoptr(GdkTexture) texture = NULL;
  g_autoptr(GdkTexture) shown = NULL;
  g_autoptr(GError) error = NULL;
  Helper *converters[4], *render, *backup, *licence;
  GtkWidget *row, *bar;
  guint32 own, held, unit;
  Scene scene;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (converters); i++)
    converters[i] = employ (fixture, "convert", "converters", 6);
  render = employ (fixture, "render", "gpu memory", 48);
  backup = employ (fixture, "backup", "disk", 2);
  licence = employ (fixture, "simulate", "licences", 3);
  scene = open_window (fixture);

  helper_run_expect_ok (converters[0], "acquire 0 1");
  helper_run_expect_ok (converters[1], "acquire 0 1");
  helper_run_expect_ok (converters[2], "acquire 0 2");
  helper_run_expect_ok (render, "acquire 0 31");
  helper_run_expect_ok (backup, "acquire 0 1");
  helper_run_expect_ok (licence, "acquire 0 3");
  user_wait_until_seen (scene.window, MONITOR_TYPE_ROW, "licences");
  row = user_find (scene.window, MONITOR_TYPE_ROW, "licences");
  choose_action (row, "Acquire");
  user_wait (may_act (row, "cancel"));
  row = user_find (scene.window, MONITOR_TYPE_ROW, "converters");
  adw_expander_row_set_expanded (ADW_EXPANDER_ROW (row), TRUE);
  choose_action (row, "Acquire");
  user_wait_until_seen (row, GTK_TYPE_LABEL, "1 of 6 free");
  user_wait_until_seen (scene.window, GTK_TYPE_LABEL, "0 of 3 free");
  user_wait_until_seen (scene.window, GTK_TYPE_LABEL, "17 of 48 free");
  helper_send (converters[3], "acquire 0 2");
  if (names_processes (&scene))
    waiter = g_strdup_printf ("convert (%d) × 2", (int) converters[3]->pid);
  else
    waiter = g_strdup ("1 process");
  user_wait_until_seen (row, GTK_TYPE_LABEL, waiter);

  texture = user_photograph (scene.window);
  bar = user_find (row, MONITOR_TYPE_BAR, NULL);
  own = get_box_color (bar, texture, 0, 6);
  held = get_box_color (bar, texture, 1, 6);
  unit = get_box_color (bar, texture, 5, 6);
  g_assert_cmphex (own, !=, held);
  g_assert_cmphex (own, !=, unit);
  g_assert_cmphex (held, !=, unit);
  for (i = 2; i < 5; i++)
    g_assert_cmphex (get_box_color (bar, texture, (int) i, 6), ==, held);

  if (names_processes (&scene))
    {
      g_assert_true (gdk_texture_save_to_png (texture, PICTURE));
      shown = gdk_texture_new_from_filename (committed, &error);
      g_assert_no_error (error);
      g_assert_cmpint (gdk_texture_get_width (shown), ==, gdk_texture_get_width (texture));
      g_assert_cmpint (gdk_texture_get_height (shown), ==, gdk_texture_get_height (texture));
    }

  choose_action (row, "Release");
  user_wait (!may_act (row, "release"));
  helper_run_expect_ok (converters[2], "release 0 2");
  helper_expect_ok (converters[3]);
  row = user_find (scene.window, MONITOR_TYPE_ROW, "licences");
  choose_action (row, "Cancel");
  user_wait (may_act (row, "acquire"));
  close_window (&scene);
}

void
test_right_to_left (Fixture *fixture)
{
  Helper *helper = fixture_open_helper (fixture, 3);
  g_autoptr(GdkTexture) texture = NULL;
  GtkWidget *row, *bar;
  guint32 own, unit;
  Scene scene;

  gtk_widget_set_default_direction (GTK_TEXT_DIR_RTL);
  scene = open_window (fixture);
  row = find_row (&scene);
  choose_action (row, "Acquire");
  user_wait_until_seen (row, GTK_TYPE_LABEL, "2 of 3 free");
  user_wait (may_act (row, "release"));

  texture = user_photograph (scene.window);
  bar = user_find (row, MONITOR_TYPE_BAR, NULL);
  own = get_box_color (bar, texture, 2, 3);
  unit = get_box_color (bar, texture, 1, 3);
  g_assert_cmphex (own, !=, unit);
  g_assert_cmphex (get_box_color (bar, texture, 0, 3), ==, unit);

  choose_action (row, "Release");
  user_wait (!may_act (row, "release"));
  helper_run_expect_ok (helper, "close 0");
  close_window (&scene);
  gtk_widget_set_default_direction (GTK_TEXT_DIR_LTR);
}
