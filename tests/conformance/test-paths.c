/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"
#include "script.h"

#include <glib/gstdio.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Paths that do not lead where they led before, and several that lead to the same place.
 *
 * A process uses the semaphore that it has opened, whatever its path names by now, and leaves that
 * one. What others have made in its place is theirs.
 */
#define INITIAL 5
#define OTHER_INITIAL 7

/* --- Several spellings --- */

/* Paths to the same directory, the last two from the current directory of the process | the object
 * that goes first. */
static const char *const spellings[] = {
  "TEMP/link | a",
  "TEMP/again/ | a.1",
  "TEMP/keys/../keys | a",
  "TEMP//keys/. | a.1",
  "keys | a",
  "./link/../keys | a.1",
  NULL,
};

/* A process with two spellings is one user, with one holding. Either object may go, and the process
 * still uses the semaphore. */
static const char one_user[] =
  "a open OPEN 5; a chdir TEMP; a setenv SSEM_RUNTIME_DIR $1;"
  "a.1 open JOIN 1; a.1 value = 5; a.2 open CREATE_EXCLUSIVE 1 = ALREADY_EXISTS;"
  "a acquire 3; a.1 release 2; a.1 acquire 2; a release 2; w look attached 1 value 4;"
  "$2 close; w open JOIN 1; w value = 4; a kill; w value = 5";

/* The last object removes the semaphore, whichever spelling is its own. */
static const char last_removes[] =
  "a open OPEN 5; a chdir TEMP; a setenv SSEM_RUNTIME_DIR $1; a.1 open OPEN 1;"
  "a close; a.1 value = 5; a.1 close; files 0;"
  "b open OPEN 5; b chdir TEMP; b setenv SSEM_RUNTIME_DIR $1; b.1 open OPEN 1;"
  "b.1 close; b value = 5; b close; files 0";

/* A script is performed with the link and the link to it in place. */
static void
test_spellings (Fixture *fixture)
{
  g_autofree char *link = g_build_filename (fixture->directory, "link", NULL);
  g_autofree char *link_to_link = g_build_filename (fixture->directory, "again", NULL);

  g_assert_cmpint (symlink ("keys", link), ==, 0);
  g_assert_cmpint (symlink (link, link_to_link), ==, 0);
  script_run (fixture, fixture->data, spellings);
  g_assert_cmpint (g_unlink (link), ==, 0);
  g_assert_cmpint (g_unlink (link_to_link), ==, 0);
}

/* A link that leads elsewhere later: what was opened through it stays what it was. */
static void
test_link_moves (Fixture *fixture)
{
  g_autofree char *link = g_build_filename (fixture->directory, "link", NULL);
  g_autofree char *elsewhere = g_build_filename (fixture->directory, "elsewhere", NULL);
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  Helper *helper = fixture_helper (fixture);

  g_assert_cmpint (g_mkdir (elsewhere, 0700), ==, 0);
  g_assert_cmpint (symlink ("keys", link), ==, 0);
  helper_run_expect_ok (helper, "setenv SSEM_RUNTIME_DIR %s", link);
  helper_open (helper, 0, SSEM_ACCESS_MODE_OPEN, INITIAL, TRUE, fixture->key);

  g_assert_cmpint (g_unlink (link), ==, 0);
  g_assert_cmpint (symlink ("elsewhere", link), ==, 0);
  helper_open (helper, 1, SSEM_ACCESS_MODE_OPEN, OTHER_INITIAL, TRUE, fixture->key);
  helper_run_expect_ok (helper, "acquire 0 1");
  g_assert_cmpint (helper_get_value (helper, 1), ==, OTHER_INITIAL);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_JOIN, 1);
  assert_value (semaphore, INITIAL - 1);
  helper_run_expect_ok (helper, "release 0 1");
  drop_object (&semaphore);
  helper_run_expect_ok (helper, "close 0");
  fixture_assert_empty (fixture);
  g_assert_cmpint (helper_get_value (helper, 1), ==, OTHER_INITIAL);
  helper_run_expect_ok (helper, "close 1");

  fixture_remove_processes (fixture, elsewhere);
  g_assert_cmpint (g_rmdir (elsewhere), ==, 0);
  g_assert_cmpint (g_unlink (link), ==, 0);
}

/* --- Renamed --- */

/* Moves the semaphore's file to another directory; from shared memory either the file or the key's
 * directory, as the data of the case says. */
static char *
move_away (Fixture *fixture)
{
  gboolean moves_file = g_strcmp0 (fixture->data, "file") == 0;
  g_autofree char *path = moves_file ? fixture_content_path (fixture) : fixture_key_path (fixture);
  char *elsewhere = g_build_filename (fixture->directory, "elsewhere", NULL);

  g_assert_cmpint (g_rename (path, elsewhere), ==, 0);

  return elsewhere;
}

static void
remove_moved (const char *elsewhere)
{
  g_autoptr(GDir) dir = g_dir_open (elsewhere, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (elsewhere, name, NULL);

      g_assert_cmpint (g_unlink (path), ==, 0);
    }
  g_assert_cmpint (g_remove (elsewhere), ==, 0);
}

