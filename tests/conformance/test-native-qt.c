/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

/* What Qt makes of a string, as the library says it. */

/* The names of Qt on Unix. Qt 6.6 is too new for the systems that run the tests:
 *
 *   legacy         qtbase 6.10, src/corelib/ipc/qtipccommon.cpp, legacyPlatformSafeKey (): the
 *                  ASCII letters, then the SHA-1 of the UTF-8, here from sha1sum. The tests in ../qt
 *                  find such files of Qt 5.15 and 6.4.
 *   platform-safe  the same file, platformSafeKey (), and
 *                  https://doc.qt.io/qt-6/native-ipc-keys.html, "Cross-platform safe key format"
 *
 * TEMP and RUNTIME: QDir::tempPath () and QStandardPaths::RuntimeLocation in the manual of Qt. */
static const struct
{
  const char *key;
  SsemBackend type;
  SsemQtNaming naming;
  const char *expected;
} qt_rows[] = {
  { "market", SSEM_BACKEND_SYSV, SSEM_QT_NAMING_LEGACY,
    "systemv:TEMP/qipc_systemsem_market5c9f73af73334ffe350c60ec076e5744db0ecda3" },
  { "market", SSEM_BACKEND_DEFAULT, SSEM_QT_NAMING_LEGACY,
    "systemv:TEMP/qipc_systemsem_market5c9f73af73334ffe350c60ec076e5744db0ecda3" },
  { "market", SSEM_BACKEND_POSIX, SSEM_QT_NAMING_LEGACY,
    "posix:/qipc_systemsem_market5c9f73af73334ffe350c60ec076e5744db0ecda3" },
  { "a/b c1", SSEM_BACKEND_POSIX, SSEM_QT_NAMING_LEGACY,
    "posix:/qipc_systemsem_abc513466b042ee1a16acdae149ebe0c8205cc92906" },
  { "\303\251", SSEM_BACKEND_POSIX, SSEM_QT_NAMING_LEGACY,
    "posix:/qipc_systemsem_bf15be717ac1b080b4f1c456692825891ff5073d" },
  { "market", SSEM_BACKEND_SYSV, SSEM_QT_NAMING_PLATFORM_SAFE, "systemv:RUNTIME/market" },
  { "market", SSEM_BACKEND_POSIX, SSEM_QT_NAMING_PLATFORM_SAFE, "posix:/market" },
  { "market", SSEM_BACKEND_DEFAULT, SSEM_QT_NAMING_PLATFORM_SAFE, "posix:/market" },
  { "/srv/market", SSEM_BACKEND_SYSV, SSEM_QT_NAMING_PLATFORM_SAFE, "systemv:/srv/market" },
  { "/srv/market", SSEM_BACKEND_POSIX, SSEM_QT_NAMING_PLATFORM_SAFE, "posix:/%2Fsrv/market" },
  { "50%?", SSEM_BACKEND_SYSV, SSEM_QT_NAMING_PLATFORM_SAFE, "systemv:RUNTIME/50%25%3F" },
};

