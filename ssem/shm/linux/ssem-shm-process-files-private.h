/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/linux/ssem-shm-directory-private.h"

G_BEGIN_DECLS

/* The files of all processes, in DIRECTORY/processes: see ssem-shm-process.c. @all_fd is a
 * descriptor of that directory.
 *
 * Functions return 0 or -errno unless stated otherwise.
 */

#define SSEM_SHM_PROCESS_ID_DIGITS 12

/* Opens the directory. Returns the descriptor. */
int     ssem_shm_process_files_open       (const SsemShmDirectory *directory);

/* The same; creates the directory, and @directory, too, if it is the library's own. -ENOTDIR if
 * @directory is missing. */
int     ssem_shm_process_files_create     (const SsemShmDirectory *directory);

/* Returns the process id in the name of a process's file; 0 if @name is no such name. */
guint64 ssem_shm_process_files_parse_name (const char             *name);

/* Returns whether the file of a process is locked: 1 or 0; -ENOENT if there is none. */
int     ssem_shm_process_files_ask        (int                     all_fd,
                                           guint64                 id);

/* Returns the arguments that a process has registered: see ssem-process-arguments-private.h. NULL if
 * there are none. */
char  **ssem_shm_process_files_read       (int                     all_fd,
                                           guint64                 id);

/* Removes the file of a dead process. No id is used twice, so nobody has to ask again. */
void    ssem_shm_process_files_clear      (int                     all_fd,
                                           guint64                 id);

/* Looks at a few files and private directories at random, and removes those of dead processes.
 * Returns how many it removed. Allocates and frees nothing. */
int     ssem_shm_process_files_clear_some (int                     all_fd,
                                           guint64                 random);

G_END_DECLS
