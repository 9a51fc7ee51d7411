/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-waiters-private.h"

#include "ssem-shm-counter-private.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* waiters, 64 bits
 *
 *   bits    name      meaning
 *   0-15    count     those who wait
 *   16-31   greedy    those of them who wait for more than one unit
 *   32-63   version   grows with each change, so that a count made meanwhile is found out
 *
 * No wake-up is lost
 *
 *   A waiter counts itself, then looks at state, then sleeps on the lower half of state if that
 *   still is what it saw. A releaser swaps state, then looks at the count. All of this is
 *   sequentially consistent, so either the waiter sees the units or the releaser sees the waiter;
 *   and between the look and the sleep the kernel compares.
 *
 *   A wake-up is no promise: who is woken looks again, others may be faster. A release of n units
 *   wakes n waiters, or all where one of them is greedy, for a wake-up that goes to one who needs
 *   more would be lost on the others. A waiter that leaves without units (cancelled, timed out)
 *   hands on the wake-up that it may have got. One that dies with it is heard by the death bell;
 *   one that stands still with it keeps it from the others until one of these looks on its own.
 *
 * Counting the dead
 *
 *   A waiter that dies stays counted, which costs releasers a needless system call each. Its slot
 *   says that it waits: set before counting, cleared after. So counting the living slots that wait,
 *   and storing that if the version has not changed, never yields too few; one that is just coming
 *   or going may be counted too much, until the next time.
 *
 * Calling off
 *
 *   The waiter says that it is asleep, then looks whether it is called off, then sleeps. Who calls
 *   it off says so, then wakes it as long as it is asleep: it may be anywhere between its look and
 *   its sleep. To hit few others, sleepers are told apart by their slot.
 */

#define COUNT_ONE   G_GUINT64_CONSTANT (1)
#define GREEDY_ONE  (G_GUINT64_CONSTANT (1) << 16)
#define VERSION_ONE (G_GUINT64_CONSTANT (1) << 32)

#define N_SPINS 150

/* The call that takes the timespec of the C library: on 32-bit systems whose time has 64 bits it is
 * the newer one, and the newest have no other. */
#if !defined SYS_futex
#define FUTEX SYS_futex_time64
#elif defined SYS_futex_time64
#define FUTEX (sizeof (time_t) > sizeof (long) ? SYS_futex_time64 : SYS_futex)
#else
#define FUTEX SYS_futex
#endif

/* 0 where there is one processor: nobody else could change anything meanwhile. Constant after
 * init. */
static int n_spins;

static atomic_uint_least32_t *
futex_word (SsemShmSegment *segment)
{
  /* The lower half, wherever the machine puts it. */
  return (atomic_uint_least32_t *) &segment->state + (G_BYTE_ORDER == G_BIG_ENDIAN ? 1 : 0);
}

static guint32
futex_bit (guint32 slot)
{
  return 1u << (slot % 32);
}

static int
futex_wake (SsemShmSegment *segment,
            int             n,
            guint32         bits)
{
  return (int) syscall (FUTEX, futex_word (segment), FUTEX_WAKE_BITSET, n, NULL, NULL, bits);
}

static guint64
announcement (int n)
{
  return COUNT_ONE + (n > 1 ? GREEDY_ONE : 0);
}

void
ssem_shm_waiters_init (void)
{
  n_spins = g_get_num_processors () > 1 ? N_SPINS : 0;
}

void
ssem_shm_waiters_announce (SsemShmSegment *segment,
                           guint32         slot,
                           int             n)
{
  atomic_store_explicit (&segment->slots[slot].waiting_since,
                         (guint32) (g_get_real_time () / G_USEC_PER_SEC), memory_order_relaxed);
  atomic_store (&segment->slots[slot].waiting, n);
  atomic_fetch_add (&segment->waiters, VERSION_ONE + announcement (n));
}

