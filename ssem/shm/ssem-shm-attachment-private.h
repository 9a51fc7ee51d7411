/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-fork-private.h"
#include "ssem/shm/linux/ssem-shm-file-private.h"
#include "ssem/shm/ssem-shm-slot-private.h"
#include "ssem/shm/ssem-shm-waiters-private.h"
#include "ssem/ssem-types.h"

G_BEGIN_DECLS

/* This process's attachment to one semaphore, shared by all its instances of the key.
 *
 * Its design note is in ssem-shm-attachment.c. Functions answer 0 or -errno.
 */
typedef struct
{
  char *name;        /* constant after init: in the registry */
  SsemShmFile file;  /* its memory: constant while an instance is open */
  SsemShmSlots slots;

  /* Under the registry's lock. */
  int n_references;
  gboolean is_registered; /* new instances may join it */
  GList *waits;

  GMutex attach_lock;       /* taken to attach, to grow and to leave */
  atomic_bool is_attached;
  atomic_bool listens;
  atomic_int_least64_t next_listen_usec; /* when to try again, a point of the monotonic clock */
  atomic_uint fork_count;
  atomic_uint n_vain_wakes;
} SsemShmAttachment;

/* A wait in progress, which an instance's closing or a cancellable calls off. */
typedef struct
{
  SsemShmWaiter waiter;
  gpointer instance;
  SsemShmSlotHandle *handle;
  int n;
  GList link;
} SsemShmWait;

/* To be called before the others. */
void    ssem_shm_attachment_init   (void);

/* Attaches as @mode says; the caller has a reference for its instance. @depth is that of this
 * operation, see below. */
int     ssem_shm_attachment_open   (const char          *key,
                                    int                  initial_value,
                                    SsemAccessMode       mode,
                                    guint                depth,
                                    SsemShmAttachment  **attachment);

/* Removes the semaphore of @key that nobody is attached to; -EBUSY where somebody is, this process
 * too. */
int     ssem_shm_attachment_remove_leftover (const char *key);

/* An instance goes: its waits are called off. What was its reference is given back when no thread
 * can be inside it any more; with the last one the process leaves, and the last process removes the
 * semaphore. */
void    ssem_shm_attachment_close  (SsemShmAttachment   *self,
                                    gpointer             instance);
void    ssem_shm_attachment_unref  (SsemShmAttachment   *self);

/* Sets @handle to the calling thread's slot handle for an operation of @depth. In a child of fork (),
 * this attaches. See ssem_shm_slots_get_handle (). */
int     ssem_shm_attachment_get_handle (SsemShmAttachment  *self,
                                        guint               depth,
                                        SsemShmSlotHandle **handle);

/* Attaches in a forked child; to be called where no slot is asked for. */
int     ssem_shm_attachment_ready      (SsemShmAttachment *self);

/* --- Waits --- */

void    ssem_shm_attachment_begin_wait (SsemShmAttachment *self,
                                        SsemShmWait       *wait);
void    ssem_shm_attachment_end_wait   (SsemShmAttachment *self,
                                        SsemShmWait       *wait);

/* Sees to it that somebody listens for deaths. Answers when to try again, a point of the monotonic
 * clock; G_MAXINT64 where this process listens. */
gint64  ssem_shm_attachment_listen     (SsemShmAttachment *self);

G_END_DECLS
