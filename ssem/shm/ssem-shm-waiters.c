/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-waiters-private.h"

#include "ssem-shm-counter-private.h"

/* waiters, 64 bits
 *
 *   bits    name      meaning
 *   0-15    count     the number of waiters
 *   16-31   greedy    how many of them wait for more than one unit
 *   32-63   version   grows with each change, so that a recount detects a change in between
 *
 * No wake-up is lost
 *
 *   A waiter counts itself, then sets the waiters bit in `state`, then sleeps if the upper half of
 *   `state` still is what it stored. The system compares the upper half again when it puts the
 *   waiter to sleep. The bit is part of that half, so a waiter that falls asleep later than the bit
 *   was cleared does not sleep.
 *
 *   A release on the fast path wakes nobody, and swaps only a word without the bit. So it comes
 *   before the bit, and the waiter sees the units. Any other release swaps `state`, then loads the
 *   count. All of these are sequentially consistent, so either the waiter sees the units or the
 *   releaser sees the waiter.
 *
 *   No operation drops the bit. A release that finds nobody waiting clears it before its swap. A
 *   thread that began to wait meanwhile may sleep without the bit, and others may have released on
 *   the fast path. So that release wakes all waiters afterwards if there are any, and each of them
 *   sets the bit again before it sleeps. If the releaser dies before that, the process that
 *   reclaims its units sets the bit and wakes as many waiters as there are units.
 *
 *   A wake-up is no promise: a woken waiter looks again, and others may be faster. A release of n
 *   units wakes n waiters, or all if one is greedy: a wake-up of a waiter that needs more would be
 *   lost for the others. A waiter that leaves without units (cancelled or timed out) wakes all,
 *   since it may have got a wake-up. The listeners notice a waiter that dies with a wake-up. A
 *   waiter that is stopped with a wake-up delays the others until one of them looks on its own.
 *
 * Counting the dead
 *
 *   A waiter that dies stays counted, which costs each releaser a needless system call. Its slot
 *   also says that it waits: the slot is set before the count and cleared after. The slots of a
 *   dead process are freed first. So a recount of the slots that wait, stored if the version has
 *   not changed, never yields too few. It may include a waiter that is just coming or going, and a
 *   dead one that no process has noticed, until the next recount.
 *
 * Calling off
 *
 *   The waiter sets is_asleep, then loads is_called_off, then sleeps. The other thread sets
 *   is_called_off, then wakes the waiter while is_asleep is set, since the waiter may be anywhere
 *   between its look and its sleep. The waiter is woken by its slot, to disturb few others.
 */

#define COUNT_ONE   G_GUINT64_CONSTANT (1)
#define GREEDY_ONE  (G_GUINT64_CONSTANT (1) << 16)
#define VERSION_ONE (G_GUINT64_CONSTANT (1) << 32)

#define N_SPINS 150

#define FEW_WAITERS 30

/* 0 with a single processor: nothing changes while a thread spins. Constant after init. */
static int n_spins;

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

/* Sets the waiters bit unless there are @n units. Returns the content of `state`. */
static guint64
set_bit (SsemShmSegment *segment,
         int             n)
{
  guint64 word = atomic_load (&segment->state);

  while (ssem_shm_state_unpack (word).value < n && (word & SSEM_SHM_STATE_WAITERS) == 0)
    {
      if (atomic_compare_exchange_weak (&segment->state, &word, word | SSEM_SHM_STATE_WAITERS))
        word |= SSEM_SHM_STATE_WAITERS;
    }

  return word;
}

gboolean
ssem_shm_waiters_clear_bit (SsemShmSegment *segment)
{
  guint64 word = atomic_load (&segment->state);

  return (word & SSEM_SHM_STATE_WAITERS) != 0 && !ssem_shm_waiters_is_anybody (segment) &&
         atomic_compare_exchange_strong (&segment->state, &word, word & ~SSEM_SHM_STATE_WAITERS);
}

/* Returns how long a waiter may sleep. With many waiters each sleeps longer, for a time of its own:
 * some thirty looks a second are enough for all of them. */
static gint64
get_longest_sleep (SsemShmSegment *segment,
                   guint32         slot)
{
  gint64 n = (gint64) (atomic_load (&segment->waiters) & (GREEDY_ONE - 1));

  if (n <= FEW_WAITERS)
    return SSEM_SHM_LONGEST_SLEEP_USEC;

  return SSEM_SHM_LONGEST_SLEEP_USEC * n / FEW_WAITERS * (64 + slot * 29 % 64) / 128 +
         SSEM_SHM_LONGEST_SLEEP_USEC / 2;
}

int
ssem_shm_waiters_sleep (SsemShmMember *member,
                        SsemShmWaiter *waiter,
                        guint32        slot,
                        int            n,
                        gint64         deadline_usec)
{
  gint64 longest = g_get_monotonic_time () + get_longest_sleep (member->segment, slot);
  guint64 word;
  int result = 0;

  atomic_store (&waiter->is_asleep, TRUE);
  word = set_bit (member->segment, n);
  if (ssem_shm_state_unpack (word).value < n && !atomic_load (&waiter->is_called_off))
    result = ssem_shm_sleep (member, slot, ssem_shm_state_get_sleep_half (word),
                             MIN (deadline_usec, longest));
  atomic_store (&waiter->is_asleep, FALSE);

  return result;
}

void
ssem_shm_waiters_call_off (SsemShmMember *member,
                           SsemShmWaiter *waiter,
                           guint32        slot)
{
  atomic_store (&waiter->is_called_off, TRUE);
  while (atomic_load (&waiter->is_asleep))
    {
      ssem_shm_wake_slot (member, slot);
      g_usleep (20);
    }
}

int
ssem_shm_waiters_wake (SsemShmMember *member,
                       int            n)
{
  gboolean is_greedy =
    (atomic_load (&member->segment->waiters) & (VERSION_ONE - GREEDY_ONE)) != 0;

  return ssem_shm_wake (member, is_greedy ? G_MAXINT : n);
}

void
ssem_shm_waiters_wake_all (SsemShmMember *member)
{
  if (ssem_shm_waiters_is_anybody (member->segment))
    ssem_shm_wake (member, G_MAXINT);
}

void
ssem_shm_waiters_recount (SsemShmSegment *segment)
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
          int n = (int) atomic_load (&slot->waiting);

          if (n != 0 && atomic_load (&slot->owner) != 0)
            counted += announcement (n);
        }
    }
  while ((guint32) word != (guint32) counted &&
         !atomic_compare_exchange_weak (&segment->waiters, &word,
                                        ((word >> 32) + 1) << 32 | counted));

  if (counted != 0)
    set_bit (segment, G_MAXINT);
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
