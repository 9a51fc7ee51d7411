/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "conformance.h"
#include "user.h"

G_BEGIN_DECLS

/* The window, the row of the test's key in it, and what the library reports of the key from
 * outside. */
typedef struct
{
  Fixture *fixture;
  GtkWidget *window;
} Scene;

Scene      open_window         (Fixture    *fixture);
/* Closes the window, and checks that nothing of it is left. */
void       close_window        (Scene      *scene);

/* Waits for the row of the key, expands it, and returns it. */
GtkWidget *find_row            (Scene      *scene);
/* Returns whether the menu of the row has that action enabled. */
gboolean   may_act             (GtkWidget  *row,
                                const char *action);
/* Opens the menu of the row, and clicks on the item. */
void       choose_action       (GtkWidget  *row,
                                const char *label);
void       click_button        (GtkWidget  *root,
                                const char *label);
/* Replaces the text of an entry, or of the first spin button below @root. */
void       type_into           (GtkWidget  *editable,
                                const char *text);
void       type_units          (GtkWidget  *root,
                                const char *text);

/* Waits until the library reports that value, and that many waiters. */
void       wait_for_counts     (Scene      *scene,
                                int         value,
                                int         n_waiters);
/* Returns whether the backend names the processes that hold and that wait. */
gboolean   names_processes     (Scene      *scene);

/* Waits until the window has looked again, and shows what it saw. */
void       wait_for_looks      (void);
/* Lets no look return until this is called with FALSE. So what the look has seen becomes old. */
void       hold_up_looks       (gboolean    are_held_up);
gboolean   is_a_look_held_up   (void);

G_END_DECLS
