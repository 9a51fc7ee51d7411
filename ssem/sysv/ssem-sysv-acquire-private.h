/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/sysv/ssem-sysv-attachment-private.h"
#include "ssem/sysv/ssem-sysv-set-private.h"

G_BEGIN_DECLS

/* Acquires and releases units of an attached semaphore. The design note is in ssem-sysv-acquire.c.
 *
 * The common case is inline: after a system call each return is a branch that the processor has
 * just been made to forget.
 */

/* How long to wait for units. */
typedef struct
{
  gint64 deadline_usec; /* of g_get_monotonic_time (); 0: do not wait; G_MAXINT64: forever */
  const atomic_bool *is_closed; /* the instance is closed: units that come late are given back */
  gboolean (* is_cancelled) (gpointer data); /* NULL where nobody can cancel the wait */
  gpointer data;
} SsemSysvWait;

int ssem_sysv_acquire_slowly (SsemSysvAttachment *attachment,
                              int                 n,
                              gboolean            undo,
                              const SsemSysvWait *wait,
                              int                 result);

/* Books @n units that the kernel has granted, for which it has changed the undo count by
 * @undone. */
static inline void
ssem_sysv_acquire_book (SsemSysvAttachment *attachment,
                        int                 n,
                        int                 undone)
{
  guint16 epoch = ssem_sysv_attachment_get_epoch (attachment);
  int undo_change = ssem_sysv_ledger_move (&attachment->account->ledger, epoch, n);

  if (G_UNLIKELY (undo_change != undone))
    ssem_sysv_set_shift_undo (attachment->set, undo_change - undone);
}

/* Acquires @n units, which come back at the death of the process with @undo. Returns 0 or -errno:
 * -EAGAIN where the units were not there in time, -ECANCELED where the instance was closed or the
 * wait was cancelled, -ERANGE where @n is past the maximum. */
static inline int
ssem_sysv_acquire (SsemSysvAttachment *attachment,
                   int                 n,
                   gboolean            undo,
                   const SsemSysvWait *wait)
{
  int undone = undo ? n : 0;
  int result;

  /* It would wait forever. */
  if (n > SSEM_SYSV_SET_MAX)
    return -ERANGE;

  /* A wait that nothing but the kernel ends is one call. Any other wait looks at the clock only
   * where the units are not there. */
  result = ssem_sysv_set_change (attachment->set, undone - n, -undone,
                                 wait->deadline_usec == G_MAXINT64 && wait->is_cancelled == NULL
                                 ? SSEM_SYSV_SET_FOREVER
                                 : SSEM_SYSV_SET_NO_WAIT);
  if (G_UNLIKELY (result != 0 || atomic_load (wait->is_closed)))
    return ssem_sysv_acquire_slowly (attachment, n, undo, wait, result);
  if (undo)
    ssem_sysv_acquire_book (attachment, n, undone);

  return 0;
}

/* Adds @n units. With @undo, pays back first what the process holds. Returns 0 or -errno; -ERANGE
 * where the value would pass the maximum. */
int ssem_sysv_release (SsemSysvAttachment *attachment,
                       int                 n,
                       gboolean            undo);

G_END_DECLS
