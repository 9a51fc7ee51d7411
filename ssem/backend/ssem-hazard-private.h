/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/backend/ssem-backend-private.h"
#include "ssem/os/ssem-barrier-private.h"
#include "ssem/os/ssem-thread-slot-private.h"

#include <stdatomic.h>

G_BEGIN_DECLS

/* Keeps the memory of an instance while a thread is inside it, even if set_key () in another thread
 * takes the instance away from its object.
 *
 * These are hazard pointers (M. Michael, "Hazard Pointers: Safe Memory Reclamation for Lock-Free
 * Objects", IEEE TPDS 15(6), 2004): each thread announces the instances that it is inside, and an
 * instance that was taken away is freed only when no thread announces it. An operation on the fast
 * path announces itself in the backend's own way. The design note is in ssem-hazard.c.
 *
 * A thread is inside several instances when a signal handler interrupts an operation and calls
 * another. The depth of an operation is the number of operations that it interrupts.
 */
#define SSEM_HAZARD_MAX_DEPTH 8

typedef struct _SsemHazard SsemHazard;

struct _SsemHazard
{
  /* By depth; written by its thread, read by a thread that retires. An operation in a handler takes
   * the next free depth and frees it before the interrupted operation goes on. */
  _Atomic (SsemInstance *) inside[SSEM_HAZARD_MAX_DEPTH];
  /* Whether the operation of that depth may last. It frees retired instances as it leaves. */
  atomic_bool may_last[SSEM_HAZARD_MAX_DEPTH];
  atomic_bool must_look; /* set by a thread that retires, cleared by its own; always set where the
                          * system has no fence for all threads */
  SsemHazard *next;      /* under the lock of ssem-hazard.c */
};

/* To be called before the others. */
void          ssem_hazard_init           (void);

/* Enters the instance in @location. Returns NULL where that is NULL, and where @depth is
 * SSEM_HAZARD_MAX_DEPTH because too many operations interrupt each other. Leave with @depth in any
 * case. */
SsemInstance *ssem_hazard_enter          (_Atomic (SsemInstance *) *location,
                                          guint                    *depth);

/* Enters an instance that no object has yet. */
gboolean      ssem_hazard_enter_new      (SsemInstance *instance,
                                          guint        *depth);

/* Says that the operation may last; end it with ssem_hazard_leave_and_free (). */
void          ssem_hazard_stay           (guint         depth);

/* Leaves, and frees nothing: for operations that may run in a signal handler. */
void          ssem_hazard_leave          (guint         depth);

/* Leaves, and frees retired instances. */
void          ssem_hazard_leave_and_free (guint         depth);

/* Returns the depth of the operation that this thread is in. */
guint         ssem_hazard_get_depth      (void);

/* Enters the instance in @location in a few instructions, for an operation that does not wait, and
 * that no operation of this thread contains. Returns NULL, and does nothing, where that is not so,
 * where there is no instance, or where each thread has to make its own fences. Then take the slow
 * path. After a success, leave with ssem_hazard_leave_fast (). */
static inline SsemInstance *
ssem_hazard_enter_fast (_Atomic (SsemInstance *)  *location,
                        SsemHazard               **entered)
{
  SsemHazard *hazard = ssem_thread_slot_get (SSEM_THREAD_SLOT_HAZARD);
  SsemInstance *instance;

  *entered = hazard;

  if (G_UNLIKELY (hazard == NULL || !ssem_barrier_is_asymmetric ||
                  atomic_load_explicit (&hazard->inside[0], memory_order_relaxed) != NULL))
    return NULL;

  /* Acquire: pairs with the release in open_instance () of ssem-system-semaphore.c. */
  instance = atomic_load_explicit (location, memory_order_acquire);
  atomic_store_explicit (&hazard->inside[0], instance, memory_order_relaxed);
  /* A thread that retires makes this thread pass a real fence. */
  atomic_signal_fence (memory_order_seq_cst);
  if (G_LIKELY (instance == atomic_load_explicit (location, memory_order_acquire)))
    return instance;

  atomic_store_explicit (&hazard->inside[0], NULL, memory_order_release);

  return NULL;
}

static inline void
ssem_hazard_leave_fast (SsemHazard *hazard)
{
  /* Release: the operation's accesses come before the memory is freed. */
  atomic_signal_fence (memory_order_seq_cst);
  atomic_store_explicit (&hazard->inside[0], NULL, memory_order_release);
}

/* Frees @instance when no thread is inside it. It is closed, and no object has it any more. */
void          ssem_hazard_retire         (SsemInstance *instance);

G_END_DECLS
