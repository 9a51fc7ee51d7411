/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-membership-private.h"

#include "ssem/os/ssem-hooks-private.h"
#include "ssem/os/ssem-thread-private.h"

#include <errno.h>
#include <string.h>

/* States of a membership
 *
 *   open        it is in the registry, and instances join it. Its attachment is attached, or about
 *               to be, or was inherited from the parent of this process.
 *   lingering   the last instance is gone, but the process has to stay known to the others, because
 *               it still holds units. The membership stays in the registry. A new instance joins
 *               it.
 *   orphaned    something outside has removed the semaphore, or the name leads to another one now.
 *               It is not in the registry any more, so a new instance makes a new membership. Its
 *               own instances stay.
 *   closed      the last instance is gone. An instance that has found it before finds is_closed,
 *               and makes a new membership.
 *
 * Ownership
 *
 *   The registry, a table by backend and name, owns nothing but lingering memberships. Each
 *   instance has a reference. It stops being counted in n_instances when it is closed. It gives
 *   back its reference later, when no thread can be inside it. The membership owns the attachment.
 *
 * Locks, in this order
 *
 *   attach_lock     of the membership: one thread at a time attaches or leaves.
 *   registry_lock   the tables and the counts. Every fork waits for it, so it is held for a few
 *                   instructions only: never while a function of the backend runs, except for
 *                   forget () in a child.
 *
 *   Both are taken with ssem_thread_lock (), so no exit hook runs in a thread that has one of them.
 *
 * A fork may come while another thread attaches. Then the child has the attachment in any state in
 * between, and forget () has to cope with that: see ssem_fork_get_n_begun () for descriptors. No
 * instance in the child uses it, because none was made yet.
 *
 * Fork: in a child, forget () closes what the child has copies of. Each inherited membership
 * attaches again when one of its instances is used first, or when a new instance joins it.
 *
 * Exit: a program that ends without dropping its last object leaves in good order. This is not a
 * crash. The hook allocates and frees nothing.
 *
 * Locks of other libraries: a child of fork () finds them as they were, some of them locked
 * forever. The hooks here take none. Operations of an inherited object take only that of malloc
 * (3), which the C library resets in a child.
 */

/* So much of a name's end is enough to distinguish most names. */
#define HASH_LENGTH 16

static GMutex registry_lock;
static GHashTable *registry;    /* class and name -> the membership that a new instance joins */
static GHashTable *memberships; /* all, as a set */

static guint
hash_membership (gconstpointer data)
{
  const SsemMembership *self = data;
  gsize length = strlen (self->name);

  return g_str_hash (self->name + length - MIN (length, HASH_LENGTH));
}

static gboolean
is_same_place (gconstpointer a,
               gconstpointer b)
{
  const SsemMembership *membership_a = a, *membership_b = b;

  return membership_a->class == membership_b->class &&
         g_str_equal (membership_a->name, membership_b->name);
}

static void
forget_all_in_child (void)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, memberships);
  while (g_hash_table_iter_next (&iter, &value, NULL))
    {
      SsemMembership *self = value;

      self->class->forget (self->attachment);

      /* Another thread of the parent may have had it; that thread is not here. */
      g_mutex_init (&self->attach_lock);
    }
}

/* Exit must not hang where another thread waits for a process. */
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

      /* A reference that is never given back: other threads still run. */
      self->n_references++;
      self->next_at_exit = left;
      left = self;
    }
  ssem_thread_unlock (&registry_lock);

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

  registry = g_hash_table_new (hash_membership, is_same_place);
  memberships = g_hash_table_new (NULL, NULL);
  ssem_fork_protect (&registry_lock, forget_all_in_child);
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
                const char                 *key,
                SsemMembership            **membership)
{
  SsemMembership *self = g_new0 (SsemMembership, 1);
  int result = klass->create (key, &self->name, &self->attachment);

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

/* Returns the membership that an instance of @key joins, with one more instance and reference. */
static int
registry_get (const SsemMembershipClass  *klass,
              const char                 *key,
              SsemMembership            **membership)
{
  SsemMembership *created = NULL;
  SsemMembership *self;
  int result = membership_new (klass, key, &created);

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

/* With registry_lock. */
static void
set_lingering (SsemMembership *self,
               gboolean        is_lingering)
{
  self->n_references += is_lingering - self->is_lingering;
  self->is_lingering = is_lingering;
}

/* With registry_lock and a reference: no new instance joins it from here on. */
static void
unregister (SsemMembership *self)
{
  if (self->is_registered)
    g_hash_table_remove (registry, self);
  self->is_registered = FALSE;
  set_lingering (self, FALSE);
}

/* Returns 1 where a new membership has to take the place of @self. */
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
                      const char                 *key,
                      SsemMembershipRequest      *request,
                      SsemMembership            **membership)
{
  SSEM_THREAD_SHIELD;
  SsemMembership *self;
  int result;

  do
    {
      result = registry_get (klass, key, &self);
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

/* With attach_lock. */
static void
leave (SsemMembership *self)
{
  gboolean is_last, is_registered, lingers;

  /* An instance may have come while we waited for attach_lock. */
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
      leave (self);
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
