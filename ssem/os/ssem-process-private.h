/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

#include <sys/types.h>

G_BEGIN_DECLS

/* How many processes have locked a byte of a file. */
typedef struct
{
  dev_t device;
  ino_t inode;
  int n;        /* -1 where nobody knows */
  /* Of ssem_process_count_locks (): in the last reading, the one before, and how often the same. */
  int n_seen;
  int n_before;
  int n_times;
} SsemLockCount;

/* What the system tells of processes, for people to read. Nothing is decided by it. */

/* The name space in which this process's number is its number; 0 where the system has only one, or
 * does not say. */
guint32  ssem_process_get_name_space (void);

/* The name of the program that @pid runs, as ssem_display_text () shows it; NULL where nobody
 * knows. */
char    *ssem_process_get_command    (int pid);

/* Counts the locks on @byte of each of @n_files files. The system's list of locks is read a few
 * times, however many files there are: it is long where they are many. */
void     ssem_process_count_locks    (SsemLockCount *files,
                                      gsize          n_files,
                                      goffset        byte);

G_END_DECLS
