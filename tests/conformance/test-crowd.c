/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "crowd.h"
#include "forking.h"

#include <glib/gstdio.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* In shared memory, who comes to a crowd has its locks in a wing: see ssem-shm-wing.c. Whoever is
 * there, in whatever file, has to live for all others as long as it lives and no longer, and
 * nothing may be left of it.
 *
 * A crowd takes no more than a large number in the segment: see crowd.h. */

/* A wing, another one, and the segment's own file. */
#define WING    5
#define ANOTHER 9
#define OWN     0

#define N_FORKS 100

/* --- Who is alive --- */

static void
test_operations (Fixture *fixture)
{
  Helper *own = fixture_open_helper (fixture, 5);
  Helper *one, *two, *other;

  fixture_gather_crowd (fixture);
  one = crowd_user (fixture, WING);
  two = crowd_user (fixture, WING);
  other = crowd_user (fixture, ANOTHER);
  crowd_assert_counted (fixture, 1);

  helper_run_expect_ok (one, "acquire 0 1");
  helper_run_expect_ok (two, "acquire 0 2");
  helper_run_expect_ok (other, "acquire 0 1");
  helper_run_expect_ok (own, "acquire 0 1");
  g_assert_cmpint (helper_get_value (own, 0), ==, 0);
  g_assert_cmpint (helper_get_value (other, 0), ==, 0);

  /* Everybody is alive, for everybody. */
  helper_send (own, "try 0 1");
  crowd_expect_would_block (own);
  helper_send (one, "try 0 1");
  crowd_expect_would_block (one);
  helper_send (other, "try 0 1");
  crowd_expect_would_block (other);

  helper_send (other, "acquire 0 2");
  wait_until_blocked (fixture->backend, other->pid, 1);
  helper_run_expect_ok (two, "release 0 2");
  helper_expect_ok (other);
  helper_run_expect_ok (two, "release 0 4");
  g_assert_cmpint (helper_get_value (one, 0), ==, 4);
}

static void
check_killed (Fixture *fixture,
              guint    holders_wing,
              guint    askers_wing)
{
  Helper *holders[2];
  Helper *asker = askers_wing == OWN ? fixture_open_helper (fixture, 3) : NULL;
  Helper *anchor = fixture_open_helper (fixture, 3);
  guint n_near = 1 + (askers_wing == OWN ? 1 : 0) + (holders_wing == OWN ? 2 : 0);
  guint i;

  for (i = 0; i < 2 && holders_wing == OWN; i++)
    holders[i] = fixture_open_helper (fixture, 3);
  fixture_gather_crowd (fixture);
  for (i = 0; i < 2 && holders_wing != OWN; i++)
    holders[i] = crowd_user (fixture, holders_wing);
  if (asker == NULL)
    asker = crowd_user (fixture, askers_wing);

  /* For one that asks. */
  helper_run_expect_ok (holders[0], "acquire 0 3");
  helper_send (asker, "try 0 1");
  crowd_expect_would_block (asker);
  helper_kill (holders[0]);
  helper_run_expect_ok (asker, "try 0 3");
  helper_run_expect_ok (asker, "release 0 3");

  /* For one that sleeps. */
  helper_run_expect_ok (holders[1], "acquire 0 3");
  helper_send (asker, "acquire 0 2");
  wait_until_blocked (fixture->backend, asker->pid, 1);
  helper_kill (holders[1]);
  helper_expect_ok (asker);
  g_assert_cmpint (helper_get_value (anchor, 0), ==, 1);

  /* Who is killed stays counted. */
  crowd_assert_counted (fixture, n_near);
  helper_quit (anchor);
  helper_quit (asker);
  fixture_assert_empty (fixture);
}

static void
test_killed_same_wing (Fixture *fixture)
{
  check_killed (fixture, WING, WING);
}

static void
test_killed_other_wing (Fixture *fixture)
{
  check_killed (fixture, WING, ANOTHER);
}

static void
test_killed_for_own (Fixture *fixture)
{
  check_killed (fixture, WING, OWN);
}

static void
test_killed_in_own (Fixture *fixture)
{
  check_killed (fixture, OWN, WING);
}

