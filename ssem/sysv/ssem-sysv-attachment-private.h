/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/ssem-types.h"
#include "ssem/sysv/ssem-sysv-account-private.h"
#include "ssem/sysv/ssem-sysv-file-private.h"

#include <glib.h>

G_BEGIN_DECLS

/* The attachment of this process to one semaphore. All instances of the key share the attachment.
 *
 * The design note in ssem-sysv-attachment.c defines the words. Functions return 0 or -errno. The
 * caller lets only one of ssem_sysv_attachment_attach (), _attach_child () and _leave () run at a
 * time.
 */
typedef struct
{
  /* Constant after init. */
  SsemSysvLocation location;
  char *key;
  char *path;
  char *name; /* the same for all paths to the key file */

  /* Excludes the other threads of this process. The attach lock cannot, because its owner is the
   * open file. */
  GMutex thread_lock;

  SsemLockFile file;
  key_t ipc_key;         /* of the file; written with the attach lock */
  gboolean is_inherited; /* this process is a child of fork () that has not attached yet */

  /* Written before the first operation, then constant. */
  SsemSysvAccount *account;
  guint64 incarnation;
  int set;
} SsemSysvAttachment;

/* Prepares this module. Call it before the other functions. */
void     ssem_sysv_attachment_init         (void);

/* Creates an attachment for @location without attaching it. -ENOTDIR if the directory of the key
 * file is missing. */
int      ssem_sysv_attachment_new          (const SsemSysvLocation *location,
                                            SsemSysvAttachment    **attachment);
void     ssem_sysv_attachment_free         (SsemSysvAttachment  *self);

/* Attaches one instance as @mode requires. The process may be attached already. Returns 0; 1 if
 * only a new attachment can reach the semaphore of the key; or -errno. -EEXIST and -ENOENT depend
 * on the mode; -ERANGE means that @initial_value is above the maximum. */
int      ssem_sysv_attachment_attach       (SsemSysvAttachment  *self,
                                            int                  initial_value,
                                            SsemAccessMode       mode);

/* Attaches a child of fork () to the incarnation of its parent; -EIDRM if the incarnation has
 * ended. */
int      ssem_sysv_attachment_attach_child (SsemSysvAttachment  *self);

/* Detaches, if the process is attached. The last process removes the semaphore. */
void     ssem_sysv_attachment_leave        (SsemSysvAttachment  *self);

/* Puts the attachment in the state "inherited". Runs in a child of fork (), in the fork handler. */
void     ssem_sysv_attachment_mark_inherited (SsemSysvAttachment  *self);

/* Finishes a reset whose process died. Safe in a signal handler. */
void     ssem_sysv_attachment_finish_reset (SsemSysvAttachment  *self);

/* Returns the epoch that an operation uses: always even. */
static inline guint16
ssem_sysv_attachment_get_epoch (SsemSysvAttachment *self)
{
  SsemSysvRecord *record = ssem_sysv_file_get_record (&self->file);
  guint32 epoch = atomic_load_explicit (&record->epoch, memory_order_relaxed);

  if (G_UNLIKELY ((epoch & 1) != 0))
    {
      ssem_sysv_attachment_finish_reset (self);
      epoch = atomic_load_explicit (&record->epoch, memory_order_relaxed);
    }

  return (guint16) epoch & ~1;
}

G_END_DECLS
