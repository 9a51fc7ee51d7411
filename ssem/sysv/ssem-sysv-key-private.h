/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Where the semaphore of a key is found.
 *
 * As Qt does it, so that both find the same: a key file in the folder for temporary files, and the
 * kernel's key made from that file by ftok(3).
 */

/* The path of the key file. SSEM_RUNTIME_DIR moves it, and with it the whole name space; else it
 * lies in TMPDIR, or in /tmp. */
char *ssem_sysv_key_path  (const char *key);

/* The folder that it lies in, and what the names of all key files begin with. */
char *ssem_sysv_key_folder (void);
#define SSEM_SYSV_KEY_PREFIX "qipc_systemsem_"

/* Puts the kernel's key into @token; answers 0 or -errno. */
int   ssem_sysv_key_token (const char *path,
                           key_t      *token);

G_END_DECLS
