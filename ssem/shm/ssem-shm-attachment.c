/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-attachment-private.h"

#include "ssem-shm-counter-private.h"
#include "ssem-shm-waiters-private.h"

#include "ssem/os/ssem-fork-private.h"
#include "ssem/os/ssem-hooks-private.h"
#include "ssem/os/ssem-thread-private.h"

#include <errno.h>

/* States of an attachment
 *
 *   closed     there is no segment. New; or in a child of fork () that has not used it yet.
 *   attached   the segment is open and other processes see this process as attached.
 *   lingering  the last instance is gone, but the process still holds units. The process is no
 *              longer attached, but other processes see that it is alive; so the units come back
 *              when it ends and not before. A new instance makes it attached again.
 *
 * Locks
 *
 *   segment_lock  Held while segments are opened, named, left and closed. Every fork waits for it:
 *                 a child must know each descriptor that has or gets a lock, and each mapping, to
 *                 close them. No other process is waited for meanwhile. (A descriptor without a
 *                 lock that is open for reading only, for a question, does no harm in a child.)
 *
 *   It is taken by ssem_thread_lock (). So no exit hook runs if a signal handler called exit () and
 *   interrupted its own thread with the lock held.
 *
 * Locks of other libraries
 *
 *   A child of fork () finds them as they were, some of them locked forever by a thread that the
 *   child does not have. The use of an inherited object in a child, the fork handler and the exit
 *   hook take none of these but that of malloc (3), which the C library resets in a child:
 *
 *   malloc          the fork handler frees; the exit hook allocates and frees nothing, unless
 *                   further places or wings of the key need to be removed
 *   random numbers  getrandom (2), never GLib's generator
 *   slices          (before GLib 2.76) used if there are further places or wings, for a GError and
 *                   for a new object, like any GObject; the tables are created at the start
 *   quarks, once    only at the start, before there is an object
 *   threads         pthread_create (3), which takes no lock of GLib
 *   environment     read when a key is opened; getenv (3) takes no lock
 *   gettext         translates the message of an error that is asked for, nothing else
 *   stdio           never
 *
 * Closed descriptors
 *
 *   Some programs close every descriptor that they find. The number may then belong to another
 *   file, so it is checked before each use. An operation that needs the descriptor fails with
 *   -EBADF, one that needs memory only goes on. The process does not attach to the same segment a
 *   second time, since what it holds would then be counted twice.
 *
 * Fork
 *
 *   The child first closes mappings and descriptors; otherwise they would keep the parent's locks
 *   after the parent's death. The next operation in the child attaches to the very segment that the
 *   parent had, or fails.
 */

static GMutex segment_lock;
static _Atomic (char *) last_removed; /* name of the semaphore that this process has removed last */

static void
tidy_at_exit (void)
{
  ssem_thread_lock (&segment_lock);
  ssem_shm_port_exit ();
  ssem_thread_unlock (&segment_lock);
}

void
ssem_shm_attachment_init (void)
{
  ssem_fork_protect (&segment_lock, NULL);
  ssem_shm_slot_init ();
  /* After segment_lock: leaving takes both, in this order. */
  ssem_shm_port_init ();
  ssem_shm_waiters_init ();
  ssem_hooks_add_exit (tidy_at_exit);
}

/* Returns whether this process has removed the semaphore @name last, and forgets about it. */
static gboolean
take_last_removed (const char *name)
{
  char *removed = atomic_exchange (&last_removed, NULL);

  if (g_strcmp0 (removed, name) != 0)
    removed = atomic_exchange (&last_removed, removed);
  else
    name = NULL;
  g_free (removed);

  return name == NULL;
}

SsemShmAttachment *
ssem_shm_attachment_new (const char *key)
{
  SsemShmAttachment *self = g_new0 (SsemShmAttachment, 1);

  self->member = ssem_shm_member_new (key);
  self->name = ssem_shm_member_make_name (self->member);
  ssem_shm_acquirer_init (&self->acquirer, self->member);

  return self;
}

void
ssem_shm_attachment_free (SsemShmAttachment *self)
{
  if (self->slots.serial != 0)
    ssem_shm_slots_clear (&self->slots);
  ssem_shm_acquirer_clear (&self->acquirer);
  ssem_shm_member_free (self->member);
  g_free (self->name);
  g_free (self);
}

void
ssem_shm_attachment_forget (SsemShmAttachment *self)
{
  ssem_shm_member_forget (self->member);
  ssem_shm_acquirer_forget (&self->acquirer);
  self->is_attached = FALSE;
  self->is_inherited = TRUE;
}

/* --- Attaching --- */

/* From closed to attached. */
static int
attach (SsemShmAttachment *self,
        int                initial_value,
        SsemAccessMode     mode,
        guint64            incarnation,
        gboolean          *is_new)
{
  static const SsemShmOpening openings[] = {
    [SSEM_ACCESS_MODE_OPEN] = SSEM_SHM_OPEN_OR_CREATE,
    [SSEM_ACCESS_MODE_CREATE] = SSEM_SHM_OPEN_OR_CREATE,
    [SSEM_ACCESS_MODE_OPEN_EXISTING] = SSEM_SHM_OPEN_EXISTING,
    [SSEM_ACCESS_MODE_CREATE_EXCLUSIVE] = SSEM_SHM_CREATE_NEW,
    [SSEM_ACCESS_MODE_JOIN] = SSEM_SHM_JOIN,
  };
  int result;

  /* Not before, because most attachments are created only to find out that there is one already. */
  if (self->slots.serial == 0)
    ssem_shm_slots_init (&self->slots, self->member);

  ssem_thread_lock (&segment_lock);
  ssem_shm_member_prepare_exit (self->member);
  result = ssem_shm_member_attach (self->member, initial_value, openings[mode], incarnation,
                                   is_new);
  if (result == 0)
    {
      self->is_attached = TRUE;
      self->is_inherited = FALSE;
    }
  ssem_thread_unlock (&segment_lock);

  return result;
}

