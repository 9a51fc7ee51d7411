/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/linux/ssem-shm-file-private.h"
#include "ssem/shm/linux/ssem-shm-liveness-private.h"
#include "ssem/shm/linux/ssem-shm-name-private.h"
#include "ssem/shm/ssem-shm-port-private.h"

G_BEGIN_DECLS

/* A SsemShmMember on Linux: a file that is open and mapped, and locks by which others know that
 * this process is alive. How a segment gets its name and loses it is described in
 * ssem-shm-naming.c.
 *
 * Functions return 0 or -errno unless stated otherwise, and none of them waits for another process.
 */
struct _SsemShmLinuxMember
{
  SsemShmMember parent;
  const SsemShmName *name; /* constant after init */
  SsemShmName *own_name;   /* constant after init: NULL if the name is another object's */
  SsemShmFile file;
  SsemShmLiveness liveness;
};

/* Casts the portable type. */
static inline SsemShmLinuxMember *
ssem_shm_linux_member (SsemShmMember *member)
{
  return (SsemShmLinuxMember *) member;
}

void     ssem_shm_linux_member_init       (SsemShmLinuxMember *self,
                                           SsemShmName        *own_name);

/* Prepares @self for another file of the same key. @other must outlive @self. */
void     ssem_shm_linux_member_init_other (SsemShmLinuxMember *self,
                                           SsemShmLinuxMember *other);
void     ssem_shm_linux_member_clear      (SsemShmLinuxMember *self);

/* Moves an open file from @other, which is closed then, to @self, which was closed. */
void     ssem_shm_linux_member_move       (SsemShmLinuxMember *self,
                                           SsemShmLinuxMember *other);

/* Opens and maps the segment at @location, also one that is being removed, without attaching.
 * Errors: those of ssem_shm_file_open () and ssem_shm_segment_check (). */
int      ssem_shm_linux_member_open       (SsemShmLinuxMember *self,
                                           const char         *location);

/* Creates, opens and maps a new segment, which has no name yet and which this process is attached
 * to. A successor has the incarnation of the segment that @self had opened last. */
int      ssem_shm_linux_member_create     (SsemShmLinuxMember *self,
                                           int                 initial_value,
                                           gboolean            is_successor);

/* Forgets, without touching them, descriptors that are another file's by now. The mapping keeps the
 * locks, so the process stays alive for others and keeps its units. But it cannot ask which other
 * processes are alive, attach or leave. */
void     ssem_shm_linux_member_disown     (SsemShmLinuxMember *self);

G_END_DECLS
