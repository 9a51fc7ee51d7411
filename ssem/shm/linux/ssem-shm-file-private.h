/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-file-identity-private.h"
#include "ssem/shm/linux/ssem-shm-directory-private.h"
#include "ssem/shm/ssem-shm-layout-private.h"

G_BEGIN_DECLS

/* The file of a segment: open or not. The descriptor also holds the locks of ssem-shm-liveness.c.
 *
 * Functions return 0 or -errno unless stated otherwise.
 */
typedef struct
{
  int fd;                    /* -1 if not open */
  char *location;            /* the path that named the file when it was opened or published */
  SsemFileIdentity identity; /* of the file; valid as long as it is mapped, though fd be closed */
} SsemShmFile;

#define SSEM_SHM_FILE_INIT { .fd = -1 }

/* Opens the file at @location, for @access: O_RDWR or O_RDONLY. -ENOENT if there is none; -EACCES
 * for another user's, -ELOOP for a link, -EBADMSG for what is no file. */
int      ssem_shm_file_open            (SsemShmFile            *self,
                                        const char             *location,
                                        int                     access);

/* Checks that the open file begins a segment of @key; a segment that is being removed is one,
 * too. */
int      ssem_shm_file_check           (SsemShmFile            *self,
                                        const char             *key);

/* Creates a file without a name, with room for the first slots. Creates the directory if it is the
 * library's own. -ENOENT if the directory is gone. */
int      ssem_shm_file_create_nameless (SsemShmFile            *self,
                                        const SsemShmDirectory *directory);

void     ssem_shm_file_close           (SsemShmFile            *self);

/* Maps the file into memory with all slots that it can ever have. */
int      ssem_shm_file_map             (SsemShmFile            *self,
                                        SsemShmSegment        **segment);
void     ssem_shm_file_unmap           (SsemShmSegment         *segment);

/* Reserves room for @n_slots. */
int      ssem_shm_file_reserve         (SsemShmFile            *self,
                                        guint32                 n_slots);

void     ssem_shm_file_set_location    (SsemShmFile            *self,
                                        const char             *location);

/* Returns whether the location still names the file. That may be FALSE for a segment in use: a
 * process that has changed its root, or whose view of the mounts differs, sees other files. */
gboolean ssem_shm_file_is_in_place     (SsemShmFile            *self);

/* Checks, after the file was opened or published and before it is used, that it lies in a directory
 * of the user's own. Another user may have put a directory there since the last look. -ENOENT if
 * the location does not name the file any more. */
int      ssem_shm_file_check_location  (SsemShmFile            *self,
                                        const SsemShmDirectory *directory);

/* Returns 0 if the file has a name; -EIDRM if it has none, -EBADF if the program has closed it. */
int      ssem_shm_file_check_use       (SsemShmFile            *self);

G_END_DECLS
