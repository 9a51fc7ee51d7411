/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/ssem-types.h"
#include "ssem/sysv/ssem-sysv-account-private.h"
#include "ssem/sysv/ssem-sysv-file-private.h"

#include <glib.h>

G_BEGIN_DECLS

/* This process's attachment to one semaphore, which all its instances of the key share.
 *
 * The design note is in ssem-sysv-attachment.c. Functions return 0 or -errno. The caller makes sure
 * that only one of ssem_sysv_attachment_attach (), _attach_child () and _leave () runs at a time.
 */
typedef struct
{
  char *key;  /* constant after init */
  char *path; /* constant after init */
  char *name; /* constant after init: identifies the key file, whatever the spelling of the path */

  /* Makes the threads of this process wait for each other at the attach lock of the file, whose
   * owner is the open file. */
  GMutex thread_lock;

  SsemSysvFile file;
  gboolean is_inherited; /* this process is a child that has not attached yet */

  /* Written before the first operation, then constant. */
  SsemSysvAccount *account;
  guint64 incarnation;
  int set;
} SsemSysvAttachment;

/* To be called before the others. */
void     ssem_sysv_attachment_init         (void);

/* Creates an attachment for @key, which does not attach yet. -ENOTDIR where the directory of the key
 * file is missing. */
int      ssem_sysv_attachment_new          (const char          *key,
                                            SsemSysvAttachment **attachment);
void     ssem_sysv_attachment_free         (SsemSysvAttachment  *self);

/* Attaches as @mode says, also where the process is attached already. Returns 0; 1 where only a new
 * attachment can reach the semaphore of the key; or -errno: -EEXIST and -ENOENT as the mode has it,
 * -ERANGE for an initial value past the maximum. */
int      ssem_sysv_attachment_attach       (SsemSysvAttachment  *self,
                                            int                  initial_value,
                                            SsemAccessMode       mode);

/* Attaches a child of fork () to the incarnation that its parent was attached to; -EIDRM where that
 * is gone. */
int      ssem_sysv_attachment_attach_child (SsemSysvAttachment  *self);

/* Detaches, if the process is attached. The last process removes the semaphore. */
void     ssem_sysv_attachment_leave        (SsemSysvAttachment  *self);

/* In a child of fork (): makes the attachment the child's, which is not attached. */
void     ssem_sysv_attachment_forget       (SsemSysvAttachment  *self);

void     ssem_sysv_attachment_finish_reset (SsemSysvAttachment  *self);

/* Returns the epoch that an operation is about to run in. */
static inline guint16
ssem_sysv_attachment_get_epoch (SsemSysvAttachment *self)
{
  SsemSysvRecord *record = self->file.record;
  guint32 epoch = atomic_load_explicit (&record->epoch, memory_order_relaxed);

  if (G_UNLIKELY ((epoch & 1) != 0))
    {
      ssem_sysv_attachment_finish_reset (self);
      epoch = atomic_load_explicit (&record->epoch, memory_order_relaxed);
    }

  return (guint16) epoch & ~1;
}

G_END_DECLS
