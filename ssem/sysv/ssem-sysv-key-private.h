/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* How a key leads to the semaphore.
 *
 * The way is Qt's, so that Qt finds the same semaphore: a key file in the directory for temporary
 * files, and the kernel's key that ftok(3) makes from that file.
 */

/* Returns the path of the key file. It is in the directory that SSEM_RUNTIME_DIR names, else in
 * that of TMPDIR, else in /tmp. */
char *ssem_sysv_key_path      (const char *key);

/* Returns the directory of the key files. All their names begin with the prefix. */
char *ssem_sysv_key_directory (void);
#define SSEM_SYSV_KEY_PREFIX "qipc_systemsem_"

/* Gets the kernel's key of the file at @path. Returns 0 or -errno. */
int   ssem_sysv_key_token     (const char *path,
                               key_t      *token);

G_END_DECLS
