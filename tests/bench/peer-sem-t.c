/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-peer.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>

/* The named semaphore of POSIX. It forgets dead holders, so it sets a bar for speed only. */

typedef struct
{
  sem_t *semaphore;
  char *name;
  gboolean is_creator;
} SemT;

static gpointer
sem_t_open (const char *key,
            int         value,
            gboolean    undo)
{
  SemT *handle = g_new0 (SemT, 1);
  g_autofree char *directory = g_path_get_basename (g_get_tmp_dir ());

  /* bench.py finds it by the name of the temporary directory. */
  handle->name = g_strdup_printf ("/%s-%u", directory, g_str_hash (key));
  handle->semaphore = sem_open (handle->name, O_CREAT | O_EXCL, 0600, value);
  handle->is_creator = handle->semaphore != SEM_FAILED;
  if (!handle->is_creator)
    handle->semaphore = sem_open (handle->name, 0);
  if (handle->semaphore == SEM_FAILED)
    bench_fail ("sem_open: %s", g_strerror (errno));

  return handle;
}

static void
sem_t_acquire (gpointer data)
{
  SemT *handle = data;

  while (sem_wait (handle->semaphore) != 0)
    {
      if (errno != EINTR)
        bench_fail ("sem_wait: %s", g_strerror (errno));
    }
}

static void
sem_t_release (gpointer data,
               int      n)
{
  SemT *handle = data;

  while (n-- > 0)
    {
      if (sem_post (handle->semaphore) != 0)
        bench_fail ("sem_post: %s", g_strerror (errno));
    }
}

static void
sem_t_close (gpointer data)
{
  SemT *handle = data;

  sem_close (handle->semaphore);
  if (handle->is_creator)
    sem_unlink (handle->name);
  g_free (handle->name);
  g_free (handle);
}

static void
sem_t_pairs (gpointer handle,
             int      n)
{
  bench_repeat_pairs (sem_t_acquire, sem_t_release, handle, n);
}

const BenchPeer bench_peer_sem_t = {
  .name = "sem_t",
  .open = sem_t_open,
  .acquire = sem_t_acquire,
  .release = sem_t_release,
  .close = sem_t_close,
  .pairs = sem_t_pairs,
};
