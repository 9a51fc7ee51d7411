/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "bench-scratch.h"

#include "bench-run.h"

#include <errno.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#define MEMORY_FOLDER "/dev/shm"
#define SEM_T_FILE "sem."

/* Constant after bench_scratch_open () or bench_scratch_adopt (). */
static char *disk;
static char *memory;
static char *sem_t_prefix;

void
bench_scratch_adopt (const char *folder)
{
  g_autofree char *name = g_path_get_basename (folder);

  disk = g_strdup (folder);
  memory = g_build_filename (MEMORY_FOLDER, name, NULL);
  sem_t_prefix = g_strconcat (name, "-", NULL);
}

void
bench_scratch_open (void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("ssem-bench-XXXXXX", &error);

  if (folder == NULL)
    bench_fail ("%s", error->message);

  bench_scratch_adopt (folder);
  if (g_mkdir (memory, 0700) != 0)
    bench_fail ("%s: %s", memory, g_strerror (errno));
}

const char *
bench_scratch_folder (void)
{
  return disk;
}

void
bench_scratch_enter (gboolean in_memory)
{
  /* Qt looks at TMPDIR, we at SSEM_RUNTIME_DIR. */
  g_setenv ("TMPDIR", disk, TRUE);
  g_setenv ("SSEM_RUNTIME_DIR", in_memory ? memory : disk, TRUE);
}

char *
bench_scratch_file (const char *name)
{
  return g_build_filename (disk, name, NULL);
}

static char *
note_path (const char *kind,
           int         id)
{
  g_autofree char *name = g_strdup_printf ("%s.%d", kind, id);

  return bench_scratch_file (name);
}

void
bench_scratch_note (const char *kind,
                    int         id)
{
  g_autofree char *path = note_path (kind, id);
  g_autoptr(GError) error = NULL;

  if (!g_file_set_contents (path, "", 0, &error))
    bench_fail ("%s", error->message);
}

void
bench_scratch_forget (const char *kind,
                      int         id)
{
  g_autofree char *path = note_path (kind, id);

  g_unlink (path);
}

char *
bench_scratch_sem_t_name (unsigned int hash)
{
  return g_strdup_printf ("/%s%u", sem_t_prefix, hash);
}

static int
sweep_cb (const char        *path,
          const struct stat *found,
          int                type,
          struct FTW        *walk)
{
  const char *name = path + walk->base;
  key_t token;
  int id = -1;

  if (walk->level == 0)
    return 0;

  /* A set that a killed process could not remove: a key file leads to those of Qt and of System V,
   * a note to the bare ones. */
  if (g_str_has_prefix (name, "semop."))
    id = atoi (name + strlen ("semop."));
  else if (g_str_has_prefix (name, "qipc_") && (token = ftok (path, 'Q')) != (key_t) -1)
    id = semget (token, 1, 0);
  if (id >= 0)
    semctl (id, 0, IPC_RMID);

  remove (path);

  return 0;
}

static void
sweep_sem_t (void)
{
  g_autoptr(GDir) folder = g_dir_open (MEMORY_FOLDER, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *public_name = NULL;

      if (!g_str_has_prefix (name, SEM_T_FILE) ||
          !g_str_has_prefix (name + strlen (SEM_T_FILE), sem_t_prefix))
        continue;

      public_name = g_strconcat ("/", name + strlen (SEM_T_FILE), NULL);
      sem_unlink (public_name);
    }
}

void
bench_scratch_sweep (void)
{
  nftw (disk, sweep_cb, 16, FTW_DEPTH | FTW_PHYS);
  nftw (memory, sweep_cb, 16, FTW_DEPTH | FTW_PHYS);
  sweep_sem_t ();
}

void
bench_scratch_close (void)
{
  bench_scratch_sweep ();
  g_rmdir (disk);
  g_rmdir (memory);
  g_clear_pointer (&disk, g_free);
  g_clear_pointer (&memory, g_free);
  g_clear_pointer (&sem_t_prefix, g_free);
}
