/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The directory in which all segments lie: /dev/shm/ssem-UID, which belongs to the user alone; in a
 * Flatpak the directory that the application's instances share; or what SSEM_RUNTIME_DIR names.
 *
 * Functions return 0 or -errno unless stated otherwise.
 */
typedef struct
{
  char *path;      /* constant after init */
  gboolean is_own; /* constant after init: the library creates it, and removes it at the end */
} SsemShmDirectory;

void     ssem_shm_directory_init  (SsemShmDirectory       *self);
void     ssem_shm_directory_clear (SsemShmDirectory       *self);

/* Checks that a directory of the library's own belongs to the user alone. -ENOENT if there is none,
 * -EACCES or -ELOOP if it is another user's or a link. */
int      ssem_shm_directory_check (const SsemShmDirectory *self);

/* Returns FALSE if the directory has no subdirectory: then no key has further places or wings. A
 * caller that has created one, and something in it, must get TRUE; else nobody would find it. */
gboolean ssem_shm_directory_has_subdirectories (const SsemShmDirectory *self);

/* Notes the directory, if it is the library's own, for ssem_shm_port_exit (). */
void     ssem_shm_directory_note  (const SsemShmDirectory *self);

/* Creates a directory that belongs to the user alone. Succeeds if there is one already. */
int      ssem_shm_directory_create (const char *path);

G_END_DECLS
