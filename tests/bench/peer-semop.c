/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-peer.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/ipc.h>
#include <sys/sem.h>

/* The system's own semaphore, with nothing around it. */

typedef struct
{
  int id;
  short flags;
  gboolean is_creator;
} Semop;

/* semctl(2) leaves its definition to the caller. */
union semun
{
  int val;
  struct semid_ds *buf;
  unsigned short *array;
};

/* An empty file in the temporary directory, by which bench.py finds the set of a killed process. */
static char *
note_path (int id)
{
  return g_strdup_printf ("%s/semop.%d", g_get_tmp_dir (), id);
}

static gpointer
semop_open (const char *key,
            int         value,
            gboolean    undo)
{
  /* 0 is IPC_PRIVATE. */
  key_t token = (key_t) (g_str_hash (key) | 1);
  union semun argument = { .val = value };
  Semop *handle = g_new0 (Semop, 1);

  handle->flags = undo ? SEM_UNDO : 0;
  handle->id = semget (token, 1, IPC_CREAT | IPC_EXCL | 0600);
  handle->is_creator = handle->id >= 0;
  if (handle->is_creator)
    {
      g_autofree char *path = note_path (handle->id);

      g_file_set_contents (path, "", 0, NULL);
      if (semctl (handle->id, 0, SETVAL, argument) != 0)
        bench_fail ("semctl: %s", g_strerror (errno));
    }
  else
    {
      handle->id = semget (token, 1, 0);
      if (handle->id < 0)
        bench_fail ("semget: %s", g_strerror (errno));
    }

  return handle;
}

static inline void
semop_change (Semop *handle,
              short  delta)
{
  struct sembuf step = { .sem_op = delta, .sem_flg = handle->flags };

  while (semop (handle->id, &step, 1) != 0)
    {
      if (errno != EINTR)
        bench_fail ("semop: %s", g_strerror (errno));
    }
}

static void
semop_acquire (gpointer handle)
{
  semop_change (handle, -1);
}

static void
semop_release (gpointer handle,
               int      n)
{
  semop_change (handle, (short) n);
}

static gboolean
semop_try_acquire (gpointer data)
{
  Semop *handle = data;
  struct sembuf step = { .sem_op = -1, .sem_flg = (short) (handle->flags | IPC_NOWAIT) };

  if (semop (handle->id, &step, 1) == 0)
    return TRUE;
  if (errno != EAGAIN)
    bench_fail ("semop: %s", g_strerror (errno));

  return FALSE;
}

static int
semop_get_value (gpointer data)
{
  Semop *handle = data;
  int value = semctl (handle->id, 0, GETVAL);

  if (value < 0)
    bench_fail ("semctl: %s", g_strerror (errno));

  return value;
}

static void
semop_close (gpointer data)
{
  Semop *handle = data;

  if (handle->is_creator)
    {
      g_autofree char *path = note_path (handle->id);

      semctl (handle->id, 0, IPC_RMID);
      g_unlink (path);
    }
  g_free (handle);
}

static void
semop_pairs (gpointer handle,
             int      n)
{
  bench_repeat_pairs (semop_acquire, semop_release, handle, n);
}

const BenchPeer bench_peer_semop = {
  .name = "semop",
  .open = semop_open,
  .acquire = semop_acquire,
  .release = semop_release,
  .try_acquire = semop_try_acquire,
  .get_value = semop_get_value,
  .close = semop_close,
  .pairs = semop_pairs,
};
