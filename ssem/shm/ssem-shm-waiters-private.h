/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/shm/ssem-shm-layout-private.h"

G_BEGIN_DECLS

/* Sleeping until there are units, and waking who sleeps. The protocol is in ssem-shm-waiters.c. */

/* A thread that waits. It lies on the thread's stack; others reach it to call the wait off. */
typedef struct
{
  atomic_bool is_called_off; /* set by whoever calls it off, before it looks at is_asleep */
  atomic_bool is_asleep;     /* set by the waiter, before it looks at is_called_off */
} SsemShmWaiter;

typedef enum
{
  SSEM_SHM_LOOK_AGAIN,  /* woken, for whatever reason */
  SSEM_SHM_SLEPT_LONG,  /* the time is over, or the longest sleep */
} SsemShmWake;

/* A sleep is never longer than this, in microseconds: the waiter's own look at what nobody told
 * it. */
#define SSEM_SHM_LONGEST_SLEEP_USEC G_USEC_PER_SEC

/* To be called before the others. */
void        ssem_shm_waiters_init     (void);

/* Between these two a wait for @n units through @slot is known to releasers. */
void        ssem_shm_waiters_announce (SsemShmSegment *segment,
                                       guint32         slot,
                                       int             n);
void        ssem_shm_waiters_retract  (SsemShmSegment *segment,
                                       guint32         slot);

/* Sleeps as long as there are fewer than @n units, at most until @deadline_usec (a point of the
 * monotonic clock). */
SsemShmWake ssem_shm_waiters_sleep    (SsemShmSegment *segment,
                                       SsemShmWaiter  *waiter,
                                       guint32         slot,
                                       int             n,
                                       gint64          deadline_usec);

/* Ends @waiter's sleep, and keeps it from the next one. Returns when it is awake. */
void        ssem_shm_waiters_call_off (SsemShmSegment *segment,
                                       SsemShmWaiter  *waiter,
                                       guint32         slot);

/* @n units have come. Answers how many were asleep. */
int         ssem_shm_waiters_wake     (SsemShmSegment *segment,
                                       int             n);

/* Everybody shall look: nobody knows how many units came, or whom an earlier wake-up was lost
 * on. */
void        ssem_shm_waiters_wake_all (SsemShmSegment *segment);

/* Counts those who wait anew, after some may have died waiting. @is_dead tells it of a process. */
void        ssem_shm_waiters_recount     (SsemShmSegment *segment,
                                       gboolean      (*is_dead) (guint64  process,
                                                                 gpointer data),
                                       gpointer        data);

static inline gboolean
ssem_shm_waiters_is_anybody (SsemShmSegment *segment)
{
  /* Sequentially consistent, after the swap that brought the units: see ssem-shm-waiters.c. */
  return (guint32) atomic_load (&segment->waiters) != 0;
}

/* Spins for a moment, as long as there are fewer than @n units. TRUE when there are enough. */
gboolean    ssem_shm_waiters_spin     (SsemShmSegment *segment,
                                       int             n);

G_END_DECLS
