/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-attach-private.h"

#include "ssem-shm-counter-private.h"
#include "ssem-shm-life-private.h"

#include <errno.h>

/* Attaching
 *
 *   1. Open the segment of the key. If it has been removed, finish that, and begin again.
 *   2. If there is none, prepare one in which this process is attached already, and publish it. If
 *      another process has published one meanwhile, begin again.
 *   3. Else mark a slot as attached, and look whether the segment stays: see ssem-shm-life.c. If it
 *      has been removed meanwhile, begin again.
 *
 * Some modes replace a segment to which no process is attached. Then the successor is prepared
 * before the old segment is removed, so that nothing has changed if there is no room for it. The
 * successor has the same incarnation: for a child of fork () that has not used the old one yet, it
 * is the same semaphore, reset.
 *
 * Nobody waits: whoever finds a step of another process undone does it, or begins again. A process
 * that dies between two steps leaves a prepared segment, a segment that is marked as removed, or a
 * segment to which no process is attached.
 */

#define MAX_ROUNDS 10000

/* A result: to begin again. No system call returns it. */
#define AGAIN 1

typedef struct
{
  SsemShmSlots *slots;
  SsemShmMember *member;
  int initial_value;
  SsemShmOpening opening;
  guint64 incarnation;
  gboolean is_successor; /* this process has replaced the segment, so none is of an incarnation */
  gboolean is_new;       /* the segment was created */
} Attaching;

/* Removes the open segment, which has been marked as removed, and closes it. */
static int
remove_and_close (SsemShmMember *member)
{
  int result = ssem_shm_member_remove (member);

  ssem_shm_member_close (member);

  return result;
}

/* Prepares a segment in which this process is attached. */
static int
prepare (Attaching *self,
         guint64    incarnation)
{
  int result = ssem_shm_member_enroll (self->member);

  if (result == 0)
    result = ssem_shm_member_prepare (self->member, self->initial_value, incarnation);
  if (result == 0)
    result = ssem_shm_slots_attach (self->slots, self->member->prepared);

  return result;
}

/* AGAIN if another process was faster. */
static int
create (Attaching *self)
{
  int result = 0;

  if (self->incarnation != 0 && !self->is_successor)
    return -EIDRM;
  if (self->opening == SSEM_SHM_OPEN_EXISTING)
    {
      result = ssem_shm_member_clear_rest (self->member);
      return result == 0 ? -ENOENT : result;
    }

  if (self->member->prepared == NULL)
    result = prepare (self, 0);
  if (result == 0)
    result = ssem_shm_member_publish (self->member);
  if (result == -ENOENT)
    {
      /* A directory has been removed. */
      ssem_shm_member_discard (self->member);
      ssem_shm_member_unenroll (self->member);
    }
  if (result == 0)
    {
      self->member->incarnation = self->member->segment->incarnation;
      self->is_new = TRUE;
    }

  return result == -EEXIST || result == -ENOENT ? AGAIN : result;
}

/* Removes the open segment if no process is attached, and creates its successor. -EEXIST if a
 * process is attached; AGAIN if another process was faster. */
static int
replace (Attaching *self)
{
  int result;

  if (ssem_shm_life_has_others (self->member))
    return -EEXIST;

  ssem_shm_member_discard (self->member);
  result = prepare (self, self->member->segment->incarnation);
  if (result != 0)
    return result;
  if (!ssem_shm_life_end (self->member))
    return -EEXIST;

  self->is_successor = TRUE;
  result = remove_and_close (self->member);

  return result == 0 ? create (self) : result;
}

/* Attaches to the open segment. AGAIN if it has been removed. */
static int
attach_to_open (Attaching *self)
{
  int result = ssem_shm_member_enroll (self->member);

  ssem_shm_member_discard (self->member);
  if (result == 0)
    result = ssem_shm_slots_attach (self->slots, self->member->segment);
  if (result != 0)
    return result;

  ssem_shm_member_arrive (self->member);
  self->member->incarnation = self->member->segment->incarnation;
  if (ssem_shm_life_keep (self->member))
    return 0;

  result = remove_and_close (self->member);

  return result == 0 ? AGAIN : result;
}

/* AGAIN if the segment has been removed or replaced. */
static int
use_open (Attaching *self)
{
  int result;

  if (ssem_shm_life_is_removed (atomic_load (&self->member->segment->life)))
    {
      result = remove_and_close (self->member);
      return result == 0 ? AGAIN : result;
    }

  /* Before this process attaches: a leftover that is not for it stays what it is. */
  if (self->incarnation != 0 && self->member->segment->incarnation != self->incarnation)
    return -EIDRM;

  if (self->opening == SSEM_SHM_CREATE_NEW || self->opening == SSEM_SHM_JOIN)
    {
      result = replace (self);
      if (self->opening == SSEM_SHM_CREATE_NEW || result != -EEXIST)
        return result;
    }

  return attach_to_open (self);
}

int
ssem_shm_attach (SsemShmSlots   *slots,
                 int             initial_value,
                 SsemShmOpening  opening,
                 guint64         incarnation,
                 gboolean       *is_new)
{
  Attaching self = {
    .slots = slots,
    .member = slots->member,
    .initial_value = initial_value,
    .opening = opening,
    .incarnation = incarnation,
  };
  int round, result = AGAIN;

  for (round = 0; round < MAX_ROUNDS && result == AGAIN; round++)
    {
      result = ssem_shm_member_open (self.member);
      if (result == 0)
        result = use_open (&self);
      else if (result == -ENOENT)
        result = create (&self);
    }

  *is_new = self.is_new;
  ssem_shm_member_discard (self.member);
  if (result != 0)
    {
      ssem_shm_slots_detach (slots);
      ssem_shm_member_unenroll (self.member);
      ssem_shm_member_close (self.member);
    }

  /* Nobody comes and goes that often: there is something that can be neither used nor removed. */
  return result == AGAIN ? -EBADMSG : result;
}

int
ssem_shm_reattach (SsemShmSlots *slots)
{
  SsemShmMember *member = slots->member;

  if (ssem_shm_slots_set_attached (slots, TRUE) && ssem_shm_life_keep (member) &&
      ssem_shm_member_check_name (member) == 0)
    return 0;

  ssem_shm_slots_set_attached (slots, FALSE);

  return -EIDRM;
}

gboolean
ssem_shm_leave (SsemShmSlots *slots)
{
  SsemShmMember *member = slots->member;

  if (!ssem_shm_life_end (member))
    return FALSE;

  ssem_shm_member_remove (member);

  return TRUE;
}

int
ssem_shm_remove_leftover (SsemShmMember *member)
{
  gboolean has_removed = FALSE;
  int round, result = 0;

  for (round = 0; round < MAX_ROUNDS && result == 0; round++)
    {
      gboolean is_rest;

      result = ssem_shm_member_open (member);
      if (result != 0)
        break;

      /* What was to be removed, and still has its name, is not the last one of the key. */
      is_rest = ssem_shm_life_is_removed (atomic_load (&member->segment->life));
      result = ssem_shm_life_end (member) ? remove_and_close (member) : -EBUSY;
      has_removed = has_removed || result == 0;
      if (!is_rest)
        break;
    }

  ssem_shm_member_close (member);
  if (result == -ENOENT)
    {
      int rest_result = ssem_shm_member_clear_rest (member);

      result = rest_result != 0 ? rest_result : has_removed ? 0 : -ENOENT;
    }

  return result;
}
