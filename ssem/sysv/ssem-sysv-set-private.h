/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <errno.h>
#include <glib.h>
#include <sys/sem.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* The kernel's semaphore set: one System V semaphore, reached by its identifier.
 *
 * The kernel keeps an *undo count* for each process and semaphore, and adds it to the value when
 * the process ends. An operation with SEM_UNDO subtracts its change from that count. See semop(2),
 * semctl(2).
 *
 * Functions return 0 or -errno unless they say otherwise; -EIDRM for a set that is gone.
 */

/* The largest value, and the largest undo count; Linux's SEMVMX. */
#define SSEM_SYSV_SET_MAX 32767

/* Return the identifier; -ENOENT where there is none, -EEXIST from create where there is one. */
int ssem_sysv_set_lookup     (key_t        key);
int ssem_sysv_set_create     (key_t        key);

/* Returns the identifier of the set that belongs to the key file at @path. @key becomes the
 * kernel's key. */
int ssem_sysv_set_find       (const char  *path,
                              key_t       *key);

int ssem_sysv_set_remove     (int          id);

/* Sets the value, clears the undo counts of all processes and wakes the threads that the value can
 * serve. */
int ssem_sysv_set_reset      (int          id,
                              int          value);
int ssem_sysv_set_get_value  (int          id);

/* Returns whether a process has ever acquired or released: 1, 0 or -errno. */
int ssem_sysv_set_was_used   (int          id);

/* Returns how many threads wait for units. */
int ssem_sysv_set_get_n_waiters (int       id);

/* How long a change may wait. */
#define SSEM_SYSV_SET_NO_WAIT  G_GINT64_CONSTANT (0)
#define SSEM_SYSV_SET_FOREVER G_GINT64_CONSTANT (-1)

/* Adds @plain + @undone, which have the same sign, to the value in one step. Only @undone goes into
 * the undo count. The size of each is at most SSEM_SYSV_SET_MAX. -EAGAIN where it would have to
 * wait longer than @wait_usec, or than 68 years; -EINTR where a signal came; -ERANGE where the
 * value or the undo count would pass its limit. */
static inline int
ssem_sysv_set_change (int    id,
                      int    plain,
                      int    undone,
                      gint64 wait_usec);

int ssem_sysv_set_change_in_steps (int          id,
                                   int          plain,
                                   int          undone,
                                   gint64       wait_usec);

/* Adds @delta to the undo count, without a change of the value. */
int ssem_sysv_set_shift_undo (int          id,
                              int          delta);

/* The common case is inline: after a system call each return is a branch that the processor has
 * just been made to forget. */
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
