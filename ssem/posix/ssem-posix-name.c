/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-posix-name-private.h"

#include "ssem/os/ssem-environment-private.h"
#include "ssem/os/ssem-key-name-private.h"

#include <string.h>

/* The own names are "/ssem_ESCAPED-KEY", "/ssem=LETTERS-AND-HASH", and with SSEM_RUNTIME_DIR
 * "/ssem=HASH-OF-DIRECTORY=HASH-OF-KEY". Without the "sem." of the GNU C library, "/ssem-UID" would
 * be the directory of shared memory, so a key that begins so has an own name, too. */

#define HASH_LENGTH 40 /* hexadecimal digits of SHA-1 */

/* Returns what the names begin with while SSEM_RUNTIME_DIR is set, or NULL. */
static char *
make_moved_prefix (void)
{
  const char *directory = ssem_environment_get ("SSEM_RUNTIME_DIR");
  g_autofree char *path = NULL;
  g_autofree char *hash = NULL;

  if (directory == NULL)
    return NULL;

  path = ssem_key_directory (directory);
  hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, path, -1);

  return g_strconcat ("/ssem=", hash, "=", NULL);
}

/* Returns whether the key itself can be the name, after a slash. */
static gboolean
is_plain (const char *key)
{
  static const char *const own_prefixes[] = { "ssem_", "ssem=", "ssem-" };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (own_prefixes); i++)
    {
      if (g_str_has_prefix (key, own_prefixes[i]))
        return FALSE;
    }

  /* Some C libraries refuse the names of the two directories. */
  return *key != '\0' && strchr (key, '/') == NULL && (int) strlen (key) < SSEM_POSIX_NAME_MAX &&
         !g_str_equal (key, ".") && !g_str_equal (key, "..");
}

char *
ssem_posix_name_new (const char *key)
{
  g_autofree char *moved_prefix = make_moved_prefix ();
  g_autofree char *own_name = NULL;

  if (moved_prefix != NULL)
    {
      own_name = g_compute_checksum_for_string (G_CHECKSUM_SHA1, key, -1);
      return g_strconcat (moved_prefix, own_name, NULL);
    }
  if (is_plain (key))
    return g_strconcat ("/", key, NULL);

  own_name = ssem_key_encode (key, (gsize) SSEM_POSIX_NAME_MAX - 1);

  return g_strconcat ("/", own_name, NULL);
}

char *
ssem_posix_name_of_text (const char *text)
{
  return g_strconcat ("/", text + strspn (text, "/"), NULL);
}

gboolean
ssem_posix_name_is_valid (const char *name)
{
  return name[0] == '/' && name[1] != '\0' && strchr (name + 1, '/') == NULL &&
         (int) strlen (name) <= SSEM_POSIX_NAME_MAX && !g_str_equal (name, "/.") &&
         !g_str_equal (name, "/..");
}

char *
ssem_posix_name_get_path (const char *name)
{
  return g_strconcat (SSEM_POSIX_DIRECTORY "/" SSEM_POSIX_PREFIX, name + 1, NULL);
}

char *
ssem_posix_name_get_key (const char *name)
{
  /* Only a key that is text can be looked up. */
  return is_plain (name + 1) && g_utf8_validate (name, -1, NULL) ? g_strdup (name + 1) : NULL;
}

/* Returns whether @name has been made with some SSEM_RUNTIME_DIR. */
static gboolean
is_moved (const char *name)
{
  return g_str_has_prefix (name, "/ssem=") && strlen (name) == 6 + 2 * HASH_LENGTH + 1 &&
         name[6 + HASH_LENGTH] == '=';
}

gboolean
ssem_posix_name_is_here (const char *name)
{
  g_autofree char *moved_prefix = make_moved_prefix ();

  return moved_prefix != NULL ? g_str_has_prefix (name, moved_prefix) : !is_moved (name);
}
