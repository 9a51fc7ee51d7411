/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* Whether the fast path of an object is open, in one word, which each operation on the fast path
 * checks after it has announced itself.
 *
 *   closed   0: the object has no semaphore. Whoever closes it waits for the operations that have
 *            announced themselves.
 *   open     a number that identifies the semaphore.
 *   paused   that number with a flag: the object has an error to report, so each success has to be
 *            recorded, on the slow path.
 */
typedef atomic_uint_least64_t SsemFastState;

#define SSEM_FAST_PAUSED (G_GUINT64_CONSTANT (1) << 63)

/* Stays closed if @number has the flag: an address may have it, if the processor or a checker keeps
 * something else in that bit. */
static inline void
ssem_fast_state_open (SsemFastState *self,
                      guint64        number)
{
  atomic_store (self, (number & SSEM_FAST_PAUSED) == 0 ? number : 0);
}

static inline void
ssem_fast_state_close (SsemFastState *self)
{
  atomic_store (self, 0);
}

/* Pauses or resumes. Neither has an effect while it is closed. */
static inline void
ssem_fast_state_set_paused (SsemFastState *self,
                            gboolean       is_paused)
{
  guint64 word = atomic_load (self);
  guint64 next = is_paused ? word | SSEM_FAST_PAUSED : word & ~SSEM_FAST_PAUSED;

  if (word != 0 && word != next)
    atomic_compare_exchange_strong (self, &word, next);
}

static inline gboolean
ssem_fast_state_is_paused (SsemFastState *self)
{
  return (atomic_load_explicit (self, memory_order_relaxed) & SSEM_FAST_PAUSED) != 0;
}

static inline gboolean
ssem_fast_state_is_open (guint64 word)
{
  return word != 0 && (word & SSEM_FAST_PAUSED) == 0;
}

G_END_DECLS
