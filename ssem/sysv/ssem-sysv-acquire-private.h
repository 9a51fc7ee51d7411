/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/sysv/ssem-sysv-attachment-private.h"
#include "ssem/sysv/ssem-sysv-set-private.h"

G_BEGIN_DECLS

/* Acquires and releases units of an attached semaphore. The design note is in ssem-sysv-acquire.c.
 *
 * The fast path is inline, because a system call clears the processor's prediction of returns.
 */

/* How long to wait for units. */
typedef struct
{
  gint64 deadline_usec; /* of g_get_monotonic_time (); 0: do not wait; G_MAXINT64: forever */
  const atomic_bool *is_closed; /* once TRUE, an acquire releases its units and fails */
  gboolean is_interruptible;    /* a signal handler ends the wait */
  gboolean (* is_cancelled) (gpointer data); /* NULL if the wait cannot be cancelled */
  gpointer data;
} SsemSysvWait;

/* Continues an acquire whose first kernel call returned @result. Returns as ssem_sysv_acquire ()
 * does. */
int ssem_sysv_acquire_slow_path (SsemSysvAttachment *attachment,
                                 int                 n,
                                 gboolean            undo,
                                 const SsemSysvWait *wait,
                                 int                 result);

/* Adds @n granted units to the ledger. The kernel has raised the undo count by @undone. If the
 * ledger requires another undo count, corrects the undo count. */
static inline void
ssem_sysv_acquire_update_ledger (SsemSysvAttachment *attachment,
                                 int                 n,
                                 int                 undone)
{
  guint16 epoch = ssem_sysv_attachment_get_epoch (attachment);
  int undo_change = ssem_sysv_ledger_add (&attachment->account->ledger, epoch, n);

  if (G_UNLIKELY (undo_change != undone))
    ssem_sysv_set_shift_undo (attachment->set, undo_change - undone);
}

/* Acquires @n units. With @undo, the units return to the semaphore when the process ends. Returns 0
 * or -errno: -EAGAIN if the units did not come in time, -ECANCELED if the instance was closed or
 * the wait was cancelled, -EINTR if a signal handler interrupted it, -ERANGE if @n is above the
 * maximum. */
static inline int
ssem_sysv_acquire (SsemSysvAttachment *attachment,
                   int                 n,
                   gboolean            undo,
                   const SsemSysvWait *wait)
{
  int undone = undo ? n : 0;
  int result;

  /* More than the maximum can never be available, so the acquire would wait forever. */
  if (n > SSEM_SYSV_SET_MAX)
    return -ERANGE;

  /* A wait without a deadline and without cancellation is one kernel call. Any other wait first
   * tries without waiting, and reads the clock only if there are too few units. */
  result = ssem_sysv_set_change (attachment->set, undone - n, -undone,
                                 wait->deadline_usec == G_MAXINT64 && wait->is_cancelled == NULL
                                 ? SSEM_SYSV_SET_FOREVER
                                 : SSEM_SYSV_SET_NO_WAIT);
  if (G_UNLIKELY (result != 0 || atomic_load (wait->is_closed)))
    return ssem_sysv_acquire_slow_path (attachment, n, undo, wait, result);
  if (undo)
    ssem_sysv_acquire_update_ledger (attachment, n, undone);

  return 0;
}

/* Adds @n units to the value. With @undo, also lowers the undo count by those of the @n units that
 * the process holds. Returns 0 or -errno; -ERANGE if the value would exceed the maximum. */
int ssem_sysv_release (SsemSysvAttachment *attachment,
                       int                 n,
                       gboolean            undo);

G_END_DECLS
