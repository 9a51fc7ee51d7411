/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-acquire-private.h"

#include <errno.h>

/* The words are defined in ssem-sysv-attachment.c.
 *
 * Undo
 *
 *   An acquire with undo has the flag SEM_UNDO, so the kernel raises the undo count. A release with
 *   undo has two parts: units that the process holds, with SEM_UNDO, and units that the release
 *   creates, without. The ledger decides how large each part is. Both parts are one call of
 *   semop (2).
 *
 *   An acquire adds its units to the ledger after the kernel has granted them. If the process dies
 *   between these two steps, the kernel takes all units back. If the process created units before,
 *   the ledger requires a lower undo count, and the acquire lowers the undo count.
 *
 *   A process that acquires units of other creators may hold more than the largest undo count. The
 *   largest undo count is the largest value, so no more units could come back anyway. The acquire
 *   takes the excess units without SEM_UNDO.
 *
 * Waiting
 *
 *   The kernel waits: in semop (2), or in semtimedop (2) until the deadline. Only a signal or a
 *   time-out interrupts such a call, and signal handlers belong to the program. So a wait that can
 *   be cancelled is a series of kernel calls, each of at most CANCEL_LATENCY_USEC.
 *
 *   An instance may be closed while a thread waits in it. If the process was the last, it removes
 *   the set, and the kernel wakes the thread. Otherwise the thread waits until it gets the units or
 *   its kernel call times out. A thread that gets units for a closed instance releases them.
 */

#define CANCEL_LATENCY_USEC G_GINT64_CONSTANT (20000)

/* Returns how much the undo count can grow, according to the ledger. */
static int
get_undo_room (SsemSysvAttachment *attachment)
{
  guint16 epoch = ssem_sysv_attachment_get_epoch (attachment);
  gint64 balance = ssem_sysv_ledger_balance (&attachment->account->ledger, epoch);

  return (int) (SSEM_SYSV_LEDGER_UNDO_MAX - CLAMP (balance, 0, SSEM_SYSV_LEDGER_UNDO_MAX));
}

/* Returns how long the next kernel call may wait; 0 if the deadline has passed. */
static gint64
get_next_wait_usec (const SsemSysvWait *wait)
{
  gint64 now = g_get_monotonic_time (); /* not inside MAX (), which evaluates it twice */
  gint64 left = SSEM_SYSV_SET_FOREVER;

  if (wait->deadline_usec != G_MAXINT64)
    left = MAX (0, wait->deadline_usec - now);
  if (wait->is_cancelled != NULL && (left < 0 || left > CANCEL_LATENCY_USEC))
    left = CANCEL_LATENCY_USEC;

  return left;
}

static gboolean
is_closed_or_cancelled (const SsemSysvWait *wait)
{
  return atomic_load (wait->is_closed) ||
         (wait->is_cancelled != NULL && wait->is_cancelled (wait->data));
}

int
ssem_sysv_acquire_slow_path (SsemSysvAttachment *attachment,
                             int                 n,
                             gboolean            undo,
                             const SsemSysvWait *wait,
                             int                 result)
{
  gint64 wait_usec = SSEM_SYSV_SET_NO_WAIT;
  int undone = undo ? n : 0;

  while (result != 0)
    {
      if (result == -ERANGE && undone > 0)
        {
          /* The undo count would exceed its limit. The kernel may detect this after a long wait. */
          undone = MIN (undone - 1, get_undo_room (attachment));
          if (wait_usec > 0)
            wait_usec = get_next_wait_usec (wait);
        }
      else if (result != -EAGAIN && result != -EINTR)
        {
          return result;
        }
      else
        {
          if (wait->deadline_usec == 0 && result == -EAGAIN)
            return -EAGAIN;
          if (is_closed_or_cancelled (wait))
            return -ECANCELED;
          if (result == -EINTR && wait->is_interruptible)
            return -EINTR;

          wait_usec = get_next_wait_usec (wait);
          if (wait_usec == 0 && result == -EAGAIN)
            return -EAGAIN;
        }

      result = ssem_sysv_set_change (attachment->set, undone - n, -undone, wait_usec);
    }

  if (undo)
    ssem_sysv_acquire_update_ledger (attachment, n, undone);

  if (atomic_load (wait->is_closed))
    {
      ssem_sysv_release (attachment, n, undo);
      return -ECANCELED;
    }

  return 0;
}

int
ssem_sysv_release (SsemSysvAttachment *attachment,
                   int                 n,
                   gboolean            undo)
{
  SsemSysvLedger *ledger;
  guint16 epoch;
  int returned, missing, result;

  if (n > SSEM_SYSV_SET_MAX)
    return -ERANGE;
  if (!undo)
    return ssem_sysv_set_change (attachment->set, n, 0, SSEM_SYSV_SET_NO_WAIT);

  ledger = &attachment->account->ledger;
  epoch = ssem_sysv_attachment_get_epoch (attachment);
  returned = -ssem_sysv_ledger_add (ledger, epoch, -n);
  result = ssem_sysv_set_change (attachment->set, n - returned, returned, SSEM_SYSV_SET_NO_WAIT);
  if (result != 0)
    {
      /* Correct the ledger. Other threads may have changed the balance meanwhile. Then the ledger
       * requires another undo count than before the release. */
      missing = ssem_sysv_ledger_add (ledger, epoch, n) - returned;
      ssem_sysv_set_shift_undo (attachment->set, missing);
    }

  return result;
}
