/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-native-key.h"

#include "ssem-i18n-private.h"
#include "ssem-key-private.h"
#include "ssem-native-key-private.h"

#include "ssem/os/ssem-display-private.h"
#include "ssem/os/ssem-qt-key-private.h"

/* --- Checking --- */

/* Returns what is wrong with the part of a native key, which may be NULL. */
static char *
describe_fault (SsemNativeKeyFault  fault,
                const char         *part)
{
  switch (fault)
    {
    case SSEM_NATIVE_KEY_UNKNOWN_TYPE:
      return g_strdup_printf (_("“%s” is not a type; use “posix:”, “systemv:”, “systemv-N:” with a "
                                "number from 1 to 255, or “windows:”"), part);
    case SSEM_NATIVE_KEY_BAD_ESCAPE:
      return g_strdup_printf (_("“%s” is not a percent-encoded byte; write “%%25” for a percent "
                                "sign"), part);
    case SSEM_NATIVE_KEY_HAS_HOST:
      return g_strdup_printf (_("The host “%s” is not allowed; write “/%%2F” for a name that "
                                "begins with two slashes"), part);
    case SSEM_NATIVE_KEY_UNKNOWN_FIELD:
      return g_strdup_printf (_("The field “%s” is unknown; write “%%3F” for a question mark"),
                              part);
    case SSEM_NATIVE_KEY_EMPTY:
      return g_strdup (_("The name is empty"));
    case SSEM_NATIVE_KEY_VALID:
    case SSEM_NATIVE_KEY_NOT_TEXT:
    default:
      g_assert_not_reached ();
    }
}

static void
set_fault (GError             **error,
           const char          *text,
           SsemNativeKeyFault   fault,
           const char          *part)
{
  g_autofree char *shown = NULL;
  g_autofree char *reason = NULL;
  g_autofree char *shown_reason = NULL;

  /* The modules for Python and JavaScript pass a native key that is too long in place of text that
   * they cannot pass on. The sentence must be true of both. */
  if (fault == SSEM_NATIVE_KEY_NOT_TEXT)
    {
      g_set_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR,
                   _("A native key and its name must be UTF-8 text of at most %d bytes, without "
                     "null characters"),
                   SSEM_NATIVE_KEY_MAX_BYTES);
      return;
    }

  shown = ssem_display_text (text);
  reason = describe_fault (fault, part);
  shown_reason = ssem_display_text (reason);
  /* Translators: the first %s is the native key, the second the reason. */
  g_set_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR,
               _("Invalid native key “%s”: %s"), shown, shown_reason);
}

gboolean
ssem_native_key_check (const char     *text,
                       SsemBackend     backend,
                       SsemNativeKey  *key,
                       GError        **error)
{
  g_autofree char *part = NULL;
  SsemNativeKeyFault fault = ssem_native_key_parse (text, key, &part);
  const char *name;

  if (fault != SSEM_NATIVE_KEY_VALID)
    {
      set_fault (error, text, fault, part);
      return FALSE;
    }

  if (backend != SSEM_BACKEND_DEFAULT && backend != key->backend)
    {
      g_autofree char *shown = ssem_display_text (text);

      ssem_native_key_clear (key);
      name = ssem_backend_get_name (backend);
      g_set_error (error, SSEM_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _("The native key “%s” does not belong to the backend “%s”"), shown,
                   name != NULL ? name : "?");
      return FALSE;
    }

  return TRUE;
}

SsemBackendConfiguration
ssem_native_key_configure (const SsemNativeKey *key)
{
  return (SsemBackendConfiguration) {
    .native_name = key->name,
    .native_project = key->project,
  };
}

/* --- Public calls --- */

/**
 * ssem_native_key_for_qt:
 * @key: the string that the Qt program uses: 1 to 1024 bytes of UTF-8
 * @type: the type of semaphore: `SSEM_BACKEND_SYSV`, `SSEM_BACKEND_POSIX` or
 *   `SSEM_BACKEND_WINDOWS`; `SSEM_BACKEND_DEFAULT` for the type that Qt uses if the program names
 *   none
 * @naming: how the Qt program makes a name of the string
 * @error: return location for an error
 *
 * Returns the native key of the semaphore that a Qt program makes of a string.
 *
 * Pass it to [ctor@Ssem.SystemSemaphore.new_for_native_key] to share that semaphore.
 *
 * | `type` | `SSEM_QT_NAMING_LEGACY` | `SSEM_QT_NAMING_PLATFORM_SAFE` |
 * | --- | --- | --- |
 * | System V | `systemv:TEMP/qipc_systemsem_LETTERSHEX` | `systemv:RUNTIME/KEY` |
 * | POSIX | `posix:/qipc_systemsem_LETTERSHEX` | `posix:/KEY` |
 * | Windows | `windows:qipc_systemsem_LETTERSHEX` | `windows:sem_KEY` |
 *
 * `LETTERS` are the ASCII letters of the string, and `HEX` is the SHA-1 of its UTF-8. `TEMP` is
 * `TMPDIR` or `/tmp`. `RUNTIME` is `XDG_RUNTIME_DIR`, or `TEMP/runtime-USER` if that is not set. A
 * string that begins with `/` is itself the path of `systemv:` with `SSEM_QT_NAMING_PLATFORM_SAFE`.
 * A prefix `Local\` or `Global\` stays in front of `sem_`.
 *
 * `SSEM_BACKEND_DEFAULT` stands for System V with `SSEM_QT_NAMING_LEGACY`, and for POSIX with
 * `SSEM_QT_NAMING_PLATFORM_SAFE`; on Windows it stands for `SSEM_BACKEND_WINDOWS`. In a set-user-ID
 * program, the environment variables have no effect.
 *
 * Any thread may call this function. It creates nothing.
 *
 * Returns: (transfer full): the native key, or `NULL` with @error set:
 *
 * - `SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR` if @key is empty, too long or not valid UTF-8, or the
 *   directory that the environment names is not valid UTF-8;
 * - `G_IO_ERROR_NOT_SUPPORTED` if Qt has no semaphores of this type on this system;
 * - `G_IO_ERROR_INVALID_ARGUMENT` if @type or @naming is not one of the values above.
 *
 * Since: 1.0
 */
char *
ssem_native_key_for_qt (const char    *key,
                        SsemBackend    type,
                        SsemQtNaming   naming,
                        GError       **error)
{
  const char *name = ssem_backend_get_name (type);
  char *native_key;

  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!ssem_key_check (key, error))
    return NULL;

  /* A cast: the compiler may assume that an enumeration is never negative. */
  if ((guint) naming > SSEM_QT_NAMING_PLATFORM_SAFE)
    {
      g_set_error (error, SSEM_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _("Unknown naming %d"), (int) naming);
      return NULL;
    }
  if (name == NULL || type == SSEM_BACKEND_SHARED_MEMORY)
    {
      g_set_error (error, SSEM_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _("Qt has no semaphores of the backend %d"), (int) type);
      return NULL;
    }

  if (type == SSEM_BACKEND_DEFAULT)
    type = ssem_qt_key_default_type (naming);
  if (!ssem_qt_key_has_type (type))
    {
      g_set_error (error, SSEM_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   _("Qt has no semaphores of the type “%s” on this system"), name);
      return NULL;
    }

  native_key = ssem_qt_key_make (key, type, naming);
  if (native_key == NULL)
    set_fault (error, key, SSEM_NATIVE_KEY_NOT_TEXT, NULL);

  return native_key;
}
