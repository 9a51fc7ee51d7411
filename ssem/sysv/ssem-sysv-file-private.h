/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-file-identity-private.h"
#include "ssem/os/ssem-file-lock-private.h"
#include "ssem/sysv/ssem-sysv-record-private.h"

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* The key file of a semaphore, open and mapped. The file contains the record, and its locks say
 * which processes are attached. The locks are on two bytes past the end of the file:
 *
 *   attach lock   exclusive, while a process attaches, resets, detaches or removes. A process that
 *                 unlinks the file has the attach lock of that very file, and has made sure that
 *                 the path names it.
 *   alive         shared, as long as a process is attached. A process that has the attach lock and
 *                 finds no other process here is the last.
 *
 * The kernel drops both when their owner dies, so a crash leaves nothing to repair.
 *
 * Functions return 0 or -errno unless they say otherwise.
 */
typedef struct
{
  /* -1 when closed. Stored before the file gets a lock, so that a child of fork () finds it. */
  atomic_int fd;
  SsemFileIdentity identity; /* of fd's file */
  SsemSysvRecord *record;    /* stays when the file is closed; NULL in a child of fork () */
} SsemSysvFile;

#define SSEM_SYSV_FILE_ATTACH_LOCK (G_GINT64_CONSTANT (1) << 32)
#define SSEM_SYSV_FILE_ALIVE       ((G_GINT64_CONSTANT (1) << 32) + 1)

void     ssem_sysv_file_init           (SsemSysvFile    *self);

/* Opens and maps the file at @path, which gets no lock. The errors are those of ssem_file_open (),
 * and
 * -ENOENT where there is none. The record may not be read before ssem_sysv_file_check (). */
int      ssem_sysv_file_open           (SsemSysvFile    *self,
                                        const char      *path);

/* Creates, opens and maps a file that contains a record of @key in the phase EMPTY. On most file
 * systems the file appears at @path with its record and its attach lock. On others, another process
 * may be first to lock the file, and takes it for Qt's; so the caller waits for the attach lock in
 * any case. -EEXIST where there is a file. */
int      ssem_sysv_file_create         (SsemSysvFile    *self,
                                        const char      *path,
                                        const char      *key);

/* Returns whether the descriptor is open and still ours: see ssem-file-identity-private.h. */
gboolean ssem_sysv_file_has_descriptor (SsemSysvFile    *self);

/* Waits for the attach lock, or tries to get it: then -EAGAIN where another process has it. */
int      ssem_sysv_file_lock           (SsemSysvFile    *self);
int      ssem_sysv_file_try_lock       (SsemSysvFile    *self);
void     ssem_sysv_file_unlock         (SsemSysvFile    *self);

/* Checks that the file contains a record of @key. Writes one, in @phase_of_empty, into an empty
 * file. Needs the attach lock. -EBADMSG where the content is something else or another key's,
 * -EPROTO where another version of this library wrote it. */
int      ssem_sysv_file_check          (SsemSysvFile    *self,
                                        const char      *key,
                                        SsemSysvPhase    phase_of_empty);

/* Gives up the descriptor, if it is still ours, and its locks. Threads may still read the mapped
 * record. Returns the descriptor, which has no lock any more; -1 where there was none. */
int      ssem_sysv_file_disown         (SsemSysvFile    *self);
void     ssem_sysv_file_close          (SsemSysvFile    *self);
void     ssem_sysv_file_unmap          (SsemSysvFile    *self);

/* In a child of fork (): closes the child's copy of the descriptor. The child has no copy of the
 * mapping. */
void     ssem_sysv_file_forget         (SsemSysvFile    *self);

/* Reads the record of an open file without mapping it. Returns 1; 0 where there is none yet, as in
 * a file that Qt made; or the errors of ssem_sysv_file_check (). The key has no terminating
 * null. */
int      ssem_sysv_file_read_record    (int              fd,
                                        SsemSysvRecord  *record);

G_END_DECLS
