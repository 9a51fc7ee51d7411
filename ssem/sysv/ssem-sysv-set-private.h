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
 * The kernel keeps for each process and semaphore an *undo count*, which it adds to the value when
 * the process ends. An operation with SEM_UNDO subtracts its change from that count. A set that is
 * gone answers -EIDRM. All answer 0 or -errno unless they say otherwise. See semop(2), semctl(2).
 */

/* SEMVMX of Linux: the largest value, and the largest undo count. */
#define SSEM_SYSV_SET_MAX 32767

/* Answers the identifier. -ENOENT where there is none, -EEXIST from create where there is one. */
int ssem_sysv_set_lookup     (key_t        key);
int ssem_sysv_set_create     (key_t        key);

/* The same for the kernel's key that the key file at @path gives, which it puts into @key. */
int ssem_sysv_set_find       (const char  *path,
                              key_t       *key);

int ssem_sysv_set_remove     (int          id);

/* Sets the value, clears every process's undo count and wakes whom the value can serve. */
int ssem_sysv_set_reset      (int          id,
                              int          value);
int ssem_sysv_set_get_value  (int          id);

/* Whether anybody has ever acquired or released: 1, 0 or -errno. */
int ssem_sysv_set_was_used   (int          id);

/* How many threads wait for it. */
int ssem_sysv_set_get_n_waiters (int       id);

/* How long a change that has to wait does so. */
#define SSEM_SYSV_SET_NO_WAIT  G_GINT64_CONSTANT (0)
#define SSEM_SYSV_SET_FOREVER G_GINT64_CONSTANT (-1)

/* Adds @plain + @undone, which have the same sign, to the value in one step; only @undone is kept
 * in the undo count. Both at most SSEM_SYSV_SET_MAX in size. -EAGAIN when it would have to wait
 * longer than @wait_usec, or than 68 years; -EINTR when a signal came; -ERANGE when the value or
 * the undo count would pass its limit. */
static inline int
ssem_sysv_set_change (int    id,
                      int    plain,
                      int    undone,
                      gint64 wait_usec);

int ssem_sysv_set_change_in_steps (int          id,
                                   int          plain,
                                   int          undone,
                                   gint64       wait_usec);

/* Adds @delta to the undo count and leaves the value as it is. */
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
