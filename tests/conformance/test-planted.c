/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <glib/gstdio.h>

#include <fcntl.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534

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

/* A link in place of the key's own entry: dangling, to a file, to a folder. */
static void
test_planted_link (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  g_autofree char *target = g_build_filename (fixture->folder, "target", NULL);
  g_autofree char *content = NULL;
  g_autoptr(GError) error = NULL;

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
  fixture_plant_misfit (fixture);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);
}

/* Opening it must not wait for the other end. */
static void
test_planted_fifo (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);
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
  g_autofree char *page = g_strnfill (4096, 'p');
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
  char *record = NULL;
  g_autoptr(GError) error = NULL;

  semaphore = fixture_open_full (fixture, key, SSEM_ACCESS_MODE_OPEN, 1, TRUE, &error);
  g_assert_no_error (error);
  names = fixture_list_keys (fixture);
  path = g_build_filename (fixture->keys_folder, names[0], NULL);
  g_file_get_contents (path, &record, length, &error);
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
  g_autofree char *path = fixture_key_path (fixture);
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

/* An empty file is what Qt leaves, and the first bytes that a crash may leave; in shared memory it is
 * the empty folder of the further places. */
static void
test_empty_place (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  g_autofree char *further = g_strconcat (path, "=", NULL);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  Helper *helper = fixture_helper (fixture);

  if (fixture->backend == SSEM_BACKEND_SHARED_MEMORY)
    g_assert_cmpint (g_mkdir (further, 0700), ==, 0);
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
  Helper *user;

  if (!fixture_can_change_user (fixture))
    return;

  user = fixture_user (fixture, 3);
  expect_refused_owner (fixture, path, path);
  g_assert_cmpint (helper_get_value (user, 0), ==, 3);
}

typedef struct
{
  mode_t mode; /* of a folder; 0 for a link to one, 1 for a file */
  gboolean is_theirs;
} WrongFolder;

/* Whatever lies where the user's own folder would: it stays as it is, and nothing is put into it. Who
 * @has_removed the key's semaphore just before expects none, and looks all the same. */
