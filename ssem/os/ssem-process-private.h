/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

#include <sys/types.h>

G_BEGIN_DECLS

/* What the system says of processes, for people to read. The library decides nothing by it. */

/* How many processes have locked a byte of a file. */
typedef struct
{
  dev_t device;
  ino_t inode;
  int n;        /* -1 where that is not known */
  /* Of ssem_process_count_locks (): the counts of the last two readings, and how often in a row. */
  int n_seen;
  int n_before;
  int n_times;
} SsemLockCount;

/* Returns the name space that this process's ID belongs to; 0 where that is not known, and on a
 * system that has only one. */
guint32  ssem_process_get_name_space (void);

/* Returns the name of the program that @pid runs, as ssem_display_text () returns it; NULL where
 * that is not known. */
char    *ssem_process_get_command    (int pid);

/* Counts the locks on @byte of each of @n_files files. Reads the system's list of locks a few times
 * for all the files together, because the list is long where there are many locks. */
void     ssem_process_count_locks    (SsemLockCount *files,
                                      gsize          n_files,
                                      goffset        byte);

G_END_DECLS
