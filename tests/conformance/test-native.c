/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <unistd.h>

/* Native keys: what a program without the library can open, and opens here. */

/* --- Opening --- */

/* The name is used exactly as it is, with the project number that the native key has. */
static void
test_exact_name (Fixture *fixture)
{
  const int projects[] = { QT, OTHER, 1, 255 };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (projects); i++)
    {
      g_autofree char *path = make_path (fixture, "market");
      g_autofree char *native_key = make_native_key (path, projects[i]);
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autofree char *key = NULL;
      int set;

      semaphore = open_native (native_key, SSEM_ACCESS_MODE_OPEN, 3);
      assert_native_key (semaphore, native_key);
      key = ssem_system_semaphore_get_key (semaphore);
      g_assert_null (key);
      g_assert_cmpint (ssem_system_semaphore_get_backend (semaphore), ==, SSEM_BACKEND_SYSV);
      g_assert_true (ssem_system_semaphore_get_undo (semaphore));
      fixture_assert_empty (fixture);

      set = find_set (path, projects[i]);
      g_assert_cmpint (set, >=, 0);
      g_assert_cmpint (operate (set, -2), ==, 0);
      assert_value (semaphore, 1);
      assert_acquire (semaphore, 1);
      g_assert_cmpint (semctl (set, 0, GETVAL), ==, 0);
      g_assert_cmpint (operate (set, 2), ==, 0);
      assert_release (semaphore, 1);

      drop_object (&semaphore);
      g_assert_cmpint (semctl (set, 0, GETVAL), ==, -1);
      g_assert_cmpint (g_access (path, F_OK), ==, -1);
    }
}

/* Any characters may be in the name. */
static void
test_any_character (Fixture *fixture)
{
  static const struct
  {
    const char *encoded, *name;
  } rows[] = {
    { "a%20b", "a b" }, { "a b", "a b" }, { "%25%3f%23", "%?#" }, { "a%0Ab", "a\nb" },
    { "\303\251", "\303\251" }, { "%C3%A9", "\303\251" }, { "%E2%80%AE", "\342\200\256" },
    { "a%2F..%2Fb", "b" }, { ".a", ".a" }, { "-", "-" }, { "a\\b\"c'd", "a\\b\"c'd" },
    { "c?legacyKey=d", "c" }, { "e#f", "e" },
  };
  g_autofree char *subdirectory = make_path (fixture, "a");
  gsize i;

  g_assert_cmpint (g_mkdir (subdirectory, 0700), ==, 0);
  for (i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = make_path (fixture, rows[i].name);
      g_autofree char *native_key = g_strdup_printf ("systemv:%s/%s", fixture->directory,
                                                     rows[i].encoded);
      g_autofree char *reported = NULL;
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(SsemSystemSemaphore) again = NULL;

      semaphore = open_native (native_key, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 7);
      g_assert_cmpint (find_set (path, QT), >=, 0);

      /* What is reported leads there, too. */
      reported = ssem_system_semaphore_get_native_key (semaphore);
      again = open_native (reported, SSEM_ACCESS_MODE_OPEN_EXISTING, 0);
      assert_value (again, 7);

      drop_object (&again);
      drop_object (&semaphore);
      g_assert_cmpint (g_access (path, F_OK), ==, -1);
    }
  g_assert_cmpint (g_rmdir (subdirectory), ==, 0);
}

/* Several spellings of a path are one semaphore, in this process and among processes. */
static void
test_spellings (Fixture *fixture)
{
  g_autofree char *path = make_path (fixture, "market");
  g_autofree char *native_key = make_native_key (path, QT);
  g_autofree char *other = g_strdup_printf ("systemv:%s//keys/..%%2Fmarket", fixture->directory);
  g_autoptr(SsemSystemSemaphore) semaphore = open_native (native_key, SSEM_ACCESS_MODE_OPEN, 2);
  g_autoptr(SsemSystemSemaphore) again = open_native (other, SSEM_ACCESS_MODE_OPEN, 9);
  Helper *helper = fixture_helper (fixture);

  assert_acquire (again, 1);
  assert_value (semaphore, 1);
  helper_open_native (helper, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, other);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 1);
  assert_release (semaphore, 1);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 2);

  drop_object (&semaphore);
  drop_object (&again);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 2);
}

/* An object that a key opened reports the native key of its file: both lead to one semaphore, and
 * the file then says which key it has. */
