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

/* What lies in the place of a key's file: what others have put there, what a crash has left, the
 * sets of peers. A peer is a program that uses System V keys as Qt does. script.h explains the
 * scripts. */

/* Opening has to fail in every mode. */
static void
expect_refusal (Fixture *fixture,
                int      code)
{
  SsemAccessMode mode;

  for (mode = SSEM_ACCESS_MODE_OPEN; mode <= SSEM_ACCESS_MODE_CREATE_EXCLUSIVE; mode++)
    fixture_expect_refused (fixture, fixture->key, mode, 1, code, fixture->key);
}

/* A link in place of the key's own entry, or of what lies in it: dangling, to a file, to a
 * directory. */
static void
expect_refused_link (Fixture    *fixture,
                     const char *path)
{
  g_autofree char *directory = g_path_get_dirname (path);
  g_autofree char *target = g_build_filename (fixture->directory, "target", NULL);
  g_autofree char *content = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (directory, 0700), ==, 0);
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

/* A link to a semaphore is refused as any link, even if it leads to the key's own. */
static void
test_planted_link_to_it (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  g_autofree char *moved = g_strconcat (path, ".moved", NULL);
  Helper *user = fixture_open_helper (fixture, 3);

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
  g_autofree char *content_path = fixture_content_path (fixture);

  fixture_plant_misfit (fixture);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);

  g_assert_cmpint (g_mkdir_with_parents (content_path, 0700), ==, 0);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);
}

/* Opening a FIFO must not wait for its other end. */
static void
test_planted_fifo (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  g_autofree char *content_path = fixture_content_path (fixture);
  g_autofree char *directory = g_path_get_dirname (content_path);

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  fixture_unplant (fixture);

  g_assert_cmpint (g_mkdir_with_parents (directory, 0700), ==, 0);
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
  if (fixture_supports (fixture, NEEDS_SHARED_MEMORY))
    expect_refused_content (fixture, "", 0);
}

/* Returns the bytes of the semaphore while it is open. */
static char *
read_record (Fixture *fixture,
             gsize   *length)
{
  g_autoptr(SsemSystemSemaphore) semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 1);
  g_autofree char *path = fixture_content_path (fixture);
  char *record = NULL;
  g_autoptr(GError) error = NULL;

  g_file_get_contents (path, &record, length, &error);
  g_assert_no_error (error);
  drop_object (&semaphore);

  return record;
}

/* A truncated record, and the record of another key. */
static void
test_planted_record (Fixture *fixture)
{
  gsize length, other_length, i;
  g_autofree char *record = read_record (fixture, &length);
  g_autofree char *other_record = NULL;
  char *key = g_steal_pointer (&fixture->key);

  fixture->key = g_strdup ("other");
  other_record = read_record (fixture, &other_length);
  g_free (fixture->key);
  fixture->key = key;

  expect_refused_content (fixture, other_record, other_length);
  for (i = 1; i < length; i += 1 + length / 16)
    expect_refused_content (fixture, record, i);
  expect_refused_content (fixture, record, length - 1);
}

/* Older versions had a file where the key's directory is now. */
static void
test_older_version (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  gsize length;
  g_autofree char *record = read_record (fixture, &length);
  g_autoptr(GError) error = NULL;

  record[8] ^= 1;
  g_file_set_contents_full (path, record, (gssize) length, G_FILE_SET_CONTENTS_NONE, 0600, &error);
  g_assert_no_error (error);
  expect_refusal (fixture, SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR);
  fixture_unplant (fixture);
}

/* The file is truncated while it is in use: a process that opens it gets an error, and no
 * SIGBUS. */
static void
test_truncated_in_use (Fixture *fixture)
{
  const int lengths[] = { 0, 1, 100, 4095, 4096 };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      Helper *user = fixture_open_helper (fixture, 3);
      Helper *opener = fixture_helper (fixture);
      g_autofree char *path = fixture_content_path (fixture);
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
          if (lengths[i] == 0 && fixture_supports (fixture, NEEDS_SYSV))
            break;
          helper_send_open (opener, 0, mode, 1, TRUE, fixture->key);
          helper_expect_code (opener, KEY_ERROR);
        }
      helper_kill (user);
      fixture_remove (fixture, REMOVE_BOTH);
      helper_quit (opener);
    }
}

