/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

G_BEGIN_DECLS

/* Sleeps and wakes by futex(2) on a word that processes share. Each sleeper has bits, and is woken
 * by a call that has one of them. The functions are inline, because a system call clears the
 * processor's prediction of returns. */

/* The call that takes the timespec of the C library: the newer one on 32-bit systems whose time has
 * 64 bits. The newest systems have no other. */
#if !defined SYS_futex
#define SSEM_FUTEX_CALL SYS_futex_time64
#elif defined SYS_futex_time64
#define SSEM_FUTEX_CALL (sizeof (time_t) > sizeof (long) ? SYS_futex_time64 : SYS_futex)
#else
#define SSEM_FUTEX_CALL SYS_futex
#endif

#define SSEM_FUTEX_ALL_BITS FUTEX_BITSET_MATCH_ANY

/* Sleeps while @word is @expected, until @deadline_usec of g_get_monotonic_time (). Returns
 * -ETIMEDOUT if the time is over, and -EINTR if a signal handler has run. Otherwise returns 0,
 * possibly too early. */
static inline int
ssem_futex_wait (atomic_uint_least32_t *word,
                 guint32                expected,
                 gint64                 deadline_usec,
                 guint32                bits)
{
  struct timespec deadline = {
    .tv_sec = deadline_usec / G_USEC_PER_SEC,
    .tv_nsec = deadline_usec % G_USEC_PER_SEC * 1000,
  };

  /* The deadline is a point of the monotonic clock. The kernel never starts a sleep with a deadline
   * again after a handler, whatever the handler's flag SA_RESTART says. */
  if (syscall (SSEM_FUTEX_CALL, word, FUTEX_WAIT_BITSET, expected, &deadline, NULL, bits) == 0 ||
      (errno != ETIMEDOUT && errno != EINTR))
    return 0;

  return -errno;
}

/* Wakes up to @n sleepers. Returns how many. */
static inline int
ssem_futex_wake (atomic_uint_least32_t *word,
                 int                    n,
                 guint32                bits)
{
  return (int) syscall (SSEM_FUTEX_CALL, word, FUTEX_WAKE_BITSET, n, NULL, NULL, bits);
}

G_END_DECLS