static void
test_reported (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  g_autofree char *native_key = ssem_system_semaphore_get_native_key (semaphore);
  g_autofree char *path = fixture_key_path (fixture);
  g_autofree char *expected = make_native_key (path, QT);
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(SsemSemaphoreInfo) same = NULL;
  g_autoptr(GError) error = NULL;
  Helper *helper = fixture_helper (fixture);

  g_assert_cmpstr (native_key, ==, expected);
  helper_open_native (helper, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, native_key);
  helper_run_expect_ok (helper, "acquire 0 2");
  assert_value (semaphore, 1);

  drop_object (&semaphore);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 1);
  info = ssem_semaphore_info_query (fixture->key, fixture->backend, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ssem_semaphore_info_get_native_key (info), ==, native_key);
  same = ssem_semaphore_info_query_native (native_key, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ssem_semaphore_info_get_key (same), ==, fixture->key);
  g_assert_cmpint (ssem_semaphore_info_get_value (same), ==, 1);
}

/* The other way round: the file is made for the native key, and learns its key later. */
static void
test_key_later (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  g_autofree char *native_key = make_native_key (path, QT);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(SsemSemaphoreInfo) before = NULL;
  g_autoptr(SsemSemaphoreInfo) after = NULL;
  g_autoptr(GPtrArray) listed = NULL;
  g_autoptr(GError) error = NULL;
  Helper *helper = fixture_helper (fixture);

  helper_open_native (helper, 0, SSEM_ACCESS_MODE_OPEN, 4, native_key);
  before = ssem_semaphore_info_query_native (native_key, &error);
  g_assert_no_error (error);
  g_assert_null (ssem_semaphore_info_get_key (before));
  g_assert_cmpint (ssem_semaphore_info_get_initial_value (before), ==, 4);
  g_assert_cmpint (ssem_semaphore_info_get_n_attached (before), ==, 1);
  listed = ssem_semaphore_info_list (fixture->backend, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (listed->len, ==, 1);
  g_assert_cmpstr (ssem_semaphore_info_get_native_key (listed->pdata[0]), ==, native_key);

  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN_EXISTING, 0);
  assert_value (semaphore, 4);
  after = ssem_semaphore_info_query_native (native_key, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ssem_semaphore_info_get_key (after), ==, fixture->key);
  drop_object (&semaphore);
}

/* Before it is open, an object reports what it was given; then what Qt would write. */
static void
test_property (Fixture *fixture)
{
  g_autofree char *path = make_path (fixture, "a b");
  g_autofree char *native_key = make_native_key (path, QT);
  g_autofree char *given = g_strdup_printf ("SystemV-081:%s/a%%20b", fixture->directory);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;

  semaphore = g_object_new (SSEM_TYPE_SYSTEM_SEMAPHORE, "native-key", given, "initial-value", 2,
                            "undo", FALSE, NULL);
  assert_native_key (semaphore, given);
  g_assert_cmpint (ssem_system_semaphore_get_backend (semaphore), ==, SSEM_BACKEND_DEFAULT);
  assert_value (semaphore, 2);
  assert_native_key (semaphore, native_key);
  g_assert_cmpint (ssem_system_semaphore_get_backend (semaphore), ==, SSEM_BACKEND_SYSV);
  g_assert_false (ssem_system_semaphore_get_undo (semaphore));
  drop_object (&semaphore);
}

/* The variable chooses the backend of keys alone. */
static void
test_environment (Fixture *fixture)
{
  g_autofree char *path = make_path (fixture, "market");
  g_autofree char *native_key = make_native_key (path, QT);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;

  g_setenv ("SSEM_BACKEND", "no backend of that name", TRUE);
  semaphore = open_native (native_key, SSEM_ACCESS_MODE_OPEN, 2);
  g_unsetenv ("SSEM_BACKEND");
  assert_value (semaphore, 2);
  drop_object (&semaphore);
}

static void
expect_conflict (const char  *key,
                 const char  *native_key,
                 SsemBackend  backend,
                 gboolean     is_allowed)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;

  semaphore = g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, &error, "key", key,
                              "native-key", native_key, "backend", backend, NULL);
  if (is_allowed)
    {
      g_assert_no_error (error);
      g_assert_cmpint (ssem_system_semaphore_get_backend (semaphore), ==, backend);
      drop_object (&semaphore);
    }
  else
    {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_assert_null (semaphore);
    }
}

