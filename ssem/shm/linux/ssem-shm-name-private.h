/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/linux/ssem-shm-directory-private.h"

G_BEGIN_DECLS

/* A key and the paths that belong to it. Constant after it was made, so threads share it.
 *
 * The segment lies in the directory DIRECTORY/NAME: see ssem-shm-linux-member.c.
 */
typedef struct
{
  SsemShmDirectory directory;
  char *key;
  char *path; /* of the segment's directory */
} SsemShmName;

SsemShmName *ssem_shm_name_new          (const char        *key);

/* Creates the object for a segment that was found by the name of its directory. The key is "". */
SsemShmName *ssem_shm_name_new_for_file (const char        *directory,
                                         const char        *file_name);
void         ssem_shm_name_free         (SsemShmName       *self);

/* Returns the name of the segment's directory: the key, escaped as in a URI; for a long key its
 * letters and its hash. No two keys have the same name. */
char        *ssem_shm_name_encode       (const char        *key);

/* Returns the path that an error message should give when opening failed: the directory if it is
 * not as it must be, else the segment's path. */
const char  *ssem_shm_name_get_culprit  (const SsemShmName *self);

G_END_DECLS
