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
 * otherwise.
 */
typedef struct
{
  char *name;               /* constant after init: in the registry */
  SsemShmMember *member;    /* constant after init; its segment as long as an instance is open */
  SsemShmSlots slots;
  SsemShmAcquirer acquirer;

  /* Under the registry's lock. */
  int n_references;
  gboolean is_registered;   /* new instances may join it */

  GMutex attach_lock;       /* taken to attach */
  atomic_bool is_attached;
  atomic_uint fork_count;
} SsemShmAttachment;

/* Prepares this module. Call it before the other functions. */
void    ssem_shm_attachment_init   (void);

/* Attaches as @mode says; the caller gets a reference for its instance. @depth is the depth of this
 * operation: see ssem_shm_slots_get_handle (). */
int     ssem_shm_attachment_open   (const char          *key,
                                    int                  initial_value,
                                    SsemAccessMode       mode,
                                    guint                depth,
                                    SsemShmAttachment  **attachment);

/* Removes the semaphore of @key if no process is attached, this one included; -EBUSY if one is. */
int     ssem_shm_attachment_remove_leftover (const char *key);

/* Gives a reference back, when no thread can be inside the instance any more. With the last
 * reference the process leaves, and the last process removes the semaphore. */
void    ssem_shm_attachment_unref  (SsemShmAttachment   *self);

/* Sets @handle to the calling thread's slot handle for an operation of @depth. In a child of fork
 * (), this attaches. See ssem_shm_slots_get_handle (). */
int     ssem_shm_attachment_get_handle (SsemShmAttachment  *self,
                                        guint               depth,
                                        SsemShmSlotHandle **handle);

/* Attaches in a child of fork (). For an operation that needs no slot handle. */
int     ssem_shm_attachment_ready      (SsemShmAttachment *self);

G_END_DECLS
