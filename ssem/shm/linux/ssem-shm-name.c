/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-name-private.h"

#include "ssem/os/ssem-file-private.h"
#include "ssem/os/ssem-key-name-private.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* NAME_MAX of all file systems that matter, without the 0 at the end. */
#define MAX_NAME 255

char *
ssem_shm_name_encode (const char *key)
{
  return ssem_key_encode (key, MAX_NAME);
}

SsemShmName *
ssem_shm_name_new (const char *key)
{
  g_autofree char *file_name = ssem_shm_name_encode (key);
  SsemShmName *self = g_new0 (SsemShmName, 1);

  ssem_shm_directory_init (&self->directory);
  self->key = g_strdup (key);
  self->path = g_strconcat (self->directory.path, G_DIR_SEPARATOR_S, file_name, NULL);

  return self;
}

SsemShmName *
ssem_shm_name_new_for_file (const char *directory,
                            const char *file_name)
{
  SsemShmName *self = g_new0 (SsemShmName, 1);

  ssem_shm_directory_init (&self->directory);
  self->key = g_strdup ("");
  self->path = g_strconcat (directory, G_DIR_SEPARATOR_S, file_name, NULL);

  return self;
}

void
ssem_shm_name_free (SsemShmName *self)
{
  ssem_shm_directory_clear (&self->directory);
  g_free (self->key);
  g_free (self->path);
  g_free (self);
}

const char *
ssem_shm_name_get_culprit (const SsemShmName *self)
{
  int result = ssem_shm_directory_check (&self->directory);

  struct stat processes;

  if (result == -EACCES || result == -ELOOP)
    return self->directory.path;
  if (!ssem_file_is_of_other (self->path, NULL) &&
      lstat (self->directory.processes, &processes) == 0 &&
      (!S_ISDIR (processes.st_mode) || processes.st_uid != geteuid ()))
    return self->directory.processes;

  return self->path;
}
