/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-directory-private.h"

#include "ssem/os/ssem-environment-private.h"
#include "ssem/os/ssem-key-name-private.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

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
  self->processes = g_strconcat (self->path, "/processes", NULL);
}

void
ssem_shm_directory_clear (SsemShmDirectory *self)
{
  g_clear_pointer (&self->path, g_free);
  g_clear_pointer (&self->processes, g_free);
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

char *
ssem_shm_directory_write_number (char    *text,
                                 guint64  number,
                                 int      n_digits)
{
  int i;

  for (i = n_digits - 1; i >= 0; i--, number >>= 4)
    text[i] = "0123456789abcdef"[number & 15];
  text[n_digits] = '\0';

  return text + n_digits;
}

char *
ssem_shm_directory_write_path (char       *path,
                               const char *directory,
                               const char *name)
{
  /* Leaves room for the names that the library makes. */
  gsize length = g_strlcpy (path, directory, SSEM_SHM_PATH_MAX - 64);
  char *end = path + MIN (length, SSEM_SHM_PATH_MAX - 65);

  *end++ = '/';

  return g_stpcpy (end, name);
}
