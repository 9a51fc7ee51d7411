/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <string.h>
#include <windows.h>

/* --- The system's object --- */

/* Returns the name that Qt makes. */
static gunichar2 *
make_name (const char *key)
{
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, key, -1);
  g_autofree char *letters = g_new0 (char, strlen (key) + 1);
  g_autofree char *name = NULL;
  char *end = letters;
  const char *p;

  for (p = key; *p != '\0'; p++)
    {
      if (g_ascii_isalpha (*p))
        *end++ = *p;
    }
  name = g_strconcat ("qipc_systemsem_", letters, hash, NULL);

  return g_utf8_to_utf16 (name, -1, NULL, NULL, NULL);
}

/* A program that does not use this library, and the same key: both have one semaphore. */
static void
test_kernel_object (Fixture *fixture)
{
  g_autofree char *key = g_strconcat ("Some/key-1 ", fixture->key, NULL);
  g_autofree gunichar2 *name = make_name (key);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  HANDLE foreign;
  LONG before = -1;

  g_unsetenv ("SSEM_RUNTIME_DIR");
  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, 11, TRUE, &error);
  g_assert_no_error (error);

  foreign = OpenSemaphoreW (SEMAPHORE_ALL_ACCESS, FALSE, (LPCWSTR) name);
  g_assert_nonnull (foreign);
  g_assert_cmpint (WaitForSingleObject (foreign, 0), ==, WAIT_OBJECT_0);
  assert_value (semaphore, 10);
  g_assert_true (ReleaseSemaphore (foreign, 3, &before));
  g_assert_cmpint (before, ==, 10);
  assert_value (semaphore, 13);
  g_assert_false (ReleaseSemaphore (foreign, LONG_MAX - 12, NULL));
  g_assert_true (ReleaseSemaphore (foreign, LONG_MAX - 13, NULL));
  assert_value (semaphore, G_MAXINT);

  /* The object lives as long as any process has a handle. */
  drop_object (&semaphore);
  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, &error);
  g_assert_no_error (error);
  CloseHandle (foreign);
  assert_value (semaphore, G_MAXINT);
  drop_object (&semaphore);
  g_assert_null (OpenSemaphoreW (SEMAPHORE_ALL_ACCESS, FALSE, (LPCWSTR) name));

  foreign = CreateSemaphoreW (NULL, 5, LONG_MAX, (LPCWSTR) name);
  g_assert_nonnull (foreign);
  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, 9, TRUE, &error);
  g_assert_no_error (error);
  assert_value (semaphore, 5);
  drop_object (&semaphore);
  CloseHandle (foreign);

  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);
}

/* SSEM_RUNTIME_DIR leads away from the names that Qt finds. */
static void
test_moved (Fixture *fixture)
{
  g_autofree gunichar2 *name = make_name (fixture->key);
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);

  g_assert_null (OpenSemaphoreW (SEMAPHORE_ALL_ACCESS, FALSE, (LPCWSTR) name));
  g_assert_cmpint (GetLastError (), ==, ERROR_FILE_NOT_FOUND);
  drop_object (&semaphore);
}

/* The name belongs to another sort of object. */
static void
test_other_object (Fixture *fixture)
{
  g_autofree gunichar2 *name = make_name (fixture->key);
  HANDLE event = CreateEventW (NULL, TRUE, FALSE, (LPCWSTR) name);
  SsemAccessMode mode;

  g_assert_nonnull (event);
  g_unsetenv ("SSEM_RUNTIME_DIR");
  for (mode = SSEM_ACCESS_MODE_OPEN; mode <= SSEM_ACCESS_MODE_CREATE_EXCLUSIVE; mode++)
    fixture_expect_refused (fixture, fixture->key, mode, 1, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR,
                            fixture->key);
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);
  CloseHandle (event);
}

/* The system does not say who uses a semaphore, and nothing is ever left over. The property says
 * that nothing comes back at death. */
