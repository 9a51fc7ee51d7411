/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Somebody before the screen, who looks at a window of this process, and moves a pointer and types
 * through the X server as a person would. Everything that waits runs the main loop meanwhile, and
 * fails the test when the watchdog runs out.
 */

typedef gboolean (* UserCondition) (gpointer data);

void       user_init            (void);
void       user_wait            (const char    *what,
                              UserCondition  condition,
                              gpointer       data);
/* Until all that has been asked for is on the screen. */
void       user_settle          (GtkWidget     *window);
void       user_present         (GtkWidget     *window);
void       user_click           (GtkWidget     *widget);
void       user_type            (const char    *text);
void       user_press           (guint          keysym,
                              gboolean       with_control);

/* The window of another process, once it is there, gets the keyboard. */
void       user_focus_titled    (const char    *title);

/* What can be seen below @root: the first widget of that type that holds a label of that text; of
 * whatever text if that is NULL. NULL if there is none. */
GtkWidget *user_see             (GtkWidget     *root,
                                 GType          type,
                                 const char    *text);
/* The same, and there has to be one. */
GtkWidget *user_find            (GtkWidget     *root,
                                 GType          type,
                                 const char    *text);
void       user_wait_until_seen (GtkWidget     *root,
                                 GType          type,
                                 const char    *text);
void       user_wait_until_gone (GtkWidget     *root,
                                 GType          type,
                                 const char    *text);

/* The window as it is on the screen. */
GdkTexture *user_photograph     (GtkWidget     *window);

/* Where in that picture the widget's middle line is, at that fraction of its width. */
graphene_point_t user_locate    (GtkWidget     *widget,
                                 float          fraction);

G_END_DECLS
