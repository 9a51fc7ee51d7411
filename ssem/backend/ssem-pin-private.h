/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/backend/ssem-backend-private.h"
#include "ssem/os/ssem-thread-slot-private.h"

#include <stdatomic.h>

G_BEGIN_DECLS

/* Keeps an instance's memory while a thread is inside it, though another thread takes the instance
 * away from its object (set_key does), without an atomic read-modify-write in the common case.
 *
 * These are hazard pointers (M. Michael, "Hazard Pointers: Safe Memory Reclamation for Lock-Free
 * Objects", IEEE TPDS 15(6), 2004): each thread announces the one instance that it is inside, and
 * who has taken an instance away frees it only when no thread announces it. The design note is in
 * ssem-pin.c. A thread is inside at most one instance at a time.
 */
typedef struct _SsemPin SsemPin;

struct _SsemPin
{
  _Atomic (SsemInstance *) inside; /* written by its thread, read by whoever retires */
  atomic_bool must_look;           /* set by whoever retires, cleared by its thread; with fences of
                                    * our own always set */
  SsemPin *next;                   /* under the pins' lock */
};

/* To be called before the others. */
void          ssem_pin_init         (void);

/* Enters what @place holds; NULL where that is NULL. To be left with @pin in any case. */
SsemInstance *ssem_pin_enter        (_Atomic (SsemInstance *)  *place,
                                     SsemPin                  **pin);
void          ssem_pin_look         (void);

static inline void
ssem_pin_leave (SsemPin *pin)
{
  /* Release: what we did inside comes before the memory is freed. */
  atomic_store_explicit (&pin->inside, NULL, memory_order_release);
  atomic_signal_fence (memory_order_seq_cst);
  if (G_UNLIKELY (atomic_load_explicit (&pin->must_look, memory_order_relaxed)))
    ssem_pin_look ();
}

/* The same in the common case, for what then takes a few instructions. Without a pin, or with NULL
 * for an answer, it is not that case. */
static inline SsemPin *
ssem_pin_get_fast (void)
{
  /* NULL for a thread that has none yet, and where each thread has to make its own fences. */
  return ssem_thread_slot_get (SSEM_THREAD_SLOT_FAST_PIN);
}

static inline SsemInstance *
ssem_pin_enter_fast (SsemPin                  *pin,
                     _Atomic (SsemInstance *) *place)
{
  /* Acquire: pairs with the release that put the instance into its place. */
  SsemInstance *instance = atomic_load_explicit (place, memory_order_acquire);

  atomic_store_explicit (&pin->inside, instance, memory_order_relaxed);
  /* Whoever retires makes us pass a real fence. */
  atomic_signal_fence (memory_order_seq_cst);

  return G_LIKELY (instance == atomic_load_explicit (place, memory_order_acquire)) ? instance
                                                                                   : NULL;
}

/* Instead of leaving, for who enters once more at once: only the last leaving looks. */
static inline void
ssem_pin_step_back (SsemPin *pin)
{
  atomic_store_explicit (&pin->inside, NULL, memory_order_release);
}

/* @instance, which is closed and in no place any more, is freed when no thread is inside it: now,
 * or by the last to leave. */
void ssem_pin_retire (SsemInstance *instance);

G_END_DECLS
