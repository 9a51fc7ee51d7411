/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <stdio.h>
#include <sys/stat.h>

/* What the limits of a process (setrlimit (2)) forbid is an error, OUT_OF_RESOURCES, and ends no
 * process. */

#define NOBODY 65534

static void
expect_out_of_resources (Helper *helper)
{
  helper_expect_error (helper, SSEM_SYSTEM_SEMAPHORE_ERROR,
                       SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);
}

static void
send_open (Fixture *fixture,
           Helper  *helper,
           int      slot)
{
  helper_send_open (helper, slot, SSEM_ACCESS_MODE_OPEN, 3, TRUE, fixture->key);
}

/* --- The size of files --- */

static void
test_file_size (Fixture *fixture)
{
  const char *const too_small[] = { "0", "1", "1000" };
  Helper *helper = fixture_helper (fixture);
  Helper *other;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (too_small); i++)
    {
      helper_do (helper, "limit fsize %s", too_small[i]);
      send_open (fixture, helper, 0);
      expect_out_of_resources (helper);
      fixture_assert_empty (fixture);
    }

  /* What others have made is there to be used. */
  other = fixture_user (fixture, 3);
  send_open (fixture, helper, 0);
  helper_expect_ok (helper);
  helper_do (helper, "acquire 0 2");
  g_assert_cmpint (helper_get_value (other, 0), ==, 1);
  helper_do (helper, "release 0 1");
  helper_kill (helper);
  g_assert_cmpint (helper_get_value (other, 0), ==, 3);
}

/* The limit is the one of the moment. */
static void
test_file_size_again (Fixture *fixture)
{
  Helper *helper = fixture_helper (fixture);

  helper_do (helper, "limit fsize 100");
  send_open (fixture, helper, 0);
  expect_out_of_resources (helper);
  helper_do (helper, "limit fsize -");
  send_open (fixture, helper, 0);
  helper_expect_ok (helper);
  helper_do (helper, "acquire 0 3");
  helper_do (helper, "limit fsize 100");
  helper_do (helper, "release 0 1");
  g_assert_cmpint (helper_get_value (helper, 0), ==, 1);
  helper_do (helper, "close 0");
  fixture_assert_empty (fixture);
}

/* A file that grows with the threads that use it stops growing at the limit, and those who have found
 * room in it go on. */
static void
test_file_size_of_threads (Fixture *fixture)
{
  const int n_tried = 100;
  Helper *helper = fixture_user (fixture, n_tried);
  g_autofree char *answer = NULL;
  int n_in, code;

  helper_do (helper, "limit fsize 4096");
  helper_send (helper, "crowd 0 %d", n_tried);
  answer = helper_receive (helper);
  g_assert_cmpint (sscanf (answer, "ok %d %d", &n_in, &code), ==, 2);
  g_assert_cmpint (n_in, >, 0);
  if (n_in < n_tried)
    g_assert_cmpint (code, ==, SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);

  helper_do (helper, "limit fsize -");
  helper_do (helper, "release 0 1");
  g_assert_cmpint (helper_get_value (helper, 0), ==, n_tried - n_in + 1);
  helper_kill (helper);
  helper = fixture_user (fixture, 0);
  g_assert_cmpint (helper_get_value (helper, 0), ==, n_tried);
}

/* --- Memory --- */

/* No address space is left, but what the allocator has in stock. */
static void
test_address_space (Fixture *fixture)
{
  Helper *helper = fixture_helper (fixture);
  Helper *other;

  helper_do (helper, "limit as +0");
  send_open (fixture, helper, 0);
  expect_out_of_resources (helper);
  fixture_assert_empty (fixture);

  other = fixture_user (fixture, 3);
  send_open (fixture, helper, 0);
  expect_out_of_resources (helper);
  helper_do (helper, "limit as -");
  send_open (fixture, helper, 0);
  helper_expect_ok (helper);
  helper_do (helper, "limit as +0");
  helper_do (helper, "acquire 0 2");
  helper_do (helper, "release 0 1");
  g_assert_cmpint (helper_get_value (other, 0), ==, 2);
  helper_do (helper, "limit as -");
}

