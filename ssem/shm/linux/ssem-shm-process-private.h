/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/linux/ssem-shm-directory-private.h"

G_BEGIN_DECLS

/* The file by which other processes know that this process is alive: DIRECTORY/processes/ID. The
 * design note is in ssem-shm-process.c.
 *
 * Functions return 0 or -errno unless stated otherwise.
 */
typedef struct _SsemShmProcess SsemShmProcess;

/* Prepares this module. Call it before the other functions. */
void        ssem_shm_process_init      (void);

/* Sets @process to this process's object for @directory, and creates the file at the first use.
 * -ENOTDIR if @directory is missing and is not the library's own. */
int         ssem_shm_process_use       (const SsemShmDirectory  *directory,
                                        SsemShmProcess         **process);

/* Ends a use: no slot contains the id any more. Frees nothing. */
void        ssem_shm_process_end_use   (SsemShmProcess          *self);

/* Returns the process id. */
guint64     ssem_shm_process_get_id    (const SsemShmProcess    *self);

/* Returns 0 if the path of the file still leads to it; -EIDRM if not. */
int         ssem_shm_process_check_path (const SsemShmProcess   *self);

/* Returns 0 if the file has a name, wherever it is; -EIDRM if an outsider has removed it, -EBADF if
 * its directory is out of reach. */
int         ssem_shm_process_check     (const SsemShmProcess    *self);

/* Returns whether the process with that id is alive: 1, 0, or -errno if that is unknown; among them
 * those of ssem_shm_process_check (). */
int         ssem_shm_process_ask       (SsemShmProcess          *self,
                                        guint64                  id);

/* Removes what a dead process has left. */
void        ssem_shm_process_bury      (const SsemShmProcess    *self,
                                        guint64                  id);

/* Returns the path of the directory of the files, DIRECTORY/processes. */
const char *ssem_shm_process_get_path  (const SsemShmProcess    *self);

/* Returns a number that no other process or call gets. */
guint64     ssem_shm_process_make_number (SsemShmProcess        *self);

/* Sets @path to the path of a directory that no other process uses: the process removes or renames
 * it; otherwise it is removed after the death of the process. @path has SSEM_SHM_PATH_MAX bytes. */
void        ssem_shm_process_make_private_path (const SsemShmProcess *self,
                                                guint64               number,
                                                char                 *path);

/* Removes this process's files that nobody needs, and empty directories. For exit (): allocates and
 * frees nothing. */
void        ssem_shm_process_exit      (void);

G_END_DECLS
