/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-qt-key-private.h"

#include "ssem-environment-private.h"
#include "ssem-key-name-private.h"
#include "ssem-native-key-text-private.h"

#include <pwd.h>
#include <unistd.h>

/* See Qt's qtbase: QtIpcCommon::legacyPlatformSafeKey () and platformSafeKey () in
 * src/corelib/ipc/qtipccommon.cpp, and QStandardPaths in src/corelib/io/qstandardpaths_unix.cpp. */

SsemBackend
ssem_qt_key_default_type (SsemQtNaming naming)
{
  return naming == SSEM_QT_NAMING_LEGACY ? SSEM_BACKEND_SYSV : SSEM_BACKEND_POSIX;
}

gboolean
ssem_qt_key_has_type (SsemBackend type)
{
  return type == SSEM_BACKEND_SYSV || type == SSEM_BACKEND_POSIX;
}

static char *
get_user_name (void)
{
  char buffer[4096];
  struct passwd entry;
  struct passwd *found = NULL;

  if (getpwuid_r (geteuid (), &entry, buffer, sizeof buffer, &found) != 0 || found == NULL)
    return g_strdup ("");

  return g_strdup (found->pw_name);
}

/* Returns the directory of QStandardPaths::RuntimeLocation. */
static char *
get_runtime_directory (void)
{
  const char *directory = ssem_environment_get ("XDG_RUNTIME_DIR");
  g_autofree char *temporary = NULL;
  g_autofree char *user = NULL;

  if (directory != NULL && g_path_is_absolute (directory))
    return g_strdup (directory);

  temporary = ssem_key_temporary_directory ();
  user = get_user_name ();

  return g_strdup_printf ("%s/runtime-%s", temporary, user);
}

static char *
make_legacy_name (const char  *key,
                  SsemBackend  type)
{
  g_autofree char *directory = NULL;
  g_autofree char *name = ssem_key_name_of_qt (key);

  if (type == SSEM_BACKEND_SYSV)
    directory = ssem_key_temporary_directory ();

  return g_strdup_printf ("%s/%s", directory != NULL ? directory : "", name);
}

static char *
make_safe_name (const char  *key,
                SsemBackend  type)
{
  g_autofree char *directory = NULL;

  if (type == SSEM_BACKEND_SYSV)
    {
      if (*key == '/')
        return g_strdup (key);
      directory = get_runtime_directory ();
    }

  return g_strdup_printf ("%s/%s", directory != NULL ? directory : "", key);
}

char *
ssem_qt_key_make (const char   *key,
                  SsemBackend   type,
                  SsemQtNaming  naming)
{
  g_autofree char *name = naming == SSEM_QT_NAMING_LEGACY ? make_legacy_name (key, type)
                                                          : make_safe_name (key, type);

  return ssem_native_key_format (type, SSEM_NATIVE_KEY_PROJECT, name);
}
