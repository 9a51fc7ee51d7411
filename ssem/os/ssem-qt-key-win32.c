/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-qt-key-private.h"

#include "ssem-key-name-private.h"
#include "ssem-native-key-text-private.h"

#include <string.h>
#include <windows.h>

/* See Qt's qtbase: QtIpcCommon::legacyPlatformSafeKey () and platformSafeKey () in
 * src/corelib/ipc/qtipccommon.cpp. */

static const char *const name_spaces[] = { "Local\\", "Global\\" };

SsemBackend
ssem_qt_key_default_type (SsemQtNaming naming)
{
  return SSEM_BACKEND_WINDOWS;
}

gboolean
ssem_qt_key_has_type (SsemBackend type)
{
  return type == SSEM_BACKEND_WINDOWS;
}

/* Returns @name without what is past MAX_PATH units of UTF-16, where Qt cuts it off. Half a
 * character is cut off, too: it could not be told to another program. */
static char *
truncate_name (const char *name)
{
  const char *end;
  int n_units = 0;

  for (end = name; *end != '\0'; end = g_utf8_next_char (end))
    {
      n_units += g_utf8_get_char (end) > 0xffff ? 2 : 1;
      if (n_units > MAX_PATH)
        break;
    }

  return g_strndup (name, (gsize) (end - name));
}

static char *
make_safe_name (const char *key)
{
  g_autofree char *name = NULL;
  const char *prefix = "";
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (name_spaces); i++)
    {
      if (g_str_has_prefix (key, name_spaces[i]))
        prefix = name_spaces[i];
    }
  name = g_strconcat (prefix, "sem_", key + strlen (prefix), NULL);

  return truncate_name (name);
}

char *
ssem_qt_key_make (const char   *key,
                  SsemBackend   type,
                  SsemQtNaming  naming)
{
  g_autofree char *name = naming == SSEM_QT_NAMING_LEGACY ? ssem_key_name_of_qt (key)
                                                          : make_safe_name (key);

  return ssem_native_key_format (type, 0, name);
}
