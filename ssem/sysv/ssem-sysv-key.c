/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-key-private.h"

#include "ssem/os/ssem-environment-private.h"

#include <errno.h>
#include <sys/ipc.h>

char *
ssem_sysv_key_directory (void)
{
  const char *directory = ssem_environment_get ("SSEM_RUNTIME_DIR");

  return directory != NULL ? ssem_key_directory (directory) : ssem_key_temporary_directory ();
}

char *
ssem_sysv_key_path (const char *key)
{
  g_autofree char *directory = ssem_sysv_key_directory ();
  g_autofree char *name = ssem_key_name (SSEM_SYSV_KEY_PREFIX, key);

  return g_build_filename (directory, name, NULL);
}

gboolean
ssem_sysv_key_fits (const char *key,
                    const char *path)
{
  g_autofree char *name = ssem_key_name (SSEM_SYSV_KEY_PREFIX, key);
  g_autofree char *base = g_path_get_basename (path);

  return g_str_equal (name, base);
}

int
ssem_sysv_key_make_ipc_key (const char *path,
                            int         project,
                            key_t      *ipc_key)
{
  key_t key = ftok (path, project);

  if (key == (key_t) -1)
    return -errno;

  *ipc_key = key;
  return 0;
}
