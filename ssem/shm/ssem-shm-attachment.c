/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-attachment-private.h"

#include "ssem-shm-attach-private.h"
#include "ssem-shm-counter-private.h"
#include "ssem-shm-waiters-private.h"

#include "ssem/os/ssem-hooks-private.h"

#include <errno.h>

/* Words
 *
 *   instance      an open object of the program. All instances of a key share one attachment.
 *   segment       the shared memory of one semaphore. Each process that is attached maps it.
 *   member        this process as a user of a segment: see ssem-shm-port-private.h.
 *   incarnation   the life of one semaphore, from creation to removal, and its number.
 *   holding       the units that a process acquired with undo, less the units that it released.
 *   linger        to stay known to other processes as alive, without an instance.
 *   exit hook     the function that leaves each semaphore when the program calls exit ().
 *
 * States of an attachment
 *
 *   closed      There is no segment. The attachment is new, or the process has left, or the process
 *               is a child of fork () that has not used the attachment yet.
 *   attached    The segment is open, and other processes see this process as attached.
 *   lingering   The last instance is closed, but the process still has a holding. The process is no
 *               longer attached, but other processes see that it is alive. So they reclaim its
 *               units only after its end. A new instance makes the process attached again.
 *
 * Locks of other libraries
 *
 *   In a child of fork (), a lock stays locked forever if another thread of the parent had it. So
 *   the fork handler, the exit hook and every use of an inherited object avoid such locks. The only
 *   exception is the lock of malloc (3), which the C library resets in a child. These parts of
 *   other libraries have locks:
 *
 *   malloc          The exit hook allocates and frees nothing.
 *   random numbers  The library calls getrandom (2), never GLib's generator.
 *   slices          Before GLib 2.76, the library initialises the slice tables at startup. Creating
 *                   an object or a GError uses slices.
 *   quarks, g_once  The library uses them only at startup, before there is an object.
 *   threads         The library calls pthread_create (3), which takes no lock of GLib.
 *   environment     The library reads variables only when it opens a key. getenv (3) takes no lock.
 *   gettext         The library translates only the messages of errors that the caller requests.
 *   stdio           The library never uses stdio.
 *
 * Fork
 *
 *   The segment does not show which processes are alive, so a copy of its mapping or descriptor
 *   does no harm in a child. The fork handler closes both all the same. The next operation in the
 *   child attaches to the same semaphore as the parent, or fails. No fork waits while a segment is
 *   opened or closed.
 */

void
ssem_shm_attachment_init (void)
{
  ssem_shm_slot_init ();
  ssem_shm_port_init ();
  ssem_shm_waiters_init ();
  ssem_hooks_add_exit (ssem_shm_port_exit);
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
ssem_shm_attachment_mark_inherited (SsemShmAttachment *self)
{
  ssem_shm_member_forget (self->member);
  ssem_shm_acquirer_forget (&self->acquirer);
  self->is_attached = FALSE;
  self->is_inherited = TRUE;
}

/* --- Attaching --- */

/* Attaches a closed attachment. @incarnation, if not 0, is the only one to attach to. Returns 0 or
 * -errno. */
static int
attach_closed (SsemShmAttachment *self,
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

  /* Not in ssem_shm_attachment_new (): most new attachments are freed soon, because the process
   * already has an attachment of the same name. */
  if (self->slots.serial == 0)
    ssem_shm_slots_init (&self->slots, self->member);

  result = ssem_shm_attach (&self->slots, initial_value, openings[mode], incarnation, is_new);
  if (result == 0)
    {
      self->is_attached = TRUE;
      self->is_inherited = FALSE;
    }

  return result;
}

/* Attaches to the incarnation of the parent. Returns 0 or -errno; -EIDRM if that incarnation has
 * ended. */
static int
attach_inherited (SsemShmAttachment *self,
                  int                initial_value,
                  SsemAccessMode     mode,
                  gboolean          *is_new)
{
  /* 0: a thread of the parent was opening the semaphore during the fork. */
  if (self->member->incarnation == 0)
    return -EIDRM;

  return attach_closed (self, initial_value, mode, self->member->incarnation, is_new);
}

int
ssem_shm_attachment_attach_child (SsemShmAttachment *self)
{
  gboolean is_new;

  return attach_inherited (self, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, &is_new);
}

/* Attaches a lingering attachment again. Returns 0 or -errno; -EIDRM if the instance needs a new
 * attachment. */
static int
attach_lingering (SsemShmAttachment *self,
                  SsemAccessMode     mode)
{
  int result;

  /* These modes replace a leftover. Remove the segment while this process lingers. After that, a
   * process that attaches would treat this process as dead. */
  if ((mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE || mode == SSEM_ACCESS_MODE_JOIN) &&
      ssem_shm_leave (&self->slots))
    result = -EIDRM;
  else if (mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE)
    result = -EEXIST;
  else
    result = ssem_shm_reattach (&self->slots);
  if (result == 0)
    self->is_attached = TRUE;

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
      result = attach_closed (self, initial_value, mode, 0, is_new);
    }
  else
    {
      result = ssem_shm_member_check_name (self->member);
      if (result == 0 && !self->is_attached)
        result = attach_lingering (self, mode);
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

  ssem_shm_counter_reset (handle, value);
  ssem_shm_waiters_wake_all (self->member);

  return 0;
}

/* --- Leaving --- */

/* Closes an attachment that is attached or lingering. */
static void
close_segment (SsemShmAttachment *self)
{
  /* A thread that continued after the exit hook may have begun to watch again. */
  ssem_shm_acquirer_unwatch (&self->acquirer);
  ssem_shm_slots_clear (&self->slots);
  ssem_shm_member_close (self->member);
}

/* Makes an attached attachment lingering or closed. */
static void
linger_or_close (SsemShmAttachment *self)
{
  SsemShmMember *member = self->member;
  gboolean lingers, is_removed;

  ssem_shm_acquirer_unwatch (&self->acquirer);

  /* Also linger with a negative holding: the process has created units, and a later acquire is
   * first set off against these units. */
  lingers = ssem_shm_counter_get_holding (member->segment, member->attach_id) != 0;
  if (lingers)
    ssem_shm_slots_set_attached (&self->slots, FALSE);
  else
    ssem_shm_counter_free_slots (member->segment, member->attach_id);

  is_removed = ssem_shm_leave (&self->slots);
  self->is_attached = FALSE;
  if (is_removed || !lingers)
    {
      ssem_shm_member_unenroll (member);
      close_segment (self);
    }
}

gboolean
ssem_shm_attachment_leave (SsemShmAttachment *self,
                           gboolean           may_linger)
{
  if (self->is_attached)
    linger_or_close (self);
  if (self->member->segment != NULL && !may_linger)
    close_segment (self);

  return self->member->segment != NULL;
}

void
ssem_shm_attachment_leave_at_exit (SsemShmAttachment *self)
{
  /* Other threads may still run, so the process lingers until it ends. */
  if (self->is_attached)
    {
      ssem_shm_acquirer_unwatch (&self->acquirer);
      ssem_shm_slots_set_attached (&self->slots, FALSE);
      if (ssem_shm_leave (&self->slots))
        ssem_shm_member_unenroll (self->member);
      self->is_attached = FALSE;
    }
}

int
ssem_shm_attachment_remove_leftover (const char *key)
{
  SsemShmMember *member = ssem_shm_member_new (key);
  int result = ssem_shm_remove_leftover (member);

  ssem_shm_member_free (member);

  return result;
}
