/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-key-name-private.h"

#include "ssem-environment-private.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LETTERS 200

static char *
make_name (const char *prefix,
           const char *key,
           gsize       max_letters)
{
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, key, -1);
  GString *name = g_string_new (prefix);
  gsize n_letters = 0;
  const char *p;

  for (p = key; *p != '\0' && n_letters < max_letters; p++)
    {
      if (g_ascii_isalpha (*p))
        {
          g_string_append_c (name, *p);
          n_letters++;
        }
    }
  g_string_append (name, hash);

  return g_string_free (name, FALSE);
}

char *
ssem_key_name (const char *prefix,
               const char *key)
{
  return make_name (prefix, key, MAX_LETTERS);
}

char *
ssem_key_name_of_qt (const char *key)
{
  return make_name (SSEM_KEY_QT_PREFIX, key, G_MAXSIZE);
}

/* Escapes like g_uri_escape_string (). That function allocates slices, whose lock may be locked
 * forever in a child of fork () (GLib before 2.76). */
char *
ssem_key_encode (const char *key,
                 gsize       max_length)
{
  static const char prefix[] = "ssem_";
  static const char digits[] = "0123456789ABCDEF";
  g_autofree char *name = g_malloc (sizeof prefix + 3 * strlen (key));
  char *end = g_stpcpy (name, prefix);
  const char *p;

  for (p = key; *p != '\0'; p++)
    {
      if (g_ascii_isalnum (*p) || strchr ("-._~", *p) != NULL)
        {
          *end++ = *p;
          continue;
        }
      *end++ = '%';
      *end++ = digits[(guchar) *p >> 4];
      *end++ = digits[(guchar) *p & 15];
    }
  *end = '\0';

  return (gsize) (end - name) <= max_length ? g_steal_pointer (&name)
                                            : ssem_key_name ("ssem=", key);
}

#ifdef _WIN32

/* No backend of Windows keeps anything in a directory. */
static char *
resolve_links (const char *path)
{
  return NULL;
}

#else

static char *
resolve_links (const char *path)
{
  /* g_free () may free it, since GLib 2.46. */
  return realpath (path, NULL);
}

#endif

char *
ssem_key_directory (const char *directory)
{
  g_autofree char *current = g_path_is_absolute (directory) ? NULL : g_get_current_dir ();
  g_autofree char *path = NULL;
  char *resolved;

  path = current != NULL ? g_build_filename (current, directory, NULL) : g_strdup (directory);
  resolved = resolve_links (path);

  /* A missing directory is an error of what the caller does with it. */
  return resolved != NULL ? resolved : g_steal_pointer (&path);
}

char *
ssem_key_temporary_directory (void)
{
  const char *directory = ssem_environment_get ("TMPDIR");

  return ssem_key_directory (directory != NULL ? directory : "/tmp");
}
