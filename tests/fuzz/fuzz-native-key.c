/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz.h"

#include "ssem/os/ssem-native-key-text-private.h"

#include <stdlib.h>
#include <string.h>

/* Arbitrary bytes as a native key. What a second reading, by a regular expression and GLib's own
 * decoder, does not accept is refused with KEY_ERROR, and everywhere else both readings are the
 * same. What is accepted can be written, and read again. Nothing is created, because only existing
 * semaphores are opened; but where the first byte asks for it, the bytes become the name of a file
 * in the directory of this process, which is really made, had again and removed. */

/* The type; its number; the encoded name; the fields, of which there may be none. */
#define PATTERN \
  "^(?i:(posix|windows|systemv)(?:(?<=systemv)-0*([1-9][0-9]{0,2}))?):" \
  "(?://(?=[/?#]|$)|(?!//))([^?#]*)" \
  "(?:\\?((?:legacyKey(?:=[^&#]*)?(?:&legacyKey(?:=[^&#]*)?)*)?))?(?:#.*)?$"

/* Reads @text in another way. Returns the name, or NULL. */
static char *
read_text (const char  *text,
           SsemBackend *backend,
           int         *project)
{
  static GRegex *regex;
  g_autoptr(GMatchInfo) match = NULL;
  g_autoptr(GBytes) bytes = NULL;
  g_autofree char *type = NULL;
  g_autofree char *number = NULL;
  g_autofree char *encoded = NULL;
  char *name;

  if (regex == NULL)
    regex = g_regex_new (PATTERN, G_REGEX_DOTALL | G_REGEX_DOLLAR_ENDONLY, 0, NULL);
  if (strlen (text) > 4096 || !g_utf8_validate (text, -1, NULL) ||
      !g_regex_match (regex, text, 0, &match))
    return NULL;

  type = g_match_info_fetch (match, 1);
  number = g_match_info_fetch (match, 2);
  encoded = g_match_info_fetch (match, 3);
  *backend = g_ascii_strcasecmp (type, "posix") == 0 ? SSEM_BACKEND_POSIX
             : g_ascii_strcasecmp (type, "windows") == 0 ? SSEM_BACKEND_WINDOWS : SSEM_BACKEND_SYSV;
  *project = *backend != SSEM_BACKEND_SYSV ? 0 : *number != '\0' ? atoi (number) : 81;
  bytes = g_uri_unescape_bytes (encoded, -1, NULL, NULL);
  if (*project > 255 || bytes == NULL)
    return NULL;

  name = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  if (*name == '\0' || strlen (name) != g_bytes_get_size (bytes) ||
      !g_utf8_validate (name, -1, NULL))
    g_clear_pointer (&name, g_free);

  return name;
}

/* Returns whether @text is a native key. */
static gboolean
check_text (const char *text)
{
  g_auto(SsemNativeKey) key = { .name = NULL };
  g_auto(SsemNativeKey) again = { .name = NULL };
  g_autofree char *part = NULL;
  g_autofree char *no_part = NULL;
  g_autofree char *written = NULL;
  g_autofree char *rewritten = NULL;
  g_autofree char *name = NULL;
  SsemNativeKeyFault fault = ssem_native_key_parse (text, &key, &part);
  SsemBackend backend = SSEM_BACKEND_DEFAULT;
  int project = 0;

  name = read_text (text, &backend, &project);
  g_assert_cmpstr (key.name, ==, name);
  if (fault != SSEM_NATIVE_KEY_VALID)
    {
      /* A part of the text, so that the message can quote it. */
      g_assert_true (part == NULL || strstr (text, part) != NULL);
      g_assert_true (part == NULL || g_utf8_validate (part, -1, NULL));
      g_assert_null (name);
      return FALSE;
    }
  g_assert_cmpint (key.backend, ==, backend);
  g_assert_cmpint (key.project, ==, project);
  g_assert_null (part);

  written = ssem_native_key_format (backend, project, name);
  /* Only a text near the limit of the length grows past it. */
  if (strlen (written) > 4096)
    return TRUE;
  g_assert_cmpint (ssem_native_key_parse (written, &again, &no_part), ==, SSEM_NATIVE_KEY_VALID);
  g_assert_cmpstr (again.name, ==, name);
  rewritten = ssem_native_key_format (again.backend, again.project, again.name);
  g_assert_cmpstr (written, ==, rewritten);

  return TRUE;
}

/* Only what exists is opened: which that is, depends on the machine. */
static void
check_opening (const char *text,
               gboolean    is_native_key)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;

  semaphore = ssem_system_semaphore_new_for_native_key (text, 5, SSEM_ACCESS_MODE_OPEN_EXISTING,
                                                        &error);
  g_assert_true ((semaphore == NULL) == (error != NULL));
  if (!is_native_key)
    g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  if (error != NULL)
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

/* Makes a semaphore whose file has that name. */
static void
check_file (const char *name)
{
  g_autofree char *path = g_strdup_printf ("%s/native-%s", fuzz_directory (), name);
  g_autofree char *native_key = NULL;
  g_autofree char *found = NULL;
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(SsemSystemSemaphore) again = NULL;
  g_autoptr(GError) error = NULL;

  if (*name == '\0' || strlen (name) > 200 || strchr (name, '/') != NULL ||
      !g_utf8_validate (name, -1, NULL))
    return;

  native_key = ssem_native_key_format (SSEM_BACKEND_SYSV, 81, path);
  semaphore = ssem_system_semaphore_new_for_native_key (native_key, 5,
                                                        SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  found = ssem_system_semaphore_get_native_key (semaphore);
  g_assert_cmpstr (found, ==, native_key);
  again = ssem_system_semaphore_new_for_native_key (found, 0, SSEM_ACCESS_MODE_OPEN_EXISTING,
                                                    &error);
  g_assert_no_error (error);
  g_assert_cmpint (ssem_system_semaphore_get_value (again, NULL), ==, 5);

  g_clear_object (&again);
  g_clear_object (&semaphore);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         length)
{
  g_autofree char *text = NULL;

  if (length == 0)
    return 0;

  text = g_strndup ((const char *) data + 1, length - 1);
  check_opening (text, check_text (text));
  if (data[0] & 1)
    check_file (text);

  return 0;
}
