/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* Takes over the error, whose message has to name the key, and to say more than that. */
static void
assert_names_key (Fixture *fixture,
                  GError  *error)
{
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, fixture->key));
  g_assert_cmpuint (strlen (error->message), >, strlen (fixture->key) + 10);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_error_free (error);
}

/* Opening has to fail with that code, a good message, and @named in it where that is not NULL. */
static void
expect_refused (Fixture        *fixture,
                SsemAccessMode  mode,
                int             code,
                const char     *named)
{
  GError *error = NULL;

  g_assert_null (fixture_open_full (fixture, fixture->key, mode, 1, TRUE, &error));
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, code);
  if (named != NULL)
    g_assert_nonnull (strstr (error->message, named));
  assert_names_key (fixture, error);
}

/* --- The numbers --- */

static void
test_numbers (Fixture *fixture)
{
  g_assert_cmpint (SSEM_SYSTEM_SEMAPHORE_ERROR_NO_ERROR, ==, 0);
  g_assert_cmpint (SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED, ==, 1);
  g_assert_cmpint (SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR, ==, 2);
  g_assert_cmpint (SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS, ==, 3);
  g_assert_cmpint (SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND, ==, 4);
  g_assert_cmpint (SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES, ==, 5);
  g_assert_cmpint (SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR, ==, 6);
  g_assert_cmpint (SSEM_SYSTEM_SEMAPHORE_ERROR_LOST, ==, 7);
  g_assert_cmpstr (g_quark_to_string (SSEM_SYSTEM_SEMAPHORE_ERROR), ==,
                   "ssem-system-semaphore-error-quark");
}

/* --- Each code, reached for real --- */

#define NOBODY 65534

/* A directory that may be read and not written. */
static void
test_permission_denied (Fixture *fixture)
{
  Helper *helper = fixture_helper (fixture);

  g_assert_cmpint (g_chmod (fixture->directory, 0755), ==, 0);
  g_assert_cmpint (g_chmod (fixture->keys_directory, 0555), ==, 0);
  if (helper_may_change_user ())
    helper_run_expect_ok (helper, "uid %d", NOBODY);

  helper_send_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
  helper_expect_code (helper, PERMISSION_DENIED);
  helper_kill (helper);
  g_assert_cmpint (g_chmod (fixture->keys_directory, 0755), ==, 0);
}

static void
test_key_error (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);

  fixture_plant_misfit (fixture);
  expect_refused (fixture, SSEM_ACCESS_MODE_OPEN, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR, path);
  fixture_unplant (fixture);
}

static void
test_already_exists (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);

  expect_refused (fixture, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE,
                  SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS, NULL);
  drop_object (&semaphore);
}

static void
test_not_found (Fixture *fixture)
{
  expect_refused (fixture, SSEM_ACCESS_MODE_OPEN_EXISTING, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND,
                  NULL);
}

/* A directory that is missing is not made, and the error is about its path. */
static void
test_directory_missing (Fixture *fixture)
{
  g_autofree char *missing = g_build_filename (fixture->directory, "missing", NULL);
  SsemAccessMode mode;

  g_setenv ("SSEM_RUNTIME_DIR", missing, TRUE);
  for (mode = SSEM_ACCESS_MODE_OPEN; mode <= SSEM_ACCESS_MODE_CREATE_EXCLUSIVE; mode++)
    {
      expect_refused (fixture, mode, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND, missing);
      g_assert_false (g_file_test (missing, G_FILE_TEST_EXISTS));
    }
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);
}

/* The path of the directory leads through a file. */
static void
test_directory_is_file (Fixture *fixture)
{
  g_autofree char *file = g_build_filename (fixture->directory, "file", NULL);

  g_assert_true (g_file_set_contents (file, "", 0, NULL));
  g_setenv ("SSEM_RUNTIME_DIR", file, TRUE);
  expect_refused (fixture, SSEM_ACCESS_MODE_OPEN, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND, NULL);
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);
  g_assert_cmpint (g_unlink (file), ==, 0);
}

/* An error of the system that has no code of its own: a path that is too long. */
static void
test_unknown_error (Fixture *fixture)
{
  g_autofree char *directory = g_strnfill (2 * PATH_MAX, 'x');

  g_setenv ("SSEM_RUNTIME_DIR", directory, TRUE);
  expect_refused (fixture, SSEM_ACCESS_MODE_OPEN, SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR,
                  g_strerror (ENAMETOOLONG));
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);
}

