/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-directory-private.h"

#include "ssem/os/ssem-environment-private.h"
#include "ssem/os/ssem-key-name-private.h"
#include "ssem/shm/ssem-shm-port-private.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* The library's own directory, of all semaphores, that this process has used last; NULL before. */
static char *own_directory;

static char *
find_directory (gboolean *is_own)
{
  const char *directory = ssem_environment_get ("SSEM_RUNTIME_DIR");
  const char *application, *runtime;

  *is_own = directory == NULL;
  if (!*is_own)
    return ssem_key_directory (directory);

  application = ssem_environment_get ("FLATPAK_ID");
  runtime = application != NULL ? ssem_environment_get ("XDG_RUNTIME_DIR") : NULL;
  if (runtime != NULL && access ("/.flatpak-info", F_OK) == 0)
    return g_build_filename (runtime, "app", application, "ssem", NULL);

  return g_strdup_printf ("/dev/shm/ssem-%u", (unsigned int) geteuid ());
}

void
ssem_shm_directory_init (SsemShmDirectory *self)
{
  self->path = find_directory (&self->is_own);
}

void
ssem_shm_directory_clear (SsemShmDirectory *self)
{
  g_clear_pointer (&self->path, g_free);
}

int
ssem_shm_directory_check (const SsemShmDirectory *self)
{
  struct stat found;

  if (!self->is_own)
    return 0;
  if (lstat (self->path, &found) != 0)
    return -errno;
  if (S_ISLNK (found.st_mode))
    return -ELOOP;
  if (!S_ISDIR (found.st_mode) || found.st_uid != geteuid () || (found.st_mode & 077) != 0)
    return -EACCES;

  return 0;
}

gboolean
ssem_shm_directory_has_subdirectories (const SsemShmDirectory *self)
{
  struct stat found;

  /* A directory's links are its name, its own "." and the ".." of each subdirectory. A caller that
   * creates one checks that the file system counts so. To look for each by its name costs more. */
  return stat (self->path, &found) != 0 || found.st_nlink != 2;
}

int
ssem_shm_directory_create (const char *path)
{
  struct stat made;

  if (mkdir (path, 0700) != 0)
    return errno == EEXIST ? 0 : -errno;

  /* Give the owner the rights that umask took away. Another process may have removed it already. */
  if (lstat (path, &made) == 0 && (made.st_mode & 0700) != 0700 && chmod (path, 0700) != 0 &&
      errno != ENOENT)
    return -errno;

  return 0;
}

void
ssem_shm_directory_note (const SsemShmDirectory *self)
{
  if (!self->is_own || g_strcmp0 (own_directory, self->path) == 0)
    return;

  g_free (own_directory);
  own_directory = g_strdup (self->path);
}

void
ssem_shm_port_exit (void)
{
  /* Fails as long as anything is in the directory. */
  if (own_directory != NULL)
    rmdir (own_directory);
}
