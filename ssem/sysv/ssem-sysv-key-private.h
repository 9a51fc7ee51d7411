/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* How a key leads to the semaphore.
 *
 * A key belongs to a key file in the directory for temporary files. ftok (3) makes a number from
 * that file: the IPC key, under which the kernel knows the set. Qt uses the same names, so Qt finds
 * the same semaphore.
 */

/* Returns the path of the key file. Its directory is SSEM_RUNTIME_DIR; if that is not set, TMPDIR;
 * if neither is set, /tmp. */
char *ssem_sysv_key_path         (const char *key);

/* Returns the directory of the key files. Each key file's name begins with the prefix. */
char *ssem_sysv_key_directory    (void);
#define SSEM_SYSV_KEY_PREFIX "qipc_systemsem_"

/* Computes the IPC key of the file at @path. Returns 0 or -errno. */
int   ssem_sysv_key_make_ipc_key (const char *path,
                                  key_t      *ipc_key);

G_END_DECLS
