/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/posix/ssem-posix-file-private.h"
#include "ssem/ssem-types.h"

G_BEGIN_DECLS

/* The attachment of this process to one POSIX semaphore. All instances of the name share the
 * attachment, and so one sem_t.
 *
 * The design note in ssem-posix-attachment.c defines the words. Functions return 0 or -errno. The
 * caller lets only one of ssem_posix_attachment_attach (), _attach_child () and _leave () run at a
 * time.
 */
typedef struct
{
  char *name;       /* constant after init: of the semaphore, such as "/market" */
  char *key;        /* constant after init; NULL if the caller knows only the name */
  char *path;       /* constant after init: of the file */
  char *identifier; /* constant after init: the same for all paths to the file */

  SsemLockFile file;
  gboolean is_inherited; /* this process is a child of fork () that has not attached yet */

  /* Of the file. NULL until this process is attached, also in a child of fork (); then constant. */
  _Atomic (SsemPosixContent *) content;
} SsemPosixAttachment;

/* Creates an attachment for the semaphore @name without attaching it. @key is the key that has led
 * to the name, or NULL. -EINVAL if @name can be no name; -ENOTDIR if the directory of the system's
 * semaphores is missing. */
int      ssem_posix_attachment_new            (const char           *name,
                                               const char           *key,
                                               SsemPosixAttachment **attachment);
void     ssem_posix_attachment_free           (SsemPosixAttachment  *self);

/* Attaches one instance as @mode requires. The process may be attached already. Returns 0; 1 if
 * only a new attachment can do it; or -errno. -EEXIST and -ENOENT depend on the mode; -ERANGE means
 * that @initial_value is above the maximum. */
int      ssem_posix_attachment_attach         (SsemPosixAttachment  *self,
                                               int                   initial_value,
                                               SsemAccessMode        mode);

/* Attaches a child of fork () to the semaphore of its parent; -EIDRM if the name does not lead to
 * it any more. */
int      ssem_posix_attachment_attach_child   (SsemPosixAttachment  *self);

/* Detaches, if the process is attached. The last process removes the semaphore. */
void     ssem_posix_attachment_leave          (SsemPosixAttachment  *self);

/* Puts the attachment in the state "inherited". Runs in a child of fork (), in the fork handler. */
void     ssem_posix_attachment_mark_inherited (SsemPosixAttachment  *self);

/* Returns whether something outside has removed the semaphore. The mode CREATE of this library does
 * not count: the processes that have the old semaphore open keep it. */
gboolean ssem_posix_attachment_is_removed     (SsemPosixAttachment  *self);

G_END_DECLS
