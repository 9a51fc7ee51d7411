/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "conformance.h"
#include "user.h"

G_BEGIN_DECLS

/* The window, the semaphore of the test's key in it, and what the library tells of that from
 * outside. */
typedef struct
{
  Fixture *fixture;
  GtkWidget *window;
} Scene;

Scene      open_window         (Fixture    *fixture);
/* Nothing of it may be left. */
void       close_window        (Scene      *scene);

/* The row of the key, once it is there. */
GtkWidget *find_row            (Scene      *scene);
void       click_button        (GtkWidget  *root,
                                const char *label);
/* Replaces what an entry says, or the first spin button below @root. */
void       type_into           (GtkWidget  *editable,
                                const char *text);
void       type_units          (GtkWidget  *root,
                                const char *text);

/* Until the library tells of that value, and that many who wait. */
void       wait_for_counts     (Scene      *scene,
                                int         value,
                                int         n_waiters);
/* Whether the backend knows who holds and who waits. */
gboolean   tells_processes     (Scene      *scene);

/* Until the window has looked anew, and shows what it saw. */
void       wait_for_looks      (void);
/* No look comes back until this is called with FALSE; what it has seen gets old meanwhile. */
void       hold_up_looks       (gboolean    are_held_up);
gboolean   is_a_look_held_up   (gpointer    data);

G_END_DECLS