/* A process that locks all its memory may lock no more. */
static void
test_locked_memory (Fixture *fixture)
{
  Helper *helper;

  if (!fixture_can_change_user (fixture))
    return;

  g_assert_cmpint (chmod (fixture->keys_folder, 0777), ==, 0);
  helper = fixture_helper (fixture);
  helper_do (helper, "uid %d", NOBODY);
  helper_do (helper, "limit memlock 1");
  if (!helper_may (helper, "lock-memory", "the system forbids to lock memory"))
    return;

  send_open (fixture, helper, 0);
  expect_out_of_resources (helper);
  fixture_assert_empty (fixture);
}

/* With a limit that allows it, all works with memory that is locked. */
static void
test_all_locked (Fixture *fixture)
{
  Helper *helper = fixture_helper (fixture);
  Helper *other = fixture_user (fixture, 3);

  if (!helper_may (helper, "lock-memory", "the system forbids to lock memory"))
    return;

  send_open (fixture, helper, 0);
  helper_expect_ok (helper);
  helper_do (helper, "acquire 0 3");
  helper_send (other, "acquire 0 2");
  wait_until_blocked (fixture->backend, other->pid, 1);
  helper_kill (helper);
  helper_expect_ok (other);
}

/* --- Threads --- */

/* No thread can be started: an acquire that would need one fails, and a wait needs none. */
static void
test_processes (Fixture *fixture)
{
  Helper *helper, *holder;

  if (!fixture_can_change_user (fixture))
    return;

  g_assert_cmpint (chmod (fixture->keys_folder, 0777), ==, 0);
  holder = fixture_helper (fixture);
  helper = fixture_helper (fixture);
  helper_do (holder, "uid %d", NOBODY);
  helper_do (helper, "uid %d", NOBODY);
  send_open (fixture, holder, 0);
  helper_expect_ok (holder);
  send_open (fixture, helper, 0);
  helper_expect_ok (helper);
  /* GIO starts a thread of its own with the first call of this kind. */
  helper_do (helper, "async 0 1");
  helper_do (helper, "release 0 1");
  helper_do (helper, "limit nproc 0");

  helper_do (helper, "async 0 1");
  helper_do (helper, "release 0 1");
  helper_do (holder, "acquire 0 3");
  helper_send (helper, "async 0 1");
  expect_out_of_resources (helper);

  helper_send (helper, "acquire 0 1");
  wait_until_blocked (fixture->backend, helper->pid, 1);
  helper_kill (holder);
  helper_expect_ok (helper);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 2);
  /* A sanitizer would start a thread at an end in good order. */
  helper_do (helper, "close 0");
  helper_kill (helper);
}

/* A wait needs no stack of the size that the limit says. */
static void
test_stack (Fixture *fixture)
{
  Helper *holder = fixture_user (fixture, 3);
  Helper *helper = fixture_helper (fixture);

  /* More than there is address space for. A program takes it over as it begins. */
  helper_do (helper, "limit stack 4611686018427387904");
  helper_do (helper, "exec");
  send_open (fixture, helper, 0);
  helper_expect_ok (helper);
  helper_do (holder, "acquire 0 3");
  helper_send (helper, "acquire 0 1");
  wait_until_blocked (fixture->backend, helper->pid, 1);
  helper_kill (holder);
  helper_expect_ok (helper);
  g_assert_cmpint (helper_get_value (helper, 0), ==, 2);
}

static const Case cases[] = {
  { "file-size", 0, test_file_size },
  { "file-size-again", 0, test_file_size_again },
  { "file-size-of-threads", 0, test_file_size_of_threads },
  { "address-space", NEEDS_ALLOCATOR, test_address_space },
  { "locked-memory", NEEDS_ALLOCATOR, test_locked_memory },
  { "all-locked", 0, test_all_locked },
  { "processes", 0, test_processes },
  { "stack", 0, test_stack },
  { NULL },
};

int
main (int    argc,
      char **argv)
{
  return conformance_main (argc, argv, "rlimits", cases);
}
