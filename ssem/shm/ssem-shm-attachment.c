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
#include <string.h>

/* States of an attachment
 *
 *   out        the segment is closed. New; or in a child of fork () that has not used it yet.
 *   attached   the segment is open and other processes see this process as attached.
 *   lingering  the last instance is gone, but the process still holds units. The process is no
 *              longer attached, but other processes see that it is alive; so the units come back
 *              when it ends and not before. A new instance makes it attached again. Meanwhile the
 *              attachment stays in the registry without instances.
 *
 * Ownership
 *
 *   The registry, a table by name, has every attachment that new instances may join; it owns the
 *   lingering ones. Each instance has a reference, which it gives back when no thread can be inside
 *   it any more. The process leaves the segment with the last reference and not before, because a
 *   thread inside an instance may be operating on its slot.
 *
 * Locks, in this order
 *
 *   attach_lock    makes the threads of this process wait for each other while they attach. No
 *                  other
 *                  process is ever waited for.
 *   registry_lock  protects the tables, the counts and the waits. Held briefly, since every fork
 *                  waits for it: at most until a sleeper that is called off has got up.
 *                  A descriptor that has or gets a lock, and a mapping, are opened and closed under
 *                  it; otherwise a child would keep them. (A descriptor without a lock that is open
 *                  for reading only, for a question, does no harm there.)
 *
 *   Both are taken by ssem_thread_lock (). So the exit handler can detect that a signal handler
 *   called exit () and interrupted its own thread with a lock held; then it does nothing.
 *
 * Locks of other libraries
 *
 *   A child of fork () finds them as they were, some of them locked forever by a thread that the
 *   child does not have. The use of an inherited object in a child, the fork handler and the exit
 *   handler take none of these but that of malloc (3), which the C library resets in a child:
 *
 *   malloc          the fork handler frees; the exit handler allocates and frees nothing, unless
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

/* So much of a name's end is enough to distinguish most names. */
#define HASH_LENGTH 16

static GMutex registry_lock;
static GHashTable *registry;    /* name -> the attachment that a new instance joins */
static GHashTable *attachments; /* all there are */
static char *last_removed;      /* name of the semaphore that this process has removed last */

static void
forget_all_in_child (void)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, attachments);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SsemShmAttachment *attachment = value;

      ssem_shm_member_forget (attachment->member);
      ssem_shm_acquirer_forget (&attachment->acquirer);
      atomic_store (&attachment->is_attached, FALSE);

      /* A thread that the child does not have may hold it. */
      g_mutex_init (&attachment->attach_lock);
    }
}

static guint
hash_name (gconstpointer name)
{
  const char *text = name;
  gsize length = strlen (text);

  return g_str_hash (text + length - MIN (length, HASH_LENGTH));
}

static void leave_all_at_exit (void);

void
ssem_shm_attachment_init (void)
{
  registry = g_hash_table_new (hash_name, g_str_equal);
  attachments = g_hash_table_new (NULL, NULL);
  ssem_fork_protect (&registry_lock, forget_all_in_child);
  ssem_shm_slot_init ();
  /* After registry_lock: leaving takes both, in this order. */
  ssem_shm_port_init ();
  ssem_shm_waiters_init ();
  ssem_hooks_add_exit (leave_all_at_exit);
}

/* --- Attaching and leaving --- */

static gboolean
is_of_this_process (SsemShmAttachment *self)
{
  return atomic_load (&self->fork_count) == ssem_fork_count ();
}

/* With attach_lock, and out. */
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

  /* Opening waits for nobody, so the lock may be held; a child must know the descriptor. */
  ssem_thread_lock (&registry_lock);
  result = ssem_shm_member_attach (self->member, initial_value, openings[mode], incarnation,
                                   is_new);
  if (result == 0)
    {
      atomic_store (&self->is_attached, TRUE);
      atomic_store (&self->fork_count, ssem_fork_count ());
    }
  ssem_thread_unlock (&registry_lock);

  return result;
}

/* With attach_lock: what a child inherited from its parent. -EIDRM where that is gone, or another
 * semaphore has taken the key since the fork. */
static int
attach_as_child (SsemShmAttachment *self,
                 int                initial_value,
                 SsemAccessMode     mode,
                 gboolean          *is_new)
{
  /* 0: the parent was just opening it. */
  if (self->member->incarnation == 0)
    return -EIDRM;

  return attach (self, initial_value, mode, self->member->incarnation, is_new);
}

