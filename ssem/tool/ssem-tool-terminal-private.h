/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The terminal or the pipe of a subcommand that prints until it is interrupted. */

#define TOOL_HIDE_CURSOR "\033[?25l"
#define TOOL_SHOW_CURSOR "\033[?25h"

/* What may happen meanwhile. The functions are called by the main loop, with @data. Constant while
 * the program runs. */
typedef struct
{
  GSourceFunc end;     /* the user or the system ends the program */
  GSourceFunc resized; /* everything on the terminal has to be printed again */
  GSourceFunc closed;  /* the reader of the pipe has closed it */
  gpointer data;
} ToolTerminalEvents;

/* Returns whether the output is a terminal. On Windows, also prepares it for control sequences. */
gboolean tool_terminal_is_output (void);

void     tool_terminal_get_size  (int                      *n_rows,
                                  int                      *n_columns);

/* Calls the functions of @events from now on. A system may not tell all of it. */
void     tool_terminal_watch     (const ToolTerminalEvents *events,
                                  gboolean                  on_terminal);

G_END_DECLS