static void
test_no_info (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  SsemBackend backend = fixture->backend;
  g_autoptr(GError) error = NULL;

  g_assert_false (ssem_system_semaphore_get_undo (semaphore));
  assert_refused_by_gio (ssem_semaphore_info_query (fixture->key, backend, &error) != NULL,
                         NOT_SUPPORTED);
  assert_refused_by_gio (ssem_semaphore_info_list (backend, &error) != NULL, NOT_SUPPORTED);
  assert_refused_by_gio (ssem_semaphore_remove_leftover (fixture->key, backend, &error),
                         NOT_SUPPORTED);
  g_assert_false (ssem_semaphore_reset (fixture->key, 5, backend, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_assert_nonnull (strstr (error->message, fixture->key));
  g_clear_error (&error);
  assert_refused (ssem_semaphore_reset ("nobody has this key", 5, backend, &error), NOT_FOUND);
  assert_value (semaphore, 1);
  drop_object (&semaphore);
}

/* --- Native keys --- */

/* The object has exactly that name, whatever SSEM_RUNTIME_DIR says; both sides have one semaphore.
 * */
static void
test_native_exact (Fixture *fixture)
{
  const char *const prefixes[] = { "", "Local\\", "Global\\" };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (prefixes); i++)
    {
      g_autofree char *name = g_strdup_printf ("%ssem_native %s", prefixes[i], fixture->key);
      g_autofree char *native_key = NULL;
      g_autofree gunichar2 *wide_name = NULL;
      g_autofree char *key = NULL;
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      HANDLE foreign;

      /* The fixture's key has a slash, which the system allows, and characters that mean nothing.
       * */
      native_key = g_strconcat ("windows:", name, NULL);
      wide_name = g_utf8_to_utf16 (name, -1, NULL, NULL, NULL);
      semaphore = open_native (native_key, SSEM_ACCESS_MODE_OPEN, 4);
      assert_native_key (semaphore, native_key);
      key = ssem_system_semaphore_get_key (semaphore);
      g_assert_null (key);
      g_assert_cmpint (ssem_system_semaphore_get_backend (semaphore), ==, SSEM_BACKEND_WINDOWS);

      foreign = OpenSemaphoreW (SEMAPHORE_ALL_ACCESS, FALSE, (LPCWSTR) wide_name);
      g_assert_nonnull (foreign);
      g_assert_cmpint (WaitForSingleObject (foreign, 0), ==, WAIT_OBJECT_0);
      assert_value (semaphore, 3);
      assert_acquire (semaphore, 3);
      g_assert_true (ReleaseSemaphore (foreign, 2, NULL));
      assert_acquire (semaphore, 2);
      drop_object (&semaphore);

      /* The other way round. */
      g_assert_true (ReleaseSemaphore (foreign, 5, NULL));
      semaphore = open_native (native_key, SSEM_ACCESS_MODE_OPEN, 9);
      assert_value (semaphore, 5);
      drop_object (&semaphore);
      CloseHandle (foreign);
      g_assert_null (OpenSemaphoreW (SEMAPHORE_ALL_ACCESS, FALSE, (LPCWSTR) wide_name));
    }
}

/* What a key's object reports leads to it: under the name of Qt, and under the library's own. */
static void
test_native_reported (Fixture *fixture)
{
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, "market", -1);
  g_autofree char *qts = g_strconcat ("windows:qipc_systemsem_market", hash, NULL);
  g_autoptr(SsemSystemSemaphore) own = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
  g_autofree char *own_key = ssem_system_semaphore_get_native_key (own);
  g_autoptr(SsemSystemSemaphore) same = open_native (own_key, SSEM_ACCESS_MODE_OPEN, 0);
  g_autoptr(SsemSystemSemaphore) of_qt = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_true (g_str_has_prefix (own_key, "windows:ssem_"));
  assert_value (same, 2);
  drop_object (&same);
  drop_object (&own);

  g_unsetenv ("SSEM_RUNTIME_DIR");
  of_qt = fixture_open_full (fixture, "market", SSEM_ACCESS_MODE_OPEN, 3, TRUE, &error);
  g_assert_no_error (error);
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);
  assert_native_key (of_qt, qts);
  same = open_native (qts, SSEM_ACCESS_MODE_OPEN, 0);
  assert_value (same, 3);
  drop_object (&same);
  drop_object (&of_qt);
}

