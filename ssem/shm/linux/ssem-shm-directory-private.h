/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How many digits the name of a segment's file has. */
#define SSEM_SHM_NUMBER_DIGITS 16

/* Room for a path: longer ones are refused by the system. */
#define SSEM_SHM_PATH_MAX 4096

/* The directory in which everything lies: a directory for each key, and "processes". It is
 * /dev/shm/ssem-UID, which belongs to the user alone; in a Flatpak the directory that the
 * application's instances share; or what SSEM_RUNTIME_DIR names.
 *
 * Functions return 0 or -errno unless stated otherwise.
 */
typedef struct
{
  char *path;      /* constant after init */
  char *processes; /* constant after init: the directory of the process files */
  gboolean is_own; /* constant after init: the library creates it, and removes it at the end */
} SsemShmDirectory;

void     ssem_shm_directory_init  (SsemShmDirectory       *self);
void     ssem_shm_directory_clear (SsemShmDirectory       *self);

/* Checks that a directory of the library's own belongs to the user alone. -ENOENT if there is none,
 * -EACCES or -ELOOP if it is another user's or a link. */
int      ssem_shm_directory_check (const SsemShmDirectory *self);

/* Creates a directory that belongs to the user alone. Succeeds if there is one already. */
int      ssem_shm_directory_create (const char *path);

/* Writes @number in hexadecimal, with @n_digits digits, and a 0. Returns the place of the 0. A try
 * writes names in a signal handler, too, where printf (3) is not allowed. */
char    *ssem_shm_directory_write_number (char    *text,
                                          guint64  number,
                                          int      n_digits);

/* Writes the path of @name in @directory. Returns the place of the 0 at the end. @path has
 * SSEM_SHM_PATH_MAX bytes; a path that is too long leads nowhere. */
char    *ssem_shm_directory_write_path   (char       *path,
                                          const char *directory,
                                          const char *name);

G_END_DECLS
