/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <windows.h>

G_BEGIN_DECLS

/* A program that a test runs in a job, so that its children are known and die with the test. */
typedef struct
{
  HANDLE process;
  DWORD pid;
  HANDLE job;
  HANDLE input;
  HANDLE output;
  HANDLE errors;
} Program;

/* Starts a program. @format makes the command line, in UTF-8. The program has an invisible console
 * of its own. */
Program *program_start       (const char  *format,
                              ...) G_GNUC_PRINTF (1, 2);
/* Returns the next line of its output, without the line end. */
char    *program_read_line   (Program     *self);
/* Closes the program's input, waits for its end, and returns its status. Returns the rest of its
 * output and its errors where @output and @errors are not NULL. */
DWORD    program_end         (Program     *self,
                              char       **output,
                              char       **errors);
void     program_kill        (Program     *self);
/* Returns whether there is output that has not been read. */
gboolean program_has_said_something (Program *self);
/* Returns whether there are processes in the job, even suspended ones. */
gboolean program_has_processes      (Program *self);
/* Ends all processes that are left in the job. */
void     program_free        (Program     *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Program, program_free)

gboolean is_alive            (DWORD        pid);

G_END_DECLS