/* --- What a crash may leave --- */

/* A crash in the middle of creating leaves nothing that a later process would take for a semaphore.
 * System V's first step is an empty file, as Qt leaves it; the last trace of a semaphore in shared
 * memory is an empty directory. */
static void
test_empty_place (Fixture *fixture)
{
  g_autofree char *path = fixture_key_path (fixture);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;
  Helper *helper = fixture_helper (fixture);

  if (fixture_supports (fixture, NEEDS_SHARED_MEMORY))
    g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  else
    g_file_set_contents (path, "", 0, &error);
  g_assert_no_error (error);

  fixture_expect_refused (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN_EXISTING, 1,
                          SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND, NULL);

  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 2);
  drop_object (&semaphore);
}

/* --- What another user has put there --- */

static void
test_planted_by_other_user (Fixture *fixture)
{
  Helper *user = fixture_open_helper (fixture, 3);
  g_autofree char *path = fixture_key_path (fixture);
  g_autofree char *content_path = fixture_content_path (fixture);
  const char *planted[] = { path, content_path };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (planted); i++)
    {
      g_assert_cmpint (lchown (planted[i], NOBODY, NOBODY), ==, 0);
      fixture_expect_refused (fixture, fixture->key, SSEM_ACCESS_MODE_OPEN, 1,
                              SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED, path);
      g_assert_cmpint (lchown (planted[i], 0, 0), ==, 0);
    }
  g_assert_cmpint (helper_get_value (user, 0), ==, 3);
}

typedef struct
{
  mode_t mode; /* of a directory; 0 for a link to a directory, 1 for a file */
  gboolean is_theirs;
} WrongDirectory;

/* Whatever lies where the user's own directory would stays as it is, and nothing is put into it. A
 * process that @has_removed the key's semaphore just before must look again all the same. */
