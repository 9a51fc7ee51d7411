/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-fork-private.h"
#include "ssem/os/ssem-thread-slot-private.h"
#include "ssem/shm/ssem-shm-counter-private.h"
#include "ssem/shm/linux/ssem-shm-file-private.h"
#include "ssem/shm/ssem-shm-waiters-private.h"
#include "ssem/ssem-types.h"

G_BEGIN_DECLS

/* How many operations of a thread, of which each interrupts the one before in a signal handler, have
 * a slot each. */
#define SSEM_SHM_MAX_DEPTH 8

/* A thread's slots of one attachment, by the depth of the operation. The first is for an operation
 * that interrupts no other; the others are claimed when they are needed first. So no operation ever
 * writes the slot of one that it interrupts. */
typedef struct _SsemShmSlotHandles SsemShmSlotHandles;
struct _SsemShmSlotHandles
{
  /* With the first handle a whole line: an operation reads nothing else that is the thread's. */
  _Alignas (SSEM_SHM_LINE) guint64 serial; /* of the attachment; 0 in a child of fork () */
  SsemShmSlotHandle handle[SSEM_SHM_MAX_DEPTH];
  SsemShmSlotHandles *next; /* of the same thread; or of those that no thread has */
};

G_STATIC_ASSERT (G_STRUCT_OFFSET (SsemShmSlotHandles, handle) + sizeof (SsemShmSlotHandle) <= SSEM_SHM_LINE);

/* This process's attachment to one semaphore, shared by all its instances of the key.
 *
 * Its design note is in ssem-shm-attachment.c. Functions answer 0 or -errno.
 */
typedef struct
{
  guint64 serial;    /* constant after init: tells attachments of this process apart, forever */
  char *name;        /* constant after init: in the registry */
  SsemShmFile file;  /* its memory: constant while an instance is open */

  /* Under the registry's lock. */
  int n_references;
  gboolean is_registered; /* new instances may join it */
  SsemShmSlotHandles *idle; /* of threads that have ended and still hold, or created, units */
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

/* --- Slots of threads --- */

/* Of how many attachments a thread finds its slots at once. */
#define SSEM_SHM_N_RECENT (SSEM_THREAD_N_SLOTS - SSEM_THREAD_SLOT_RECENT_HANDLES)

/* In which of the thread's places the handles of the attachment with that serial number are looked
 * for. */
static inline guint
ssem_shm_attachment_get_place (guint64 serial)
{
  return SSEM_THREAD_SLOT_RECENT_HANDLES + (guint) (serial % SSEM_SHM_N_RECENT);
}

/* The calling thread's handle of the attachment with that serial number, where it is one of the recent
 * ones; else NULL. For an operation that interrupts no other. */
static inline SsemShmSlotHandle *
ssem_shm_attachment_peek_handle_at (guint64 serial,
                                  guint   place)
{
  SsemShmSlotHandles *handles = ssem_thread_slot_get (place);

  return G_LIKELY (handles != NULL && handles->serial == serial) ? &handles->handle[0] : NULL;
}

/* The calling thread's handle for an operation of @depth, with a new slot if need be. In a forked
 * child, this attaches. Where the thread has a handle of this attachment already, it takes no lock and
 * allocates nothing. */
int     ssem_shm_attachment_get_handle   (SsemShmAttachment  *self,
                                        guint               depth,
                                        SsemShmSlotHandle       **handle);

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
