/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <glib/gstdio.h>

#include <string.h>
#include <sys/stat.h>

#define KEY_MAX 1024

/* Returns @length bytes, of @piece repeated. */
static char *
repeat (const char *piece,
        gsize       length)
{
  GString *text = g_string_new (NULL);

  while (text->len < length)
    g_string_append (text, piece);
  g_string_truncate (text, length);

  return g_string_free (text, FALSE);
}

static void
assert_no_key (Fixture    *fixture,
               const char *key)
{
  SsemAccessMode mode;

  for (mode = SSEM_ACCESS_MODE_OPEN; mode <= SSEM_ACCESS_MODE_CREATE_EXCLUSIVE; mode++)
    {
      g_autoptr(GError) error = NULL;

      fixture_expect_refused (fixture, key, mode, 1, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR, NULL);
      /* With the default backend as well. */
      g_assert_null (ssem_system_semaphore_new (key, 1, mode, &error));
      assert_code (error, KEY_ERROR);
    }

  fixture_assert_empty (fixture);
}

static void
test_refused (Fixture *fixture)
{
  const char *const keys[] = {
    NULL,
    "",
    "\xff",            /* never in UTF-8 */
    "caf\xe9",         /* Latin-1 */
    "a\xc3",           /* cut off */
    "\xc0\xaf",        /* an overlong slash */
    "\xed\xa0\x80",    /* half of a surrogate pair */
    "\xf4\x90\x80\x80" /* past the last code point */
  };
  g_autofree char *long_ascii = repeat ("a", KEY_MAX + 1);
  g_autofree char *long_slashes = repeat ("/", 100 * KEY_MAX);
  g_autofree char *long_accents = repeat ("é", KEY_MAX + 2);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (keys); i++)
    assert_no_key (fixture, keys[i]);
  assert_no_key (fixture, long_ascii);
  assert_no_key (fixture, long_slashes);
  assert_no_key (fixture, long_accents);
}

static void
test_refused_by_set_key (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 4);
  g_autofree char *long_key = repeat ("a", KEY_MAX + 1);
  const char *const keys[] = { NULL, "", "\xff", long_key };
  guint i;

  /* Such a key could never be right, so the object stays what it was. */
  for (i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autofree char *key = NULL;
      g_autoptr(GError) error = NULL;

      assert_refused (ssem_system_semaphore_set_key (semaphore, keys[i], 9, SSEM_ACCESS_MODE_CREATE,
                                                     &error), KEY_ERROR);
      g_assert_cmpint (ssem_system_semaphore_get_error (semaphore), ==,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);

      key = ssem_system_semaphore_get_key (semaphore);
      g_assert_cmpstr (key, ==, fixture->key);
      g_assert_cmpint (ssem_system_semaphore_get_initial_value (semaphore), ==, 4);
      assert_value (semaphore, 4);
    }

  drop_object (&semaphore);
}

static void
assert_key_works (Fixture    *fixture,
                  Helper     *helper,
                  const char *key)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_auto(GStrv) names = NULL;
  g_autofree char *found = NULL;
  g_autoptr(GError) error = NULL;

  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 7, TRUE, &error);
  g_assert_no_error (error);
  found = ssem_system_semaphore_get_key (semaphore);
  g_assert_cmpstr (found, ==, key);

  /* It lies in the directory, not where slashes would lead. */
  names = fixture_list_keys (fixture);
  g_assert_cmpuint (g_strv_length (names), ==, 1);

  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, key);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 7);
  helper_run_expect_ok (helper, "close 0");

  drop_object (&semaphore);
  fixture_assert_empty (fixture);
}

/* A process whose umask takes all rights from its files can share the semaphore all the same. */
static void
test_umask (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autofree char *path = NULL;
  GStatBuf found;
  mode_t before;

  before = umask (0777);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  umask (before);

  path = fixture_content_path (fixture);
  g_assert_cmpint (g_stat (path, &found), ==, 0);
  g_assert_cmphex (found.st_mode & 0777, ==, 0600);
}

static void
test_any_character (Fixture *fixture)
{
  const char *const keys[] = {
    "a", "7", " ", "\n", "\x01", "\x7f", "/", "//", ".", "..", "../../up", "/etc/passwd", "a/b",
    "back\\slash", "-rf", "%s%n", "$(id)", "*", "qipc_systemsem_", "Schlüssel", "ключ", "键",
    "\xf0\x9f\x94\x91", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf",
  };
  Helper *helper = fixture_helper (fixture);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (keys); i++)
    assert_key_works (fixture, helper, keys[i]);
}

