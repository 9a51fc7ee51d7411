/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "crowd.h"

#include <glib/gstdio.h>

#include <sys/stat.h>
#include <unistd.h>

/* What lies in the place of a wing, or of the folder of the wings, and is none. Whoever would have
 * come to it has its locks in the segment's own file. */

#define NOBODY 65534

/* A wing, another one, and the segment's own file. */
#define WING    5
#define ANOTHER 9
#define OWN     0

static void
check_misfit (Fixture    *fixture,
              const char *kind)
{
  g_autofree char *folder = crowd_folder (fixture);
  g_autofree char *target = g_build_filename (fixture->directory, "target", NULL);
  g_autoptr(GError) error = NULL;
  Helper *own = fixture_open_helper (fixture, 5);
  g_autofree char *place = NULL;
  Helper *one, *other;

  fixture_gather_crowd (fixture);
  place = crowd_wing_path (fixture, WING);
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  if (g_str_equal (kind, "link"))
    g_assert_cmpint (symlink (target, place), ==, 0);
  else if (g_str_equal (kind, "folder"))
    g_assert_cmpint (g_mkdir (place, 0700), ==, 0);
  else if (g_str_equal (kind, "fifo"))
    g_assert_cmpint (mkfifo (place, 0600), ==, 0);
  else
    g_file_set_contents (place, "", 0, &error);
  g_assert_no_error (error);
  if (g_str_equal (kind, "foreign"))
    g_assert_cmpint (lchown (place, NOBODY, NOBODY), ==, 0);

  crowd_seat_next (fixture, WING);
  one = fixture_open_helper (fixture, 5);
  crowd_assert_seat (fixture, one, OWN);
  other = crowd_user (fixture, ANOTHER);
  g_assert_false (g_file_test (target, G_FILE_TEST_EXISTS));
  helper_run_expect_ok (one, "acquire 0 4");
  helper_send (own, "try 0 2");
  crowd_expect_would_block (own);
  helper_send (other, "try 0 2");
  crowd_expect_would_block (other);
  crowd_assert_told (fixture, 3, 1, 4, 0);
  helper_kill (one);
  helper_run_expect_ok (other, "try 0 5");

  /* The last one removes what it can. */
  helper_quit (own);
  helper_quit (other);
  g_assert_cmpint (g_rmdir (place), ==, g_str_equal (kind, "folder") ? 0 : -1);
  g_assert_cmpint (g_rmdir (folder), ==, g_str_equal (kind, "folder") ? 0 : -1);
  fixture_assert_empty (fixture);
}

/* Somebody else's folder: who can write to it could take a wing away from who lives in it. */
static void
test_misfit_wings_folder (Fixture *fixture)
{
  g_autofree char *folder = crowd_folder (fixture);
  Helper *own, *one;

  if (!fixture_can_change_user (fixture))
    return;

  own = fixture_open_helper (fixture, 5);
  fixture_gather_crowd (fixture);
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  g_assert_cmpint (chmod (folder, 0777), ==, 0);
  g_assert_cmpint (lchown (folder, NOBODY, NOBODY), ==, 0);
  crowd_seat_next (fixture, WING);
  one = fixture_open_helper (fixture, 5);
  crowd_assert_seat (fixture, one, OWN);
  helper_run_expect_ok (one, "acquire 0 4");
  helper_send (own, "try 0 2");
  crowd_expect_would_block (own);
  crowd_assert_told (fixture, 2, 1, 4, 0);
  helper_kill (one);
  helper_run_expect_ok (own, "try 0 5");

  /* Nothing has been put into it. */
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

static void
test_misfit_link (Fixture *fixture)
{
  check_misfit (fixture, "link");
}

static void
test_misfit_folder (Fixture *fixture)
{
  check_misfit (fixture, "folder");
}

static void
test_misfit_fifo (Fixture *fixture)
{
  check_misfit (fixture, "fifo");
}

static void
test_misfit_foreign (Fixture *fixture)
{
  if (fixture_can_change_user (fixture))
    check_misfit (fixture, "foreign");
}

int
main (int    argc,
      char **argv)
{
  conformance_init (&argc, &argv, "crowd-misfits");
  conformance_add ("link", NEEDS_WINGS, test_misfit_link, NULL);
  conformance_add ("folder", NEEDS_WINGS, test_misfit_folder, NULL);
  conformance_add ("fifo", NEEDS_WINGS, test_misfit_fifo, NULL);
  conformance_add ("foreign", NEEDS_WINGS, test_misfit_foreign, NULL);
  conformance_add ("wings-folder", NEEDS_WINGS, test_misfit_wings_folder, NULL);

  return conformance_run ();
}