/* Attaches to the segment of the parent. -EIDRM if that is gone, or another semaphore has taken the
 * key since the fork. */
static int
attach_inherited (SsemShmAttachment *self,
                  int                initial_value,
                  SsemAccessMode     mode,
                  gboolean          *is_new)
{
  /* 0: the parent was just opening it. */
  if (self->member->incarnation == 0)
    return -EIDRM;

  return attach (self, initial_value, mode, self->member->incarnation, is_new);
}

int
ssem_shm_attachment_attach_child (SsemShmAttachment *self)
{
  gboolean is_new;

  return attach_inherited (self, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, &is_new);
}

/* From lingering to attached. -EIDRM if that is impossible. */
static int
come_back (SsemShmAttachment *self,
           SsemAccessMode     mode)
{
  int result;

  ssem_thread_lock (&segment_lock);
  /* A leftover is replaced while this process lingers: a process that came after that would see
   * this one as dead. */
  if ((mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE || mode == SSEM_ACCESS_MODE_JOIN) &&
      ssem_shm_member_leave (self->member, TRUE))
    result = -EIDRM;
  else if (mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE)
    result = -EEXIST;
  else
    result = ssem_shm_member_rejoin (self->member);
  if (result == 0)
    self->is_attached = TRUE;
  ssem_thread_unlock (&segment_lock);

  return result;
}

int
ssem_shm_attachment_attach (SsemShmAttachment *self,
                            int                initial_value,
                            SsemAccessMode     mode,
                            gboolean          *is_new)
{
  int result;

  *is_new = FALSE;
  if (self->is_inherited)
    {
      if (mode != SSEM_ACCESS_MODE_CREATE_EXCLUSIVE && mode != SSEM_ACCESS_MODE_JOIN)
        mode = SSEM_ACCESS_MODE_OPEN_EXISTING;
      result = attach_inherited (self, initial_value, mode, is_new);
    }
  else if (self->member->segment == NULL)
    {
      self->member->expects_none = take_last_removed (self->name);
      return attach (self, initial_value, mode, 0, is_new);
    }
  else
    {
      result = ssem_shm_member_check_name (self->member);
      if (result == 0 && !self->is_attached)
        result = come_back (self, mode);
      else if (result == 0 && mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE)
        result = -EEXIST;
    }

  return result == -EIDRM ? 1 : result;
}

int
ssem_shm_attachment_reset (SsemShmAttachment *self,
                           guint              depth,
                           int                value)
{
  SsemShmSlotHandle *handle;
  int result = ssem_shm_slots_get_handle (&self->slots, depth, &handle);

  if (result != 0)
    return result;

  ssem_shm_counter_reset (*handle, value);
  ssem_shm_waiters_wake_all (self->member);

  return 0;
}

/* --- Leaving --- */

/* From attached or lingering to closed. With segment_lock. */
static void
close_segment (SsemShmAttachment *self)
{
  /* A thread that went on after the exit hook may have made it watch again. */
  ssem_shm_acquirer_unwatch (&self->acquirer);
  ssem_shm_slots_clear (&self->slots);
  ssem_shm_member_close (self->member);
}

/* From attached to lingering or closed. With segment_lock. */
static void
leave (SsemShmAttachment *self)
{
  SsemShmMember *member = self->member;
  gboolean lingers, is_removed;

  ssem_shm_acquirer_unwatch (&self->acquirer);

  /* Units that the process has created count, too: later acquires are first set off against
   * them. */
  lingers = ssem_shm_counter_get_holding (member->segment, member->attach_id) != 0;
  if (!lingers)
    ssem_shm_counter_free_slots (member->segment, member->attach_id);

  is_removed = ssem_shm_member_leave (member, lingers);
  self->is_attached = FALSE;
  if (is_removed)
    g_free (atomic_exchange (&last_removed, g_strdup (self->name)));
  if (is_removed || !lingers)
    close_segment (self);
}

gboolean
ssem_shm_attachment_leave (SsemShmAttachment *self,
                           gboolean           may_linger)
{
  gboolean lingers;

  ssem_thread_lock (&segment_lock);
  if (self->is_attached)
    leave (self);
  if (self->member->segment != NULL && !may_linger)
    close_segment (self);
  lingers = self->member->segment != NULL;
  ssem_thread_unlock (&segment_lock);

  return lingers;
}

void
ssem_shm_attachment_leave_at_exit (SsemShmAttachment *self)
{
  ssem_thread_lock (&segment_lock);
  /* Other threads may still be at work, so the process lingers until it has really ended. */
  if (self->is_attached)
    {
      ssem_shm_acquirer_unwatch (&self->acquirer);
      ssem_shm_member_leave (self->member, TRUE);
      self->is_attached = FALSE;
    }
  ssem_thread_unlock (&segment_lock);
}

int
ssem_shm_attachment_remove_leftover (const char *key)
{
  SsemShmMember *member = ssem_shm_member_new (key);
  int result;

  /* A child that has the descriptor or the mapping would keep the lock that a remover has. */
  ssem_thread_lock (&segment_lock);
  result = ssem_shm_member_remove_leftover (member);
  ssem_thread_unlock (&segment_lock);

  ssem_shm_member_free (member);

  return result;
}
