/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "helper.h"

G_BEGIN_DECLS

/* What helper.c and the part for the operating system have from each other. */

/* Returns the path of a program of the suite. Where SSEM_TEST_OTHER_BUILD names a build, such as one
 * for another width, every second process runs the program of that build. */
char    *helper_find_program  (const char *name);

Helper  *helper_alloc         (pid_t   pid,
                               int     commands_fd,
                               int     answers_fd);

/* FALSE where the time is over, or something was read wrong. */
gboolean helper_wait_readable (Helper *self,
                               int     timeout_msec);
void     helper_clear_process (Helper *self);

/* On Windows: the handle of a job, whose processes die with this process. */
gpointer helper_get_job       (void);

G_END_DECLS
