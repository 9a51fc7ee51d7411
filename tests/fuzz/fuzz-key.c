/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

#include <string.h>

/* Arbitrary bytes as a key. What is not 1 to 1024 bytes of UTF-8 is KEY_ERROR, anything else is a
 * key that nobody has yet; and nothing is created. The first byte's lowest bit chooses the backend;
 * with the next one the key is really created, and must be had again and go away. */

/* Not GLib's own check, which the library uses. See RFC 3629, section 4. */
static gboolean
is_utf8 (const guint8 *s)
{
  while (*s != 0)
    {
      int n = *s < 0x80 ? 0 : *s >= 0xc2 && *s < 0xe0 ? 1 : *s >= 0xe0 && *s < 0xf0 ? 2
              : *s >= 0xf0 && *s < 0xf5 ? 3 : -1;
      int i;

      if (n < 0 ||
          (*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
          (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
        return FALSE;
      for (i = 1; i <= n; i++)
        {
          if ((s[i] & 0xc0) != 0x80)
            return FALSE;
        }
      s += n + 1;
    }

  return TRUE;
}

static SsemSystemSemaphore *
open_key (const char      *key,
          guint8           flags,
          SsemAccessMode   mode,
          GError         **error)
{
  return g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, error,
                         "key", key,
                         "initial-value", 5,
                         "mode", mode,
                         "backend", flags & 1 ? SSEM_BACKEND_SYSV : SSEM_BACKEND_SHARED_MEMORY,
                         NULL);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         length)
{
  g_autofree char *key = NULL;
  g_autofree char *found = NULL;
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  int code;
  gboolean is_key;
  guint8 flags;

  if (length == 0)
    return 0;

  flags = data[0];
  key = g_strndup ((const char *) data + 1, length - 1);
  is_key = *key != '\0' && strlen (key) <= 1024 && is_utf8 ((const guint8 *) key);

  semaphore = open_key (key, flags, SSEM_ACCESS_MODE_OPEN_EXISTING, &error);
  g_assert_null (semaphore);
  code = is_key ? SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND : SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR;
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, code);
  if (!is_key || !(flags & 2))
    return 0;

  g_clear_error (&error);
  semaphore = open_key (key, flags, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, &error);
  g_assert_no_error (error);
  found = ssem_system_semaphore_get_key (semaphore);
  g_assert_cmpstr (found, ==, key);
  g_assert_cmpint (ssem_system_semaphore_get_value (semaphore, NULL), ==, 5);

  return 0;
}