static int
attach_inherited (SsemShmAttachment *self)
{
  SSEM_THREAD_SHIELD;
  gboolean is_new;
  int result = 0;

  g_mutex_lock (&self->attach_lock);
  if (!is_of_this_process (self))
    result = attach_as_child (self, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, &is_new);
  g_mutex_unlock (&self->attach_lock);

  return result;
}

int
ssem_shm_attachment_ready (SsemShmAttachment *self)
{
  return G_LIKELY (is_of_this_process (self)) ? 0 : attach_inherited (self);
}

int
ssem_shm_attachment_get_handle (SsemShmAttachment  *self,
                                guint               depth,
                                SsemShmSlotHandle **handle)
{
  int result = ssem_shm_attachment_ready (self);

  return result == 0 ? ssem_shm_slots_get_handle (&self->slots, depth, handle) : result;
}

/* Leaves: from attached to out, or to lingering. With registry_lock. */
static void
leave (SsemShmAttachment *self)
{
  SsemShmMember *member = self->member;
  gboolean lingers;

  ssem_shm_acquirer_unwatch (&self->acquirer);

  /* Units that the process has created count, too: later acquires are first set off against
   * them. */
  lingers = ssem_shm_counter_get_holding (member->segment, member->attach_id) != 0;
  if (!lingers)
    ssem_shm_counter_free_slots (member->segment, member->attach_id);
  member->expects_none = ssem_shm_member_leave (member, lingers);
  if (member->expects_none || !lingers)
    {
      ssem_shm_slots_clear (&self->slots);
      ssem_shm_member_close (member);
    }
  atomic_store (&self->is_attached, FALSE);
}

static void
leave_all_at_exit (void)
{
  GHashTableIter iter;
  gpointer value;

  /* A program that ends without dropping its last reference leaves in order, and does not crash.
   * Its threads may still be at work, so it lingers until it has really ended. */
  ssem_thread_lock (&registry_lock);
  g_hash_table_iter_init (&iter, attachments);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SsemShmAttachment *attachment = value;

      if (atomic_load (&attachment->is_attached) && is_of_this_process (attachment))
        {
          ssem_shm_acquirer_unwatch (&attachment->acquirer);
          ssem_shm_member_leave (attachment->member, TRUE);
          atomic_store (&attachment->is_attached, FALSE);
        }
    }
  ssem_shm_port_exit ();
  ssem_thread_unlock (&registry_lock);
}

/* No new instance joins it from here on. With registry_lock. */
static void
unregister (SsemShmAttachment *self)
{
  if (self->is_registered)
    g_hash_table_remove (registry, self->name);
  self->is_registered = FALSE;
}

/* With registry_lock. */
static void
free_attachment (SsemShmAttachment *self)
{
  unregister (self);
  g_hash_table_remove (attachments, self);

  if (self->member->expects_none)
    {
      g_free (last_removed);
      last_removed = g_steal_pointer (&self->name);
    }
  /* A thread that went on at exit may have made it watch again. */
  if (self->member->segment != NULL)
    ssem_shm_acquirer_unwatch (&self->acquirer);
  ssem_shm_slots_clear (&self->slots);
  ssem_shm_member_free (self->member);
  ssem_shm_acquirer_clear (&self->acquirer);
  g_mutex_clear (&self->attach_lock);
  g_free (self->name);
  g_free (self);
}

static SsemShmAttachment *
attachment_new (SsemShmMember *member,
                char          *name)
{
  SsemShmAttachment *self = g_new0 (SsemShmAttachment, 1);

  self->name = name;
  self->member = member;
  ssem_shm_slots_init (&self->slots, member);
  ssem_shm_acquirer_init (&self->acquirer, member);
  atomic_store (&self->fork_count, ssem_fork_count ());
  g_mutex_init (&self->attach_lock);

  return self;
}

