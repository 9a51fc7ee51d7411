/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-liveness-private.h"

#include "ssem-shm-wing-private.h"

#include <errno.h>

/* Locks on bytes far beyond the end of the segment's file show which processes are alive. They are
 * locks of the open file description: the kernel drops them when the process dies, whatever its pid
 * name space is.
 *
 *   ATTACHED + attach id  the process with that attach id is attached
 *   LINGERS + attach id   it is not attached, but it is alive and holds units
 *   LISTENS + 0, 1, 2     a process listens for deaths
 *
 * If many processes are attached, the first two are in other files: see ssem-shm-wing.c.
 *
 * No attach id is used twice. So no process ever locks another's byte, and a query is enough to
 * know whether a process is alive.
 *
 * Through a descriptor that is another file's by now, every process would seem dead. So callers
 * check ssem_shm_member_can_ask () first.
 */

#define ATTACHED SSEM_SHM_LOCKS_ATTACHED
#define LINGERS  SSEM_SHM_LOCKS_LINGERS
#define LISTENS  SSEM_SHM_LOCKS_LISTENS

#define N_LISTENERS 3

int
ssem_shm_liveness_lock (SsemShmLinuxMember *self,
                        goffset             first,
                        SsemFileLock        lock)
{
  guint64 attach_id = self->parent.attach_id;
  int fd = SSEM_SHM_WING (attach_id) == 0 ? self->file.fd : self->liveness.wing_fd;

  return ssem_file_lock_try (fd, first + (goffset) attach_id, lock);
}

static guint64
draw_count (SsemShmLinuxMember *self)
{
  return atomic_fetch_add (&self->parent.segment->last_attach_id, 1) + 1;
}

int
ssem_shm_liveness_take_id (SsemShmLinuxMember *self)
{
  guint64 count = draw_count (self);
  guint wing = ssem_shm_wing_choose (self, count);

  /* The segment's own file always has room for one more. */
  if (wing != 0 && ssem_shm_wing_enter (self, wing) != 0)
    wing = 0;
  self->parent.attach_id = SSEM_SHM_PROCESS (count, wing);
  self->parent.incarnation = self->parent.segment->incarnation;
  ssem_shm_liveness_count (self);

  return ssem_shm_liveness_lock (self, ATTACHED, SSEM_FILE_LOCK_EXCLUSIVE);
}

int
ssem_shm_liveness_take_extra_id (SsemShmLinuxMember *self,
                                 guint64            *attach_id)
{
  *attach_id = SSEM_SHM_PROCESS (draw_count (self), 0);

  return ssem_file_lock_try (self->file.fd, ATTACHED + (goffset) *attach_id,
                             SSEM_FILE_LOCK_EXCLUSIVE);
}

void
ssem_shm_liveness_count (SsemShmLinuxMember *self)
{
  if (self->liveness.is_counted || SSEM_SHM_WING (self->parent.attach_id) != 0)
    return;

  atomic_fetch_add (&self->parent.segment->n_near, 1);
  self->liveness.is_counted = TRUE;
}

void
ssem_shm_liveness_uncount (SsemShmLinuxMember *self)
{
  if (self->liveness.is_counted && self->parent.segment != NULL)
    atomic_fetch_sub (&self->parent.segment->n_near, 1);
  self->liveness.is_counted = FALSE;
}

void
ssem_shm_liveness_end (SsemShmLinuxMember *self)
{
  ssem_shm_liveness_uncount (self);
  self->liveness.listens = FALSE;
  ssem_shm_wing_close (self);
}

gboolean
ssem_shm_liveness_has_others (SsemShmLinuxMember *self)
{
  guint64 wings = atomic_load (&self->parent.segment->wings) | 1;
  guint wing;

  for (wing = 0; wing < SSEM_SHM_N_WINGS; wing++)
    {
      int result = wings >> wing & 1
                   ? ssem_shm_wing_query (self, wing, ATTACHED, LINGERS - ATTACHED)
                   : 0;

      /* An error counts as a process: nothing is removed on a doubt. But a wing need not exist
       * yet. */
      if (result != 0 && result != -ENOENT)
        return TRUE;
    }

  return FALSE;
}

int
ssem_shm_liveness_listen (SsemShmLinuxMember *self)
{
  int i, result = -EAGAIN;

  for (i = 0; i < N_LISTENERS && result == -EAGAIN; i++)
    result = ssem_file_lock_try (self->file.fd, LISTENS + i, SSEM_FILE_LOCK_EXCLUSIVE);
  self->liveness.listens = result == 0;

  return result;
}

void
ssem_shm_liveness_unlisten (SsemShmLinuxMember *self)
{
  int i;

  if (!self->liveness.listens)
    return;

  self->liveness.listens = FALSE;
  for (i = 0; i < N_LISTENERS && ssem_file_identity_is (&self->file.identity, self->file.fd); i++)
    ssem_file_lock_try (self->file.fd, LISTENS + i, SSEM_FILE_LOCK_NONE);
}

/* --- The port --- */

gboolean
ssem_shm_member_can_ask (SsemShmMember *member)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);

  return ssem_file_identity_is (&self->file.identity, self->file.fd) &&
         ssem_shm_wing_is_open (self);
}

gboolean
ssem_shm_member_is_alive (SsemShmMember *member,
                          guint64        attach_id)
{
  SsemShmLinuxMember *self = ssem_shm_linux_member (member);
  guint wing = SSEM_SHM_WING (attach_id);

  /* No byte belongs to it: only a damaged segment has such an attach id. */
  if (attach_id >= (guint64) (LINGERS - ATTACHED))
    return FALSE;

  /* An error counts as life. */
  return attach_id == member->attach_id ||
         ssem_shm_wing_query (self, wing, ATTACHED + (goffset) attach_id, 1) != 0 ||
         ssem_shm_wing_query (self, wing, LINGERS + (goffset) attach_id, 1) != 0;
}
