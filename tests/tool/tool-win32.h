/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <windows.h>

G_BEGIN_DECLS

/* A program that a test runs, in a job of its own, so that what it has started is known and dies with
 * the test. */
typedef struct
{
  HANDLE process;
  DWORD pid;
  HANDLE job;
  HANDLE input;
  HANDLE output;
  HANDLE errors;
} Program;

/* @format makes the command line, as it is, in UTF-8. The program has a console of its own, which
 * nobody sees. */
Program *program_start       (const char  *format,
                              ...) G_GNUC_PRINTF (1, 2);
/* The next line of its output, without its end. */
char    *program_read_line   (Program     *self);
/* Waits until it has ended, with no more input, and answers how. What is left of its output and what
 * is in its errors comes to who wants them. */
DWORD    program_end         (Program     *self,
                              char       **output,
                              char       **errors);
void     program_kill        (Program     *self);
/* Whether there is output that has not been read. */
gboolean program_has_said_something (Program *self);
/* Whether there are processes in the job, which may be suspended. */
gboolean program_has_processes      (Program *self);
/* Ends all that are left in the job. */
void     program_free        (Program     *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Program, program_free)

gboolean is_alive            (DWORD        pid);

G_END_DECLS
