/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MAX 1024

/* @piece again and again, @length bytes of it. */
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
  const SsemAccessMode modes[] = {
    SSEM_ACCESS_MODE_OPEN, SSEM_ACCESS_MODE_CREATE,
    SSEM_ACCESS_MODE_OPEN_EXISTING, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE,
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(SsemSystemSemaphore) made_by_default = NULL;
      g_autoptr(GError) error = NULL;
      g_autoptr(GError) error_by_default = NULL;

      semaphore = fixture_open_full (fixture, key, modes[i], 1, TRUE, &error);
      assert_code (error, KEY_ERROR);
      g_assert_null (semaphore);

      made_by_default = ssem_system_semaphore_new (key, 1, modes[i], &error_by_default);
      assert_code (error_by_default, KEY_ERROR);
      g_assert_null (made_by_default);
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
      gboolean is_set;

      is_set = ssem_system_semaphore_set_key (semaphore, keys[i], 9, SSEM_ACCESS_MODE_CREATE,
                                              &error);
      assert_code (error, KEY_ERROR);
      g_assert_false (is_set);
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

  /* It lies in the folder, not where slashes would lead. */
  names = fixture_list_keys (fixture);
  g_assert_cmpuint (g_strv_length (names), ==, 1);

  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, key);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 7);
  helper_do (helper, "close 0");

  drop_object (&semaphore);
  fixture_assert_empty (fixture);
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

/* The same key in another folder is another semaphore. */
static void
test_runtime_dir (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) here = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  g_autofree char *elsewhere = g_build_filename (fixture->folder, "elsewhere", NULL);
  g_autoptr(SsemSystemSemaphore) there = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir (elsewhere, 0700), ==, 0);
  g_setenv ("SSEM_RUNTIME_DIR", elsewhere, TRUE);
  there = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 2, TRUE,
                             &error);
  g_assert_no_error (error);
  g_setenv ("SSEM_RUNTIME_DIR", fixture->keys_folder, TRUE);

  assert_value (here, 1);
  assert_value (there, 2);

  drop_object (&there);
  g_assert_cmpint (g_rmdir (elsewhere), ==, 0);
  drop_object (&here);
}

/* --- Other users --- */

#define NOBODY 65534

static gboolean
can_change_user (Fixture *fixture)
{
  if (geteuid () != 0)
    {
      g_test_skip ("only root can become another user");
      return FALSE;
    }

  g_assert_cmpint (g_chmod (fixture->folder, 0711), ==, 0);
  g_assert_cmpint (g_chmod (fixture->keys_folder, 01777), ==, 0);

  return TRUE;
}

static void
test_other_user (Fixture *fixture)
{
  const SsemAccessMode modes[] = {
    SSEM_ACCESS_MODE_OPEN, SSEM_ACCESS_MODE_CREATE,
    SSEM_ACCESS_MODE_OPEN_EXISTING, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE,
  };
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  Helper *stranger;
  guint i;

  if (!can_change_user (fixture))
    return;

  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 3);
  stranger = fixture_helper (fixture);
  helper_do (stranger, "uid %d", NOBODY);
  for (i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      helper_send_open (stranger, 0, modes[i], 1, TRUE, fixture->key);
      helper_expect_error (stranger, SSEM_SYSTEM_SEMAPHORE_ERROR,
                           SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED);
    }
  helper_kill (stranger);

  assert_value (semaphore, 3);
  drop_object (&semaphore);
}

/* Root could read and write another user's semaphore, and yet must not share it. */
static void
test_other_user_for_root (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  Helper *stranger;

  if (!can_change_user (fixture))
    return;

  stranger = fixture_helper (fixture);
  helper_do (stranger, "uid %d", NOBODY);
  helper_open (stranger, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);

  semaphore = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_CREATE, 1, TRUE, &error);
  assert_code (error, PERMISSION_DENIED);
  g_assert_null (semaphore);

  g_assert_cmpint (helper_get_value (stranger, 0), ==, 3);
  helper_do (stranger, "close 0");
  helper_kill (stranger);
}

/* --- What somebody else has put in the key's place --- */

static void
expect_refusal (Fixture *fixture,
                int      code)
{
  const SsemAccessMode modes[] = {
    SSEM_ACCESS_MODE_OPEN, SSEM_ACCESS_MODE_CREATE,
    SSEM_ACCESS_MODE_OPEN_EXISTING, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE,
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_autoptr(SsemSystemSemaphore) semaphore = NULL;
      g_autoptr(GError) error = NULL;

      semaphore = fixture_open_full (fixture, fixture->key, modes[i], 1, TRUE, &error);
      g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, code);
      g_assert_null (semaphore);
      g_assert_nonnull (strstr (error->message, fixture->key));
    }
}

static void
test_planted_link (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  g_autofree char *target = g_build_filename (fixture->folder, "target", NULL);
  g_autofree char *content = NULL;
  g_autoptr(GError) error = NULL;

  /* Dangling, then with something there. */
  g_assert_cmpint (symlink (target, path), ==, 0);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED);
  g_assert_false (g_file_test (target, G_FILE_TEST_EXISTS));

  g_file_set_contents (target, "", 0, &error);
  g_assert_no_error (error);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED);
  g_file_get_contents (target, &content, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (content, ==, "");

  g_assert_true (g_file_test (path, G_FILE_TEST_IS_SYMLINK));
  g_unlink (path);
  g_unlink (target);
}

