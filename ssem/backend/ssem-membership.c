/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-membership-private.h"

#include "ssem/os/ssem-debug-private.h"
#include "ssem/os/ssem-hooks-private.h"
#include "ssem/os/ssem-thread-private.h"

#include <errno.h>
#include <string.h>

/* Words
 *
 *   instance     an open object of the program, in a backend.
 *   attachment   what a backend keeps while this process is attached to a semaphore, such as a
 *                descriptor and a mapping.
 *   membership   the owner of one attachment, and the number of instances that use it.
 *   name         a string that identifies a semaphore within a backend.
 *   registry     the table that finds a membership by backend and name. Opening a key joins the
 *                membership in the registry, or adds a new membership.
 *   linger       to stay known to other processes without an instance. A process lingers while it
 *                still holds units.
 *   exit hook    leave_all_at_exit (), which runs when the program calls exit ().
 *
 * States of a membership
 *
 *   open        The membership is in the registry, and new instances join it. Its attachment is
 *               attached, will soon be attached, or was inherited from the parent of this process.
 *   lingering   The last instance is closed, but the process lingers. The membership stays in the
 *               registry, and a new instance joins it.
 *   orphaned    The attachment can serve no new instance. For example, something outside has
 *               removed the semaphore. The membership is not in the registry, so a new instance
 *               creates a new membership. The old instances keep the orphaned membership.
 *   closed      The last instance is closed, and the process has left. A thread may have found the
 *               membership just before. That thread finds is_closed set, and creates a new
 *               membership.
 *
 * Ownership
 *
 *   Each instance has a reference to its membership. The registry has a reference only to a
 *   lingering membership. The membership owns its attachment.
 *
 *   Closing an instance lowers n_instances. Its reference is given back later, when no thread can
 *   be inside the instance.
 *
 * Locks, in this order
 *
 *   attach_lock     belongs to one membership. One thread at a time attaches or leaves.
 *   registry_lock   protects the tables and the counts. Every fork waits for this lock, so a thread
 *                   holds it for a few instructions only. No function of a backend runs under this
 *                   lock, except mark_inherited () in a child.
 *
 *   Both locks are taken with ssem_thread_lock (). So if a thread has one of them, and a signal
 *   handler in this thread calls exit (), no exit hook runs.
 *
 * Fork
 *
 *   In a child, mark_inherited () closes the child's copies of descriptors and mappings. The child
 *   attaches when it first uses an instance, or when a new instance joins the membership. If the
 *   backend cannot attach an inherited attachment for a new instance, the membership becomes
 *   orphaned.
 *
 *   A fork may happen while another thread attaches. The child then has an incomplete attachment,
 *   which mark_inherited () must close. See ssem_fork_get_n_begun () for descriptors.
 *
 * Exit
 *
 *   A program may end without freeing its last object. The exit hook then leaves each semaphore, so
 *   such an end is no crash. The hook allocates and frees nothing.
 *
 * Locks of other libraries
 *
 *   In a child of fork (), a lock stays locked forever if another thread of the parent had it. So
 *   the fork handler and the exit hook take no lock of another library. Operations of an inherited
 *   object take only the lock of malloc (3), which the C library resets in a child.
 */

/* How many bytes at the end of a name to hash. They distinguish most names. */
#define HASH_LENGTH 16

static GMutex registry_lock;
static GHashTable *registry;    /* by class and name: the membership that a new instance joins */
static GHashTable *memberships; /* all memberships, as a set */

static guint
hash_membership (gconstpointer data)
{
  const SsemMembership *self = data;
  gsize length = strlen (self->name);

  return g_str_hash (self->name + length - MIN (length, HASH_LENGTH));
}

static gboolean
has_same_name (gconstpointer a,
               gconstpointer b)
{
  const SsemMembership *membership_a = a, *membership_b = b;

  return membership_a->class == membership_b->class &&
         g_str_equal (membership_a->name, membership_b->name);
}

static void
mark_all_inherited (void)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, memberships);
  while (g_hash_table_iter_next (&iter, &value, NULL))
    {
      SsemMembership *self = value;

      self->class->mark_inherited (self->attachment);

      /* A thread of the parent may have had the lock. That thread does not exist in the child. */
      g_mutex_init (&self->attach_lock);
    }
}

/* Locks attach_lock for the exit hook. Returns FALSE if another thread may be waiting for another
 * process under this lock, so that exit () does not hang. */
static gboolean
lock_at_exit (SsemMembership *self)
{
  if (self->class->waits_for_processes)
    return g_mutex_trylock (&self->attach_lock);

  g_mutex_lock (&self->attach_lock);

  return TRUE;
}

static void
leave_all_at_exit (void)
{
  SsemMembership *left = NULL;
  GHashTableIter iter;
  gpointer value;

  ssem_thread_lock (&registry_lock);
  g_hash_table_iter_init (&iter, memberships);
  while (g_hash_table_iter_next (&iter, &value, NULL))
    {
      SsemMembership *self = value;

      /* Never give back this reference, because other threads still run. */
      self->n_references++;
      self->next_at_exit = left;
      left = self;
    }
  ssem_thread_unlock (&registry_lock);

  ssem_debug_end ();
  for (; left != NULL; left = left->next_at_exit)
    {
      if (lock_at_exit (left))
        {
          left->class->leave (left->attachment, SSEM_MEMBERSHIP_LEAVE_AT_EXIT);
          g_mutex_unlock (&left->attach_lock);
        }
    }
}

void
ssem_membership_init (void)
{
  if (registry != NULL)
    return;

  registry = g_hash_table_new (hash_membership, has_same_name);
  memberships = g_hash_table_new (NULL, NULL);
  ssem_fork_protect (&registry_lock, mark_all_inherited);
  ssem_hooks_add_exit (leave_all_at_exit);
}

