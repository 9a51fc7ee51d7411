/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem/shm/ssem-shm-port-private.h"

#include "ssem/os/ssem-futex-private.h"

/* Sleeping and waking by futex(2), shared between processes. The sleeper of a slot has one of 32
 * bits, by which it is woken with few others. */

/* The upper half of `state`, wherever the machine puts it. */
static atomic_uint_least32_t *
futex_word (SsemShmMember *self)
{
  return (atomic_uint_least32_t *) &self->segment->state + (G_BYTE_ORDER == G_BIG_ENDIAN ? 0 : 1);
}

static guint32
futex_bit (guint32 slot)
{
  return 1u << (slot % 32);
}

int
ssem_shm_sleep (SsemShmMember *self,
                guint32        slot,
                guint32        expected,
                gint64         deadline_usec)
{
  return ssem_futex_wait (futex_word (self), expected, deadline_usec, futex_bit (slot));
}

int
ssem_shm_wake (SsemShmMember *self,
               int            n)
{
  return ssem_futex_wake (futex_word (self), n, SSEM_FUTEX_ALL_BITS);
}

void
ssem_shm_wake_slot (SsemShmMember *self,
                    guint32        slot)
{
  ssem_futex_wake (futex_word (self), INT_MAX, futex_bit (slot));
}
