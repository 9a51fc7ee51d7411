/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/os/ssem-fork-private.h"
#include "ssem/ssem-types.h"

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* This process's membership in a semaphore, which all its instances of the key share.
 *
 * A membership decides which instances share an attachment, when the process leaves, and what a
 * fork or an exit does. It serves every backend. The backend says how to attach and how to leave,
 * in a SsemMembershipClass. The design note is in ssem-membership.c.
 */
typedef struct _SsemMembership SsemMembership;

/* What an instance asks for when it is opened. */
typedef struct
{
  int initial_value;
  SsemAccessMode mode;
  gboolean is_new; /* set when the semaphore was created for this instance */
} SsemMembershipRequest;

typedef enum
{
  SSEM_MEMBERSHIP_LEAVE,         /* or linger, where that is necessary */
  SSEM_MEMBERSHIP_LEAVE_FOREVER, /* no instance can join again, so there is no use in lingering */
  SSEM_MEMBERSHIP_LEAVE_AT_EXIT, /* threads may be inside the attachment; allocate nothing */
} SsemMembershipLeave;

/* The functions of a backend. An attachment is the backend's own type. Only one of attach (),
 * attach_child () and leave () runs at a time for an attachment. Results are 0 or -errno. */
typedef struct
{
  /* Whether attach () and leave () may wait for other processes. */
  gboolean waits_for_processes;

  /* Creates an attachment for @key, which does not attach yet. @name, which the attachment keeps,
   * becomes the same for every spelling of the semaphore's path, and different for each
   * semaphore. */
  int      (* create)       (const char             *key,
                             const char            **name,
                             gpointer               *attachment);

  /* Attaches as @request says; also where the process is attached already, lingers, or has
   * inherited the attachment from its parent. Returns 1 where this attachment cannot be used for
   * that, and a new one has to take its place. A failure leaves everything as it was. */
  int      (* attach)       (gpointer                attachment,
                             SsemMembershipRequest  *request);

  /* Attaches a child of fork () to the very semaphore that its parent was attached to; -EIDRM where
   * that is gone. */
  int      (* attach_child) (gpointer                attachment);

  /* Leaves the semaphore, if the process is attached. Returns whether the process lingers: it keeps
   * the attachment, although no instance needs it. Else nothing is open any more. */
  gboolean (* leave)        (gpointer                attachment,
                             SsemMembershipLeave     leave);

  /* Makes the attachment the child's own in a child of fork (): not attached, nothing open. No
   * other thread runs. Takes no lock that a fork takes. */
  void     (* forget)       (gpointer                attachment);

  void     (* free)         (gpointer                attachment);
} SsemMembershipClass;

struct _SsemMembership
{
  const SsemMembershipClass *class; /* constant after init */
  gpointer attachment;              /* constant after init */
  const char *name;                 /* constant after init: the attachment's */

  /* With registry_lock. */
  int n_instances;
  int n_references;
  gboolean is_registered;           /* new instances may join */
  gboolean is_lingering;            /* the registry has a reference */
  SsemMembership *next_at_exit;

  GMutex attach_lock;
  gboolean is_closed;               /* with attach_lock: no instance can attach any more */
  atomic_uint fork_count;           /* of the process that is attached */
};

/* To be called by each backend that uses memberships, when the backend is initialised. */
void ssem_membership_init         (void);

/* Opens an instance of @key: attaches as @request says. The instance has a reference. */
int  ssem_membership_open         (const SsemMembershipClass  *klass,
                                   const char                 *key,
                                   SsemMembershipRequest      *request,
                                   SsemMembership            **membership);

/* An instance goes. With the last one the process leaves. */
void ssem_membership_close        (SsemMembership             *self);

/* Drops the reference of an instance, after ssem_membership_close (), when no thread can be inside
 * the instance. */
void ssem_membership_unref        (SsemMembership             *self);

int  ssem_membership_attach_child (SsemMembership             *self);

/* Makes sure that this process is attached. To be called first in each operation: the first
 * operation of a child of fork () attaches the child. */
static inline int
ssem_membership_ready (SsemMembership *self)
{
  /* Acquire: pairs with the release in ssem_membership_attach_child (). */
  if (G_LIKELY (atomic_load_explicit (&self->fork_count, memory_order_acquire) ==
                ssem_fork_count ()))
    return 0;

  return ssem_membership_attach_child (self);
}

G_END_DECLS