/* They are counted again now and then, and the dead are none. */
static void
test_counted_again (Fixture *fixture)
{
  Helper *own = fixture_open_helper (fixture, 5);
  Helper *another = fixture_open_helper (fixture, 5);
  Helper *counter;

  fixture_gather_crowd (fixture);
  helper_kill (another);
  crowd_seat_next (fixture, OWN);
  counter = fixture_open_helper (fixture, 5);
  crowd_assert_seat (fixture, counter, OWN);
  fixture_gather_crowd (fixture);
  crowd_assert_counted (fixture, 2);
  g_assert_cmpint (helper_get_value (own, 0), ==, 5);
}

/* --- What is told --- */

/* Lists the process once, with so many units. */
static void
assert_listed (GPtrArray *processes,
               Helper    *helper,
               int        units)
{
  guint n_found = 0;
  guint i;

  for (i = 0; i < processes->len; i++)
    {
      if (ssem_process_info_get_pid (processes->pdata[i]) != helper->pid)
        continue;
      g_assert_cmpint (ssem_process_info_get_units (processes->pdata[i]), ==, units);
      n_found++;
    }
  g_assert_cmpuint (n_found, ==, 1);
}

static void
test_told (Fixture *fixture)
{
  Helper *own = fixture_open_helper (fixture, 9);
  Helper *own_waiter = fixture_open_helper (fixture, 9);
  Helper *one, *waiter, *other;
  SsemSemaphoreInfo *info;
  g_autoptr(GPtrArray) listed = NULL;
  g_autoptr(GError) error = NULL;

  fixture_gather_crowd (fixture);
  one = crowd_user (fixture, WING);
  waiter = crowd_user (fixture, WING);
  other = crowd_user (fixture, ANOTHER);
  helper_run_expect_ok (own, "acquire 0 1");
  helper_run_expect_ok (one, "acquire 0 2");
  helper_run_expect_ok (other, "acquire 0 3");
  helper_send (own_waiter, "acquire 0 7");
  helper_send (waiter, "acquire 0 8");
  wait_until_blocked (fixture->backend, own_waiter->pid, 1);
  wait_until_blocked (fixture->backend, waiter->pid, 1);

  crowd_assert_told (fixture, 5, 3, 6, 2);
  info = crowd_look (fixture);
  g_assert_cmpint (ssem_semaphore_info_get_value (info), ==, 3);
  assert_listed (ssem_semaphore_info_get_holders (info), own, 1);
  assert_listed (ssem_semaphore_info_get_holders (info), one, 2);
  assert_listed (ssem_semaphore_info_get_holders (info), other, 3);
  assert_listed (ssem_semaphore_info_get_waiters (info), own_waiter, 7);
  assert_listed (ssem_semaphore_info_get_waiters (info), waiter, 8);
  ssem_semaphore_info_unref (info);

  /* The folder of the wings is nobody's key. */
  listed = ssem_semaphore_info_list (fixture->backend, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (listed->len, ==, 1);

  helper_kill (other);
  helper_kill (waiter);
  crowd_assert_told (fixture, 3, 2, 3, 1);
  helper_kill (one);
  helper_kill (own_waiter);
  crowd_assert_told (fixture, 1, 1, 1, 0);
  helper_kill (own);
  crowd_assert_told (fixture, 0, 0, 0, 0);
  helper_quit (fixture_open_helper (fixture, 0));
}

/* --- Lingering --- */

static void
test_lingerer (Fixture *fixture)
{
  Helper *own = fixture_open_helper (fixture, 5);
  Helper *lingerer, *asker;
  int i;

  fixture_gather_crowd (fixture);
  lingerer = crowd_user (fixture, WING);
  asker = crowd_user (fixture, WING);
  helper_run_expect_ok (lingerer, "acquire 0 4");
  for (i = 0; i < 2; i++)
    {
      helper_run_expect_ok (lingerer, "close 0");
      crowd_assert_told (fixture, 2, 1, 4, 0);
      helper_send (own, "try 0 2");
      crowd_expect_would_block (own);
      helper_send (asker, "try 0 2");
      crowd_expect_would_block (asker);

      /* It comes back as the one that it was. */
      helper_open (lingerer, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
      crowd_assert_seat (fixture, lingerer, WING);
      crowd_assert_told (fixture, 3, 1, 4, 0);
      helper_send (asker, "try 0 2");
      crowd_expect_would_block (asker);
    }

  helper_run_expect_ok (lingerer, "close 0");
  helper_kill (lingerer);
  g_assert_cmpint (helper_get_value (asker, 0), ==, 5);

  /* One in the segment's own file is counted as long as it is attached, and once. */
  helper_run_expect_ok (own, "acquire 0 4");
  for (i = 0; i < 2; i++)
    {
      crowd_assert_counted (fixture, 1);
      helper_run_expect_ok (own, "close 0");
      crowd_assert_counted (fixture, 0);
      helper_send (asker, "try 0 2");
      crowd_expect_would_block (asker);
      helper_open (own, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
    }
  helper_kill (own);
  g_assert_cmpint (helper_get_value (asker, 0), ==, 5);
  crowd_assert_counted (fixture, 1);
}

/* The others are gone, and with them the semaphore; what it held is of no use to the next one. */
static void
test_lingerer_alone (Fixture *fixture)
{
  Helper *own = fixture_open_helper (fixture, 5);
  Helper *lingerer;

  fixture_gather_crowd (fixture);
  lingerer = crowd_user (fixture, WING);
  helper_run_expect_ok (lingerer, "acquire 0 4");
  helper_run_expect_ok (lingerer, "close 0");
  helper_quit (own);
  fixture_assert_empty (fixture);

  helper_open (lingerer, 0, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (lingerer, 0), ==, 3);
}

static void
test_ends (Fixture *fixture)
{
  const char *ends[] = { "exit 0", "_exit 0", "quit" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      Helper *own = fixture_open_helper (fixture, 5);
      Helper *leaver;

      fixture_gather_crowd (fixture);
      leaver = crowd_user (fixture, WING);
      helper_run_expect_ok (leaver, "acquire 0 3");
      helper_send (own, "acquire 0 4");
      wait_until_blocked (fixture->backend, own->pid, 1);
      helper_send (leaver, "%s", ends[i]);
      helper_reap (leaver);
      helper_expect_ok (own);
      helper_quit (own);
      fixture_assert_empty (fixture);
    }
}

/* The last one leaves by exit (), while threads of it may be at work; what it holds stays its own
 * until it is gone. */
static void
test_last_exits (Fixture *fixture)
{
  const guint wings[] = { OWN, WING };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (wings); i++)
    {
      Helper *first = fixture_open_helper (fixture, 5);
      Helper *last = NULL;

      if (wings[i] == OWN)
        last = fixture_open_helper (fixture, 5);
      fixture_gather_crowd (fixture);
      if (wings[i] != OWN)
        last = crowd_user (fixture, wings[i]);
      helper_quit (first);
      helper_run_expect_ok (last, "acquire 0 4");
      helper_run_expect_ok (last, "serve-late");
      helper_send (last, "exit 0");
      helper_send (last, "try 0 2");
      crowd_expect_would_block (last);
      helper_quit (last);
      fixture_assert_empty (fixture);
    }
}

/* --- Fork --- */

static void
test_idle_child (Fixture *fixture)
{
  Helper *own = fixture_open_helper (fixture, 5);
  Helper *parent, *child;

  fixture_gather_crowd (fixture);
  parent = crowd_user (fixture, WING);
  helper_run_expect_ok (parent, "acquire 0 4");
  child = fixture_fork (fixture, parent);
  crowd_assert_seat (fixture, child, OWN);

  /* It keeps no lock of its parent's. */
  helper_send (own, "acquire 0 3");
  wait_until_blocked (fixture->backend, own->pid, 1);
  helper_kill (parent);
  helper_expect_ok (own);
  helper_run_expect_ok (own, "release 0 3");
  helper_quit (child);
  crowd_assert_counted (fixture, 1);

  /* Nor is it that one of the count who goes. */
  child = fixture_fork (fixture, own);
  crowd_assert_counted (fixture, 1);
  helper_quit (child);
  crowd_assert_counted (fixture, 1);
}

static void
test_child (Fixture *fixture)
{
  Helper *own = fixture_open_helper (fixture, 5);
  Helper *parent, *child;

  fixture_gather_crowd (fixture);
  parent = crowd_user (fixture, WING);
  helper_run_expect_ok (parent, "acquire 0 3");
  child = fixture_fork (fixture, parent);
  crowd_seat_next (fixture, WING);
  helper_run_expect_ok (child, "acquire 0 1");
  crowd_assert_seat (fixture, child, WING);
  crowd_assert_told (fixture, 3, 2, 4, 0);

  helper_kill (parent);
  g_assert_cmpint (helper_get_value (child, 0), ==, 4);
  helper_send (own, "try 0 5");
  crowd_expect_would_block (own);
  helper_kill (child);
  helper_run_expect_ok (own, "try 0 5");
}

/* Others can ask a wing, whatever umask its maker had. */
static void
test_umask (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  Helper *own = fixture_open_helper (fixture, 5);
  g_autofree char *folder = crowd_folder (fixture);
  g_autofree char *path = NULL;
  struct stat found;
  mode_t before;

  fixture_gather_crowd (fixture);
  crowd_seat_next (fixture, WING);
  before = umask (0777);
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 0);
  umask (before);

  path = crowd_wing_path (fixture, WING);
  g_assert_cmpint (stat (path, &found), ==, 0);
  g_assert_cmphex (found.st_mode & 0777, ==, 0600);
  g_assert_cmpint (stat (folder, &found), ==, 0);
  g_assert_cmphex (found.st_mode & 0777, ==, 0700);
  helper_quit (own);
}

/* --- Closed descriptors --- */

static void
check_closed (Fixture    *fixture,
              const char *kind)
{
  g_autofree char *folder = g_build_filename (fixture->directory, "others", NULL);
  g_autofree char *stranger = g_build_filename (folder, "stranger", NULL);
  Helper *own = fixture_open_helper (fixture, 3);
  Helper *daemon, *neighbour, *leaver;

  fixture_gather_crowd (fixture);
  daemon = crowd_user (fixture, WING);
  leaver = crowd_user (fixture, WING);
  neighbour = crowd_user (fixture, WING);
  helper_run_expect_ok (own, "acquire 0 2");
  helper_run_expect_ok (daemon, "acquire 0 1");
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  helper_run_expect_ok (daemon, "strangers %s %s", kind, folder);
  helper_run_expect_ok (leaver, "strangers %s %s", kind, folder);

  /* It lives for the others, and knows nothing about them. */
  helper_send (neighbour, "try 0 1");
  crowd_expect_would_block (neighbour);
  helper_send (own, "try 0 1");
  crowd_expect_would_block (own);
  helper_send (daemon, "try 0 1");
  helper_expect_error (daemon, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR);
  helper_run_expect_ok (daemon, "release 0 1");
  helper_run_expect_ok (daemon, "acquire 0 1");
  g_assert_cmpint (helper_get_value (neighbour, 0), ==, 0);

  /* One that leaves holds nothing up. */
  helper_run_expect_ok (leaver, "close 0");
  crowd_assert_told (fixture, 3, 2, 3, 0);

  helper_run_expect_ok (daemon, "close 0");
  helper_send (neighbour, "try 0 1");
  crowd_expect_would_block (neighbour);
  helper_kill (daemon);
  helper_run_expect_ok (neighbour, "try 0 1");
  helper_quit (leaver);
  g_assert_true (g_unlink (stranger) == 0 || g_str_equal (kind, "none"));
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

static void
test_closed (Fixture *fixture)
{
  check_closed (fixture, "none");
}

static void
test_become_a_file (Fixture *fixture)
{
  check_closed (fixture, "file");
}

/* There is one left, for the segment: the process has its locks there, as if it were no crowd. */
static void
test_used_up (Fixture *fixture)
{
  Helper *own = fixture_open_helper (fixture, 5);
  Helper *newcomer = fixture_helper (fixture);
  Helper *holder;

  fixture_gather_crowd (fixture);
  holder = crowd_user (fixture, WING);
  helper_run_expect_ok (holder, "acquire 0 1");
  crowd_seat_next (fixture, ANOTHER);
  /* A helper has its three, and two for a child. */
  helper_run_expect_ok (newcomer, "files 6");
  helper_open (newcomer, 0, SSEM_ACCESS_MODE_OPEN, 0, TRUE, fixture->key);
  crowd_assert_seat (fixture, newcomer, OWN);
  crowd_assert_counted (fixture, 2);

  helper_run_expect_ok (newcomer, "acquire 0 3");
  crowd_assert_told (fixture, 3, 2, 4, 0);
  helper_send (holder, "try 0 2");
  crowd_expect_would_block (holder);
  helper_send (newcomer, "try 0 2");
  crowd_expect_would_block (newcomer);
  helper_kill (newcomer);
  helper_run_expect_ok (holder, "try 0 4");
  g_assert_cmpint (helper_get_value (own, 0), ==, 0);
}

/* --- Modes --- */

static void
test_modes (Fixture *fixture)
{
  Helper *own = fixture_open_helper (fixture, 5);
  Helper *opener = fixture_helper (fixture);
  Helper *one;

  fixture_gather_crowd (fixture);
  one = crowd_user (fixture, WING);
  helper_run_expect_ok (one, "acquire 0 5");
  helper_quit (own);

  /* Only one in a wing is attached. */
  helper_send_open (opener, 0, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 1, TRUE, fixture->key);
  helper_expect_error (opener, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS);
  crowd_seat_next (fixture, ANOTHER);
  helper_open (opener, 0, SSEM_ACCESS_MODE_OPEN_EXISTING, 1, TRUE, fixture->key);
  crowd_assert_seat (fixture, opener, ANOTHER);
  g_assert_cmpint (helper_get_value (opener, 0), ==, 0);

  helper_send (opener, "acquire 0 7");
  wait_until_blocked (fixture->backend, opener->pid, 1);
  helper_open (one, 1, SSEM_ACCESS_MODE_CREATE, 8, TRUE, fixture->key);
  helper_expect_ok (opener);
  g_assert_cmpint (helper_get_value (one, 0), ==, 1);
  helper_quit (opener);
  g_assert_cmpint (helper_get_value (one, 0), ==, 8);

  /* A leftover. */
  helper_kill (one);
  opener = fixture_helper (fixture);
  helper_open (opener, 0, SSEM_ACCESS_MODE_CREATE_EXCLUSIVE, 2, TRUE, fixture->key);
  g_assert_cmpint (helper_get_value (opener, 0), ==, 2);
  helper_quit (opener);
  fixture_assert_empty (fixture);
}

static void
test_remove_leftover (Fixture *fixture)
{
  Helper *own = fixture_open_helper (fixture, 5);
  g_autoptr(GError) error = NULL;
  Helper *one;
  gboolean is_removed;

  fixture_gather_crowd (fixture);
  one = crowd_user (fixture, WING);
  helper_kill (own);
  is_removed = ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_false (is_removed);
  g_clear_error (&error);
  g_assert_cmpint (helper_get_value (one, 0), ==, 5);

  helper_kill (one);
  is_removed = ssem_semaphore_remove_leftover (fixture->key, fixture->backend, &error);
  g_assert_no_error (error);
  g_assert_true (is_removed);
  fixture_assert_empty (fixture);
}

/* --- What is left --- */

static void
check_end (Fixture *fixture,
           gboolean is_killed)
{
  g_autofree char *folder = crowd_folder (fixture);
  Helper *helpers[5];
  guint i;

  helpers[0] = fixture_open_helper (fixture, 5);
  helpers[1] = fixture_open_helper (fixture, 5);
  fixture_gather_crowd (fixture);
  g_assert_false (g_file_test (folder, G_FILE_TEST_EXISTS));
  helpers[2] = crowd_user (fixture, WING);
  helpers[3] = crowd_user (fixture, ANOTHER);
  helpers[4] = crowd_user (fixture, SSEM_SHM_N_WINGS - 1);
  g_assert_true (g_file_test (folder, G_FILE_TEST_IS_DIR));

  for (i = 0; i < G_N_ELEMENTS (helpers); i++)
    {
      if (is_killed)
        helper_kill (helpers[i]);
      else
        helper_quit (helpers[i]);
    }
  if (is_killed)
    {
      g_assert_true (g_file_test (folder, G_FILE_TEST_IS_DIR));
      helper_quit (fixture_open_helper (fixture, 5));
    }
  fixture_assert_empty (fixture);
}

/* A child has nothing of what another thread of its parent's looks at for a moment. */
static void
test_remove_leftover_forked (Fixture *fixture)
{
  Helper *own = fixture_open_helper (fixture, 5);
  Remover *remover = remover_start (fixture);
  int i;

  for (i = 0; i < N_FORKS; i++)
    {
      pid_t statue = statue_fork ();
      g_autofree char *path = g_strdup_printf ("/proc/%d/maps", (int) statue);
      g_autofree char *mapped = NULL;
      g_autoptr(GError) error = NULL;

      g_file_get_contents (path, &mapped, NULL, &error);
      statue_end (statue);
      g_assert_no_error (error);
      g_assert_null (strstr (mapped, fixture->keys_directory));
    }
  remover_stop (remover);
  helper_quit (own);
}

static void
test_last_leaves (Fixture *fixture)
{
  check_end (fixture, FALSE);
}

static void
test_all_killed (Fixture *fixture)
{
  check_end (fixture, TRUE);
}

/* A wing of no segment goes with the next one to remove the key. */
static void
test_stray_wing (Fixture *fixture)
{
  g_autofree char *folder = crowd_folder (fixture);
  g_autofree char *path = g_build_filename (folder, "0123456789abcdef-7", NULL);
  g_autoptr(GError) error = NULL;
  Helper *own = fixture_open_helper (fixture, 5);

  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  g_file_set_contents (path, "", 0, &error);
  g_assert_no_error (error);
  helper_quit (own);
  fixture_assert_empty (fixture);
}

int
main (int    argc,
      char **argv)
{
  conformance_init (&argc, &argv, "crowd");
  conformance_add ("operations", NEEDS_WINGS, test_operations, NULL);
  conformance_add ("killed-same-wing", NEEDS_WINGS, test_killed_same_wing, NULL);
  conformance_add ("killed-other-wing", NEEDS_WINGS, test_killed_other_wing, NULL);
  conformance_add ("killed-for-own", NEEDS_WINGS, test_killed_for_own, NULL);
  conformance_add ("killed-in-own", NEEDS_WINGS, test_killed_in_own, NULL);
  conformance_add ("counted-again", NEEDS_WINGS, test_counted_again, NULL);
  conformance_add ("told", NEEDS_WINGS, test_told, NULL);
  conformance_add ("lingerer", NEEDS_WINGS, test_lingerer, NULL);
  conformance_add ("lingerer-alone", NEEDS_WINGS, test_lingerer_alone, NULL);
  conformance_add ("ends", NEEDS_WINGS, test_ends, NULL);
  conformance_add ("last-exits", NEEDS_WINGS, test_last_exits, NULL);
  conformance_add ("idle-child", NEEDS_WINGS, test_idle_child, NULL);
  conformance_add ("child", NEEDS_WINGS, test_child, NULL);
  conformance_add ("umask", NEEDS_WINGS, test_umask, NULL);
  conformance_add ("closed", NEEDS_WINGS, test_closed, NULL);
  conformance_add ("become-a-file", NEEDS_WINGS, test_become_a_file, NULL);
  conformance_add ("used-up", NEEDS_WINGS, test_used_up, NULL);
  conformance_add ("modes", NEEDS_WINGS, test_modes, NULL);
  conformance_add ("remove-leftover", NEEDS_WINGS, test_remove_leftover, NULL);
  conformance_add ("remove-leftover-forked", NEEDS_WINGS | NEEDS_FORK_AMONG_THREADS,
                   test_remove_leftover_forked, NULL);
  conformance_add ("last-leaves", NEEDS_WINGS, test_last_leaves, NULL);
  conformance_add ("all-killed", NEEDS_WINGS, test_all_killed, NULL);
  conformance_add ("stray-wing", NEEDS_WINGS, test_stray_wing, NULL);

  return conformance_run ();
}
