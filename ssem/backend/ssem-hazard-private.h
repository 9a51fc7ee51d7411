/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/backend/ssem-backend-private.h"
#include "ssem/os/ssem-barrier-private.h"
#include "ssem/os/ssem-fast-state-private.h"
#include "ssem/os/ssem-thread-slot-private.h"

#include <stdatomic.h>

G_BEGIN_DECLS

/* Keeps the memory of an instance while a thread is inside it, even if set_key () in another thread
 * takes the instance away from its object.
 *
 * These are hazard pointers (M. Michael, "Hazard Pointers: Safe Memory Reclamation for Lock-Free
 * Objects", IEEE TPDS 15(6), 2004): each thread announces the instances that it is inside, and an
 * instance that was taken away is freed only when no thread announces it. A backend that has
 * is_in_fast () announces operations on the fast path in its own way. The design note is in
 * ssem-hazard.c.
 *
 * A thread is inside several instances when a signal handler interrupts an operation and calls
 * another. The depth of an operation is the number of operations that it interrupts.
 */
#define SSEM_HAZARD_MAX_DEPTH 8

/* A thread writes its hazard in each operation, so no other thread's is in the same cache line. */
#define SSEM_HAZARD_LINE 64

typedef struct _SsemHazard SsemHazard;

struct _SsemHazard
{
  /* The thread, ssem_thread_slot_owner (), if it can enter on the fast path; else NULL. */
  _Alignas (SSEM_HAZARD_LINE) _Atomic (gpointer) thread;
  /* By depth; written by its thread, read by a thread that retires. An operation in a handler takes
   * the next free depth and frees it before the interrupted operation goes on. */
  _Atomic (SsemInstance *) inside[SSEM_HAZARD_MAX_DEPTH];
  /* Whether the operation of that depth may last. It frees retired instances as it leaves. */
  atomic_bool may_last[SSEM_HAZARD_MAX_DEPTH];
  atomic_bool must_look; /* set by a thread that retires, cleared by its own; always set where the
                          * system has no fence for all threads */
  SsemHazard *next;      /* see ssem-hazard.c */
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

/* --- The fast path: enters in a few instructions, for an operation that does not wait ---
 *
 * An object keeps the hazard of one of the threads that use it. It may keep it longer than the
 * thread lives. So the memory of hazards is never freed but used for other hazards, and each
 * operation checks whose the hazard is. */

/* The hazard of no thread: nothing enters with it. */
extern G_GNUC_INTERNAL SsemHazard ssem_no_hazard;

/* Returns this thread's hazard, or ssem_no_hazard where this thread cannot enter on the fast path.
 * Puts it into @kept, unless that is another living thread's. */
SsemHazard   *ssem_hazard_find_fast      (_Atomic (SsemHazard *) *kept);

/* Returns whether @hazard is this thread's, and it can enter on the fast path. */
static inline gboolean
ssem_hazard_is_own (SsemHazard *hazard)
{
  return atomic_load_explicit (&hazard->thread, memory_order_relaxed) ==
         ssem_thread_slot_owner ();
}

/* Enters the instance whose address @state is open with, with this thread's @hazard. Returns NULL,
 * and does nothing, where it is not open, or where this operation interrupts another one. Then take
 * the slow path. After a success, leave with ssem_hazard_leave_fast (). */
static inline SsemInstance *
ssem_hazard_enter_fast (SsemHazard    *hazard,
                        SsemFastState *state)
{
  SsemInstance *instance;
  guint64 word;

  if (G_UNLIKELY (atomic_load_explicit (&hazard->inside[0], memory_order_relaxed) != NULL))
    return NULL;

  /* Acquire: pairs with ssem_fast_state_open (). */
  word = atomic_load_explicit (state, memory_order_acquire);
  instance = (SsemInstance *) (guintptr) word;
  atomic_store_explicit (&hazard->inside[0], instance, memory_order_relaxed);
  /* A thread that retires makes this thread pass a real fence. */
  atomic_signal_fence (memory_order_seq_cst);
  if (G_LIKELY (word == atomic_load_explicit (state, memory_order_acquire) &&
                ssem_fast_state_is_open (word)))
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