/* The users go on, also with operations that ask whether the semaphore is still there. */
static void
test_renamed (Fixture *fixture)
{
  Helper *user = fixture_open_helper (fixture, INITIAL);
  Helper *waiter = fixture_open_helper (fixture, INITIAL);
  g_autofree char *elsewhere = NULL;

  helper_run_expect_ok (user, "acquire 0 1");
  elsewhere = move_away (fixture);
  helper_run_expect_ok (user, "acquire 0 1");
  g_assert_cmpint (helper_get_value (user, 0), ==, INITIAL - 2);
  helper_send (waiter, "acquire 0 %d", INITIAL);
  wait_until_blocked (fixture->backend, waiter->pid, 1);
  helper_run_expect_ok (user, "release 0 2");
  helper_expect_ok (waiter);
  helper_run_expect_ok (waiter, "close 0");
  g_assert_cmpint (helper_get_value (user, 0), ==, 0);
  helper_run_expect_ok (user, "close 0");
  fixture_assert_empty (fixture);
  remove_moved (elsewhere);
}

/* Longer than a waiter sleeps before it looks whether its semaphore is still there. */
#define WAIT_USEC 1500000

static void
test_renamed_in_wait (Fixture *fixture)
{
  Helper *user = fixture_open_helper (fixture, INITIAL);
  g_autofree char *elsewhere = move_away (fixture);

  helper_run_expect_ok (user, "acquire 0 %d", INITIAL);
  helper_send (user, "timeout 0 1 %d", WAIT_USEC);
  helper_expect_error (user, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  helper_run_expect_ok (user, "close 0");
  remove_moved (elsewhere);
}

/* What other processes have made in its place stays when the old users leave. */
static void
test_made_in_its_place (Fixture *fixture)
{
  int is_dropped;

  for (is_dropped = 0; is_dropped < 2; is_dropped++)
    {
      Helper *old = fixture_open_helper (fixture, INITIAL);
      g_autofree char *elsewhere = move_away (fixture);
      g_autoptr(SsemSystemSemaphore) semaphore =
        fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, OTHER_INITIAL);
      Helper *next;

      helper_run_expect_ok (old, "acquire 0 2");
      g_assert_cmpint (helper_get_value (old, 0), ==, INITIAL - 2);
      assert_value (semaphore, OTHER_INITIAL);

      /* A new object of the process finds what is there now. */
      helper_open (old, 1, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
      g_assert_cmpint (helper_get_value (old, 1), ==, OTHER_INITIAL);
      helper_run_expect_ok (old, "close 1");
      helper_run_expect_ok (old, "release 0 2");
      if (is_dropped)
        helper_run_expect_ok (old, "close 0");
      else
        helper_quit (old);

      next = fixture_helper (fixture);
      helper_open (next, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
      helper_run_expect_ok (next, "acquire 0 1");
      assert_value (semaphore, OTHER_INITIAL - 1);
      helper_kill (next);
      assert_value (semaphore, OTHER_INITIAL);
      drop_object (&semaphore);
      fixture_assert_empty (fixture);
      remove_moved (elsewhere);
    }
}

/* --- Another root, other mounts --- */

static void
remove_path (const char *path,
             const char *up_to)
{
  g_autofree char *rest = g_strdup (path);

  while (g_str_has_prefix (rest, up_to))
    {
      char *parent = g_path_get_dirname (rest);

      g_assert_cmpint (g_rmdir (rest), ==, 0);
      g_free (rest);
      rest = parent;
    }
}

static gboolean
enter_root (Helper     *helper,
            const char *root)
{
  g_autofree char *command = g_strdup_printf ("chroot %s", root);

  return helper_may (helper, command, "only root can change the root of a process");
}

static void
test_chroot (Fixture *fixture)
{
  g_autofree char *root = g_build_filename (fixture->directory, "root", NULL);
  g_autofree char *keys_inside = g_strconcat (root, fixture->keys_directory, NULL);
  Helper *mover = fixture_open_helper (fixture, INITIAL);
  Helper *outside = fixture_open_helper (fixture, INITIAL);
  Helper *inside = fixture_helper (fixture);
  Helper *next = fixture_helper (fixture);
  g_autoptr(SsemSystemSemaphore) last = NULL;

  g_assert_cmpint (g_mkdir_with_parents (keys_inside, 0700), ==, 0);
  if (!enter_root (inside, root) || !enter_root (mover, root) || !enter_root (next, root))
    {
      remove_path (keys_inside, root);
      return;
    }

  helper_open (inside, 0, SSEM_ACCESS_MODE_OPEN, OTHER_INITIAL, TRUE, fixture->key);
  helper_run_expect_ok (mover, "acquire 0 1");
  g_assert_cmpint (helper_get_value (mover, 0), ==, INITIAL - 1);
  g_assert_cmpint (helper_get_value (outside, 0), ==, INITIAL - 1);
  helper_open (mover, 1, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (mover, 1), ==, OTHER_INITIAL);
  helper_run_expect_ok (mover, "close 1");

  /* The last process outside cannot remove what it cannot see, and must not remove what it sees. */
  helper_run_expect_ok (mover, "release 0 1");
  helper_quit (outside);
  helper_run_expect_ok (mover, "close 0");
  helper_open (next, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 0, TRUE, fixture->key);
  helper_run_expect_ok (next, "acquire 0 1");
  g_assert_cmpint (helper_get_value (inside, 0), ==, OTHER_INITIAL - 1);
  helper_quit (mover);
  helper_quit (next);
  helper_quit (inside);
  fixture_remove_processes (fixture, keys_inside);
  remove_path (keys_inside, root);

  /* The next process takes what the mover may have left over. */
  last = fixture_open (fixture, SSEM_ACCESS_MODE_JOIN, 1);
  assert_value (last, 1);
  drop_object (&last);
  fixture_assert_empty (fixture);
}

/* --- A directory that comes in between --- */

#define NOBODY 65534
#define MAX_CALLS 200

/* Another user makes the directory of all semaphores after so many system calls of opening. Returns
 * whether the directory was not there yet. */
static gboolean
open_beside_other_user (Fixture    *fixture,
                        int         uid,
                        const char *path,
                        int         n_calls)
{
  Helper *user = fixture_helper (fixture);
  g_autofree char *answer = NULL;
  g_autoptr(GDir) dir = NULL;
  gboolean is_theirs;
  int i;

  helper_run_expect_ok (user, "uid %d", uid);
  helper_run_expect_ok (user, "setenv SSEM_RUNTIME_DIR ");
  if (!helper_trace (user))
    {
      g_test_skip ("the system forbids to trace another process");
      return FALSE;
    }

  helper_send_open (user, 0, SSEM_ACCESS_MODE_OPEN, 1, TRUE, fixture->key);
  for (i = 0; i < n_calls && !helper_has_answered (user); i++)
    helper_step (user);
  is_theirs = g_mkdir (path, 0777) == 0;
  if (is_theirs)
    {
      g_assert_cmpint (chown (path, NOBODY, NOBODY), ==, 0);
      g_assert_cmpint (chmod (path, 0777), ==, 0);
    }
  helper_let_go (user);

  answer = helper_receive (user);
  if (!is_theirs)
    {
      g_assert_cmpstr (answer, ==, "ok");
      helper_quit (user);
      return FALSE;
    }

  g_assert_true (g_str_has_prefix (answer, "error ssem-system-semaphore-error-quark 1 "));
  dir = g_dir_open (path, 0, NULL);
  g_assert_nonnull (dir);
  g_assert_null (g_dir_read_name (dir));
  helper_quit (user);
  g_assert_cmpint (g_rmdir (path), ==, 0);

  return TRUE;
}

static void
test_directory_of_other_user (Fixture *fixture)
{
  g_autofree char *path = NULL;
  int uid, n_calls = 0;

  fixture_share (fixture);
  /* A user id that is not in use. */
  uid = g_test_rand_int_range (1000000000, 2000000000);
  path = g_strdup_printf ("/dev/shm/ssem-%d", uid);
  while (open_beside_other_user (fixture, uid, path, n_calls))
    {
      n_calls++;
      g_assert_cmpint (n_calls, <, MAX_CALLS);
    }
  g_test_message ("%d system calls before the directory is there", n_calls);
}

const char conformance_topic[] = "paths";
const Needs conformance_needs = NEEDS_DIRECTORY;

const Case conformance_cases[] = {
  { "spellings", 0, test_spellings, one_user },
  { "last-spelling", 0, test_spellings, last_removes },
  { "link-moves", 0, test_link_moves },
  { "renamed", 0, test_renamed },
  { "renamed-in-wait", 0, test_renamed_in_wait },
  { "made-in-its-place", 0, test_made_in_its_place },
  { "renamed-file", NEEDS_SHARED_MEMORY, test_renamed, "file" },
  { "renamed-file-in-wait", NEEDS_SHARED_MEMORY, test_renamed_in_wait, "file" },
  { "made-in-place-of-file", NEEDS_SHARED_MEMORY, test_made_in_its_place, "file" },
  { "chroot", 0, test_chroot },

  /* A process sees another file system in the place of the directory. It goes on with the semaphore
   * that it has opened, and leaves that semaphore. */
  { "covered", .script =
    "a open OPEN 5; b open OPEN 5; a may cover KEYS; a acquire 1; a value = 4;"
    "a.1 open OPEN 7; a.1 acquire 1; b value = 4; a value = 4; a release 1; a close; b value = 5;"
    "a.1 close; b acquire 5; b kill; w open OPEN_EXISTING; w value = 5" },

  { "directory-of-other-user", NEEDS_SHARED_MEMORY | NEEDS_USERS, test_directory_of_other_user },
  { NULL },
};