static void
test_maximum (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  GError *error = NULL;

  g_assert_false (ssem_system_semaphore_release (semaphore, fixture_maximum (fixture), &error));
  assert_code (error, OUT_OF_RESOURCES);
  assert_names_key (fixture, error);
  drop_object (&semaphore);
}

/* One descriptor more in each turn, until opening succeeds; a failure leaves nothing. */
static void
test_out_of_descriptors (Fixture *fixture)
{
  /* The three that every process has, and two to speak with a child. */
  const int n_used = 5;
  Helper *helper = fixture_helper (fixture);
  gboolean is_open = FALSE;
  int n_refused = 0, n;

  for (n = n_used; !is_open; n++)
    {
      g_autofree char *answer = NULL;

      g_assert_cmpint (n, <, n_used + 20);
      helper_run_expect_ok (helper, "files %d", n);
      helper_send_open (helper, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
      answer = helper_receive (helper);
      is_open = g_str_equal (answer, "ok");
      if (!is_open)
        {
          g_assert_true (g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 5 "));
          g_assert_nonnull (strstr (answer, g_strerror (EMFILE)));
          fixture_assert_empty (fixture);
          n_refused++;
        }
    }
  g_assert_cmpint (n_refused, >=, 1);

  /* An open semaphore needs no more descriptors: not to operate, */
  helper_run_expect_ok (helper, "files %d", n_used);
  helper_run_expect_ok (helper, "acquire 0 1");
  helper_run_expect_ok (helper, "release 0 1");
  g_assert_cmpint (helper_get_value (helper, 0), ==, 3);
  /* not for a second object of the key, and not to close. */
  helper_open (helper, 1, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  helper_run_expect_ok (helper, "close 0");
  helper_run_expect_ok (helper, "close 1");
  fixture_assert_empty (fixture);
  helper_run_expect_ok (helper, "files 256");
}

/* A record that another version of the library laid out: an error, not a guess. */
static void
test_another_version (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autofree char *path = NULL;
  g_autofree char *planted_path = fixture_content_path (fixture);
  g_autofree char *record = NULL;
  g_autofree char *found = NULL;
  gsize length, found_length;
  GError *error = NULL;

  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  path = fixture_content_path (fixture);
  g_file_get_contents (path, &record, &length, &error);
  g_assert_no_error (error);
  drop_object (&semaphore);

  record[fixture_layout_offset (fixture)] ^= 1;
  fixture_plant_content (fixture, record, length);
  expect_refused (fixture, SSEM_ACCESS_MODE_CREATE, SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR,
                  NULL);
  g_file_get_contents (planted_path, &found, &found_length, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (found, found_length, record, length);
  fixture_unplant (fixture);
}

/* --- Those of GIO --- */

static void
test_gio (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  GError *error = NULL;

  g_assert_false (ssem_system_semaphore_try_acquire (semaphore, 2, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  assert_names_key (fixture, g_steal_pointer (&error));

  g_assert_false (ssem_system_semaphore_acquire_timeout (semaphore, 2, 1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  assert_names_key (fixture, g_steal_pointer (&error));

  g_cancellable_cancel (cancellable);
  assert_refused_by_gio (ssem_system_semaphore_acquire (semaphore, 1, cancellable,
                                                        &error), CANCELLED);

  g_assert_false (ssem_system_semaphore_acquire (semaphore, -7, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "-7"));
  g_clear_error (&error);

  drop_object (&semaphore);
}

/* The name of the key is text: nothing in it is a format. */
static void
test_odd_key (Fixture *fixture)
{
  g_autofree char *key = g_strconcat (fixture->key, " %s%n%d €", NULL);

  fixture_expect_refused (fixture, key, SSEM_ACCESS_MODE_OPEN_EXISTING, 1,
                          SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND, key);
}

/* --- Messages are safe to print --- */

/* Takes over the error. Its message has to be safe for a terminal and for any binding, and to show
 * what it is about as @shown. */
static void
assert_harmless (GError     *error,
                 const char *shown)
{
  const char *p;

  g_assert_nonnull (error);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  for (p = error->message; *p != '\0'; p = g_utf8_next_char (p))
    g_assert_true (g_unichar_isprint (g_utf8_get_char (p)));
  g_assert_nonnull (strstr (error->message, shown));
  g_error_free (error);
}

/* A key with the control characters of a terminal, in each message that names the key. */
static void
test_harmless_key (Fixture *fixture)
{
  g_autofree char *key = g_strconcat (fixture->key, "\033[2J\n\xe2\x80\xae", NULL);
  g_autofree char *shown = g_strconcat (fixture->key, "\\u001b[2J\\n\\u202e", NULL);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autofree char *text = NULL;
  GError *error = NULL;

  g_assert_null (fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN_EXISTING, 1, TRUE, &error));
  assert_code (error, NOT_FOUND);
  assert_harmless (g_steal_pointer (&error), shown);

  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, 1, TRUE, &error);
  g_assert_no_error (error);
  g_assert_false (ssem_system_semaphore_try_acquire (semaphore, 2, &error));
  assert_harmless (g_steal_pointer (&error), shown);
  text = ssem_system_semaphore_get_error_string (semaphore);
  g_assert_nonnull (strstr (text, shown));
  g_assert_false (ssem_system_semaphore_acquire_timeout (semaphore, 2, 1, NULL, &error));
  assert_harmless (g_steal_pointer (&error), shown);
  g_assert_false (ssem_system_semaphore_release (semaphore, fixture_maximum (fixture), &error));
  assert_harmless (g_steal_pointer (&error), shown);
  if (fixture_supports (fixture, NEEDS_REMOVE))
    {
      g_assert_false (ssem_semaphore_remove_leftover (key, fixture->backend, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
      assert_harmless (g_steal_pointer (&error), shown);
    }
  drop_object (&semaphore);
}

/* Names of files and values of the environment need not be UTF-8. */
static void
test_harmless_environment (Fixture *fixture)
{
  const char *odd = "odd\xff\033\xe2\x80\xae";
  const char *shown = "odd\xef\xbf\xbd\\u001b\\u202e";
  g_autofree char *backend = g_strdup (g_getenv ("SSEM_BACKEND"));
  g_autofree char *missing = g_build_filename (fixture->directory, odd, NULL);
  GError *error = NULL;

  g_setenv ("SSEM_RUNTIME_DIR", missing, TRUE);
  g_assert_null (fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN, 1, TRUE, &error));
  assert_harmless (g_steal_pointer (&error), shown);
  g_assert_null (ssem_semaphore_info_list (fixture->backend, &error));
  assert_harmless (g_steal_pointer (&error), shown);
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);

  g_setenv ("SSEM_BACKEND", odd, TRUE);
  g_assert_null (ssem_semaphore_info_query (fixture->key, SSEM_BACKEND_DEFAULT, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  assert_harmless (g_steal_pointer (&error), shown);
  g_unsetenv ("SSEM_BACKEND");
  if (backend != NULL)
    g_setenv ("SSEM_BACKEND", backend, TRUE);
}

const char conformance_topic[] = "errors";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "numbers", 0, test_numbers },
  { "permission-denied", NEEDS_DIRECTORY, test_permission_denied },
  { "key-error", NEEDS_FILES, test_key_error },
  { "already-exists", 0, test_already_exists },
  { "not-found", 0, test_not_found },
  { "directory-missing", NEEDS_DIRECTORY, test_directory_missing },
  { "directory-is-file", NEEDS_DIRECTORY, test_directory_is_file },
  { "unknown-error", NEEDS_DIRECTORY, test_unknown_error },
  { "maximum", 0, test_maximum },
  { "out-of-descriptors", NEEDS_LIMITS, test_out_of_descriptors },
  { "out-of-sets", NEEDS_LIMITS | NEEDS_SYSV, .script =
    "a may no-sets; a open OPEN 3 = OUT_OF_RESOURCES; files 0" },
  { "another-version", NEEDS_FILES, test_another_version },
  { "gio", 0, test_gio },
  { "odd-key", 0, test_odd_key },
  { "harmless-key", 0, test_harmless_key },
  { "harmless-environment", NEEDS_DIRECTORY, test_harmless_environment },
  { NULL },
};
