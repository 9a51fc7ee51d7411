/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-acquire-private.h"

#include <errno.h>

/* Units with undo carry SEM_UNDO: the kernel adds the undo count to the value when the process
 * ends. The attachment's ledger says which part of a release pays such units back, with SEM_UNDO
 * again, and which part creates units, without. Both parts are one call of semop (2).
 *
 * An acquire is booked in the ledger after the kernel has granted it. Where the process dies before
 * that, the kernel takes all the units back. Where the process had created units before, booking
 * finds that the undo count must be lower, and lowers it.
 *
 * A process that acquires what others create may come to hold more than the undo count can express.
 * More than the largest value could not come back anyway. So the rest is acquired without SEM_UNDO.
 *
 * The wait is the kernel's: in semop (2), or in semtimedop (2) until the deadline. Only a signal or
 * a time-out ends such a call, and signal handlers belong to the program. So a wait that can be
 * cancelled is cut into pieces of CANCEL_LATENCY_USEC.
 *
 * An instance may be closed while a thread waits in it. Where the process was the last, the set is
 * removed, and the kernel wakes the thread. Else the wait goes on until the units come or a piece
 * ends, and gives the units back.
 */

#define CANCEL_LATENCY_USEC G_GINT64_CONSTANT (20000)

/* Returns how far the undo count is from its limit, as far as is booked. */
static int
get_undo_room (SsemSysvAttachment *attachment)
{
  guint16 epoch = ssem_sysv_attachment_get_epoch (attachment);
  gint64 balance = ssem_sysv_ledger_balance (&attachment->account->ledger, epoch);

  return (int) (SSEM_SYSV_LEDGER_UNDO_MAX - CLAMP (balance, 0, SSEM_SYSV_LEDGER_UNDO_MAX));
}

/* Returns how long the kernel may block in one piece; 0 where the deadline has passed. */
static gint64
get_next_piece (const SsemSysvWait *wait)
{
  gint64 now = g_get_monotonic_time (); /* MAX () evaluates its arguments twice */
  gint64 left = SSEM_SYSV_SET_FOREVER;

  if (wait->deadline_usec != G_MAXINT64)
    left = MAX (0, wait->deadline_usec - now);
  if (wait->is_cancelled != NULL && (left < 0 || left > CANCEL_LATENCY_USEC))
    left = CANCEL_LATENCY_USEC;

  return left;
}

static gboolean
is_called_off (const SsemSysvWait *wait)
{
  return atomic_load (wait->is_closed) ||
         (wait->is_cancelled != NULL && wait->is_cancelled (wait->data));
}

/* Goes on where the first attempt has returned @result. */
int
ssem_sysv_acquire_slowly (SsemSysvAttachment *attachment,
                          int                 n,
                          gboolean            undo,
                          const SsemSysvWait *wait,
                          int                 result)
{
  gint64 piece_usec = SSEM_SYSV_SET_NO_WAIT;
  int undone = undo ? n : 0;

  while (result != 0)
    {
      if (result == -ERANGE && undone > 0)
        {
          undone = MIN (undone - 1, get_undo_room (attachment));
          /* The limit may have been met at the end of a wait. */
          if (piece_usec > 0)
            piece_usec = get_next_piece (wait);
        }
      else if (result != -EAGAIN && result != -EINTR)
        {
          return result;
        }
      else
        {
          if (wait->deadline_usec == 0 && result == -EAGAIN)
            return -EAGAIN;
          if (is_called_off (wait))
            return -ECANCELED;

          piece_usec = get_next_piece (wait);
          if (piece_usec == 0 && result == -EAGAIN)
            return -EAGAIN;
        }

      result = ssem_sysv_set_change (attachment->set, undone - n, -undone, piece_usec);
    }

  if (undo)
    ssem_sysv_acquire_book (attachment, n, undone);

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
  int paid, owed, result;

  if (n > SSEM_SYSV_SET_MAX)
    return -ERANGE;
  if (!undo)
    return ssem_sysv_set_change (attachment->set, n, 0, SSEM_SYSV_SET_NO_WAIT);

  ledger = &attachment->account->ledger;
  epoch = ssem_sysv_attachment_get_epoch (attachment);
  paid = -ssem_sysv_ledger_move (ledger, epoch, -n);
  result = ssem_sysv_set_change (attachment->set, n - paid, paid, SSEM_SYSV_SET_NO_WAIT);
  if (result != 0)
    {
      /* Book it back. Other threads may have moved the balance meanwhile, so the undo count now
       * needs a different change than before. */
      owed = ssem_sysv_ledger_move (ledger, epoch, n) - paid;
      ssem_sysv_set_shift_undo (attachment->set, owed);
    }

  return result;
}
