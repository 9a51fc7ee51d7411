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

/* A link in place of the key's own entry, or of what lies in it: dangling, to a file, to a folder. */
static void
expect_refused_link (Fixture    *fixture,
                     const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *target = g_build_filename (fixture->folder, "target", NULL);
  g_autofree char *content = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_cmpint (symlink (target, path), ==, 0);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED);
  g_assert_false (g_file_test (target, G_FILE_TEST_EXISTS));

  g_file_set_contents (target, "", 0, &error);
  g_assert_no_error (error);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED);
  g_file_get_contents (target, &content, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (content, ==, "");
  g_unlink (target);

  g_assert_cmpint (g_mkdir (target, 0700), ==, 0);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED);
  g_assert_cmpint (g_rmdir (target), ==, 0);

  g_assert_true (g_file_test (path, G_FILE_TEST_IS_SYMLINK));
  fixture_unplant (fixture);
}

static void
test_planted_link (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  g_autofree char *content_path = fixture_content_path (fixture);

  expect_refused_link (fixture, path);
  expect_refused_link (fixture, content_path);
}

/* A link to a semaphore is a link, even if it is this one's. */
static void
test_planted_link_to_it (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  g_autofree char *moved = g_build_filename (fixture->folder, "moved", NULL);
  Helper *user = fixture_user (fixture, 3);

  g_assert_cmpint (g_rename (path, moved), ==, 0);
  g_assert_cmpint (symlink (moved, path), ==, 0);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED);
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (g_rename (moved, path), ==, 0);
  g_assert_cmpint (helper_get_value (user, 0), ==, 3);
}

static void
test_planted_misfit (Fixture *fixture)
{
  g_autofree char *path = fixture_content_path (fixture);

  fixture_plant_misfit (fixture);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);

  g_assert_cmpint (g_mkdir_with_parents (path, 0700), ==, 0);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);
}

/* Opening it must not wait for the other end. */
static void
test_planted_fifo (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  g_autofree char *content_path = fixture_content_path (fixture);
  g_autofree char *folder = g_path_get_dirname (content_path);

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_cmpint (mkfifo (content_path, 0600), ==, 0);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);
}

static void
expect_refused_content (Fixture    *fixture,
                        const char *content,
                        gsize       length)
{
  g_autofree char *path = fixture_content_path (fixture);
  g_autofree char *found = NULL;
  gsize found_length;
  g_autoptr(GError) error = NULL;

  fixture_plant_content (fixture, content, length);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);

  g_file_get_contents (path, &found, &found_length, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (found, found_length, content, length);
  fixture_unplant (fixture);
}

static void
test_planted_content (Fixture *fixture)
{
  g_autofree char *page = repeat ("All work and no play. ", 4096);
  char noise[16384];
  guint i;

  expect_refused_content (fixture, "x", 1);
  expect_refused_content (fixture, "\0\0\0\0\0", 5);
  expect_refused_content (fixture, "12345678", 8);
  expect_refused_content (fixture, "[Settings]\nkey=value\n", 21);
  expect_refused_content (fixture, page, 4096);

  for (i = 0; i < sizeof noise; i++)
    noise[i] = (char) g_test_rand_int_range (0, 256);
  expect_refused_content (fixture, noise, sizeof noise);
  memset (noise, 0, sizeof noise);
  expect_refused_content (fixture, noise, sizeof noise);

  /* Where the file appears in one step with all its content, an empty one is no beginning. */
  if (fixture->backend == SSEM_BACKEND_SHARED_MEMORY)
    expect_refused_content (fixture, "", 0);
}

/* The bytes of the semaphore of @key, as they lie in the folder while it is open. */
static char *
read_record (Fixture    *fixture,
             const char *key,
             gsize      *length)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_auto(GStrv) names = NULL;
  g_autofree char *path = NULL;
  g_autofree char *content_path = NULL;
  char *record = NULL;
  g_autoptr(GError) error = NULL;

  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, 1, TRUE, &error);
  g_assert_no_error (error);
  names = fixture_list_keys (fixture);
  path = g_build_filename (fixture->keys_folder, names[0], NULL);
  content_path = fixture->backend == SSEM_BACKEND_SHARED_MEMORY
                 ? g_build_filename (path, "segment", NULL)
                 : g_strdup (path);
  g_file_get_contents (content_path, &record, length, &error);
  g_assert_no_error (error);
  drop_object (&semaphore);

  return record;
}

/* One that was cut off, and one that belongs to another key. */
static void
test_planted_record (Fixture *fixture)
{
  gsize length, other_length, i;
  g_autofree char *other_record = read_record (fixture, "other", &other_length);
  g_autofree char *record = read_record (fixture, fixture->key, &length);

  expect_refused_content (fixture, other_record, other_length);
  for (i = 1; i < length; i += 1 + length / 16)
    expect_refused_content (fixture, record, i);
  expect_refused_content (fixture, record, length - 1);
}

