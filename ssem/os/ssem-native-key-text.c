/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-native-key-text-private.h"

#include <string.h>

/* The form is documented in Qt's manual, in the class QNativeIpcKey. What Qt accepts beyond that
 * was read in its tests (tests/auto/corelib/ipc/qnativeipckey). */

static const struct
{
  const char *type;
  SsemBackend backend;
} types[] = {
  { "posix", SSEM_BACKEND_POSIX },
  { "systemv", SSEM_BACKEND_SYSV },
  { "windows", SSEM_BACKEND_WINDOWS },
};

#define MAX_PROJECT 255

void
ssem_native_key_clear (SsemNativeKey *key)
{
  g_clear_pointer (&key->name, g_free);
}

/* --- Parsing --- */

/* Returns the number after the dash of `systemv-N`, or 0. */
static int
parse_project (const char *digits)
{
  int project = 0;

  for (; g_ascii_isdigit (*digits) && project <= MAX_PROJECT; digits++)
    project = 10 * project + g_ascii_digit_value (*digits);

  return *digits == '\0' && project <= MAX_PROJECT ? project : 0;
}

static gboolean
parse_type (const char    *type,
            SsemNativeKey *key)
{
  g_autofree char *lower = g_ascii_strdown (type, -1);
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (types); i++)
    {
      const char *rest = lower + strlen (types[i].type);

      if (!g_str_has_prefix (lower, types[i].type))
        continue;

      key->backend = types[i].backend;
      key->project = key->backend == SSEM_BACKEND_SYSV ? SSEM_NATIVE_KEY_PROJECT : 0;
      if (key->backend == SSEM_BACKEND_SYSV && *rest == '-')
        key->project = parse_project (rest + 1);
      else if (*rest != '\0')
        return FALSE;

      return key->backend != SSEM_BACKEND_SYSV || key->project != 0;
    }

  return FALSE;
}

/* Returns the first field of @query that has no meaning, or NULL. */
static char *
find_unknown_field (const char *query)
{
  g_auto(GStrv) fields = g_strsplit (query, "&", -1);
  int i;

  for (i = 0; fields[i] != NULL; i++)
    {
      g_autofree char *name = g_strndup (fields[i], strcspn (fields[i], "="));

      if (!g_str_equal (name, "legacyKey"))
        return g_steal_pointer (&name);
    }

  return NULL;
}

/* Decodes the percent-encoded @encoded in its place. */
static SsemNativeKeyFault
decode (char  *encoded,
        char **part)
{
  char *end = encoded;
  const char *p;

  for (p = encoded; *p != '\0'; p++)
    {
      int high, low;

      if (*p != '%')
        {
          *end++ = *p;
          continue;
        }

      high = g_ascii_xdigit_value (p[1]);
      low = high >= 0 ? g_ascii_xdigit_value (p[2]) : -1;
      if (low < 0)
        {
          /* Up to the wrong character, as a whole: the rest may already be decoded. */
          const char *wrong = p + (high >= 0 ? 2 : 1);

          *part = g_strndup (p, (gsize) ((*wrong != '\0' ? g_utf8_next_char (wrong) : wrong) - p));
          return SSEM_NATIVE_KEY_BAD_ESCAPE;
        }
      if (high == 0 && low == 0)
        return SSEM_NATIVE_KEY_NOT_TEXT;
      *end++ = (char) (16 * high + low);
      p += 2;
    }
  *end = '\0';

  return g_utf8_validate (encoded, -1, NULL) ? SSEM_NATIVE_KEY_VALID : SSEM_NATIVE_KEY_NOT_TEXT;
}

/* Parses what follows the type. */
static SsemNativeKeyFault
parse_rest (char          *rest,
            SsemNativeKey *key,
            char         **part)
{
  SsemNativeKeyFault fault;
  char *query;

  rest[strcspn (rest, "#")] = '\0';
  query = strchr (rest, '?');
  if (query != NULL)
    {
      *query++ = '\0';
      *part = *query != '\0' ? find_unknown_field (query) : NULL;
      if (*part != NULL)
        return SSEM_NATIVE_KEY_UNKNOWN_FIELD;
    }

  /* As in every URL, two slashes begin a host. A name that begins so has the second one encoded. */
  if (g_str_has_prefix (rest, "//"))
    {
      rest += 2;
      if (*rest != '/' && *rest != '\0')
        {
          *part = g_strndup (rest, strcspn (rest, "/"));
          return SSEM_NATIVE_KEY_HAS_HOST;
        }
    }

  fault = decode (rest, part);
  if (fault != SSEM_NATIVE_KEY_VALID)
    return fault;
  if (*rest == '\0')
    return SSEM_NATIVE_KEY_EMPTY;

  key->name = g_strdup (rest);

  return SSEM_NATIVE_KEY_VALID;
}

SsemNativeKeyFault
ssem_native_key_parse (const char     *text,
                       SsemNativeKey  *key,
                       char          **part)
{
  g_autofree char *type = NULL;
  gsize length;

  *key = (SsemNativeKey) { .name = NULL };
  *part = NULL;
  if (strlen (text) > SSEM_NATIVE_KEY_MAX_BYTES || !g_utf8_validate (text, -1, NULL))
    return SSEM_NATIVE_KEY_NOT_TEXT;

  length = strcspn (text, ":");
  type = g_strdup (text);
  type[length] = '\0';
  if (text[length] == '\0' || !parse_type (type, key))
    {
      *part = g_steal_pointer (&type);
      return SSEM_NATIVE_KEY_UNKNOWN_TYPE;
    }

  return parse_rest (type + length + 1, key, part);
}

/* --- Formatting --- */

static const char *
find_type (SsemBackend backend)
{
  gsize i;

  for (i = 0; types[i].backend != backend; i++)
    g_assert (i + 1 < G_N_ELEMENTS (types));

  return types[i].type;
}

char *
ssem_native_key_format (SsemBackend  backend,
                        int          project,
                        const char  *name)
{
  const char *p = name;
  GString *text;

  if (!g_utf8_validate (name, -1, NULL))
    return NULL;

  text = g_string_new (find_type (backend));
  if (backend == SSEM_BACKEND_SYSV && project != SSEM_NATIVE_KEY_PROJECT)
    g_string_append_printf (text, "-%d", project);
  g_string_append_c (text, ':');

  if (g_str_has_prefix (name, "//"))
    {
      g_string_append (text, "/%2F");
      p += 2;
    }
  for (; *p != '\0'; p++)
    {
      if (strchr ("%?#", *p) != NULL || g_ascii_iscntrl (*p))
        g_string_append_printf (text, "%%%02X", (guint8) *p);
      else
        g_string_append_c (text, *p);
    }

  return g_string_free (text, FALSE);
}
