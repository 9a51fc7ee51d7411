/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-fork-private.h"
#include "ssem/shm/ssem-shm-counter-private.h"
#include "ssem/shm/ssem-shm-segment-private.h"
#include "ssem/shm/ssem-shm-waiting-private.h"
#include "ssem/ssem-types.h"

G_BEGIN_DECLS

/* This process's attachment to one semaphore, shared by all its instances of the key.
 *
 * Its design note is in ssem-shm-attachment.c. Functions answer 0 or -errno.
 */
typedef struct
{
  guint64 serial;    /* constant after init: tells attachments of this process apart, for ever */
  SsemShmFile file;  /* its memory: constant while an instance is open */

  /* Under the registry's lock. */
  int n_references;
  gboolean is_registered; /* new instances may join it */
  GArray *idle_slots; /* slots of this process that no thread has; NULL before the first */
  GList *waits;

  GMutex gate;        /* taken to attach, to grow and to leave */
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
  SsemShmLane lane;
  int n;
  GList link;
} SsemShmWait;

/* To be called before the others. */
void    ssem_shm_attachment_init   (void);

/* Attaches as @mode says; the caller has a reference for its instance. */
int     ssem_shm_attachment_open   (const char          *key,
                                    int                  initial_value,
                                    SsemAccessMode       mode,
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

/* The slots that a thread has of the attachments that it used last. */
#define SSEM_SHM_N_CACHED 4
typedef struct
{
  /* A whole line: an operation reads nothing else that is the thread's. */
  _Alignas (SSEM_SHM_LINE) guint64 serial; /* 0: none */
  SsemShmLane lane;
} SsemShmCached;

G_STATIC_ASSERT (sizeof (SsemShmCached) == SSEM_SHM_LINE);

extern G_GNUC_INTERNAL _Thread_local SsemShmCached ssem_shm_cached[SSEM_SHM_N_CACHED]
  __attribute__ ((tls_model ("initial-exec")));

/* Where in the cache the attachment with that serial number has its place, in bytes. */
static inline gsize
ssem_shm_attachment_get_place (guint64 serial)
{
  return serial % SSEM_SHM_N_CACHED * sizeof (SsemShmCached);
}

/* The calling thread's slot of the attachment with that serial number, where the cache has it; else
 * NULL. */
static inline SsemShmLane *
ssem_shm_attachment_peek_lane_at (guint64 serial,
                                  gsize   place)
{
  SsemShmCached *cached = G_STRUCT_MEMBER_P (ssem_shm_cached, place);

  return G_LIKELY (cached->serial == serial) ? &cached->lane : NULL;
}

static inline SsemShmLane *
ssem_shm_attachment_peek_lane (guint64 serial)
{
  return ssem_shm_attachment_peek_lane_at (serial, ssem_shm_attachment_get_place (serial));
}

/* The calling thread's slot, a new one if need be. In a forked child, this attaches. */
int     ssem_shm_attachment_get_lane   (SsemShmAttachment *self,
                                        SsemShmLane       *lane);

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