static void
test_conflicts (Fixture *fixture)
{
  g_autofree char *path = make_path (fixture, "market");
  g_autofree char *native_key = make_native_key (path, QT);

  expect_conflict (fixture->key, native_key, SSEM_BACKEND_DEFAULT, FALSE);
  expect_conflict ("", native_key, SSEM_BACKEND_DEFAULT, FALSE);
  expect_conflict (fixture->key, native_key, SSEM_BACKEND_SYSV, FALSE);
  expect_conflict (NULL, native_key, SSEM_BACKEND_SHARED_MEMORY, FALSE);
  expect_conflict (NULL, native_key, SSEM_BACKEND_POSIX, FALSE);
  expect_conflict (NULL, native_key, 99, FALSE);
  g_assert_cmpint (g_access (path, F_OK), ==, -1);
  fixture_assert_empty (fixture);
  expect_conflict (NULL, native_key, SSEM_BACKEND_SYSV, TRUE);
}

/* Malformed texts are refused with the same words everywhere, and nothing is created. */
static void
test_refused (Fixture *fixture)
{
  static const struct
  {
    const char *native_key, *named;
  } rows[] = {
    { "", "“”" }, { "market", "“market”" }, { "sysv:/x", "“sysv”" },
    { "systemv-0:/x", "“systemv-0”" }, { "posix:", "posix:" }, { "posix:/%4", "“%4”" }, { "posix:/x?a=b", "“a”" },
    { "posix://host/x", "“host”" }, { "posix:/%00", "4096" }, { "posix:/\377", "4096" },
    { "systemv:market", "systemv:market" }, { "systemv:./market", "systemv:./market" },
    { "systemv:/tmp/", "systemv:/tmp/" }, { "systemv:/", "systemv:/" },
  };
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autofree char *long_name = g_strnfill (300, 'x');
  g_autofree char *long_path = make_path (fixture, long_name);
  g_autofree char *long_key = make_native_key (long_path, QT);
  g_autofree char *no_directory = g_strdup_printf ("systemv:%s/none/x", fixture->directory);
  g_autoptr(GError) error = NULL;
  SsemAccessMode mode;
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      for (mode = SSEM_ACCESS_MODE_OPEN; mode <= SSEM_ACCESS_MODE_JOIN; mode++)
        expect_refused (rows[i].native_key, mode, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR,
                        rows[i].named);

      info = ssem_semaphore_info_query_native (rows[i].native_key, &error);
      g_assert_null (info);
      assert_code (error, KEY_ERROR);
      g_clear_error (&error);
      assert_refused (ssem_semaphore_remove_leftover_native (rows[i].native_key, &error),
                      KEY_ERROR);
      assert_refused (ssem_semaphore_reset_native (rows[i].native_key, 1, &error),
                      KEY_ERROR);
    }

  expect_refused (long_key, SSEM_ACCESS_MODE_OPEN, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR,
                  g_strerror (ENAMETOOLONG));
  expect_refused (no_directory, SSEM_ACCESS_MODE_OPEN, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND,
                  no_directory);
  assert_refused (ssem_system_semaphore_new_for_native_key (NULL, 1, SSEM_ACCESS_MODE_OPEN,
                                                            &error) != NULL, KEY_ERROR);
  assert_refused_by_gio (ssem_system_semaphore_new_for_native_key ("windows:x", 1,
                                                                   SSEM_ACCESS_MODE_OPEN,
                                                                   &error) != NULL,
                         NOT_SUPPORTED);
}

/* A path that is not UTF-8 has no native key: every text of the library is UTF-8. */
static void
test_not_utf8 (Fixture *fixture)
{
  g_autofree char *directory = make_path (fixture, "\377");
  g_autofree char *temporary = g_strdup (g_getenv ("TMPDIR"));
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir (directory, 0700), ==, 0);
  g_setenv ("SSEM_RUNTIME_DIR", directory, TRUE);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  assert_native_key (semaphore, NULL);
  info = ssem_semaphore_info_query (fixture->key, fixture->backend, &error);
  g_assert_no_error (error);
  g_assert_null (ssem_semaphore_info_get_native_key (info));
  drop_object (&semaphore);
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);

  g_setenv ("TMPDIR", directory, TRUE);
  assert_refused (ssem_native_key_for_qt ("market", SSEM_BACKEND_SYSV, SSEM_QT_NAMING_LEGACY,
                                          &error) != NULL, KEY_ERROR);
  if (temporary != NULL)
    g_setenv ("TMPDIR", temporary, TRUE);
  else
    g_unsetenv ("TMPDIR");
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

