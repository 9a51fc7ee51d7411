/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-file-identity-private.h"
#include "ssem/shm/ssem-shm-layout-private.h"

G_BEGIN_DECLS

/* The file of a segment: open or not. It lies in a directory of its own, and its name there is its
 * number.
 *
 * The descriptor has no lock, and the segment is used through its mapping. A program may close the
 * descriptor; then the file is opened again when it is needed.
 *
 * Functions return 0 or -errno unless stated otherwise.
 */
typedef struct
{
  int fd;                    /* -1 if not open */
  guint64 number;            /* the segment id; random, so that no other file gets the name */
  SsemFileIdentity identity; /* of the file; valid as long as it is mapped, though fd be closed */
} SsemShmFile;

#define SSEM_SHM_FILE_INIT { .fd = -1 }

/* Opens the file in @directory for @access: O_RDWR or O_RDONLY. -ENOENT if there is none; -EACCES
 * for another user's, -ELOOP for a link, -EBADMSG for what is no file, -EPROTO for the file of an
 * older version. */
int      ssem_shm_file_open         (SsemShmFile     *self,
                                     const char      *directory,
                                     int              access);

/* Checks that the open file begins a segment of @key. */
int      ssem_shm_file_check        (SsemShmFile     *self,
                                     const char      *key);

/* Creates @directory and the file in it, with room for the first slots. If it fails, the file may
 * be open: ssem_shm_file_remove () removes both. */
int      ssem_shm_file_create       (SsemShmFile     *self,
                                     const char      *directory,
                                     guint64          number);

void     ssem_shm_file_close        (SsemShmFile     *self);

/* Maps the file into memory with all slots that it can ever have. */
int      ssem_shm_file_map          (SsemShmFile     *self,
                                     SsemShmSegment **segment);
void     ssem_shm_file_unmap        (SsemShmSegment  *segment);

/* Reserves room for @n_slots. */
int      ssem_shm_file_reserve      (SsemShmFile     *self,
                                     const char      *directory,
                                     guint32          n_slots);

/* Removes the file from @directory, and then @directory. -ENOENT if the file is not there: then
 * @directory stays. */
int      ssem_shm_file_remove       (SsemShmFile     *self,
                                     const char      *directory);

/* Returns whether @directory still contains the file. That may be FALSE for a segment in use: a
 * process that has changed its root, or whose view of the mounts differs, sees other files. */
gboolean ssem_shm_file_is_in        (SsemShmFile     *self,
                                     const char      *directory);

/* Returns 0 if the file has a name; -EIDRM if it has none, -EBADF if that is out of reach. */
int      ssem_shm_file_check_use    (SsemShmFile     *self,
                                     const char      *directory);

G_END_DECLS
