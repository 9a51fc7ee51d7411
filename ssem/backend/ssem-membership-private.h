/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-fork-private.h"
#include "ssem/ssem-types.h"

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* The membership of this process in one semaphore. All instances of the key share the membership.
 *
 * A membership decides which instances share an attachment, when the process leaves, and what
 * happens at a fork or an exit. Several backends use memberships. Each implements attaching and
 * leaving in a SsemMembershipClass. The design note in ssem-membership.c defines the words.
 */
typedef struct _SsemMembership SsemMembership;

/* The arguments with which an instance is opened. */
typedef struct
{
  int initial_value;
  SsemAccessMode mode;
  gboolean is_new; /* attach () sets this to TRUE if it created the semaphore */
} SsemMembershipRequest;

typedef enum
{
  SSEM_MEMBERSHIP_LEAVE,         /* linger if the process still holds units */
  SSEM_MEMBERSHIP_LEAVE_FOREVER, /* do not linger, because no instance can join again */
  SSEM_MEMBERSHIP_LEAVE_AT_EXIT, /* threads may use the attachment; allocate and free nothing */
} SsemMembershipLeave;

/* The functions of a backend. Each backend has its own type of attachment. For one attachment, only
 * one of attach (), attach_child () and leave () runs at a time. An int result is 0 or -errno. */
typedef struct
{
  /* Whether attach () and leave () may wait for other processes. */
  gboolean waits_for_processes;

  /* Creates an attachment for @semaphore without attaching it. @semaphore is the argument of
   * ssem_membership_open (): a key, or what else the backend finds a semaphore by. Sets @name to a
   * string that the attachment owns. Paths to the same semaphore give the same name, and each
   * semaphore has its own name. */
  int      (* create)       (gconstpointer           semaphore,
                             const char            **name,
                             gpointer               *attachment);

  /* Attaches as @request requires. The process may be attached already, may linger, or may have
   * inherited the attachment from its parent. Returns 1 if the request needs a new attachment. A
   * failure changes nothing. */
  int      (* attach)       (gpointer                attachment,
                             SsemMembershipRequest  *request);

  /* Attaches a child of fork () to the same semaphore as its parent; -EIDRM if that semaphore no
   * longer exists. */
  int      (* attach_child) (gpointer                attachment);

  /* Leaves the semaphore, if the process is attached. Returns TRUE if the process lingers. If not,
   * the attachment is closed. */
  gboolean (* leave)        (gpointer                attachment,
                             SsemMembershipLeave     leave);

  /* Marks the attachment as inherited, and closes the child's copies of descriptors and mappings.
   * Runs in the fork handler of a child, which has no other thread. Must take no lock that a fork
   * takes. */
  void     (* mark_inherited) (gpointer              attachment);

  void     (* free)         (gpointer                attachment);
} SsemMembershipClass;

struct _SsemMembership
{
  const SsemMembershipClass *class; /* constant after init */
  gpointer attachment;              /* constant after init */
  const char *name;                 /* constant after init: the attachment's */

  /* Protected by registry_lock. */
  int n_instances;
  int n_references;
  gboolean is_registered;           /* new instances may join */
  gboolean is_lingering;            /* the registry has a reference */
  SsemMembership *next_at_exit;

  GMutex attach_lock;
  gboolean is_closed;               /* protected by attach_lock; TRUE: no instance can attach */
  atomic_uint fork_count;           /* ssem_fork_count () of the process that attached */
};

/* Prepares this module. Each backend that uses memberships calls this in its init (). */
void ssem_membership_init         (void);

/* Attaches a new instance of @semaphore as @request requires. Sets @membership to the membership,
 * with a reference for the instance. Returns 0 or -errno. */
int  ssem_membership_open         (const SsemMembershipClass  *klass,
                                   gconstpointer               semaphore,
                                   SsemMembershipRequest      *request,
                                   SsemMembership            **membership);

/* Closes an instance. With its last instance, the process leaves. */
void ssem_membership_close        (SsemMembership             *self);

/* Gives back the reference of an instance. Call it after ssem_membership_close (), when no thread
 * can be inside the instance. */
void ssem_membership_unref        (SsemMembership             *self);

/* Attaches this process, if it is a child of fork () that has not attached yet. Returns 0 or
 * -errno. */
int  ssem_membership_attach_child (SsemMembership             *self);

/* Ensures that this process is attached. Each operation calls this function first, so the first
 * operation in a child of fork () attaches the child. Returns 0 or -errno. */
static inline int
ssem_membership_ensure_attached (SsemMembership *self)
{
  /* Acquire: pairs with the release in ssem_membership_attach_child (). */
  if (G_LIKELY (atomic_load_explicit (&self->fork_count, memory_order_acquire) ==
                ssem_fork_count ()))
    return 0;

  return ssem_membership_attach_child (self);
}

G_END_DECLS
