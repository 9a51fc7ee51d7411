/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-lock-file-private.h"
#include "ssem/posix/ssem-posix-content-private.h"

G_BEGIN_DECLS

/* The file of a POSIX semaphore: see ssem-lock-file-private.h. ssem-posix-file.c explains why the
 * library opens the file itself. Functions return 0 or -errno unless they say otherwise.
 */

/* Besides the two locks, each open file that is mapped has a shared lock on this byte: also while
 * its process waits for the attach lock. Closing the file does not drop this lock, because the
 * mapping keeps the open file. */
#define SSEM_POSIX_FILE_MAPPED (SSEM_LOCK_FILE_ALIVE + 1)

/* Initialises @self as a closed file. */
void     ssem_posix_file_init          (SsemLockFile     *self);

/* Opens and maps the file at @path, and takes the lock on SSEM_POSIX_FILE_MAPPED. Fails as
 * ssem_file_open () does; -ENOENT if there is no semaphore. Call ssem_posix_file_ensure_record ()
 * before using the content. */
int      ssem_posix_file_open          (SsemLockFile     *self,
                                        const char       *path);

/* Creates, opens and maps a semaphore with its record, as sem_open () would create it, and takes
 * all locks. @key may be NULL. -EEXIST if there is a file. */
int      ssem_posix_file_create        (SsemLockFile     *self,
                                        const char       *path,
                                        const char       *key,
                                        int               value);

/* Checks that the file is a semaphore, and of @key unless that is NULL. If it has no record,
 * another program created it: then writes a record that says so. Needs the attach lock. -EBADMSG if
 * the file has other content or belongs to another key, -EPROTO if another version of this library
 * wrote the record. */
int      ssem_posix_file_ensure_record (SsemLockFile     *self,
                                        const char       *key);

/* Returns FALSE if the record and @key, which may be NULL, name different keys. */
gboolean ssem_posix_file_is_of_key     (const SsemPosixRecord *record,
                                        const char            *key);

/* Takes the alive lock, and the lock on SSEM_POSIX_FILE_MAPPED. Needs the attach lock. */
int      ssem_posix_file_lock_alive    (SsemLockFile     *self);

/* Sets the value of a semaphore that no other process has open. */
void     ssem_posix_file_reset         (SsemLockFile     *self,
                                        int               value);

/* Reads the content of an open file without a mapping. Returns 1 if it has a record, 0 if not, or
 * -errno as ssem_posix_file_ensure_record (). */
int      ssem_posix_file_read          (int               fd,
                                        SsemPosixContent *content);

/* Returns the content, or NULL in a child of fork () that has not attached. */
static inline SsemPosixContent *
ssem_posix_file_get_content (const SsemLockFile *self)
{
  return self->memory;
}

G_END_DECLS
