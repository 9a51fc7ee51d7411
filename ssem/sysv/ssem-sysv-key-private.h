/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-key-name-private.h"

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* How a key leads to the semaphore.
 *
 * A key belongs to a key file in the directory for temporary files. ftok (3) makes a number from
 * that file: the IPC key, under which the kernel knows the set. Qt uses the same names, so Qt finds
 * the same semaphore.
 *
 * A native key names the file itself, and the project number of ftok (3).
 */

/* What leads to a semaphore. */
typedef struct
{
  const char *key;  /* NULL: unknown, as with a native key */
  const char *path; /* of the key file; absolute */
  int project;      /* of ftok (3) */
} SsemSysvLocation;

/* Returns the path of the key file. Its directory is SSEM_RUNTIME_DIR; if that is not set, TMPDIR;
 * if neither is set, /tmp. */
char *ssem_sysv_key_path         (const char *key);

/* Returns the directory of the key files. Each key file's name begins with the prefix. */
char *ssem_sysv_key_directory    (void);
#define SSEM_SYSV_KEY_PREFIX SSEM_KEY_QT_PREFIX

/* Returns whether the key file of @key has the name of the file at @path, in any directory. */
gboolean ssem_sysv_key_fits      (const char *key,
                                  const char *path);

/* Computes the IPC key of the file at @path. Returns 0 or -errno. */
int   ssem_sysv_key_make_ipc_key (const char *path,
                                  int         project,
                                  key_t      *ipc_key);

G_END_DECLS