static void
test_qt_names (Fixture *fixture)
{
  g_autofree char *temporary = g_build_filename (fixture->directory, "tmp", NULL);
  g_autofree char *runtime = g_build_filename (fixture->directory, "run", NULL);
  g_autofree char *default_runtime = g_strdup_printf ("systemv:%s/runtime-%s/market", temporary,
                                                      g_get_user_name ());
  g_autofree char *old_temporary = g_strdup (g_getenv ("TMPDIR"));
  g_autofree char *old_runtime = g_strdup (g_getenv ("XDG_RUNTIME_DIR"));
  g_autofree char *without_runtime = NULL;
  g_autoptr(GError) error = NULL;
  gsize i;

  g_setenv ("TMPDIR", temporary, TRUE);
  g_setenv ("XDG_RUNTIME_DIR", runtime, TRUE);
  for (i = 0; i < G_N_ELEMENTS (qt_rows); i++)
    {
      g_autoptr(GString) expected = g_string_new (qt_rows[i].expected);
      g_autofree char *native_key = NULL;

      g_string_replace (expected, "TEMP", temporary, 0);
      g_string_replace (expected, "RUNTIME", runtime, 0);
      native_key = ssem_native_key_for_qt (qt_rows[i].key, qt_rows[i].type, qt_rows[i].naming,
                                           &error);
      g_assert_no_error (error);
      g_assert_cmpstr (native_key, ==, expected->str);
    }

  g_unsetenv ("XDG_RUNTIME_DIR");
  without_runtime = ssem_native_key_for_qt ("market", SSEM_BACKEND_SYSV,
                                            SSEM_QT_NAMING_PLATFORM_SAFE, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (without_runtime, ==, default_runtime);

  if (old_runtime != NULL)
    g_setenv ("XDG_RUNTIME_DIR", old_runtime, TRUE);
  if (old_temporary != NULL)
    g_setenv ("TMPDIR", old_temporary, TRUE);
  else
    g_unsetenv ("TMPDIR");
}

/* The name of a legacy key is that of the library's own System V backend. */
static void
test_qt_name_is_ours (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autofree char *temporary = g_strdup (g_getenv ("TMPDIR"));
  g_autofree char *reported = NULL;
  g_autofree char *qts = NULL;
  g_autoptr(GError) error = NULL;

  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  reported = ssem_system_semaphore_get_native_key (semaphore);
  g_setenv ("TMPDIR", fixture->keys_directory, TRUE);
  qts = ssem_native_key_for_qt (fixture->key, SSEM_BACKEND_SYSV, SSEM_QT_NAMING_LEGACY, &error);
  g_assert_no_error (error);
  if (temporary != NULL)
    g_setenv ("TMPDIR", temporary, TRUE);
  else
    g_unsetenv ("TMPDIR");
  g_assert_cmpstr (reported, ==, qts);
  drop_object (&semaphore);
}

static void
test_qt_refused (Fixture *fixture)
{
  g_autofree char *long_key = g_strnfill (1025, 'x');
  g_autoptr(GError) error = NULL;

  assert_refused (ssem_native_key_for_qt ("", SSEM_BACKEND_DEFAULT, 0, &error) != NULL, KEY_ERROR);
  assert_refused (ssem_native_key_for_qt (NULL, SSEM_BACKEND_DEFAULT, 0, &error) != NULL,
                  KEY_ERROR);
  assert_refused (ssem_native_key_for_qt (long_key, SSEM_BACKEND_DEFAULT, 0, &error) != NULL,
                  KEY_ERROR);
  assert_refused (ssem_native_key_for_qt ("\377", SSEM_BACKEND_DEFAULT, 0, &error) != NULL,
                  KEY_ERROR);
  assert_refused_by_gio (ssem_native_key_for_qt ("a", SSEM_BACKEND_SHARED_MEMORY, 0,
                                                 &error) != NULL, INVALID_ARGUMENT);
  assert_refused_by_gio (ssem_native_key_for_qt ("a", 99, 0, &error) != NULL, INVALID_ARGUMENT);
  assert_refused_by_gio (ssem_native_key_for_qt ("a", SSEM_BACKEND_SYSV, 2, &error) != NULL,
                         INVALID_ARGUMENT);
  assert_refused_by_gio (ssem_native_key_for_qt ("a", SSEM_BACKEND_SYSV, -1, &error) != NULL,
                         INVALID_ARGUMENT);
  assert_refused_by_gio (ssem_native_key_for_qt ("a", SSEM_BACKEND_WINDOWS, 0, &error) != NULL,
                         NOT_SUPPORTED);
}

const char conformance_topic[] = "native-qt";
const Needs conformance_needs = NEEDS_SYSV;

const Case conformance_cases[] = {
  { "names", 0, test_qt_names },
  { "name-is-ours", 0, test_qt_name_is_ours },
  { "refused", 0, test_qt_refused },
  { NULL },
};
