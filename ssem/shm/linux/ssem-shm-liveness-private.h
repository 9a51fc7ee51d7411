/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-file-identity-private.h"
#include "ssem/os/ssem-file-lock-private.h"

G_BEGIN_DECLS

typedef struct _SsemShmLinuxMember SsemShmLinuxMember;

/* How other processes know that this process is alive: locks on bytes of a file. The bytes are
 * described in ssem-shm-liveness.c.
 *
 * Functions return 0 or -errno unless stated otherwise.
 */
typedef struct
{
  int wing_fd;          /* -1 if the locks are on the segment's file: see ssem-shm-wing.c */
  SsemFileIdentity wing_identity;
  void *wing_memory;
  gboolean is_counted;  /* among those whose locks are on the segment's file */
  gboolean listens;     /* has one of the listeners' locks */
} SsemShmLiveness;

#define SSEM_SHM_LIVENESS_INIT { .wing_fd = -1 }

/* The bytes of attach id 0. */
#define SSEM_SHM_LOCKS_ATTACHED (G_GINT64_CONSTANT (1) << 48)
#define SSEM_SHM_LOCKS_LINGERS  (G_GINT64_CONSTANT (1) << 49)
#define SSEM_SHM_LOCKS_LISTENS  (G_GINT64_CONSTANT (1) << 50)

/* Draws an attach id for this process, which has opened the segment, and takes the lock that shows
 * it as attached. */
int      ssem_shm_liveness_take_id       (SsemShmLinuxMember *self);

/* Draws another attach id, which shows this process as alive until the file is closed. */
int      ssem_shm_liveness_take_extra_id (SsemShmLinuxMember *self,
                                          guint64            *attach_id);

/* Changes the lock on this process's byte among those from @first on. */
int      ssem_shm_liveness_lock          (SsemShmLinuxMember *self,
                                          goffset             first,
                                          SsemFileLock        lock);

/* Takes this process into the count of those whose locks are on the segment's file, and out of it;
 * harmless if repeated. */
void     ssem_shm_liveness_count         (SsemShmLinuxMember *self);
void     ssem_shm_liveness_uncount       (SsemShmLinuxMember *self);

/* Closes what the locks are on, beside the segment's file. */
void     ssem_shm_liveness_end           (SsemShmLinuxMember *self);

/* Returns whether another process is attached or lingers, or another attachment of this process.
 * TRUE if in doubt. */
gboolean ssem_shm_liveness_has_others    (SsemShmLinuxMember *self);

/* Makes this process one of the few that listen for deaths; -EAGAIN if there are enough. */
int      ssem_shm_liveness_listen        (SsemShmLinuxMember *self);

/* Ends that. Harmless if this process does not listen, or has closed the file. */
void     ssem_shm_liveness_unlisten      (SsemShmLinuxMember *self);

G_END_DECLS
