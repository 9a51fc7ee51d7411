/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-sysv-key-private.h"

#include <errno.h>
#include <sys/ipc.h>

#define MAX_LETTERS 200

static const char *
key_folder (void)
{
  const char *folder = g_getenv ("SSEM_RUNTIME_DIR");

  if (folder == NULL || *folder == '\0')
    folder = g_getenv ("TMPDIR");
  if (folder == NULL || *folder == '\0')
    folder = "/tmp";

  return folder;
}

char *
ssem_sysv_key_path (const char *key)
{
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, key, -1);
  g_autoptr(GString) name = g_string_new ("qipc_systemsem_");
  const char *p;
  int n_letters = 0;

  for (p = key; *p != '\0' && n_letters < MAX_LETTERS; p++)
    {
      if (g_ascii_isalpha (*p))
        {
          g_string_append_c (name, *p);
          n_letters++;
        }
    }
  g_string_append (name, hash);

  return g_build_filename (key_folder (), name->str, NULL);
}

int
ssem_sysv_key_token (const char *path,
                     key_t      *token)
{
  key_t key = ftok (path, 'Q');

  if (key == (key_t) -1)
    return -errno;

  *token = key;
  return 0;
}
