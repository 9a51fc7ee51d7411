/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <errno.h>
#include <glib.h>
#include <sys/sem.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* The kernel's semaphore set: one System V semaphore, which an identifier names.
 *
 * The kernel keeps an undo count for each process and set. When the process ends, the kernel adds
 * the undo count to the value. An operation with SEM_UNDO subtracts its change from the undo count.
 * See semop (2) and semctl (2).
 *
 * Functions return 0 or -errno unless stated otherwise; -EIDRM if the set has been removed.
 */

/* The largest value, and the largest undo count; Linux's SEMVMX. */
#define SSEM_SYSV_SET_MAX 32767

/* Find or create the set of the IPC key @key. Return the identifier or -errno: lookup () returns
 * -ENOENT if there is no set, create () returns -EEXIST if there is a set. */
int ssem_sysv_set_lookup     (key_t        key);
int ssem_sysv_set_create     (key_t        key);

int ssem_sysv_set_remove     (int          id);

/* Sets the value, clears the undo counts of all processes, and wakes the waiting threads that can
 * now get their units. */
int ssem_sysv_set_reset      (int          id,
                              int          value);
int ssem_sysv_set_get_value  (int          id);

/* Returns 1 if a process has ever acquired or released units, 0 if not, or -errno. */
int ssem_sysv_set_was_used   (int          id);

/* Returns how many threads wait for units. */
int ssem_sysv_set_get_n_waiters (int       id);

/* Special values of @wait_usec in ssem_sysv_set_change (). */
#define SSEM_SYSV_SET_NO_WAIT G_GINT64_CONSTANT (0)
#define SSEM_SYSV_SET_FOREVER G_GINT64_CONSTANT (-1)

/* Adds @plain + @undone to the value in one step, and subtracts @undone from the undo count. The
 * two have the same sign, and each is at most SSEM_SYSV_SET_MAX in size. -EAGAIN if the change was
 * not possible within @wait_usec, or within 68 years; -EINTR if a signal interrupted the wait;
 * -ERANGE if the value or the undo count would exceed its limit. */
static inline int
ssem_sysv_set_change (int    id,
                      int    plain,
                      int    undone,
                      gint64 wait_usec);

/* As ssem_sysv_set_change (), for the cases that the inline function does not handle. */
int ssem_sysv_set_change_in_steps (int          id,
                                   int          plain,
                                   int          undone,
                                   gint64       wait_usec);

/* Adds @delta to the undo count without changing the value. */
int ssem_sysv_set_shift_undo (int          id,
                              int          delta);

/* The fast path is inline, because a system call clears the processor's prediction of returns. */
static inline int
ssem_sysv_set_change (int    id,
                      int    plain,
                      int    undone,
                      gint64 wait_usec)
{
  struct sembuf step = {
    .sem_op = (short) undone,
    .sem_flg = wait_usec == SSEM_SYSV_SET_NO_WAIT ? SEM_UNDO | IPC_NOWAIT : SEM_UNDO,
  };

  if (G_UNLIKELY (plain != 0 || wait_usec > 0))
    return ssem_sysv_set_change_in_steps (id, plain, undone, wait_usec);
  if (G_LIKELY (semop (id, &step, 1) == 0))
    return 0;

  return errno == EINVAL ? -EIDRM : -errno;
}

G_END_DECLS
