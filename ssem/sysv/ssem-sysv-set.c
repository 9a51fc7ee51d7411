/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-set-private.h"

#include <errno.h>
#include <sys/ipc.h>
#include <sys/sem.h>

/* The largest time_t of 32 bits: about 68 years. */
#define LONGEST_WAIT_SEC G_MAXINT32

/* The argument of semctl (2), which the caller has to define. */
union semun
{
  int val;
  struct semid_ds *buf;
  unsigned short *array;
};

static int
result_or_errno (int result)
{
  if (result >= 0)
    return result;

  /* EINVAL means that the identifier names no set. EIDRM means that the set was removed during the
   * wait. Callers treat both cases alike. */
  return errno == EINVAL ? -EIDRM : -errno;
}

int
ssem_sysv_set_lookup (key_t key)
{
  int id = semget (key, 1, 0);

  return id >= 0 ? id : -errno;
}

int
ssem_sysv_set_create (key_t key)
{
  int id = semget (key, 1, IPC_CREAT | IPC_EXCL | 0600);

  return id >= 0 ? id : -errno;
}

int
ssem_sysv_set_remove (int id)
{
  return result_or_errno (semctl (id, 0, IPC_RMID));
}

int
ssem_sysv_set_reset (int id,
                     int value)
{
  union semun argument = { .val = value };

  return result_or_errno (semctl (id, 0, SETVAL, argument));
}

int
ssem_sysv_set_get_value (int id)
{
  return result_or_errno (semctl (id, 0, GETVAL));
}

int
ssem_sysv_set_was_used (int id)
{
  struct semid_ds status;
  union semun argument = { .buf = &status };
  int result = result_or_errno (semctl (id, 0, IPC_STAT, argument));

  return result == 0 ? status.sem_otime != 0 : result;
}

int
ssem_sysv_set_get_n_waiters (int id)
{
  return result_or_errno (semctl (id, 0, GETNCNT));
}

int
ssem_sysv_set_change_in_steps (int    id,
                               int    plain,
                               int    undone,
                               gint64 wait_usec)
{
  short flags = wait_usec == SSEM_SYSV_SET_NO_WAIT ? IPC_NOWAIT : 0;
  struct sembuf steps[2];
  struct timespec wait;
  int n_steps = 0;

  /* Leave out a step of 0: such a step waits until the value is 0. */
  if (undone != 0)
    steps[n_steps++] = (struct sembuf) { .sem_op = (short) undone, .sem_flg = flags | SEM_UNDO };
  if (plain != 0)
    steps[n_steps++] = (struct sembuf) { .sem_op = (short) plain, .sem_flg = flags };

  if (wait_usec <= 0)
    return result_or_errno (semop (id, steps, n_steps));

  wait.tv_sec = MIN (wait_usec / G_USEC_PER_SEC, LONGEST_WAIT_SEC);
  wait.tv_nsec = wait_usec % G_USEC_PER_SEC * 1000;
  return result_or_errno (semtimedop (id, steps, n_steps, &wait));
}

int
ssem_sysv_set_shift_undo (int id,
                          int delta)
{
  /* Lower and raise the value in one call, one of the two steps with SEM_UNDO. Lowering first needs
   * units; raising first needs room below the maximum. Each step is at most half the range, so one
   * of the two orders is possible at any value. Try both in turn. */
  while (delta != 0)
    {
      short size = (short) MIN (ABS (delta), SSEM_SYSV_SET_MAX / 2);
      struct sembuf down = { .sem_op = -size, .sem_flg = IPC_NOWAIT };
      struct sembuf up = { .sem_op = size, .sem_flg = IPC_NOWAIT };
      int result;

      if (delta > 0)
        down.sem_flg |= SEM_UNDO;
      else
        up.sem_flg |= SEM_UNDO;

      result = result_or_errno (semop (id, (struct sembuf[]) { down, up }, 2));
      if (result == -EAGAIN)
        {
          result = result_or_errno (semop (id, (struct sembuf[]) { up, down }, 2));
          if (result == -ERANGE)
            continue;
        }

      if (result == 0)
        delta -= delta > 0 ? size : -size;
      else if (result != -EINTR)
        return result;
    }

  return 0;
}