static void
expect_refused_folder (Fixture    *fixture,
                       Helper     *user,
                       int         uid,
                       const char *path,
                       gboolean    has_removed)
{
  const WrongFolder wrong[] = {
    { 0700, FALSE }, { 0777, FALSE }, { 0770, TRUE }, { 0703, TRUE }, { 0, FALSE }, { 1, FALSE },
  };
  g_autofree char *target = g_build_filename (fixture->folder, "target", NULL);
  g_autoptr(GError) error = NULL;
  gsize i;

  g_assert_cmpint (g_mkdir (target, 0700), ==, 0);
  g_assert_cmpint (chown (target, uid, uid), ==, 0);
  g_assert_cmpint (chmod (fixture->folder, 0711), ==, 0);

  for (i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *answer = NULL;

      if (has_removed)
        {
          helper_open (user, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
          helper_do (user, "close 0");
          g_assert_cmpint (g_rmdir (path), ==, 0);
        }
      if (wrong[i].mode == 0)
        g_assert_cmpint (symlink (target, path), ==, 0);
      else if (wrong[i].mode == 1)
        g_file_set_contents (path, "", 0, &error);
      else
        g_assert_cmpint (g_mkdir (path, wrong[i].mode), ==, 0);
      g_assert_no_error (error);
      if (wrong[i].is_theirs)
        g_assert_cmpint (chown (path, uid, uid), ==, 0);
      if (wrong[i].mode > 1)
        g_assert_cmpint (chmod (path, wrong[i].mode), ==, 0);

      helper_send_open (user, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
      answer = helper_receive (user);
      g_assert_true (g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 1 "));
      g_assert_nonnull (strstr (answer, path));
      g_assert_cmpint (wrong[i].mode > 1 ? g_rmdir (path) : g_unlink (path), ==, 0);
    }
  g_assert_cmpint (g_rmdir (target), ==, 0);
}

/* The folder that the library makes by itself: it has to be the user's, and closed to others. */
static void
test_own_folder (Fixture *fixture)
{
  g_autofree char *path = NULL;
  struct stat found;
  Helper *user;
  int uid;

  if (fixture->backend != SSEM_BACKEND_SHARED_MEMORY)
    {
      g_test_skip ("only shared memory has it");
      return;
    }
  if (!fixture_can_change_user (fixture))
    return;

  /* A user whom nobody is. */
  uid = g_test_rand_int_range (1000000000, 2000000000);
  path = g_strdup_printf ("/dev/shm/ssem-%d", uid);
  user = fixture_helper (fixture);
  helper_do (user, "uid %d", uid);
  helper_do (user, "setenv SSEM_RUNTIME_DIR ");
  expect_refused_folder (fixture, user, uid, path, FALSE);
  expect_refused_folder (fixture, user, uid, path, TRUE);

  /* It makes its own, whatever umask it has, and takes it away at its end. */
  helper_do (user, "umask 0777");
  helper_open (user, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
  g_assert_cmpint (g_lstat (path, &found), ==, 0);
  g_assert_cmphex (found.st_mode, ==, S_IFDIR | 0700);
  g_assert_cmpint (found.st_uid, ==, uid);
  helper_do (user, "close 0");
  helper_quit (user);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

/* --- What is promised of System V alone --- */

static gboolean
is_sysv (Fixture *fixture)
{
  if (fixture->backend == SSEM_BACKEND_SYSV)
    return TRUE;

  g_test_skip ("only System V has it");
  return FALSE;
}

/* Who may not remove the set leaves its file, too: nobody would find the set without it. */
static void
test_may_not_remove (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(GError) error = NULL;
  Helper *user;

  if (!is_sysv (fixture) || !fixture_can_change_user (fixture))
    return;

  g_assert_cmpint (g_chmod (fixture->keys_folder, 0777), ==, 0);
  user = fixture_user (fixture, 3);
  helper_do (user, "release 0 1");
  helper_do (user, "uid %d", NOBODY);
  helper_do (user, "close 0");

  /* Its owner sees it as what it is, and may remove it. */
  info = ssem_semaphore_info_query (fixture->key, fixture->backend, &error);
  g_assert_no_error (error);
  g_assert_true (ssem_semaphore_info_is_leftover (info));
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN_EXISTING, 0);
  assert_value (semaphore, 4);
  drop_object (&semaphore);
  fixture_assert_empty (fixture);
}

/* A peer makes its set under the kernel's key of the file that is there, as Qt does. */
static int
make_set_of_peer (Fixture *fixture,
                  int      value)
{
  g_auto(GStrv) names = fixture_list_keys (fixture);
  g_autofree char *path = NULL;
  union { int val; } argument = { value };
  int set;

  g_assert_cmpuint (g_strv_length (names), ==, 1);
  path = g_build_filename (fixture->keys_folder, names[0], NULL);
  set = semget (ftok (path, 'Q'), 1, IPC_CREAT | IPC_EXCL | 0600);
  g_assert_cmpint (set, >=, 0);
  g_assert_cmpint (semctl (set, 0, SETVAL, argument), ==, 0);

  return set;
}

/* The peer's set is there and has a file to be found by. */
static void
remove_set_of_peer (Fixture *fixture,
                    int      set,
                    int      value)
{
  g_assert_cmpint (semctl (set, 0, GETVAL), ==, value);
  fixture_remove (fixture, REMOVE_BOTH);
  g_assert_cmpint (semctl (set, 0, GETVAL), ==, -1);
}

/* The peer's file stays the peer's, after whatever attempt to use it, until we make a set. */
static void
test_file_of_peer (Fixture *fixture)
{
  Helper *user;
  int set;

  if (!is_sysv (fixture))
    return;

  fixture_plant_content (fixture, "", 0);
  user = fixture_helper (fixture);
  helper_send_open (user, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  helper_expect_error (user, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
  helper_send_open (user, 0, SSEM_ACCESS_MODE_OPEN, 40000, TRUE, fixture->key);
  helper_expect_error (user, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);

  set = make_set_of_peer (fixture, 2);
  helper_open (user, 0, SSEM_ACCESS_MODE_OPEN, 9, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (user, 0), ==, 2);
  helper_send_open (user, 1, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 9, TRUE, fixture->key);
  helper_expect_error (user, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS);
  helper_do (user, "acquire 0 1");
  helper_do (user, "close 0");
  remove_set_of_peer (fixture, set, 1);
}

/* The peer leaves no trace of its processes, so JOIN takes its set for one in use, where none of us
 * is attached, too. */
static void
test_join_set_of_peer (Fixture *fixture)
{
  Helper *user;
  int set;

  if (!is_sysv (fixture))
    return;

  fixture_plant_content (fixture, "", 0);
  set = make_set_of_peer (fixture, 2);
  user = fixture_helper (fixture);
  helper_open (user, 0, SSEM_ACCESS_MODE_JOIN, 9, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (user, 0), ==, 2);
  helper_do (user, "acquire 0 1");
  helper_kill (user);

  user = fixture_helper (fixture);
  helper_open (user, 0, SSEM_ACCESS_MODE_JOIN, 9, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (user, 0), ==, 2);
  helper_do (user, "close 0");
  remove_set_of_peer (fixture, set, 2);
}

/* It is looked at as the peer's, too. */
static void
test_look_at_file_of_peer (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(GError) error = NULL;
  int set;

  if (!is_sysv (fixture))
    return;

  fixture_plant_content (fixture, "", 0);
  semaphore = fixture_open_full (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE,
                                 &error);
  assert_code (error, NOT_FOUND);
  g_clear_error (&error);

  set = make_set_of_peer (fixture, 2);
  info = ssem_semaphore_info_query (fixture->key, fixture->backend, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 2);
  g_assert_false (ssem_semaphore_info_is_leftover (info));
  g_assert_false (ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  remove_set_of_peer (fixture, set, 2);
}

/* Something removes our set, and a peer makes it anew. It is the peer's: we use it as such, pay
 * nothing of the old one back to it, and don't remove it. */
static void
test_made_anew_by_peer (Fixture *fixture)
{
  Helper *user, *last;
  int set;

  if (!is_sysv (fixture))
    return;

  user = fixture_user (fixture, 5);
  helper_do (user, "acquire 0 2");
  fixture_remove (fixture, REMOVE_COUNTER);
  set = make_set_of_peer (fixture, 5);

  helper_open (user, 1, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  helper_do (user, "release 1 2");
  g_assert_cmpint (helper_get_value (user, 1), ==, 7);
  helper_kill (user);

  last = fixture_user (fixture, 0);
  g_assert_cmpint (helper_get_value (last, 0), ==, 7);
  helper_do (last, "acquire 0 1");
  helper_do (last, "close 0");
  remove_set_of_peer (fixture, set, 6);
}

/* Nor do those who have only known the old one. */
static void
test_peer_among_leavers (Fixture *fixture)
{
  Helper *user;
  int set;

  if (!is_sysv (fixture))
    return;

  user = fixture_user (fixture, 5);
  fixture_remove (fixture, REMOVE_COUNTER);
  set = make_set_of_peer (fixture, 2);
  helper_do (user, "close 0");
  remove_set_of_peer (fixture, set, 2);
}

/* Nor is it a leftover of ours. */
static void
test_peer_after_crash (Fixture *fixture)
{
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(GError) error = NULL;
  int set;

  if (!is_sysv (fixture))
    return;

  helper_kill (fixture_user (fixture, 5));
  fixture_remove (fixture, REMOVE_COUNTER);
  set = make_set_of_peer (fixture, 2);

  info = ssem_semaphore_info_query (fixture->key, fixture->backend, &error);
  g_assert_no_error (error);
  g_assert_false (ssem_semaphore_info_is_leftover (info));
  g_assert_false (ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  remove_set_of_peer (fixture, set, 2);
}

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

  if (!is_sysv (fixture))
    return;

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

static const Case cases[] = {
  { "link", 0, test_planted_link },
  { "link-to-it", 0, test_planted_link_to_it },
  { "misfit", 0, test_planted_misfit },
  { "fifo", 0, test_planted_fifo },
  { "content", 0, test_planted_content },
  { "record", 0, test_planted_record },
  { "cut-off-in-use", 0, test_cut_off_in_use },
  { "empty-place", 0, test_empty_place },
  { "by-other-user", 0, test_planted_by_other_user },
  { "own-folder", 0, test_own_folder },
  { "may-not-remove", 0, test_may_not_remove },
  { "file-of-peer", 0, test_file_of_peer },
  { "join-set-of-peer", 0, test_join_set_of_peer },
  { "look-at-file-of-peer", 0, test_look_at_file_of_peer },
  { "made-anew-by-peer", 0, test_made_anew_by_peer },
  { "peer-among-leavers", 0, test_peer_among_leavers },
  { "peer-after-crash", 0, test_peer_after_crash },
  { "kernel-object", 0, test_kernel_object },
  { NULL },
};

int
main (int    argc,
      char **argv)
{
  return conformance_main (argc, argv, "planted", cases);
}