/* Cut off while it is in use: whoever comes then is told, and not struck by a signal. */
static void
test_cut_off_in_use (Fixture *fixture)
{
  g_autofree char *path = fixture_content_path (fixture);
  const int lengths[] = { 0, 1, 100, 4095, 4096 };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      Helper *user = fixture_user (fixture, 3);
      Helper *opener = fixture_helper (fixture);
      struct stat found;
      SsemAccessMode mode;

      g_assert_cmpint (g_stat (path, &found), ==, 0);
      if (found.st_size <= lengths[i])
        {
          helper_quit (user);
          continue;
        }
      g_assert_cmpint (truncate (path, lengths[i]), ==, 0);
      /* System V keeps the value elsewhere, and takes an empty file for a new one. */
      for (mode = SSEM_ACCESS_MODE_OPEN; mode <= SSEM_ACCESS_MODE_CREATE_EXCLUSIVE; mode++)
        {
          if (lengths[i] == 0 && fixture->backend == SSEM_BACKEND_SYSV)
            break;
          helper_send_open (opener, 0, mode, 1, TRUE, fixture->key);
          helper_expect_error (opener, SSEM_SYSTEM_SEMAPHORE_ERROR,
                               SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
        }
      helper_kill (user);
      fixture_remove (fixture, REMOVE_BOTH);
      helper_quit (opener);
    }
}

/* --- What a crash may leave --- */

/* An empty file is what Qt leaves, and the first bytes that a crash may leave; where there is a folder
 * for each key, it is the empty folder. */
static void
test_empty_place (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  Helper *helper = fixture_helper (fixture);

  if (fixture->backend == SSEM_BACKEND_SHARED_MEMORY)
    g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  else
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

/* --- What another user has put there --- */

static void
expect_refused_owner (Fixture    *fixture,
                      const char *path,
                      const char *named)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (lchown (path, NOBODY, NOBODY), ==, 0);
  semaphore = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN, 1, TRUE, &error);
  assert_code (error, PERMISSION_DENIED);
  g_assert_null (semaphore);
  g_assert_nonnull (strstr (error->message, named));
  g_assert_cmpint (lchown (path, 0, 0), ==, 0);
}

static void
test_planted_by_other_user (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  g_autofree char *content_path = fixture_content_path (fixture);
  Helper *user;

  if (!can_change_user (fixture))
    return;

  user = fixture_user (fixture, 3);
  expect_refused_owner (fixture, content_path, path);
  expect_refused_owner (fixture, path, path);
  g_assert_cmpint (helper_get_value (user, 0), ==, 3);
}

/* The folder that the library makes by itself: it has to be the user's, and closed to others. */
static void
test_own_folder (Fixture *fixture)
{
  g_autofree char *path = NULL;
  g_autoptr(GError) error = NULL;
  Helper *user;
  int uid, i;

  if (fixture->backend != SSEM_BACKEND_SHARED_MEMORY)
    {
      g_test_skip ("only shared memory has it");
      return;
    }
  if (!can_change_user (fixture))
    return;

  /* A user whom nobody is. */
  uid = g_test_rand_int_range (1000000000, 2000000000);
  path = g_strdup_printf ("/dev/shm/ssem-%d", uid);
  user = fixture_helper (fixture);
  helper_do (user, "uid %d", uid);
  helper_do (user, "setenv SSEM_RUNTIME_DIR ");

  for (i = 0; i < 5; i++)
    {
      g_autofree char *answer = NULL;

      if (i == 0)
        g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
      else if (i == 1)
        g_assert_cmpint (symlink (fixture->folder, path), ==, 0);
      else if (i == 2)
        g_file_set_contents (path, "", 0, &error);
      else
        g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
      g_assert_no_error (error);
      if (i >= 3)
        {
          g_assert_cmpint (lchown (path, uid, uid), ==, 0);
          g_assert_cmpint (chmod (path, i == 3 ? 0770 : 0703), ==, 0);
        }

      helper_send_open (user, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
      answer = helper_receive (user);
      g_assert_true (g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 1 "));
      g_assert_nonnull (strstr (answer, path));
      if (i == 1 || i == 2)
        g_assert_cmpint (g_unlink (path), ==, 0);
      else
        g_assert_cmpint (g_rmdir (path), ==, 0);
    }

  /* It makes its own, and takes it away. */
  helper_open (user, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
  {
    struct stat found;

    g_assert_cmpint (g_lstat (path, &found), ==, 0);
    g_assert_cmphex (found.st_mode, ==, S_IFDIR | 0700);
    g_assert_cmpint (found.st_uid, ==, uid);
  }
  helper_do (user, "close 0");
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  helper_kill (user);
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
  conformance_add ("planted-link-to-it", test_planted_link_to_it);
  conformance_add ("planted-misfit", test_planted_misfit);
  conformance_add ("planted-fifo", test_planted_fifo);
  conformance_add ("planted-content", test_planted_content);
  conformance_add ("planted-record", test_planted_record);
  conformance_add ("cut-off-in-use", test_cut_off_in_use);
  conformance_add ("empty-place", test_empty_place);
  conformance_add ("planted-by-other-user", test_planted_by_other_user);
  conformance_add ("own-folder", test_own_folder);
  conformance_add ("kernel-object", test_kernel_object);

  return conformance_run ();
}