static void
test_longest (Fixture *fixture)
{
  g_autofree char *letters = repeat ("a", KEY_MAX);
  g_autofree char *digits = repeat ("7", KEY_MAX);
  g_autofree char *slashes = repeat ("../", KEY_MAX);
  g_autofree char *accents = repeat ("é", KEY_MAX);
  g_autofree char *almost = repeat ("Letters", KEY_MAX - 1);
  Helper *helper = fixture_helper (fixture);

  assert_key_works (fixture, helper, letters);
  assert_key_works (fixture, helper, digits);
  assert_key_works (fixture, helper, slashes);
  assert_key_works (fixture, helper, accents);
  assert_key_works (fixture, helper, almost);
}

static void
test_distinct (Fixture *fixture)
{
  g_autofree char *long_a = repeat ("x", KEY_MAX);
  g_autofree char *long_b = repeat ("x", KEY_MAX - 1);
  g_autofree char *long_c = g_strconcat (long_b, "y", NULL);
  const char *const keys[] = {
    "ab", "AB", "a/b", "a//b", "a b", "ab ", " ab", "a\nb", "ab1", "ab2", "./ab",
    "\xc3\xa9", /* é in one */
    "e\xcc\x81", /* é in two */
    long_a, long_b, long_c,
  };
  SsemSystemSemaphore *semaphores[G_N_ELEMENTS (keys)];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autoptr(GError) error = NULL;

      semaphores[i] = fixture_open_full (fixture, keys[i], SSEM_ACCESS_MODE_CREATE_EXCLUSIVE,
                                         (int) i + 1, TRUE, &error);
      g_assert_no_error (error);
    }

  for (i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      assert_value (semaphores[i], (int) i + 1);
      assert_acquire (semaphores[i], (int) i + 1);
    }
  for (i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      assert_value (semaphores[i], 0);
      drop_object (&semaphores[i]);
    }
}

/* The same key in another directory, or below another prefix in a cluster, is another semaphore. */
static void
test_runtime_dir (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) here = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  g_autofree char *elsewhere = g_build_filename (fixture->directory, "elsewhere", NULL);
  g_autofree char *prefix = g_strdup (g_getenv ("SSEM_ETCD_PREFIX"));
  g_autoptr(SsemSystemSemaphore) there = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir (elsewhere, 0700), ==, 0);
  g_setenv ("SSEM_RUNTIME_DIR", elsewhere, TRUE);
  if (prefix != NULL)
    {
      g_autofree char *other_prefix = g_strconcat (prefix, "elsewhere/", NULL);

      g_setenv ("SSEM_ETCD_PREFIX", other_prefix, TRUE);
    }
  there = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 2, TRUE,
                             &error);
  g_assert_no_error (error);
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);
  if (prefix != NULL)
    g_setenv ("SSEM_ETCD_PREFIX", prefix, TRUE);

  assert_value (here, 1);
  assert_value (there, 2);

  drop_object (&there);
  fixture_remove_processes (fixture, elsewhere);
  g_assert_cmpint (g_rmdir (elsewhere), ==, 0);
  drop_object (&here);
}

/* A relative path is resolved from the current directory when the program opens the key. */
static void
test_relative_runtime_dir (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autofree char *name = g_path_get_basename (fixture->keys_directory);
  g_autofree char *before = g_get_current_dir ();
  g_auto(GStrv) names = NULL;

  g_assert_cmpint (g_chdir (fixture->directory), ==, 0);
  g_setenv ("SSEM_RUNTIME_DIR", name, TRUE);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_directory, TRUE);
  g_assert_cmpint (g_chdir ("/"), ==, 0);

  names = fixture_list_keys (fixture);
  g_assert_cmpuint (g_strv_length (names), ==, 1);
  assert_value (semaphore, 1);
  drop_object (&semaphore);
  g_assert_cmpint (g_chdir (before), ==, 0);
  fixture_assert_empty (fixture);
}

const char conformance_topic[] = "keys";
const Needs conformance_needs = 0;

const Case conformance_cases[] = {
  { "refused", 0, test_refused },
  { "refused-by-set-key", 0, test_refused_by_set_key },
  { "umask", NEEDS_FILES, test_umask },
  { "any-character", 0, test_any_character },
  { "longest", 0, test_longest },
  { "distinct", 0, test_distinct },
  { "runtime-dir", 0, test_runtime_dir },
  { "relative-runtime-dir", NEEDS_FILES, test_relative_runtime_dir },

  /* User 65534 is nobody. */
  { "other-user", NEEDS_USERS, .script =
    "share; w open OPEN 3; a uid 65534; a open OPEN 1 = PERMISSION_DENIED;"
    "a open CREATE 1 = PERMISSION_DENIED; a open OPEN_EXISTING 1 = PERMISSION_DENIED;"
    "a open CREATE_EXCLUSIVE 1 = PERMISSION_DENIED; w value = 3" },

  /* Root could read and write another user's semaphore, and yet must not share it. */
  { "other-user-for-root", NEEDS_USERS, .script =
    "share; a uid 65534; a open OPEN 3; w open CREATE 1 = PERMISSION_DENIED;"
    "a value = 3; a close" },
  { NULL },
};