static void
expect_refused (const char *native_key,
                const char *named)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;

  semaphore = ssem_system_semaphore_new_for_native_key (native_key, 1, SSEM_ACCESS_MODE_OPEN,
                                                        &error);
  assert_code (error, KEY_ERROR);
  g_assert_null (semaphore);
  g_assert_nonnull (strstr (error->message, named));
}

static void
test_native_refused (Fixture *fixture)
{
  g_autofree char *name = g_strconcat ("sem_", fixture->key, NULL);
  g_autofree char *native_key = g_strconcat ("windows:", name, NULL);
  g_autofree gunichar2 *wide_name = g_utf8_to_utf16 (name, -1, NULL, NULL, NULL);
  HANDLE event = CreateEventW (NULL, TRUE, FALSE, (LPCWSTR) wide_name);
  g_autoptr(GError) error = NULL;

  g_assert_nonnull (event);
  expect_refused (native_key, native_key);
  CloseHandle (event);

  expect_refused ("windows:no such name space\\x", "no such name space");
  expect_refused ("windows:", "windows:");
  expect_refused ("windows:%", "“%”");
  expect_refused ("windows-1:x", "“windows-1”");
  assert_refused_by_gio (ssem_system_semaphore_new_for_native_key ("systemv:/x", 1,
                                                                   SSEM_ACCESS_MODE_OPEN,
                                                                   &error) != NULL,
                         NOT_SUPPORTED);
}

/* The names of Qt on Windows. Their source is qtbase 6.10, src/corelib/ipc/qtipccommon.cpp:
 * legacyPlatformSafeKey () and platformSafeKey (), and
 * https://doc.qt.io/qt-6/native-ipc-keys.html. The SHA-1 is from sha1sum. */
static void
test_native_qt_names (Fixture *fixture)
{
  static const struct
  {
    const char *key;
    SsemBackend type;
    SsemQtNaming naming;
    const char *expected;
  } rows[] = {
    { "market", SSEM_BACKEND_DEFAULT, SSEM_QT_NAMING_LEGACY,
      "windows:qipc_systemsem_market5c9f73af73334ffe350c60ec076e5744db0ecda3" },
    { "market", SSEM_BACKEND_WINDOWS, SSEM_QT_NAMING_PLATFORM_SAFE, "windows:sem_market" },
    { "market", SSEM_BACKEND_DEFAULT, SSEM_QT_NAMING_PLATFORM_SAFE, "windows:sem_market" },
    { "Local\\market", SSEM_BACKEND_DEFAULT, SSEM_QT_NAMING_PLATFORM_SAFE,
      "windows:Local\\sem_market" },
    { "Global\\market", SSEM_BACKEND_DEFAULT, SSEM_QT_NAMING_PLATFORM_SAFE,
      "windows:Global\\sem_market" },
    { "Other\\market", SSEM_BACKEND_DEFAULT, SSEM_QT_NAMING_PLATFORM_SAFE,
      "windows:sem_Other\\market" },
    { "50%?", SSEM_BACKEND_DEFAULT, SSEM_QT_NAMING_PLATFORM_SAFE, "windows:sem_50%25%3F" },
  };
  g_autofree char *long_key = g_strnfill (1000, 'x');
  g_autofree char *cut_name = g_strnfill (MAX_PATH - strlen ("sem_"), 'x');
  g_autofree char *cut_key = g_strconcat ("windows:sem_", cut_name, NULL);
  g_autofree char *found = NULL;
  g_autoptr(GError) error = NULL;
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *native_key = NULL;

      native_key = ssem_native_key_for_qt (rows[i].key, rows[i].type, rows[i].naming, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (native_key, ==, rows[i].expected);
    }

  found = ssem_native_key_for_qt (long_key, SSEM_BACKEND_DEFAULT, SSEM_QT_NAMING_PLATFORM_SAFE,
                                  &error);
  g_assert_no_error (error);
  g_assert_cmpstr (found, ==, cut_key);
  assert_refused_by_gio (ssem_native_key_for_qt ("a", SSEM_BACKEND_SYSV, 0, &error) != NULL,
                         NOT_SUPPORTED);
  assert_refused_by_gio (ssem_native_key_for_qt ("a", SSEM_BACKEND_POSIX, 0, &error) != NULL,
                         NOT_SUPPORTED);
}