static void
membership_free (SsemMembership *self)
{
  self->class->free (self->attachment);
  g_mutex_clear (&self->attach_lock);
  g_free (self);
}

static int
membership_new (const SsemMembershipClass  *klass,
                gconstpointer               semaphore,
                SsemMembership            **membership)
{
  SsemMembership *self = g_new0 (SsemMembership, 1);
  int result = klass->create (semaphore, &self->name, &self->attachment);

  if (result != 0)
    {
      g_free (self);
      return result;
    }

  self->class = klass;
  self->fork_count = ssem_fork_count ();
  g_mutex_init (&self->attach_lock);
  *membership = self;

  return 0;
}

/* Joins the membership of @semaphore, or adds a new membership. Counts one more instance and
 * reference. Returns 0 or -errno. */
static int
join (const SsemMembershipClass  *klass,
      gconstpointer               semaphore,
      SsemMembership            **membership)
{
  SsemMembership *created = NULL;
  SsemMembership *self;
  int result = membership_new (klass, semaphore, &created);

  if (result != 0)
    return result;

  ssem_thread_lock (&registry_lock);
  self = g_hash_table_lookup (registry, created);
  if (self == NULL)
    {
      self = g_steal_pointer (&created);
      self->is_registered = TRUE;
      g_hash_table_add (registry, self);
      g_hash_table_add (memberships, self);
    }
  self->n_instances++;
  self->n_references++;
  ssem_thread_unlock (&registry_lock);

  if (created != NULL)
    membership_free (created);
  *membership = self;

  return 0;
}

/* Sets is_lingering, and the reference that belongs to it. Needs registry_lock. */
static void
set_lingering (SsemMembership *self,
               gboolean        is_lingering)
{
  self->n_references += is_lingering - self->is_lingering;
  self->is_lingering = is_lingering;
}

/* Removes @self from the registry, so that no new instance joins it. Needs registry_lock and a
 * reference. */
static void
unregister (SsemMembership *self)
{
  if (self->is_registered)
    g_hash_table_remove (registry, self);
  self->is_registered = FALSE;
  set_lingering (self, FALSE);
}

/* Attaches a new instance of @self. Returns 0 or -errno; 1 if the instance needs a new
 * membership. */
static int
attach (SsemMembership        *self,
        SsemMembershipRequest *request)
{
  int result = 1;

  ssem_thread_lock (&self->attach_lock);
  if (!self->is_closed)
    result = self->class->attach (self->attachment, request);
  if (result == 0)
    atomic_store_explicit (&self->fork_count, ssem_fork_count (), memory_order_release);
  ssem_thread_unlock (&self->attach_lock);

  ssem_thread_lock (&registry_lock);
  if (result == 0)
    set_lingering (self, FALSE);
  else if (result > 0)
    unregister (self);
  ssem_thread_unlock (&registry_lock);

  return result;
}

int
ssem_membership_open (const SsemMembershipClass  *klass,
                      gconstpointer               semaphore,
                      SsemMembershipRequest      *request,
                      SsemMembership            **membership)
{
  SSEM_THREAD_SHIELD;
  SsemMembership *self;
  int result;

  do
    {
      result = join (klass, semaphore, &self);
      if (result != 0)
        return result;

      result = attach (self, request);
      if (result != 0)
        {
          ssem_membership_close (self);
          ssem_membership_unref (self);
        }
    }
  while (result > 0);

  if (result == 0)
    *membership = self;

  return result;
}

/* Leaves, if there is still no instance. Needs attach_lock. */
static void
leave_if_unused (SsemMembership *self)
{
  gboolean is_last, is_registered, lingers;

  /* A new instance may have joined while this thread waited for attach_lock. */
  ssem_thread_lock (&registry_lock);
  is_last = self->n_instances == 0;
  is_registered = self->is_registered;
  ssem_thread_unlock (&registry_lock);
  if (!is_last || self->is_closed)
    return;

  lingers = self->class->leave (self->attachment, is_registered ? SSEM_MEMBERSHIP_LEAVE
                                                                : SSEM_MEMBERSHIP_LEAVE_FOREVER);
  ssem_thread_lock (&registry_lock);
  if (lingers)
    set_lingering (self, TRUE);
  else
    unregister (self);
  ssem_thread_unlock (&registry_lock);
  self->is_closed = !lingers;
}

void
ssem_membership_close (SsemMembership *self)
{
  SSEM_THREAD_SHIELD;
  gboolean is_last;

  ssem_thread_lock (&registry_lock);
  is_last = --self->n_instances == 0;
  ssem_thread_unlock (&registry_lock);

  if (is_last)
    {
      ssem_thread_lock (&self->attach_lock);
      leave_if_unused (self);
      ssem_thread_unlock (&self->attach_lock);
    }
}

void
ssem_membership_unref (SsemMembership *self)
{
  SSEM_THREAD_SHIELD;
  gboolean is_last;

  ssem_thread_lock (&registry_lock);
  is_last = --self->n_references == 0;
  if (is_last)
    g_hash_table_remove (memberships, self);
  ssem_thread_unlock (&registry_lock);

  if (is_last)
    membership_free (self);
}

int
ssem_membership_attach_child (SsemMembership *self)
{
  SSEM_THREAD_SHIELD;
  int result = 0;

  ssem_thread_lock (&self->attach_lock);
  if (atomic_load (&self->fork_count) != ssem_fork_count ())
    {
      result = self->is_closed ? -EIDRM : self->class->attach_child (self->attachment);
      if (result == 0)
        atomic_store_explicit (&self->fork_count, ssem_fork_count (), memory_order_release);
    }
  ssem_thread_unlock (&self->attach_lock);

  return result;
}