static void
expect_refused_directory (Fixture    *fixture,
                          Helper     *user,
                          int         uid,
                          const char *path,
                          gboolean    has_removed)
{
  const WrongDirectory wrong[] = {
    { 0700, FALSE }, { 0777, FALSE }, { 0770, TRUE }, { 0703, TRUE }, { 0, FALSE }, { 1, FALSE },
  };
  g_autofree char *target = g_build_filename (fixture->directory, "target", NULL);
  g_autoptr(GError) error = NULL;
  gsize i;

  g_assert_cmpint (g_mkdir (target, 0700), ==, 0);
  g_assert_cmpint (chown (target, uid, uid), ==, 0);
  g_assert_cmpint (chmod (fixture->directory, 0711), ==, 0);

  for (i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *answer = NULL;

      if (has_removed)
        {
          helper_open (user, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
          helper_run_expect_ok (user, "close 0");
          fixture_remove_processes (fixture, path);
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

/* The directory that the library makes by itself has to be the user's, and closed to others. */
static void
test_own_directory (Fixture *fixture)
{
  g_autofree char *path = NULL;
  struct stat found;
  Helper *user;
  int uid;

  fixture_share (fixture);
  /* A user id that is not in use. */
  uid = g_test_rand_int_range (1000000000, 2000000000);
  path = g_strdup_printf ("/dev/shm/ssem-%d", uid);
  user = fixture_helper (fixture);
  helper_run_expect_ok (user, "uid %d", uid);
  helper_run_expect_ok (user, "setenv SSEM_RUNTIME_DIR ");
  expect_refused_directory (fixture, user, uid, path, FALSE);
  expect_refused_directory (fixture, user, uid, path, TRUE);

  /* The library makes the directory, whatever the umask, and removes it at the end. */
  helper_run_expect_ok (user, "umask 0777");
  helper_open (user, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
  g_assert_cmpint (g_lstat (path, &found), ==, 0);
  g_assert_cmphex (found.st_mode, ==, S_IFDIR | 0700);
  g_assert_cmpint (found.st_uid, ==, uid);
  helper_run_expect_ok (user, "close 0");
  helper_quit (user);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

/* --- What is promised of System V alone --- */

/* A process that may not remove the set must leave its file, although it may remove that: without
 * the file no process would find the set. */
static void
test_may_not_remove (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(GError) error = NULL;
  Helper *user;

  fixture_share (fixture);
  g_assert_cmpint (g_chmod (fixture->keys_directory, 0777), ==, 0);
  user = fixture_open_helper (fixture, 3);
  helper_run_expect_ok (user, "release 0 1");
  helper_run_expect_ok (user, "uid %d", NOBODY);
  helper_run_expect_ok (user, "close 0");

  /* Its owner sees a leftover, and may remove it. */
  info = ssem_semaphore_info_query (fixture->key, fixture->backend, &error);
  g_assert_no_error (error);
  g_assert_true (ssem_semaphore_info_is_leftover (info));
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN_EXISTING, 0);
  assert_value (semaphore, 4);
  drop_object (&semaphore);
  fixture_assert_empty (fixture);
}

/* The kernel's object is the one that every program with System V keys finds, such as Qt's. */
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

  for (p = key; *p != '\0'; p++)
    {
      if (g_ascii_isalpha (*p))
        *end++ = *p;
    }
  name = g_strconcat ("qipc_systemsem_", letters, hash, NULL);
  path = g_build_filename (fixture->keys_directory, name, NULL);

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

const char conformance_topic[] = "planted";
const Needs conformance_needs = NEEDS_FILES;

const Case conformance_cases[] = {
  { "link", 0, test_planted_link },
  { "link-to-it", 0, test_planted_link_to_it },
  { "misfit", 0, test_planted_misfit },
  { "fifo", 0, test_planted_fifo },
  { "content", 0, test_planted_content },
  { "record", 0, test_planted_record },
  { "older-version", NEEDS_SHARED_MEMORY, test_older_version },
  { "cut-off-in-use", 0, test_truncated_in_use },
  { "empty-place", NEEDS_DIRECTORY, test_empty_place },
  { "by-other-user", NEEDS_USERS, test_planted_by_other_user },
  { "own-directory", NEEDS_SHARED_MEMORY | NEEDS_USERS, test_own_directory },
  { "may-not-remove", NEEDS_SYSV | NEEDS_USERS, test_may_not_remove },

  /* The peer's file and set stay the peer's, after failed attempts to use them, and after use. */
  { "file-of-peer", NEEDS_SYSV, .script =
    "plant; a open OPEN_EXISTING = NOT_FOUND; a open OPEN 40000 = OUT_OF_RESOURCES;"
    "peer 2; a open OPEN 9; a value = 2; a.1 open CREATE_EXCLUSIVE 9 = ALREADY_EXISTS;"
    "a acquire 1; a close; peer-has 1" },

  /* A peer leaves no trace of its processes, so JOIN takes its set for one in use, also where none
   * of our processes is attached. */
  { "join-set-of-peer", NEEDS_SYSV, .script =
    "plant; peer 2; a open JOIN 9; a value = 2; a acquire 1; a kill;"
    "a open JOIN 9; a value = 2; a close; peer-has 2" },

  { "look-at-file-of-peer", NEEDS_SYSV, .script =
    "plant; a open OPEN_EXISTING = NOT_FOUND; peer 2; w look value 2 leftover 0;"
    "w clear KEY = BUSY; peer-has 2" },

  /* Our set is removed, and a peer makes a set in its place. It is the peer's: we use it, pay
   * nothing of the old set back to it, and do not remove it. */
  { "replaced-by-peer", NEEDS_SYSV, .script =
    "a open OPEN 5; a acquire 2; remove COUNTER; peer 5;"
    "a.1 open OPEN_EXISTING; a.1 release 2; a.1 value = 7; a kill;"
    "b open OPEN; b value = 7; b acquire 1; b close; peer-has 6" },

  /* Nor does a process remove it that has only known the old set. */
  { "peer-among-leavers", NEEDS_SYSV, .script =
    "a open OPEN 5; remove COUNTER; peer 2; a close; peer-has 2" },

  /* Nor is it a leftover of ours. */
  { "peer-after-crash", NEEDS_SYSV, .script =
    "a open OPEN 5; a kill; remove COUNTER; peer 2; w look leftover 0; w clear KEY = BUSY;"
    "peer-has 2" },

  { "kernel-object", NEEDS_SYSV, test_kernel_object },
  { NULL },
};
