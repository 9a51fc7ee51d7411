/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What this process runs, as it wants others to see it. `ssem run` holds units for a command, so it
 * registers the command. A process that registers nothing is shown with the name of its program.
 *
 * The record is the arguments, with a null byte after each, as in /proc/PID/cmdline: at most
 * SSEM_PROCESS_ARGUMENTS_MAX bytes, so the last argument may be truncated. */

#define SSEM_PROCESS_ARGUMENTS_MAX 4096

/* Registers @arguments, which must not be empty. Call it before the process opens a semaphore, while
 * it has one thread. */
void         ssem_process_arguments_register  (char       **arguments);

/* Returns the record, and its size in @size; NULL if there is none. */
const char  *ssem_process_arguments_get       (gsize       *size);

/* Returns the arguments in a record of another process, as ssem_display_text () returns each; NULL
 * if there are none. */
char       **ssem_process_arguments_parse     (const char  *record,
                                               gsize        size);

/* Returns the name of the program that the arguments run: the last component of the first one. */
char        *ssem_process_arguments_get_name  (char       **arguments);

/* Returns one line for people: the name of the program, and its arguments. */
char        *ssem_process_arguments_to_text   (char       **arguments);

G_END_DECLS
