/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-port-private.h"

G_BEGIN_DECLS

/* Sleeping until there are units, and waking the sleepers. The protocol is in
 * ssem-shm-waiters.c. */

/* A thread that waits. It lies on the thread's stack; other threads reach it to call the wait
 * off. */
typedef struct
{
  atomic_bool is_called_off; /* set by a thread that calls it off, before that looks at is_asleep */
  atomic_bool is_asleep;     /* set by the waiter, before it looks at is_called_off */
} SsemShmWaiter;

/* The longest sleep of a waiter that is one of few. After that a waiter looks for what it may not
 * have been woken for. */
#define SSEM_SHM_LONGEST_SLEEP_USEC G_USEC_PER_SEC

/* Prepares this module. Call it before the other functions. */
void        ssem_shm_waiters_init     (void);

/* Makes a wait for @n units through @slot known to releasers, until retract (). */
void        ssem_shm_waiters_announce (SsemShmSegment *segment,
                                       guint32         slot,
                                       int             n);
void        ssem_shm_waiters_retract  (SsemShmSegment *segment,
                                       guint32         slot);

/* Sleeps while there are fewer than @n units, until @deadline_usec (monotonic time) or for the
 * longest sleep. Returns 0 if it was woken, and may do so early; -ETIMEDOUT if it slept to the end;
 * -EINTR if a signal handler ran in this thread. */
int         ssem_shm_waiters_sleep    (SsemShmMember  *member,
                                       SsemShmWaiter  *waiter,
                                       guint32         slot,
                                       int             n,
                                       gint64          deadline_usec);

/* Ends the sleep of @waiter, and prevents the next one. Returns when the waiter is awake. */
void        ssem_shm_waiters_call_off (SsemShmMember  *member,
                                       SsemShmWaiter  *waiter,
                                       guint32         slot);

/* Lets operations take the fast path again, which wakes nobody, if no thread waits. To be called
 * before a release. If it returns TRUE, call wake_all () after the release: a thread may have begun
 * to wait. */
gboolean    ssem_shm_waiters_clear_bit (SsemShmSegment *segment);

/* Wakes waiters after @n units were released. Returns how many were asleep. */
int         ssem_shm_waiters_wake     (SsemShmMember  *member,
                                       int             n);

/* Wakes all waiters: it is unknown how many units were returned, or an earlier wake-up may be
 * lost. */
void        ssem_shm_waiters_wake_all (SsemShmMember  *member);

/* Counts the waiters again, and sets the waiters bit, after some processes have died. */
void        ssem_shm_waiters_recount  (SsemShmSegment *segment);

static inline gboolean
ssem_shm_waiters_is_anybody (SsemShmSegment *segment)
{
  /* Sequentially consistent, after the swap that released the units: see ssem-shm-waiters.c. */
  return (guint32) atomic_load (&segment->waiters) != 0;
}

/* Spins for a moment while there are fewer than @n units. Returns whether there are enough. */
gboolean    ssem_shm_waiters_spin     (SsemShmSegment *segment,
                                       int             n);

G_END_DECLS
