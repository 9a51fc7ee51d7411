/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the system tells of processes, for people to read. Nothing is decided by it. */

/* The name space in which this process's number is its number; 0 where the system has only one, or
 * does not say. */
guint32  ssem_process_get_name_space (void);

/* The name of the program that @pid runs, as ssem_display_text () shows it; NULL where nobody
 * knows. */
char    *ssem_process_get_command    (int pid);

/* How many have a lock on that byte of the file; -1 where nobody knows. */
int      ssem_process_count_locks    (int     fd,
                                      goffset byte);

G_END_DECLS
