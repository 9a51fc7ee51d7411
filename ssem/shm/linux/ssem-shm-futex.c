/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem/shm/ssem-shm-port-private.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Sleeping and waking by futex(2), shared between processes. The sleeper of a slot has one of 32
 * bits, by which it is woken with few others. */

/* The call that takes the timespec of the C library: the newer one on 32-bit systems whose time has
 * 64 bits. The newest systems have no other. */
#if !defined SYS_futex
#define FUTEX SYS_futex_time64
#elif defined SYS_futex_time64
#define FUTEX (sizeof (time_t) > sizeof (long) ? SYS_futex_time64 : SYS_futex)
#else
#define FUTEX SYS_futex
#endif

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

static int
futex_wake (SsemShmMember *self,
            int            n,
            guint32        bits)
{
  return (int) syscall (FUTEX, futex_word (self), FUTEX_WAKE_BITSET, n, NULL, NULL, bits);
}

int
ssem_shm_sleep (SsemShmMember *self,
                guint32        slot,
                guint32        expected,
                gint64         deadline_usec)
{
  struct timespec deadline = {
    .tv_sec = deadline_usec / G_USEC_PER_SEC,
    .tv_nsec = deadline_usec % G_USEC_PER_SEC * 1000,
  };

  /* The deadline is a point of the monotonic clock. The kernel never starts a sleep with a deadline
   * again after a handler, whatever the handler's flag SA_RESTART says. */
  if (syscall (FUTEX, futex_word (self), FUTEX_WAIT_BITSET, expected, &deadline, NULL,
               futex_bit (slot)) == 0 ||
      (errno != ETIMEDOUT && errno != EINTR))
    return 0;

  return -errno;
}

int
ssem_shm_wake (SsemShmMember *self,
               int            n)
{
  return futex_wake (self, n, FUTEX_BITSET_MATCH_ANY);
}

void
ssem_shm_wake_slot (SsemShmMember *self,
                    guint32        slot)
{
  futex_wake (self, INT_MAX, futex_bit (slot));
}