/* A backend whose semaphores have no name outside the library reports none. */
static void
test_none (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(GError) error = NULL;

  assert_native_key (semaphore, NULL);
  info = ssem_semaphore_info_query (fixture->key, fixture->backend, &error);
  g_assert_no_error (error);
  g_assert_null (ssem_semaphore_info_get_native_key (info));
  drop_object (&semaphore);
}

/* Messages name the native key. */
static void
test_messages (Fixture *fixture)
{
  g_autofree char *path = make_path (fixture, "market");
  g_autofree char *native_key = make_native_key (path, QT);
  g_autoptr(SsemSystemSemaphore) semaphore = open_native (native_key, SSEM_ACCESS_MODE_OPEN, 1);
  g_autofree char *last = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_false (ssem_system_semaphore_try_acquire (semaphore, 2, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_assert_nonnull (strstr (error->message, native_key));
  last = ssem_system_semaphore_get_error_string (semaphore);
  g_assert_cmpstr (last, ==, error->message);
  g_clear_error (&error);

  g_object_run_dispose (G_OBJECT (semaphore));
  g_assert_false (ssem_system_semaphore_try_acquire (semaphore, 1, &error));
  assert_code (error, NOT_FOUND);
  g_assert_nonnull (strstr (error->message, native_key));
  drop_object (&semaphore);
}

static void
notify_cb (GObject    *object,
           GParamSpec *property,
           gpointer    data)
{
  g_string_append_printf (data, "%s ", property->name);
}

/* The object stays in its backend, and gets a key of the library. */
static void
test_set_key (Fixture *fixture)
{
  g_autofree char *path = make_path (fixture, "market");
  g_autofree char *native_key = make_native_key (path, QT);
  g_autofree char *key_path = fixture_key_path (fixture);
  g_autofree char *reported = make_native_key (key_path, QT);
  g_autoptr(SsemSystemSemaphore) semaphore = open_native (native_key, SSEM_ACCESS_MODE_OPEN, 1);
  g_autoptr(GString) names = g_string_new (NULL);
  g_autofree char *key = NULL;
  g_autoptr(GError) error = NULL;

  g_signal_connect (semaphore, "notify", G_CALLBACK (notify_cb), names);
  assert_done (ssem_system_semaphore_set_key (semaphore, fixture->key, 1, SSEM_ACCESS_MODE_OPEN,
                                              &error));
  g_assert_cmpstr (names->str, ==, "key native-key ");
  g_assert_cmpint (g_access (path, F_OK), ==, -1);
  key = ssem_system_semaphore_get_key (semaphore);
  g_assert_cmpstr (key, ==, fixture->key);
  assert_native_key (semaphore, reported);
  g_assert_cmpint (ssem_system_semaphore_get_backend (semaphore), ==, SSEM_BACKEND_SYSV);

  g_string_truncate (names, 0);
  g_assert_false (ssem_system_semaphore_set_key (semaphore, "unknown", 1,
                                                 SSEM_ACCESS_MODE_OPEN_EXISTING, &error));
  assert_code (error, NOT_FOUND);
  g_assert_cmpstr (names->str, ==, "key native-key mode ");
  assert_native_key (semaphore, NULL);
  drop_object (&semaphore);
}

const char conformance_topic[] = "native";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "exact-name", NEEDS_SYSV, test_exact_name },
  { "any-character", NEEDS_SYSV, test_any_character },
  { "spellings", NEEDS_SYSV, test_spellings },
  { "reported", NEEDS_SYSV, test_reported },
  { "key-later", NEEDS_SYSV, test_key_later },
  { "property", NEEDS_SYSV, test_property },
  { "environment", NEEDS_SYSV, test_environment },
  { "conflicts", NEEDS_SYSV, test_conflicts },
  { "refused", NEEDS_SYSV, test_refused },
  { "not-utf8", NEEDS_SYSV, test_not_utf8 },
  { "none", NEEDS_SHARED_MEMORY, test_none },
  { "messages", NEEDS_SYSV, test_messages },
  { "set-key", NEEDS_SYSV, test_set_key },
  { NULL },
};