static void
test_planted_folder (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  g_assert_cmpint (g_rmdir (path), ==, 0);
}

/* Opening it must not wait for the other end. */
static void
test_planted_fifo (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  g_assert_cmpint (g_unlink (path), ==, 0);
}

static void
expect_refused_content (Fixture    *fixture,
                        const char *content,
                        gsize       length)
{
  g_autofree char *path = fixture_key_path (fixture);
  g_autofree char *found = NULL;
  gsize found_length;
  g_autoptr(GError) error = NULL;

  g_file_set_contents (path, content, length, &error);
  g_assert_no_error (error);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);

  g_file_get_contents (path, &found, &found_length, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (found, found_length, content, length);
  g_assert_cmpint (g_unlink (path), ==, 0);
}

static void
test_planted_content (Fixture *fixture)
{
  g_autofree char *page = repeat ("All work and no play. ", 4096);

  expect_refused_content (fixture, "x", 1);
  expect_refused_content (fixture, "\0\0\0\0\0", 5);
  expect_refused_content (fixture, "12345678", 8);
  expect_refused_content (fixture, "[Settings]\nkey=value\n", 21);
  expect_refused_content (fixture, page, 4096);
}

/* One that was cut off, and one that belongs to another key. */
static void
test_planted_record (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  g_autofree char *record = NULL;
  g_autofree char *other_record = NULL;
  gsize length, other_length, i;
  g_autoptr(SsemSystemSemaphore) other = NULL;
  g_auto(GStrv) names = NULL;
  g_autofree char *other_path = NULL;
  g_autoptr(GError) error = NULL;

  other = fixture_open_full (fixture, "other", SSEM_ACCESS_MODE_OPEN, 1, TRUE, &error);
  g_assert_no_error (error);
  names = fixture_list_keys (fixture);
  other_path = g_build_filename (fixture->keys_folder, names[0], NULL);
  g_file_get_contents (other_path, &other_record, &other_length, &error);
  g_assert_no_error (error);
  drop_object (&other);

  expect_refused_content (fixture, other_record, other_length);

  {
    g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);

    g_file_get_contents (path, &record, &length, &error);
    g_assert_no_error (error);
    drop_object (&semaphore);
  }

  for (i = 1; i < length; i += 1 + length / 16)
    expect_refused_content (fixture, record, i);
}

/* An empty file is what Qt leaves, and the first bytes that a crash may leave. */
static void
test_empty_file (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  Helper *helper = fixture_helper (fixture);

  g_file_set_contents (path, "", 0, &error);
  g_assert_no_error (error);

  semaphore = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN_EXISTING, 1, TRUE,
                                 &error);
  assert_code (error, NOT_FOUND);
  g_assert_null (semaphore);

  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 2);
  drop_object (&semaphore);
}

/* --- What is promised of System V alone --- */

/* The kernel's object is the one that every program with System V keys finds. */
static void
test_kernel_object (Fixture *fixture)
{
  g_autofree char *key = g_strconcat ("Some/key-1 ", fixture->key, NULL);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, key, -1);
  g_autofree char *letters = g_new0 (char, strlen (key) + 1);
  g_autofree char *path = NULL;
  g_autofree char *name = NULL;
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  struct semid_ds status;
  union { struct semid_ds *buf; } argument = { &status };
  struct stat file;
  const char *p;
  char *end = letters;
  int set;

  if (fixture->backend != SSEM_BACKEND_SYSV)
    {
      g_test_skip ("only System V has it");
      return;
    }

  for (p = key; *p != '\0'; p++)
    {
      if (g_ascii_isalpha (*p))
        *end++ = *p;
    }
  name = g_strconcat ("qipc_systemsem_", letters, hash, NULL);
  path = g_build_filename (fixture->keys_folder, name, NULL);

  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, 11, TRUE, &error);
  g_assert_no_error (error);

  g_assert_cmpint (g_lstat (path, &file), ==, 0);
  g_assert_cmphex (file.st_mode & 07777, ==, 0600);
  set = semget (ftok (path, 'Q'), 1, 0);
  g_assert_cmpint (set, >=, 0);
  g_assert_cmpint (semctl (set, 0, IPC_STAT, argument), ==, 0);
  g_assert_cmpuint (status.sem_nsems, ==, 1);
  g_assert_cmphex (status.sem_perm.mode & 0777, ==, 0600);
  g_assert_cmpint (semctl (set, 0, GETVAL), ==, 11);

  drop_object (&semaphore);
}

int
main (int    argc,
      char **argv)
{
  conformance_init (&argc, &argv, "keys");
  conformance_add ("refused", test_refused);
  conformance_add ("refused-by-set-key", test_refused_by_set_key);
  conformance_add ("any-character", test_any_character);
  conformance_add ("longest", test_longest);
  conformance_add ("distinct", test_distinct);
  conformance_add ("runtime-dir", test_runtime_dir);
  conformance_add ("other-user", test_other_user);
  conformance_add ("other-user-for-root", test_other_user_for_root);
  conformance_add ("planted-link", test_planted_link);
  conformance_add ("planted-folder", test_planted_folder);
  conformance_add ("planted-fifo", test_planted_fifo);
  conformance_add ("planted-content", test_planted_content);
  conformance_add ("planted-record", test_planted_record);
  conformance_add ("empty-file", test_empty_file);
  conformance_add ("kernel-object", test_kernel_object);

  return conformance_run ();
}
