/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-counter-private.h"
#include "ssem/shm/ssem-shm-port-private.h"
#include "ssem/shm/ssem-shm-waiters-private.h"

G_BEGIN_DECLS

/* Acquiring and releasing units, with all the waiting that it takes.
 *
 * The design note is in ssem-shm-acquire.c. Functions return 0 or -errno unless stated otherwise; a
 * result of -EAGAIN means that there are too few units.
 */

/* What the threads of one process share that use one segment. */
typedef struct
{
  SsemShmMember *member; /* constant after init */

  GMutex lock;           /* protects the next one */
  GList *waits;

  GMutex watch_lock;     /* held by the thread that starts to watch */
  atomic_int_least64_t next_watch_usec; /* when to try again, in monotonic time */

  /* When to look again after this process has begun to watch, in monotonic time; 0 if it has
   * looked, or does not watch. */
  atomic_int_least64_t second_look_usec;

  atomic_uint n_vain_wakes;
} SsemShmAcquirer;

/* A thread's request for @n units, which may have to wait. */
typedef struct
{
  /* Set by the caller. */
  SsemShmSlotHandle *handle;
  int n;
  int undo_mask;              /* all bits if the process holds the units; 0 if nobody does */
  const atomic_bool *is_closed; /* of the request's owner: TRUE when it accepts no more requests */
  gboolean is_interruptible;    /* a signal handler ends the wait */

  SsemShmAcquirer *acquirer; /* constant after begin_wait () */
  SsemShmWaiter waiter;
  GList link;
} SsemShmRequest;

void ssem_shm_acquirer_init       (SsemShmAcquirer *self,
                                   SsemShmMember   *member);
void ssem_shm_acquirer_clear      (SsemShmAcquirer *self);

/* Forgets, in a child of fork (), what the parent's threads were doing. */
void ssem_shm_acquirer_forget     (SsemShmAcquirer *self);

/* Tries to take the units. If they are not there, reclaims those of dead processes and tries
 * again. */
int  ssem_shm_acquirer_try        (SsemShmAcquirer *self,
                                   SsemShmRequest  *request);

/* Tries to take the units, spins for a moment if they are not there, and tries again. */
int  ssem_shm_acquirer_spin       (SsemShmAcquirer *self,
                                   SsemShmRequest  *request);

/* Waits for the units until @deadline_usec, in monotonic time. -EAGAIN if the time is over or the
 * wait was called off, -EINTR if a signal handler interrupted it. Between begin_wait () and
 * end_wait () other threads can call the wait off. */
void ssem_shm_acquirer_begin_wait (SsemShmAcquirer *self,
                                   SsemShmRequest  *request);
int  ssem_shm_acquirer_wait       (SsemShmAcquirer *self,
                                   SsemShmRequest  *request,
                                   gint64           deadline_usec);
void ssem_shm_acquirer_end_wait   (SsemShmAcquirer *self,
                                   SsemShmRequest  *request);

/* Calls off the wait of @request. */
void ssem_shm_acquirer_call_off   (SsemShmRequest  *request);

/* Calls off all waits of the owner whose flag is @is_closed. The flag is set already. */
void ssem_shm_acquirer_close      (SsemShmAcquirer   *self,
                                   const atomic_bool *is_closed);

/* Adds @n units and wakes waiters. -EOVERFLOW if the value would exceed the maximum. */
int  ssem_shm_acquirer_release    (SsemShmAcquirer   *self,
                                   SsemShmSlotHandle *handle,
                                   int                n,
                                   int                undo_mask);

/* Ends watching for deaths, when the process leaves. Wakes a waiter that can watch instead. */
void ssem_shm_acquirer_unwatch    (SsemShmAcquirer *self);

G_END_DECLS