/* --- Several units --- */

/* A release by a program that does not signal this library's event, such as Qt's, serves a waiter,
 * too. */
static void
test_foreign_release (Fixture *fixture)
{
  g_autofree char *key = g_strconcat ("foreign ", fixture->key, NULL);
  g_autofree gunichar2 *name = make_name (key);
  HANDLE foreign = CreateSemaphoreW (NULL, 0, LONG_MAX, (LPCWSTR) name);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  Helper *waiter;
  int i;

  g_assert_nonnull (foreign);
  g_unsetenv ("SSEM_RUNTIME_DIR");
  waiter = fixture_helper (fixture);
  helper_open (waiter, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, key);
  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, &error);
  g_assert_no_error (error);

  helper_send (waiter, "acquire 0 3");
  for (i = 0; i < 3; i++)
    {
      wait_until_blocked (fixture->backend, waiter->pid, 1);
      g_assert_false (helper_has_answered (waiter));
      assert_value (semaphore, i);
      g_assert_true (ReleaseSemaphore (foreign, 1, NULL));
    }
  helper_expect_ok (waiter);
  assert_value (semaphore, 0);

  drop_object (&semaphore);
  helper_run_expect_ok (waiter, "close 0");
  CloseHandle (foreign);
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);
}

static int
compare_times (gconstpointer a,
               gconstpointer b)
{
  gint64 left = *(const gint64 *) a, right = *(const gint64 *) b;

  return left < right ? -1 : left > right;
}

/* Returns how long a waiter for two units takes to answer after the release of the second: the
 * lower quartile of many times, as a busy machine makes some times longer, and none shorter. */
static gint64
measure_release (Helper   *waiter,
                 gboolean (* release) (gpointer semaphore),
                 gpointer  semaphore)
{
  g_autoptr(GArray) times = g_array_new (FALSE, FALSE, sizeof (gint64));
  int i;

  for (i = 0; i < 40; i++)
    {
      gint64 taken_usec;

      g_assert_true (release (semaphore));
      helper_send (waiter, "acquire 0 2");
      wait_until_blocked (SSEM_BACKEND_WINDOWS, waiter->pid, 1);
      taken_usec = g_get_monotonic_time ();
      g_assert_true (release (semaphore));
      helper_expect_ok (waiter);
      taken_usec = g_get_monotonic_time () - taken_usec;
      g_array_append_val (times, taken_usec);
    }
  g_array_sort (times, compare_times);

  return g_array_index (times, gint64, times->len / 4);
}

static gboolean
release_one (gpointer semaphore)
{
  return ssem_system_semaphore_release (semaphore, 1, NULL);
}

static gboolean
release_foreign_one (gpointer semaphore)
{
  return ReleaseSemaphore (semaphore, 1, NULL);
}

/* A release by this library signals waiters for several units. A release without a signal takes
 * longer to be noticed, also on a busy machine. */
static void
test_release_wakes_promptly (Fixture *fixture)
{
  g_autofree char *key = g_strconcat ("prompt ", fixture->key, NULL);
  g_autofree gunichar2 *name = make_name (key);
  HANDLE foreign = CreateSemaphoreW (NULL, 0, LONG_MAX, (LPCWSTR) name);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  gint64 signalled_usec, plain_usec;
  Helper *waiter;

  g_assert_nonnull (foreign);
  g_unsetenv ("SSEM_RUNTIME_DIR");
  waiter = fixture_helper (fixture);
  helper_open (waiter, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, key);
  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, &error);
  g_assert_no_error (error);

  signalled_usec = measure_release (waiter, release_one, semaphore);
  plain_usec = measure_release (waiter, release_foreign_one, foreign);
  g_test_message ("signalled %" G_GINT64_FORMAT " us, plain %" G_GINT64_FORMAT " us",
                  signalled_usec, plain_usec);
  g_assert_cmpint (signalled_usec * 3, <, plain_usec * 2);

  drop_object (&semaphore);
  helper_run_expect_ok (waiter, "close 0");
  CloseHandle (foreign);
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);
}

