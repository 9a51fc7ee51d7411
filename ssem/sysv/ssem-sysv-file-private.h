/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-lock-file-private.h"
#include "ssem/sysv/ssem-sysv-key-private.h"
#include "ssem/sysv/ssem-sysv-record-private.h"

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* The key file of a semaphore: see ssem-lock-file-private.h. The file contains the record.
 *
 * Functions return 0 or -errno unless they say otherwise.
 */

/* Initialises @self as a closed file. Call ssem_sysv_file_ensure_record () after
 * ssem_lock_file_open (), and before reading the record. */
void     ssem_sysv_file_init             (SsemLockFile           *self);

/* Creates a file with a record of @location in the phase EMPTY, as ssem_lock_file_create () does.
 * Where the file appears empty, another process may take the attach lock first. That process then
 * treats the file as one of Qt. */
int      ssem_sysv_file_create           (SsemLockFile           *self,
                                          const SsemSysvLocation *location);

/* Returns the record, or NULL in a child of fork () that has not attached. */
static inline SsemSysvRecord *
ssem_sysv_file_get_record (const SsemLockFile *self)
{
  return self->memory;
}

/* Checks that the file contains a record of @location. If the file is empty, writes a record in the
 * phase @phase_of_empty; if it does not contain the key yet, adds the key. Needs the attach lock.
 * -EBADMSG if the file has other content or belongs to another key, -EADDRNOTAVAIL if it belongs to
 * another project number, -EPROTO if another version of this library wrote the record. */
int      ssem_sysv_file_ensure_record    (SsemLockFile           *self,
                                          const SsemSysvLocation *location,
                                          SsemSysvPhase           phase_of_empty);

/* Returns whether the file contains no record yet, and nothing else. */
gboolean ssem_sysv_file_is_empty         (SsemLockFile           *self);

/* Returns 0 if @record belongs to @location, else as ssem_sysv_file_ensure_record () does. */
int      ssem_sysv_file_check_record     (const SsemSysvRecord   *record,
                                          const SsemSysvLocation *location);

/* Reads the record of an open file without a mapping. Returns 1 if there is a record; 0 if there is
 * none yet, as in a file that Qt made; or -errno, as ssem_sysv_file_ensure_record () does. The key
 * in @record has no terminating null; its length is 0 if the key is unknown. */
int      ssem_sysv_file_read_record      (int              fd,
                                          SsemSysvRecord  *record);

G_END_DECLS
