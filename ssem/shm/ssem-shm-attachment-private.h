/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-acquire-private.h"
#include "ssem/shm/ssem-shm-port-private.h"
#include "ssem/shm/ssem-shm-slot-private.h"
#include "ssem/ssem-types.h"

G_BEGIN_DECLS

/* This process's attachment to one semaphore, shared by all its instances of the key.
 *
 * Its design note is in ssem-shm-attachment.c. Functions return 0 or -errno unless stated
 * otherwise. The caller makes sure that only one of ssem_shm_attachment_attach (), _attach_child ()
 * and _leave () runs at a time.
 */
typedef struct
{
  char *name;             /* constant after init: see ssem_shm_member_make_name () */
  SsemShmMember *member;  /* constant after init; its segment as long as an instance is open */
  SsemShmSlots slots;     /* once it has been attached */
  SsemShmAcquirer acquirer;

  gboolean is_attached;
  gboolean is_inherited;  /* this process is a child that has not attached yet */
} SsemShmAttachment;

/* Prepares this module. Call it before the other functions. */
void               ssem_shm_attachment_init          (void);

/* Creates an attachment for @key, which does not attach yet. */
SsemShmAttachment *ssem_shm_attachment_new           (const char        *key);

/* Frees an attachment that is closed: that was never attached, or that has left without
 * lingering. */
void               ssem_shm_attachment_free          (SsemShmAttachment *self);

/* Attaches as @mode says, if the process is not attached already. Sets @is_new to whether that has
 * created the semaphore. Returns 1 if only a new attachment can reach the semaphore of the key. */
int                ssem_shm_attachment_attach        (SsemShmAttachment *self,
                                                      int                initial_value,
                                                      SsemAccessMode     mode,
                                                      gboolean          *is_new);

/* Attaches a child of fork () to the segment that its parent had; -EIDRM if that is gone. */
int                ssem_shm_attachment_attach_child  (SsemShmAttachment *self);

/* Leaves, if the process is attached; the last process removes the semaphore. No thread is inside
 * an instance. Returns whether the process lingers, which it does only with @may_linger. */
gboolean           ssem_shm_attachment_leave         (SsemShmAttachment *self,
                                                      gboolean           may_linger);

/* Leaves at exit (), while other threads may be inside an instance. */
void               ssem_shm_attachment_leave_at_exit (SsemShmAttachment *self);

/* Closes, in a child of fork (), what the child has inherited. */
void               ssem_shm_attachment_forget        (SsemShmAttachment *self);

/* Sets the value and wakes all waiters. @depth is that of the operation: see
 * ssem_shm_slots_get_handle (). */
int                ssem_shm_attachment_reset         (SsemShmAttachment *self,
                                                      guint              depth,
                                                      int                value);

/* Removes the semaphore of @key if no process is attached, this one included; -EBUSY if one is. */
int                ssem_shm_attachment_remove_leftover (const char *key);

G_END_DECLS