/* The same where one side has the key and the other the native key, with and without the prefix of
 * the name space: the signal is found by the name of the object. */
static void
test_native_wakes_promptly (Fixture *fixture)
{
  g_autofree char *key = g_strconcat ("native ", fixture->key, NULL);
  g_autofree gunichar2 *name = make_name (key);
  g_autofree char *native_key = NULL;
  g_autofree char *local_key = NULL;
  HANDLE foreign = CreateSemaphoreW (NULL, 0, LONG_MAX, (LPCWSTR) name);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  gint64 signalled_usec, plain_usec;
  Helper *waiter;

  g_assert_nonnull (foreign);
  g_unsetenv ("SSEM_RUNTIME_DIR");
  waiter = fixture_helper (fixture);
  helper_open (waiter, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, key);
  native_key = ssem_native_key_for_qt (key, SSEM_BACKEND_DEFAULT, SSEM_QT_NAMING_LEGACY, NULL);
  local_key = g_strconcat ("windows:Local\\", native_key + strlen ("windows:"), NULL);
  semaphore = open_native (local_key, SSEM_ACCESS_MODE_OPEN, 0);

  signalled_usec = measure_release (waiter, release_one, semaphore);
  plain_usec = measure_release (waiter, release_foreign_one, foreign);
  g_test_message ("signalled %" G_GINT64_FORMAT " us, plain %" G_GINT64_FORMAT " us",
                  signalled_usec, plain_usec);
  g_assert_cmpint (signalled_usec * 3, <, plain_usec * 2);

  drop_object (&semaphore);
  helper_run_expect_ok (waiter, "close 0");
  CloseHandle (foreign);
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);
}

/* What a process finds under a key that is unknown | that is live, with two of three units. */
static const char *const modes[] = {
  "a open OPEN 5; a value = 5; a close | a open OPEN 5; a value = 2; a close",
  "a open CREATE 5; a value = 5; a close | a open CREATE 5; a value = 2; a close",
  "a open OPEN_EXISTING 5 = NOT_FOUND | a open OPEN_EXISTING 5; a value = 2; a close",
  "a open CREATE_EXCLUSIVE 5; a value = 5; a close | a open CREATE_EXCLUSIVE 5 = ALREADY_EXISTS",
  NULL,
};

const char conformance_topic[] = "windows";
/* Only this backend shares its semaphores with programs that do not use the library. */
const Needs conformance_needs = NEEDS_NATIVE_KEYS;

const Case conformance_cases[] = {
  { "kernel-object", 0, test_kernel_object },
  { "moved", 0, test_moved },
  { "other-object", 0, test_other_object },

  /* The mode CREATE does not set the value, and a crash leaves nothing over. */
  { "modes", .rows = modes, .script =
    "$1; b open OPEN 3; b acquire 1; $2; b value = 2; b kill; $1" },

  { "no-info", 0, test_no_info },

  { "native-exact", 0, test_native_exact },
  { "native-reported", 0, test_native_reported },
  { "native-refused", 0, test_native_refused },
  { "native-qt-names", 0, test_native_qt_names },

  /* The system gives nothing back; another process may make up for it. */
  { "death", .script =
    "w open OPEN 1; a open OPEN; b open OPEN; a acquire 1; b acquire 1 = blocks;"
    "a kill; w value = 0; b blocks; w release 1; b wakes; w value = 0" },

  /* --- Several units, which a waiter collects one by one: see also test-several.c --- */

  { "foreign-release", 0, test_foreign_release },
  { "prompt", 0, test_release_wakes_promptly },
  { "native-prompt", 0, test_native_wakes_promptly },
  { NULL },
};
