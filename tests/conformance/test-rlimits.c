/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <stdio.h>

/* What the limits of a process (setrlimit (2)) forbid is an error, OUT_OF_RESOURCES, and ends no
 * process. User 65534 is nobody. script.h explains the scripts. */

/* A file that grows with the threads that use it stops growing at the limit. The threads that have
 * found room in it go on. */
static void
test_file_size_of_threads (Fixture *fixture)
{
  const int n_tried = 100;
  Helper *helper = fixture_open_helper (fixture, n_tried);
  g_autofree char *answer = NULL;
  int n_in, code;

  helper_run_expect_ok (helper, "limit fsize 4096");
  helper_send (helper, "crowd 0 %d", n_tried);
  answer = helper_receive (helper);
  g_assert_cmpint (sscanf (answer, "ok %d %d", &n_in, &code), ==, 2);
  g_assert_cmpint (n_in, >, 0);
  if (n_in < n_tried)
    g_assert_cmpint (code, ==, SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES);

  helper_run_expect_ok (helper, "limit fsize -");
  helper_run_expect_ok (helper, "release 0 1");
  g_assert_cmpint (helper_get_value (helper, 0), ==, n_tried - n_in + 1);
  helper_kill (helper);
  helper = fixture_open_helper (fixture, 0);
  g_assert_cmpint (helper_get_value (helper, 0), ==, n_tried);
}

const char conformance_topic[] = "rlimits";
const Needs conformance_needs = NEEDS_LIMITS;

const Case conformance_cases[] = {
  /* A process that may make no file leaves nothing of its attempts, and uses what others have
   * made. */
  { "file-size", .script =
    "a limit fsize 0; a open OPEN 3 = OUT_OF_RESOURCES; files 0;"
    "a limit fsize 1; a open OPEN 3 = OUT_OF_RESOURCES; files 0;"
    "a limit fsize 1000; a open OPEN 3 = OUT_OF_RESOURCES; files 0;"
    "b open OPEN 3; a open OPEN 3; a acquire 2; b value = 1; a release 2; a kill; b value = 3" },

  /* The limit of the moment counts. */
  { "file-size-again", .script =
    "a limit fsize 100; a open OPEN 3 = OUT_OF_RESOURCES; a limit fsize -; a open OPEN 3;"
    "a acquire 3; a limit fsize 100; a release 1; a value = 1; a close; files 0" },

  { "file-size-of-threads", NEEDS_UNDO, test_file_size_of_threads },

  /* No address space is left, but what the allocator has in stock. */
  { "address-space", NEEDS_ALLOCATOR | NEEDS_ADDRESS_LIMIT, .script =
    "a limit as +0; a open OPEN 3 = OUT_OF_RESOURCES; files 0;"
    "b open OPEN 3; a open OPEN 3 = OUT_OF_RESOURCES; a limit as -; a open OPEN 3;"
    "a limit as +0; a acquire 2; a release 1; b value = 2; a limit as -" },

  /* A process that locks all its memory may lock no more. */
  { "locked-memory", NEEDS_ALLOCATOR | NEEDS_USERS | NEEDS_OWN_MACHINE, .script =
    "share; a uid 65534; a limit memlock 1; a may lock-memory;"
    "a open OPEN 3 = OUT_OF_RESOURCES; files 0" },

  /* With a limit that allows it, all works with memory that is locked. */
  { "all-locked", NEEDS_UNDO, .script =
    "a may lock-memory; b open OPEN 3; a open OPEN 3;"
    "a acquire 3; b acquire 2 = blocks; a kill; b wakes" },

  /* No thread can be started: an asynchronous acquire that would need a thread fails, and a wait
   * needs none. GIO starts a thread of its own with the first call of this kind, before the limit.
   * At an end in good order a sanitizer would start a thread, so the process is killed. */
  { "processes", NEEDS_UNDO | NEEDS_USERS, .script =
    "share; b uid 65534; b open OPEN 3; a uid 65534; a open OPEN 3;"
    "a async 1; a release 1; a limit nproc 0; a async 1; a release 1;"
    "b acquire 3; a async 1 = OUT_OF_RESOURCES;"
    "a acquire 1 = blocks; b kill; a wakes; a value = 2; a close; a kill" },

  /* A limit on the stack of more than there is address space for, which a program takes over as it
   * begins: a wait must not need a stack of that size. */
  { "stack", NEEDS_UNDO, .script =
    "b open OPEN 3; a limit stack 4611686018427387904; a exec; a open OPEN 3;"
    "b acquire 3; a acquire 1 = blocks; b kill; a wakes; a value = 2" },

  { NULL },
};
