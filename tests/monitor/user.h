/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* A person in front of the screen, who looks at a window of this process, and moves a pointer and
 * types through the X server. Every wait runs the main loop, and fails the test when the watchdog
 * runs out.
 */

/* Waits until @expression holds. */
#define user_wait(expression) \
  G_STMT_START { \
    gint64 deadline_usec_ = g_get_monotonic_time () + USER_WATCHDOG_USEC; \
    while (!(expression)) \
      user_wait_step (deadline_usec_, #expression); \
  } G_STMT_END

#define USER_WATCHDOG_USEC (60 * G_USEC_PER_SEC)

void       user_init            (void);
void       user_wait_step       (gint64         deadline_usec,
                                 const char    *what);
/* Waits until everything that is drawn is on the screen. */
void       user_settle          (GtkWidget     *window);
void       user_present         (GtkWidget     *window);
void       user_click           (GtkWidget     *widget);
void       user_type            (const char    *text);
void       user_press           (guint          keysym,
                                 gboolean       with_control);

/* Waits for the window of another process, and gives it the keyboard. */
void       user_focus_titled    (const char    *title);

/* Returns the first visible widget of that type below @root that holds a label of that text, or any
 * text if @text is NULL. Returns NULL if there is none. */
GtkWidget *user_see             (GtkWidget     *root,
                                 GType          type,
                                 const char    *text);
/* Returns the same; the test fails if there is none. */
GtkWidget *user_find            (GtkWidget     *root,
                                 GType          type,
                                 const char    *text);
void       user_wait_until_seen (GtkWidget     *root,
                                 GType          type,
                                 const char    *text);
void       user_wait_until_gone (GtkWidget     *root,
                                 GType          type,
                                 const char    *text);

/* Returns the window as it is on the screen. */
GdkTexture *user_photograph     (GtkWidget     *window);

/* Returns the point of that picture in the middle of the widget's height, at that fraction of its
 * width. */
graphene_point_t user_locate    (GtkWidget     *widget,
                                 float          fraction);

G_END_DECLS