void
ssem_shm_waiters_retract (SsemShmSegment *segment,
                          guint32         slot)
{
  int n = (int) atomic_load (&segment->slots[slot].waiting);

  atomic_fetch_add (&segment->waiters, VERSION_ONE - announcement (n));
  atomic_store (&segment->slots[slot].waiting, 0);
}

SsemShmWake
ssem_shm_waiters_sleep (SsemShmSegment *segment,
                        SsemShmWaiter  *waiter,
                        guint32         slot,
                        int             n,
                        gint64          deadline_usec)
{
  gint64 longest = g_get_monotonic_time () + SSEM_SHM_LONGEST_SLEEP_USEC;
  gint64 until = MIN (deadline_usec, longest);
  struct timespec until_ts = {
    .tv_sec = until / G_USEC_PER_SEC,
    .tv_nsec = until % G_USEC_PER_SEC * 1000,
  };
  long result = 0;
  guint64 word;
  int error = 0;

  atomic_store (&waiter->is_asleep, TRUE);
  word = atomic_load (&segment->state);
  if (ssem_shm_state_unpack (word).value < n && !atomic_load (&waiter->is_called_off))
    {
      /* The time is a point of the monotonic clock. */
      result = syscall (FUTEX, futex_word (segment), FUTEX_WAIT_BITSET, (guint32) word, &until_ts,
                        NULL, futex_bit (slot));
      error = errno;
    }
  atomic_store (&waiter->is_asleep, FALSE);

  return result != 0 && error == ETIMEDOUT ? SSEM_SHM_SLEPT_LONG : SSEM_SHM_LOOK_AGAIN;
}

void
ssem_shm_waiters_call_off (SsemShmSegment *segment,
                           SsemShmWaiter  *waiter,
                           guint32         slot)
{
  atomic_store (&waiter->is_called_off, TRUE);
  while (atomic_load (&waiter->is_asleep))
    {
      futex_wake (segment, INT_MAX, futex_bit (slot));
      g_usleep (20);
    }
}

int
ssem_shm_waiters_wake (SsemShmSegment *segment,
                       int             n)
{
  gboolean is_greedy = (atomic_load (&segment->waiters) & (VERSION_ONE - GREEDY_ONE)) != 0;

  return futex_wake (segment, is_greedy ? INT_MAX : n, FUTEX_BITSET_MATCH_ANY);
}

void
ssem_shm_waiters_wake_all (SsemShmSegment *segment)
{
  if (ssem_shm_waiters_is_anybody (segment))
    futex_wake (segment, INT_MAX, FUTEX_BITSET_MATCH_ANY);
}

void
ssem_shm_waiters_recount (SsemShmSegment *segment,
                       gboolean      (*is_dead) (guint64  process,
                                                 gpointer data),
                       gpointer        data)
{
  guint64 word = atomic_load (&segment->waiters);
  guint64 counted;
  guint32 index, used;

  do
    {
      counted = 0;
      used = atomic_load (&segment->slots_used);
      for (index = 1; index < used; index++)
        {
          SsemShmSlot *slot = &segment->slots[index];
          guint64 owner = atomic_load (&slot->owner);
          int n = (int) atomic_load (&slot->waiting);

          if (owner != 0 && n != 0 && !is_dead (owner >> SSEM_SHM_OWNER_SHIFT, data))
            counted += announcement (n);
        }
      if ((guint32) word == (guint32) counted)
        return;
    }
  while (!atomic_compare_exchange_weak (&segment->waiters, &word,
                                        ((word >> 32) + 1) << 32 | counted));
}

static inline void
pause_processor (void)
{
#if defined (__i386__) || defined (__x86_64__)
  __builtin_ia32_pause ();
#elif defined (__aarch64__)
  __asm__ __volatile__ ("yield");
#endif
}

gboolean
ssem_shm_waiters_spin (SsemShmSegment *segment,
                       int             n)
{
  int i;

  for (i = 0; i < n_spins; i++)
    {
      if (ssem_shm_counter_get_value (segment) >= n)
        return TRUE;
      pause_processor ();
    }

  return FALSE;
}
