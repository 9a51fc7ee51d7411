/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-file-identity-private.h"
#include "ssem/os/ssem-file-lock-private.h"
#include "ssem/sysv/ssem-sysv-key-private.h"
#include "ssem/sysv/ssem-sysv-record-private.h"

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* The key file of a semaphore, open and mapped. The file contains the record. Two locks on the file
 * show which processes are attached. Each lock is on a byte past the end of the file:
 *
 *   attach lock   exclusive. A process has this lock while it attaches, resets, leaves or removes
 *                 the semaphore. Before a process unlinks the file, it takes the attach lock and
 *                 checks that the path still names this file.
 *   alive lock    shared. A process has this lock while it is attached. If a process has the attach
 *                 lock and no other process has the alive lock, this process is the last.
 *
 * The kernel unlocks both locks when their owner dies, so a crash leaves no lock behind.
 *
 * Functions return 0 or -errno unless they say otherwise.
 */
typedef struct
{
  /* -1 when closed. The descriptor is stored before the file is locked, so that a child of fork ()
   * can close its copy. */
  atomic_int fd;
  SsemFileIdentity identity; /* which file fd refers to */
  SsemSysvRecord *record;    /* stays mapped when the file is closed; NULL in a child of fork () */
} SsemSysvFile;

#define SSEM_SYSV_FILE_ATTACH_LOCK (G_GINT64_CONSTANT (1) << 32)
#define SSEM_SYSV_FILE_ALIVE       ((G_GINT64_CONSTANT (1) << 32) + 1)

/* Initialises @self as a closed file. */
void     ssem_sysv_file_init             (SsemSysvFile    *self);

/* Opens and maps the file at @path without a lock. Fails as ssem_file_open () does; -ENOENT if
 * there is no file. Call ssem_sysv_file_ensure_record () before reading the record. */
int      ssem_sysv_file_open             (SsemSysvFile    *self,
                                          const char      *path);

/* Creates, opens and maps a file that contains a record of @location in the phase EMPTY, and takes
 * the attach lock. -EEXIST if there is a file.
 *
 * On most file systems, the file appears at @path complete and with the attach lock. On others, the
 * file appears empty, and another process may take the attach lock first. That process then treats
 * the file as one of Qt, and this function returns -EEXIST. */
int      ssem_sysv_file_create           (SsemSysvFile           *self,
                                          const SsemSysvLocation *location);

/* Returns whether the descriptor is open and still refers to this file: see
 * ssem-file-identity-private.h. */
gboolean ssem_sysv_file_has_descriptor   (SsemSysvFile    *self);

/* Waits for the attach lock. */
int      ssem_sysv_file_lock             (SsemSysvFile    *self);

/* Tries to take the attach lock; -EAGAIN if another process has this lock. */
int      ssem_sysv_file_try_lock         (SsemSysvFile    *self);

/* Tries to take the attach lock, and makes the alive lock exclusive; -EAGAIN if another process has
 * one of the two. So 0 means that no other process is attached, attaches or leaves. */
int      ssem_sysv_file_try_lock_alone   (SsemSysvFile    *self);

/* Takes the alive lock. Needs the attach lock. */
int      ssem_sysv_file_lock_alive       (SsemSysvFile    *self);

/* Unlocks the attach lock. */
void     ssem_sysv_file_unlock           (SsemSysvFile    *self);

/* Checks that the file contains a record of @location. If the file is empty, writes a record in the
 * phase @phase_of_empty; if it does not contain the key yet, adds the key. Needs the attach lock.
 * -EBADMSG if the file has other content or belongs to another key, -EADDRNOTAVAIL if it belongs to
 * another project number, -EPROTO if another version of this library wrote the record. */
int      ssem_sysv_file_ensure_record    (SsemSysvFile           *self,
                                          const SsemSysvLocation *location,
                                          SsemSysvPhase           phase_of_empty);

/* Returns whether the file contains no record yet, and nothing else. */
gboolean ssem_sysv_file_is_empty         (SsemSysvFile           *self);

/* Returns 0 if @record belongs to @location, else as ssem_sysv_file_ensure_record () does. */
int      ssem_sysv_file_check_record     (const SsemSysvRecord   *record,
                                          const SsemSysvLocation *location);

/* Unlocks both locks and returns the descriptor, which the caller closes. The record stays
 * mapped. */
int      ssem_sysv_file_steal_descriptor (SsemSysvFile    *self);

/* Unlocks both locks and closes the file, if it is open. The record stays mapped, because threads
 * may still read it. */
void     ssem_sysv_file_close            (SsemSysvFile    *self);

/* Unmaps the record. */
void     ssem_sysv_file_unmap            (SsemSysvFile    *self);

/* Closes the copy of the descriptor in a child of fork (). The child has no copy of the mapping. */
void     ssem_sysv_file_discard_in_child (SsemSysvFile    *self);

/* Reads the record of an open file without a mapping. Returns 1 if there is a record; 0 if there is
 * none yet, as in a file that Qt made; or -errno, as ssem_sysv_file_ensure_record () does. The key
 * in @record has no terminating null; its length is 0 if the key is unknown. */
int      ssem_sysv_file_read_record      (int              fd,
                                          SsemSysvRecord  *record);

G_END_DECLS
