/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-acquire-private.h"
#include "ssem/shm/ssem-shm-port-private.h"
#include "ssem/shm/ssem-shm-slot-private.h"
#include "ssem/ssem-types.h"

G_BEGIN_DECLS

/* The attachment of this process to one semaphore. All instances of the key share the attachment.
 *
 * The design note in ssem-shm-attachment.c defines the words. Functions return 0 or -errno unless
 * stated otherwise. The caller lets only one of ssem_shm_attachment_attach (), _attach_child () and
 * _leave () run at a time.
 */
typedef struct
{
  char *name;             /* constant after init: see ssem_shm_member_make_name () */
  SsemShmMember *member;  /* constant after init; the segment stays while an instance is open */
  SsemShmSlots slots;     /* initialised when the process first attaches */
  SsemShmAcquirer acquirer;

  gboolean is_attached;
  gboolean is_inherited;  /* this process is a child of fork () that has not attached yet */
} SsemShmAttachment;

/* Prepares this module. Call it before the other functions. */
void               ssem_shm_attachment_init          (void);

/* Creates an attachment for @key without attaching it. */
SsemShmAttachment *ssem_shm_attachment_new           (const char        *key);

/* Frees an attachment that is closed: it was never attached, or it has left without lingering. */
void               ssem_shm_attachment_free          (SsemShmAttachment *self);

/* Attaches as @mode requires, if the process is not attached already. Sets @is_new to whether this
 * created the semaphore. Returns 1 if only a new attachment can reach the semaphore of the key. */
int                ssem_shm_attachment_attach        (SsemShmAttachment *self,
                                                      int                initial_value,
                                                      SsemAccessMode     mode,
                                                      gboolean          *is_new);

/* Attaches a child of fork () to the incarnation of its parent; -EIDRM if that has ended. */
int                ssem_shm_attachment_attach_child  (SsemShmAttachment *self);

/* Leaves, if the process is attached. The last process removes the semaphore. No thread may be
 * inside an instance. Returns whether the process lingers; without @may_linger, the process never
 * does. */
gboolean           ssem_shm_attachment_leave         (SsemShmAttachment *self,
                                                      gboolean           may_linger);

/* Leaves at exit (), while other threads may be inside an instance. */
void               ssem_shm_attachment_leave_at_exit (SsemShmAttachment *self);

/* Marks the attachment as inherited, and closes the copies of the child. Runs in a child of fork
 * (), in the fork handler. */
void               ssem_shm_attachment_mark_inherited (SsemShmAttachment *self);

/* Sets the value and wakes all waiters. @depth is the depth of the operation: see
 * ssem_shm_slots_get_handle (). */
int                ssem_shm_attachment_reset         (SsemShmAttachment *self,
                                                      guint              depth,
                                                      int                value);

/* Removes the semaphore of @key if no process is attached; -EBUSY if a process, also this process,
 * is attached. */
int                ssem_shm_attachment_remove_leftover (const char *key);

G_END_DECLS
