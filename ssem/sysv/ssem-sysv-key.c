/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-key-private.h"

#include "ssem/os/ssem-environment-private.h"
#include "ssem/os/ssem-key-name-private.h"

#include <errno.h>
#include <sys/ipc.h>

char *
ssem_sysv_key_directory (void)
{
  const char *directory = ssem_environment_get ("SSEM_RUNTIME_DIR");

  if (directory == NULL)
    directory = ssem_environment_get ("TMPDIR");
  if (directory == NULL)
    directory = "/tmp";

  return ssem_key_directory (directory);
}

char *
ssem_sysv_key_path (const char *key)
{
  g_autofree char *directory = ssem_sysv_key_directory ();
  g_autofree char *name = ssem_key_name (SSEM_SYSV_KEY_PREFIX, key);

  return g_build_filename (directory, name, NULL);
}

int
ssem_sysv_key_make_ipc_key (const char *path,
                            key_t      *ipc_key)
{
  key_t key = ftok (path, 'Q');

  if (key == (key_t) -1)
    return -errno;

  *ipc_key = key;
  return 0;
}