/* Returns the process's attachment for @key, which may be out, with one more reference. */
static SsemShmAttachment *
registry_get (const char *key)
{
  SsemShmAttachment *self;
  SsemShmMember *member = ssem_shm_member_new (key);
  char *name = ssem_shm_member_make_name (member);

  ssem_thread_lock (&registry_lock);

  ssem_shm_member_prepare_exit (member);
  self = g_hash_table_lookup (registry, name);
  if (self == NULL)
    {
      self = attachment_new (member, name);
      if (g_strcmp0 (name, last_removed) == 0)
        {
          member->expects_none = TRUE;
          g_clear_pointer (&last_removed, g_free);
        }
      g_hash_table_insert (registry, self->name, self);
      self->is_registered = TRUE;
      g_hash_table_add (attachments, self);
    }
  else
    {
      ssem_shm_member_free (member);
      g_free (name);
    }
  self->n_references++;

  ssem_thread_unlock (&registry_lock);

  return self;
}

/* Brings @self to attached. -EUCLEAN: that is impossible, and a new attachment must replace it. */
static int
join (SsemShmAttachment *self,
      int                initial_value,
      SsemAccessMode     mode,
      gboolean          *is_new)
{
  SsemShmMember *member = self->member;
  int result;

  if (!is_of_this_process (self))
    {
      if (mode != SSEM_ACCESS_MODE_CREATE_EXCLUSIVE && mode != SSEM_ACCESS_MODE_JOIN)
        mode = SSEM_ACCESS_MODE_OPEN_EXISTING;
      result = attach_as_child (self, initial_value, mode, is_new);
      return result == -EIDRM ? -EUCLEAN : result;
    }

  if (member->segment == NULL)
    return attach (self, initial_value, mode, 0, is_new);

  result = ssem_shm_member_check_name (member);
  if (result != 0)
    return result == -EIDRM ? -EUCLEAN : result;
  if (atomic_load (&self->is_attached))
    return mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE ? -EEXIST : 0;

  /* It lingers. */
  ssem_thread_lock (&registry_lock);
  /* A leftover is replaced while this process lingers: a process that came after that would see
   * this one as dead. */
  if ((mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE || mode == SSEM_ACCESS_MODE_JOIN) &&
      ssem_shm_member_leave (member, TRUE))
    result = -EUCLEAN;
  else if (mode == SSEM_ACCESS_MODE_CREATE_EXCLUSIVE)
    result = -EEXIST;
  else
    result = ssem_shm_member_rejoin (member);
  if (result == 0)
    atomic_store (&self->is_attached, TRUE);
  ssem_thread_unlock (&registry_lock);

  return result == -EIDRM ? -EUCLEAN : result;
}

int
ssem_shm_attachment_open (const char         *key,
                          int                 initial_value,
                          SsemAccessMode      mode,
                          guint               depth,
                          SsemShmAttachment **attachment)
{
  SsemShmAttachment *self;
  gboolean is_new = FALSE;
  SsemShmSlotHandle *handle;
  int result;

  do
    {
      self = registry_get (key);

      g_mutex_lock (&self->attach_lock);
      result = join (self, initial_value, mode, &is_new);
      g_mutex_unlock (&self->attach_lock);

      if (result == 0 && mode == SSEM_ACCESS_MODE_CREATE && !is_new)
        {
          result = ssem_shm_attachment_get_handle (self, depth, &handle);
          if (result == 0)
            {
              ssem_shm_counter_reset (*handle, initial_value);
              ssem_shm_waiters_wake_all (self->member);
            }
        }

      if (result == -EUCLEAN)
        {
          ssem_thread_lock (&registry_lock);
          unregister (self);
          ssem_thread_unlock (&registry_lock);
        }
      if (result != 0)
        ssem_shm_attachment_unref (self);
    }
  while (result == -EUCLEAN);

  if (result == 0)
    *attachment = self;

  return result;
}

int
ssem_shm_attachment_remove_leftover (const char *key)
{
  SsemShmMember *member = ssem_shm_member_new (key);
  int result;

  /* A child that has the descriptor or the mapping would keep the lock that a remover has. */
  ssem_thread_lock (&registry_lock);
  result = ssem_shm_member_remove_leftover (member);
  ssem_thread_unlock (&registry_lock);

  ssem_shm_member_free (member);

  return result;
}

void
ssem_shm_attachment_unref (SsemShmAttachment *self)
{
  ssem_thread_lock (&registry_lock);
  if (--self->n_references == 0)
    {
      if (atomic_load (&self->is_attached) && is_of_this_process (self))
        leave (self);

      /* A lingering attachment waits in the registry, unless it has a successor. */
      if (self->member->segment == NULL || !self->is_registered)
        free_attachment (self);
    }
  ssem_thread_unlock (&registry_lock);
}
